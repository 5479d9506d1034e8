"""Streams, networks and trainers: a loop of one's own is a run, and can be stopped, pickled, forked and shared."""

import os
import pickle
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import metabnn

SETTINGS = {
    "data.sets": ["glyphs"],
    "data.train_images": 600,
    "data.test_images": 300,
    "tasks.count": 3,
    "network.hidden": [40, 30],
    "schedule.epochs": 2,
    "seed": 7,
}


def stream_of(glyphs, seed=7):
    return metabnn.tasks.permuted(glyphs, 3, seed=seed)


def network_of(stream, **settings):
    return metabnn.Network(stream.shape, stream.classes, hidden=(40, 30), seed=7, settings=settings)


@pytest.mark.parametrize("statistics", ["batch", "recalibrated", "running"])
def test_a_loop_of_ones_own_is_the_run_of_a_recipe(glyphs, tmp_path, statistics):
    found = metabnn.run({}, settings={**SETTINGS, "norm.statistics": statistics}, out=tmp_path)
    stream = stream_of(glyphs)
    network = network_of(stream, **{"norm.statistics": statistics})
    trainer = metabnn.Trainer(network, epochs=2)
    for experience in stream:
        trainer.train(experience)
        trainer.evaluate(stream)
    run = found.runs[0]
    of_run = run.network()
    for mine, theirs in zip(network.hidden_weights, of_run.hidden_weights):
        assert (mine == theirs).all()
    for task in (None, 0, 1, 2):
        for mine, theirs in zip(network.norm_states(task), of_run.norm_states(task)):
            assert all((mine[name] == theirs[name]).all() for name in ("gamma", "beta", "mean", "variance"))
    assert (trainer.accuracy_matrix[-1] == run.accuracy_matrix[-1]).all()


def test_experiences_are_what_the_network_sees(glyphs):
    stream = stream_of(glyphs)
    assert (len(stream), stream.shape, stream.classes) == (3, (1, 28, 28), 10)
    x, y = glyphs.train
    for index, experience in enumerate(stream):
        order = stream.permutations[index]
        assert sorted(order) == list(range(784))
        assert (experience.x.reshape(-1, 784) == x.reshape(-1, 784)[:, order]).all()
        assert (experience.y == y).all()
        assert (experience.index, experience.name) == (index, f"permutation {index + 1}")
    assert stream[-1].index == 2 and [one.index for one in stream[1:]] == [1, 2]
    with pytest.raises(IndexError):
        stream[3]


def test_kinds_of_streams(glyphs):
    tasks = metabnn.tasks
    parts = tasks.subsets(glyphs, 4, seed=1)
    assert [len(part) for part in parts] == [150] * 4 and len(parts.tests) == 1
    assert len(tasks.interleaved(glyphs, 2)) == 1
    by_class = tasks.classes(glyphs, [[0, 1], [2, 3, 4]])
    assert set(by_class[0].y) == {0, 1} and set(by_class[1].y) == {2, 3, 4}
    assert len(tasks.classes(glyphs, 5)) == 5
    one_after_the_other = tasks.sequence(glyphs, metabnn.data.load("glyphs"))
    assert [len(one) for one in one_after_the_other] == [600, 6000]
    with pytest.raises(metabnn.RecipeError, match="tasks.count"):
        tasks.permuted(glyphs, -1)
    with pytest.raises(TypeError, match="a data set"):
        tasks.permuted(glyphs.train)


def test_predictions_agree_and_do_not_depend_on_each_other(glyphs):
    stream = stream_of(glyphs)
    network = network_of(stream)
    metabnn.Trainer(network, epochs=2).train(stream[0])
    x, y = stream.tests[0].samples.arrays()
    logits = network.logits(x)
    assert logits.shape == (300, 10) and logits.dtype == np.float32
    assert (network.predict(x) == logits.argmax(axis=1)).all()
    assert np.allclose(network.predict_proba(x).sum(axis=1), 1)
    assert network.evaluate(x, y)[0] == (network.predict(x) == y).mean()
    assert (network.logits(x[5:6]) == logits[5:6]).all()
    assert (network.logits(np.asfortranarray(x)[::2]) == logits[::2]).all()
    weights, signs = network.hidden_weights, network.binary_weights
    assert [w.shape for w in weights] == [(40, 784), (30, 40), (10, 30)]
    assert all((sign == np.where(weight >= 0, 1, -1)).all() for weight, sign in zip(weights, signs))
    with pytest.raises(IndexError, match="task 1"):
        network.logits(x, task=1)


