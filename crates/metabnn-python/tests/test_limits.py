"""What there is not enough memory for is a MemoryError with the figures, and the interpreter lives on."""

import sys

import numpy as np
import pytest

import metabnn

WIDE = (1_048_576, 1_048_576)

#: Elsewhere nobody says how much memory there is, and there is a bound for all machines.
IS_KNOWN = sys.platform == "linux"


@pytest.mark.parametrize("settings", [{}, {"network.precision": "full-precision"}, {"norm.kind": "layer"}])
def test_a_network_that_no_memory_holds(settings):
    with pytest.raises(MemoryError) as error:
        metabnn.Network(784, 10, hidden=WIDE, settings=settings)
    if IS_KNOWN:
        assert "the network takes " in str(error.value)
        assert " TB, this process may take " in str(error.value)


@pytest.mark.skipif(not IS_KNOWN, reason="nobody says how much memory there is")
def test_a_step_that_no_memory_holds():
    x, y = np.zeros((1_000_000, 1, 1), np.uint8), np.zeros(1_000_000, np.int64)
    network = metabnn.Network((1, 1), 2, hidden=(262_144,))
    trainer = metabnn.Trainer(network, epochs=1, batch=1_000_000)
    with pytest.raises(MemoryError, match="a training step of 1000000 samples takes 2.* TB"):
        trainer.train(x, y)


def test_a_run_that_no_memory_holds(tmp_path):
    with pytest.raises(MemoryError):
        metabnn.run("quickstart", settings={"network.hidden": WIDE}, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
