"""What a network knows of what it learned, after histories of every kind: predictions by Python, by a model read back and by
the exported header in C are the same, whatever the order in which experiences were learned."""

import copy
import ctypes
import json
import os
import pickle
import shutil
import subprocess

import numpy as np
import pytest

import metabnn

HISTORIES = 500
#: Headers that are compiled at once.
TOGETHER = 50
ROWS, COLUMNS, CLASSES = 5, 6, 4


def noise(seed, count):
    draw = np.random.default_rng(seed)
    return draw.integers(0, 256, (count, ROWS, COLUMNS), dtype=np.uint8), (np.arange(count) % CLASSES).astype(np.uint8)


@pytest.fixture(scope="module")
def stream():
    return metabnn.tasks.permuted(metabnn.data.Dataset(noise(1, 32), noise(2, 20), name="noise"), 4)


def compiler():
    found = shutil.which(os.environ.get("CC", "cc"))
    if found is None:
        assert "CI" not in os.environ, "no C compiler"
        pytest.skip("no C compiler")
    return found


def compiled(headers, folder):
    """A library of headers net0, net1, ..."""
    for number, header in enumerate(headers):
        (folder / f"net{number}.h").write_text(header)
    calls = "".join(f"int classify{number}(const uint8_t *pixels, int state) {{ return net{number}_classify(pixels, state); }}\n"
                    for number in range(len(headers)))
    (folder / "all.c").write_text("".join(f'#include "net{number}.h"\n' for number in range(len(headers))) + calls)
    library = folder / "all.so"
    subprocess.run([compiler(), "-std=c99", "-O1", "-shared", "-fPIC", "all.c", "-o", library], cwd=folder, check=True)
    return ctypes.CDLL(str(library))


def history(stream, draw, scenario):
    """A network that learned this and that, and the orders of what it learned, in the order in which each came first."""
    network = metabnn.Network((ROWS, COLUMNS), CLASSES, hidden=(9,), seed=int(draw.integers(1000)))
    options = {"scenario": scenario, "epochs": 1, "batch": 8, "m": 1.35}
    trainer = metabnn.Trainer(network, **options)
    learned = {}
    for _ in range(draw.integers(1, 8)):
        experience = stream[int(draw.integers(len(stream)))]
        match int(draw.integers(8)):
            case 0:
                trainer.train_part(experience)
            case 1:
                seed = 100 + int(draw.integers(3))
                trainer.train(*noise(seed, 16))
                learned.setdefault(seed, None)
            case 2:
                given = stream if draw.integers(2) else None
                data = network.to_bytes(given)
                network = metabnn.Network.from_bytes(data)
                assert network.to_bytes() == data
                trainer = metabnn.Trainer(network, **options)
            case 3:
                data = network.to_bytes()
                trainer = (copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one)))[int(draw.integers(2))](trainer)
                network = trainer.network
                assert network.to_bytes() == data
            case _:
                trainer.train(experience)
                learned.setdefault(experience.id, stream.permutations[experience.index])
    return trainer, learned


def test_every_history_is_told_by_what_was_learned(stream, tmp_path):
    images = noise(3, 12)[0]
    headers, said = [], []
    for seed in range(HISTORIES):
        draw = np.random.default_rng(seed)
        scenario = ("task", "task", "domain")[int(draw.integers(3))]
        trainer, learned = history(stream, draw, scenario)
        network = trainer.network
        found = network.experiences
        assert len(found) == len(learned)
        for one, order in zip(found, learned.values()):
            assert (one.order is None) == (order is None) and (order is None or (one.order == order).all())
        path = tmp_path / "net.h"
        states = network.export(path.with_name(f"net{len(headers)}.h"), "c-header")["states"]
        headers.append(path.with_name(f"net{len(headers)}.h").read_text())
        again = metabnn.Network.from_bytes(network.to_bytes())
        expected = {}
        for task, (one, order) in enumerate(zip(found, learned.values())):
            classes = network.predict(images, task)
            assert (again.predict(images, task) == classes).all()
            if order is not None:
                # The same by hand: the task's state, and its order applied before.
                ordered = images.reshape(len(images), -1)[:, order].reshape(images.shape)
                state = network._trainer.logits(metabnn._samples.split(ordered, classes=CLASSES), task, True)
                assert (state.argmax(axis=1) == classes).all()
            if one.name in states:
                expected[states.index(one.name)] = classes
        said.append(expected)
        check_tests(trainer, stream)
        if len(headers) == TOGETHER:
            folder = tmp_path / str(seed)
            folder.mkdir()
            library = compiled(headers, folder)
            for number, expected in enumerate(said):
                for state, classes in expected.items():
                    in_c = [getattr(library, f"classify{number}")(image.tobytes(), state) for image in images]
                    assert in_c == list(classes), f"history {seed - TOGETHER + 1 + number}, state {state}"
            headers, said = [], []


