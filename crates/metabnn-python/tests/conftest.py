"""What the tests share: small data, and the command to compare with."""

import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

import metabnn

# What is started in the background may ignore Ctrl-C, and Python then leaves it so: the tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def glyphs():
    """A part of the built-in images."""
    found = metabnn.data.load("glyphs")
    (x, y), (x_test, y_test) = found.train, found.test
    return metabnn.data.Dataset((x[:600], y[:600]), (x_test[:300], y_test[:300]), name="glyphs", classes=10)


@pytest.fixture(scope="session")
def blobs():
    """Features of two well separated classes: x of shape (400, 5), y."""
    draw = np.random.default_rng(0)
    y = draw.integers(0, 2, 400)
    x = draw.normal(size=(400, 5)) + 3.0 * np.where(y, 1, -1)[:, None]
    return x.astype(np.float32), y


@pytest.fixture(scope="session")
def command():
    """The command metabnn, built from the same source."""
    subprocess.run(["cargo", "build", "--release", "--locked"], cwd=ROOT, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))

    def run(*words):
        done = subprocess.run([target / "release" / "metabnn", *map(str, words)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