def test_models_and_pickles_come_back(glyphs, tmp_path):
    stream = stream_of(glyphs)
    network = network_of(stream)
    trainer = metabnn.Trainer(network, epochs=1)
    trainer.train(stream[0])
    x = stream.tests[0].samples.arrays()[0]
    network.save(tmp_path / "model.safetensors", stream)
    assert (metabnn.Network.load(tmp_path / "model.safetensors").logits(x, 0) == network.logits(x, 0)).all()
    # A pickle keeps the optimizer as well: learning goes on to the same bits.
    copy = pickle.loads(pickle.dumps(trainer))
    for one in (trainer, copy):
        one.train_part(stream[1])
    assert (copy.network.logits(x) == network.logits(x)).all()
    loaded = metabnn.Network.load(tmp_path / "model.safetensors")
    assert loaded.settings["network"] == network.settings["network"]
    metabnn.Trainer(loaded, m=[1.0, 2.0, 3.0], epochs=1).train(stream[1])
    assert loaded.tasks == 2, "what is loaded can learn more"
    with pytest.raises(metabnn.ModelError):
        metabnn.Network.from_bytes(network.to_bytes()[:-1])
    with pytest.raises(FileNotFoundError):
        metabnn.Network.load(tmp_path / "none")


def test_networks_are_packed_for_devices(glyphs, tmp_path):
    stream = stream_of(glyphs)
    network = network_of(stream)
    trainer = metabnn.Trainer(network, epochs=1)
    for experience in stream:
        trainer.train(experience)
    said = network.export(tmp_path / "net.packed", stream=stream)
    assert len(said["states"]) >= 3 and said["costs"]["footprint"] == (tmp_path / "net.packed").stat().st_size
    network.export(tmp_path / "net.h", "c-header", stream)
    assert "net_classify" in (tmp_path / "net.h").read_text()
    network.export(tmp_path / "net.npz", "npz")
    arrays = np.load(tmp_path / "net.npz")
    assert any((arrays[name] == network.binary_weights[0]).all() for name in arrays if arrays[name].shape == (40, 784))
    with pytest.raises(ValueError, match="to:"):
        network.export(tmp_path / "net", "onnx")
    of_batch = network_of(stream, **{"norm.statistics": "batch"})
    with pytest.raises(metabnn.ModelError, match="statistics"):
        of_batch.export(tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no disk here that is always full")
def test_a_full_disk_loses_nothing(glyphs, tmp_path, monkeypatch):
    network = network_of(stream_of(glyphs))
    network.save(tmp_path / "model.safetensors")
    whole = (tmp_path / "model.safetensors").read_bytes()

    def full(self, content):
        with open("/dev/full", "wb") as file:
            file.write(content)

    monkeypatch.setattr(type(tmp_path), "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        network.save(tmp_path / "model.safetensors")
    assert (tmp_path / "model.safetensors").read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_epochs_are_told_and_an_exception_stops(glyphs):
    stream = stream_of(glyphs)
    network = network_of(stream)
    trainer = metabnn.Trainer(network, epochs=3)
    told = []
    trainer.train(stream[0], callback=told.append)
    assert [(one["lesson"], one["epoch"], one["steps"]) for one in told] == [(1, 1, 6), (1, 2, 12), (1, 3, 18)]
    assert told[2]["loss"] < told[0]["loss"] and len(told[0]["flips"]) == 3

    def stop(one):
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        trainer.train(stream[1], callback=stop)
    assert (network.tasks, network.steps) == (1, 24)
    trainer.train(stream[1])
    assert network.tasks == 2


def test_a_callback_may_look_at_the_network_and_changes_no_bit(glyphs):
    stream = stream_of(glyphs)
    networks, seen = [network_of(stream) for _ in range(2)], []
    for network, callback in zip(networks, (None, lambda _: seen.append(networks[1].evaluate(*glyphs.test)[0]))):
        trainer = metabnn.Trainer(network, epochs=3)
        trainer.train(stream[0], callback=callback)
        trainer.train(stream[1], callback=callback)
    assert len(seen) == 6
    assert all((one == other).all() for one, other in zip(*(network.hidden_weights for network in networks)))


def test_many_threads_read_one_network(glyphs):
    stream = stream_of(glyphs)
    network = network_of(stream)
    trainer = metabnn.Trainer(network, epochs=1)
    trainer.train(stream[0])
    x = stream[0].x
    expected = network.logits(x)
    with ThreadPoolExecutor(8) as pool:
        assert all((one == expected).all() for one in pool.map(network.logits, [x] * 40))
    worker = threading.Thread(target=trainer.train, args=(stream[1],), kwargs={"epochs": 200})
    worker.start()
    try:
        with pytest.raises(RuntimeError, match="learning just now"):
            while worker.is_alive():
                network.logits(x)
    finally:
        worker.join()


def test_ctrl_c_stops_training_and_leaves_the_network_usable(glyphs):
    stream = stream_of(glyphs)
    network = metabnn.Network(stream.shape, stream.classes, hidden=(256, 256))
    trainer = metabnn.Trainer(network, epochs=100_000)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        trainer.train(stream[0])
    assert network.steps > 0 and network.tasks == 0
    trainer.train(stream[0], epochs=1)
    assert network.tasks == 1


def test_other_threads_go_on_while_a_network_trains(glyphs):
    stream = stream_of(glyphs)
    trainer = metabnn.Trainer(metabnn.Network(stream.shape, stream.classes), epochs=40)
    worker = threading.Thread(target=trainer.train, args=(stream[0],))
    ticks = 0
    worker.start()
    while worker.is_alive():
        ticks += 1
        time.sleep(0.001)
    assert ticks > 10


def test_threads_change_no_bit(glyphs):
    stream = stream_of(glyphs)
    logits = []
    before = metabnn.threads()
    try:
        for threads in (1, 3):
            metabnn.set_threads(threads)
            assert metabnn.threads() == threads
            network = network_of(stream)
            metabnn.Trainer(network, epochs=1).train(stream[0])
            logits.append(network.logits(stream[0].x))
    finally:
        metabnn.set_threads(before)
    assert (logits[0] == logits[1]).all()
    with pytest.raises(ValueError):
        metabnn.set_threads(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own(glyphs):
    stream = stream_of(glyphs)
    network = network_of(stream)
    trainer = metabnn.Trainer(network, epochs=1)
    trainer.train(stream[0])
    child = os.fork()
    if child == 0:
        trainer.train(stream[1])
        os._exit(0 if network.tasks == 2 else 1)
    deadline = time.time() + 60
    while time.time() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0
            return
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the forked process waits for threads that it does not have")


@pytest.mark.parametrize("rule", [{"name": "ewc", "lambda": 10.0, "samples": 50}, {"name": "si"}, "beakers"])
def test_built_in_rules(glyphs, rule):
    stream = stream_of(glyphs)
    network = network_of(stream)
    trainer = metabnn.Trainer(network, rule=rule, epochs=1)
    for experience in stream[:2]:
        trainer.train(experience)
    name = rule if isinstance(rule, str) else rule["name"]
    assert network.settings["rule"]["name"] == name
    assert network.tasks == 2


def test_a_loss_that_is_no_number_is_said(glyphs):
    stream = stream_of(glyphs)
    trainer = metabnn.Trainer(network_of(stream, **{"network.precision": "full-precision"}), lr=1e38)
    with pytest.raises(metabnn.TrainingError, match="a smaller lr .optimizer.lr. or network.init_width"):
        trainer.train(stream[0])