def check_tests(trainer, stream):
    """`evaluate` is the accuracy of `predict` on every test with the state of its own experience."""
    row = trainer.evaluate(stream)
    known = {one.id for one in trainer.network.experiences}
    for test, accuracy in zip(stream.tests, row):
        task = test if test.experience in known else None
        assert (trainer.network.predict(test, task) == test.y).mean() == accuracy
        assert trainer.network.evaluate(test, task=task)[0] == accuracy


def test_the_order_of_training_does_not_matter_to_states(glyphs):
    # Fault A1: 55.7 % where that task's own state gives 75.3.
    stream = metabnn.tasks.permuted(glyphs, 2)
    network = metabnn.Network(stream.shape, stream.classes, hidden=(64,))
    trainer = metabnn.Trainer(network, epochs=3)
    trainer.train(stream[1])
    state = network.norm_states()
    trainer.train(stream[0])
    for mine, theirs in zip(network.norm_states(stream[1]), state):
        assert all((mine[name] == theirs[name]).all() for name in mine)
    assert [one.name for one in network.experiences] == ["permutation 2", "permutation 1"]
    assert [one.trainings for one in network.experiences] == [(1,), (2,)]
    x, y = glyphs.test
    row = trainer.evaluate(stream)
    for test, accuracy in zip(stream.tests, row):
        assert (network.predict(x, test) == y).mean() == accuracy
    # A repeated one has the state of the end of its last training, and is there once.
    trainer.train(stream[1])
    assert [one.trainings for one in network.experiences] == [(1, 3), (2,)]
    with pytest.raises(IndexError, match="has not learned permutation 3"):
        network.predict(x, metabnn.tasks.permuted(glyphs, 3)[2])


def test_metrics_are_those_of_any_order(glyphs):
    stream = metabnn.tasks.permuted(glyphs, 3)
    trainer = metabnn.Trainer(metabnn.Network(stream.shape, stream.classes, hidden=(32,)), epochs=1)
    rows = [trainer.evaluate(stream)]
    for index in (2, 0, 2):
        trainer.train(stream[index])
        rows.append(trainer.evaluate(stream))
    found = trainer.metrics(stream)
    assert (trainer.accuracy_matrix == np.array(rows[1:])).all()
    assert found["average_accuracy"] == pytest.approx(rows[3].mean())
    assert found["forgetting"] == pytest.approx(max(rows[1][0], rows[2][0]) - rows[3][0])
    assert found["backward_transfer"] == pytest.approx(rows[3][0] - rows[2][0])
    assert found["forward_transfer"] == pytest.approx(rows[1][0] - rows[0][0])


def test_a_model_comes_back_as_the_same_file(glyphs, tmp_path):
    found = metabnn.run({}, settings={"data.sets": ["glyphs"], "data.train_images": 300, "tasks.count": 3,
                                      "network.hidden": [20], "schedule.epochs": 1,
                                      "norm.statistics": "recalibrated"}, out=tmp_path / "run")
    path = found.runs[0].folder / "model.safetensors"
    network = metabnn.Network.load(path)
    assert network.to_bytes() == path.read_bytes()
    network.save(tmp_path / "again")
    assert len(network.export(tmp_path / "net.packed")["states"]) >= 3
    rows = metabnn.evaluate(tmp_path / "again")
    assert [row["accuracy"] for row in rows] == list(found.runs[0].accuracy_matrix[-1])


def test_a_model_says_what_it_was_trained_on(glyphs, tmp_path):
    def described(data):
        return json.loads(json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]["metabnn"])

    stream = metabnn.tasks.permuted(metabnn.data.load("glyphs"), 2)
    network = metabnn.Network(stream.shape, stream.classes, hidden=(16,))
    trainer = metabnn.Trainer(network, epochs=1)
    said = described(network.to_bytes())
    assert (said["data"]["sets"], said["settings"]["data"]["sets"]) == ([], ["arrays"])
    trainer.train(stream[0])
    for data in (network.to_bytes(), network.to_bytes(stream)):
        said = described(data)
        assert said["settings"]["data"]["sets"] == ["glyphs"]
        assert [one["name"] for one in said["data"]["sets"]] == ["glyphs"]
    network.save(tmp_path / "model", stream)
    assert [row["test"] for row in metabnn.evaluate(tmp_path / "model")] == ["permutation 1", "permutation 2"]
    # Arrays have no name, and a set of the same name may be another one.
    of_arrays = metabnn.Network((28, 28), 10, hidden=(16,))
    metabnn.Trainer(of_arrays, epochs=1).train(*glyphs.train)
    of_arrays.save(tmp_path / "arrays")
    with pytest.raises(metabnn.ModelError, match="trained on arrays .28x28 pixels, 10 classes."):
        metabnn.evaluate(tmp_path / "arrays")
    assert len(metabnn.evaluate(tmp_path / "arrays", data_set="glyphs")) == 1
    other = metabnn.tasks.permuted(glyphs, 2)
    of_other = metabnn.Network(other.shape, other.classes, hidden=(16,))
    metabnn.Trainer(of_other, epochs=1).train(other[0])
    of_other.save(tmp_path / "other", other)
    with pytest.raises(metabnn.ModelError, match="another glyphs"):
        metabnn.evaluate(tmp_path / "other")


def test_tasks_that_were_learned_at_once_are_the_tests_of_their_stream(glyphs, tmp_path):
    stream = metabnn.tasks.interleaved(glyphs, 2)
    network = metabnn.Network(stream.shape, stream.classes, hidden=(16,))
    metabnn.Trainer(network, epochs=1).train(stream[0])
    states = network.export(tmp_path / "net.packed")["states"]
    assert states == ["permutation 1", "permutation 2"], "no state for samples in several orders"
    assert [one.name for one in network.experiences] == ["2 permutations"]


def test_groups_of_classes_are_tested_apart_from_a_file(tmp_path):
    stream = metabnn.tasks.classes(metabnn.data.load("glyphs"), [[0, 1], [2, 3, 4]])
    network = metabnn.Network(stream.shape, stream.classes, hidden=(16,))
    trainer = metabnn.Trainer(network, epochs=1)
    trainer.train(stream[1])
    network.save(tmp_path / "model", stream)
    rows = metabnn.evaluate(tmp_path / "model")
    assert [row["accuracy"] for row in rows] == list(trainer.evaluate(stream))
    assert [row["images"] for row in rows] == [len(test.y) for test in stream.tests]


def test_trainers_of_one_network_keep_their_own_rule(glyphs):
    # Fault A4: a second trainer silently replaced the first one's rule and rate.
    stream = metabnn.tasks.permuted(glyphs, 2)
    alone, shared = (metabnn.Network(stream.shape, stream.classes, hidden=(16,)) for _ in range(2))
    first = metabnn.Trainer(shared, m=0, lr=0.02, epochs=1)
    second = metabnn.Trainer(shared, m=5.0, lr=0.001, epochs=1)
    metabnn.Trainer(alone, m=0, lr=0.02, epochs=1).train(stream[0])
    first.train(stream[0])
    assert all((one == other).all() for one, other in zip(alone.hidden_weights, shared.hidden_weights))
    second.train(stream[1])
    metabnn.Trainer(alone, m=5.0, lr=0.001, epochs=1).train(stream[1])
    assert all((one == other).all() for one, other in zip(alone.hidden_weights, shared.hidden_weights))
    assert shared.settings["rule"]["m"] == 5.0
    # What a rule keeps of synapses would be lost.
    kept = metabnn.Network(stream.shape, stream.classes, hidden=(16,))
    ewc = metabnn.Trainer(kept, rule={"name": "ewc", "lambda": 10.0, "samples": 20}, epochs=1)
    ewc.train(stream[0])
    plain = metabnn.Trainer(kept, epochs=1)
    with pytest.raises(RuntimeError, match="train a copy"):
        plain.train(stream[1])
    ewc.train(stream[1])
    metabnn.Trainer(copy.deepcopy(kept), epochs=1).train(stream[1])


def test_a_network_that_diverged_says_so_and_is_not_saved(glyphs, tmp_path):
    stream = metabnn.tasks.permuted(glyphs, 2)
    network = metabnn.Network(stream.shape, stream.classes, hidden=(16,), settings={"network.precision": "full-precision"})
    trainer = metabnn.Trainer(network, lr=1e38)
    with pytest.raises(metabnn.TrainingError):
        trainer.train(stream[0])
    for what in (lambda: network.predict(glyphs.test[0]), lambda: network.save(tmp_path / "model"),
                 lambda: network.export(tmp_path / "net.npz", "npz"), lambda: trainer.train(stream[1]),
                 lambda: trainer.evaluate(stream)):
        with pytest.raises(metabnn.TrainingError, match="diverged"):
            what()
    assert list(tmp_path.iterdir()) == []
