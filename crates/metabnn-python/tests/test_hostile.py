"""What users can get wrong: a right result or an exception of the expected kind, never a panic."""

import itertools

import numpy as np
import pytest

import metabnn
from metabnn.data import Dataset

PANIC = "PanicException"


def features(dtype):
    return np.arange(24).reshape(6, 4).astype(dtype)


Y = np.array([0, 1, 2, 0, 1, 2])

#: Samples that are fine in another form: the same network comes of them.
FINE = {
    **{f"dtype {kind}": features(kind) for kind in
       ("f2", "f4", "f8", "g", "i1", "i2", "i4", "i8", "u2", "u4", "u8", ">f4", ">f8", ">i4", "<i2", "object")},
    "list of lists": features("f4").tolist(),
    "tuple of arrays": tuple(features("f4")),
    "column-major": np.asfortranarray(features("f4")),
    "every second row": np.repeat(features("f4"), 2, axis=0)[::2],
    "every second column": np.repeat(features("f4"), 2, axis=1)[:, ::2],
    "reversed twice": features("f4")[::-1][::-1],
    "transposed": features("f4").T.copy().T,
    "read-only": np.lib.stride_tricks.as_strided(features("f4"), writeable=False),
    "memory view": memoryview(features("f4")),
    "masked": np.ma.masked_array(features("f4")),
    "denormals": features("f4") + np.float32(1e-42),
}

NUMBERS = (metabnn.DataError, TypeError)
#: Samples that are wrong, and the exception that says so.
WRONG_X = {
    "NaN": (np.where(features("f8") == 5, np.nan, features("f8")), metabnn.DataError),
    "infinity": (np.where(features("f8") == 5, np.inf, features("f8")), metabnn.DataError),
    "minus infinity": (np.where(features("f8") == 5, -np.inf, features("f8")), metabnn.DataError),
    "too large for 32 bits": (features("f8") * 1e300, metabnn.DataError),
    "NaN of 16 bits": (np.where(features("f2") == 5, np.nan, features("f2")).astype("f2"), metabnn.DataError),
    "one dimension": (features("f4").ravel(), metabnn.DataError),
    "no dimension": (np.float32(1), metabnn.DataError),
    "a number": (1.5, metabnn.DataError),
    "three dimensions of reals": (features("f4").reshape(6, 2, 2), metabnn.DataError),
    "five dimensions of pixels": (np.zeros((6, 1, 1, 2, 2), np.uint8), metabnn.DataError),
    "one dimension of pixels": (np.zeros(6, np.uint8), metabnn.DataError),
    "no features": (np.empty((6, 0), np.float32), metabnn.DataError),
    "no pixels": (np.empty((6, 0), np.uint8), metabnn.DataError),
    "no rows of pixels": (np.empty((6, 0, 4), np.uint8), metabnn.DataError),
    "another number of features": (features("f4")[:, :3], metabnn.DataError),
    "twice the features": (np.hstack([features("f4")] * 2), metabnn.DataError),
    "complex": (features("c8"), TypeError),
    "texts": (features("U4"), TypeError),
    "bytes": (features("S4"), TypeError),
    "dates": (features("i8").astype("M8[s]"), TypeError),
    "durations": (features("i8").astype("m8[s]"), TypeError),
    "objects": (np.array([[object()] * 4] * 6), TypeError),
    "None": (None, NUMBERS),
    "None in a list": ([[None] * 4] * 6, NUMBERS),
    "a text": ("pixels", NUMBERS),
    "a dict": ({"x": 1}, NUMBERS),
    "a set": ({1, 2}, NUMBERS),
    "a generator": ((row for row in features("f4")), NUMBERS),
    "a class": (dict, NUMBERS),
    "a record": (np.zeros(6, dtype=[("a", "f4"), ("b", "i4")]), NUMBERS),
    "ragged lists": ([[1.0, 2.0], [3.0]], (ValueError, TypeError)),
    "void": (np.zeros((6, 4), "V4"), TypeError),
    "an experience of nothing": ([], metabnn.DataError),
}

WRONG_Y = {
    "too few": (Y[:5], metabnn.DataError),
    "too many": (np.append(Y, 0), metabnn.DataError),
    "none": ([], metabnn.DataError),
    "a column": (Y[:, None], metabnn.DataError),
    "a matrix": (np.zeros((6, 3), int), metabnn.DataError),
    "a number": (3, metabnn.DataError),
    "negative": (Y - 1, metabnn.DataError),
    "one too large": (Y + 1, metabnn.DataError),
    "far too large": (Y + 10**12, metabnn.DataError),
    "256": (Y + 254, metabnn.DataError),
    "fractions": (Y + 0.5, TypeError),
    "NaN": (np.where(Y == 1, np.nan, Y), TypeError),
    "infinity": (np.where(Y == 1, np.inf, Y), TypeError),
    "texts": (list("abcabc"), TypeError),
    "objects": (np.array([object()] * 6), TypeError),
    "None in a list": ([None] * 6, TypeError),
    "complex": (Y + 0j, TypeError),
    "dates": (Y.astype("M8[s]"), TypeError),
    "a text": ("labels", (TypeError, metabnn.DataError)),
    "truth values": (Y == 1, TypeError),
}

FINE_Y = {
    **{f"dtype {kind}": Y.astype(kind) for kind in ("i1", "i2", "i4", "i8", "u1", "u2", "u8", "f4", "f8", ">i4")},
    "list": Y.tolist(),
    "tuple": tuple(Y.tolist()),
    "strided": np.repeat(Y, 2)[::2],
}


def network():
    return metabnn.Network(4, 3, hidden=(8,), seed=1)


def trained(x, y):
    made = network()
    metabnn.Trainer(made, epochs=1, batch=3).train(x, y)
    return made.logits(features("f4"))


EXPECTED = trained(features("f4"), Y)


def raises(kinds, call):
    with pytest.raises(kinds) as raised:
        call()
    assert PANIC not in type(raised.value).__name__
    assert str(raised.value), "an exception says what is wrong"


@pytest.mark.parametrize("name", FINE)
def test_samples_in_another_form_are_the_same(name):
    logits = trained(FINE[name], Y)
    if name == "denormals":
        assert np.isfinite(logits).all()
    else:
        assert (logits == EXPECTED).all()


@pytest.mark.parametrize("name", FINE_Y)
def test_labels_in_another_form_are_the_same(name):
    assert (trained(features("f4"), FINE_Y[name]) == EXPECTED).all()


CALLS = {
    "train": lambda x, y: metabnn.Trainer(network()).train(x, y),
    "train a part": lambda x, y: metabnn.Trainer(network()).train_part(x, y),
    "evaluate": lambda x, y: network().evaluate(x, y),
}


@pytest.mark.parametrize(("name", "call"), list(itertools.product(WRONG_X, [*CALLS, "predict", "data set"])))
def test_wrong_samples(name, call):
    x, kinds = WRONG_X[name]
    if call == "predict":
        raises(kinds, lambda: network().predict(x))
    elif call == "data set":
        # A data set has as many features as it likes, and experiences of one are made of it.
        if "features" in name and name != "no features":
            return
        raises(kinds, lambda: Dataset((x, Y), (x, Y)))
    else:
        raises(kinds, lambda: CALLS[call](x, Y))


@pytest.mark.parametrize(("name", "call"), list(itertools.product(WRONG_Y, CALLS)))
def test_wrong_labels(name, call):
    y, kinds = WRONG_Y[name]
    raises(kinds, lambda: CALLS[call](features("f4"), y))


def test_pixels_are_checked_as_well():
    pixels = np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2)
    made = metabnn.Network((2, 2), 3, hidden=(8,))
    trainer = metabnn.Trainer(made, epochs=1, batch=3)
    trainer.train(np.asfortranarray(pixels), Y)
    assert (made.logits(pixels) == made.logits(pixels.reshape(6, 4))).all()
    assert (made.logits(np.repeat(pixels, 2, axis=0)[::2]) == made.logits(pixels)).all()
    pixels.flags.writeable = False
    trainer.train(pixels, Y)
    raises(metabnn.DataError, lambda: trainer.train(np.zeros((6, 3, 3), np.uint8), Y))


def data_set(train, test):
    return metabnn.tasks.permuted(Dataset((train, Y), (test, Y)), 2)


WRONG_CALLS = {
    "train and test of other widths": (metabnn.DataError, lambda t: data_set(features("f4"), features("f4")[:, :3])),
    "pixels and features": (metabnn.DataError, lambda t: data_set(features("u1"), features("f4"))),
    "images of other shapes": (metabnn.DataError, lambda t: data_set(np.zeros((6, 2, 3), "u1"), np.zeros((6, 3, 2), "u1"))),
    "a data set of nothing": (metabnn.DataError, lambda t: metabnn.tasks.permuted(Dataset((features("f4")[:0], []), (features("f4")[:0], [])), 2)),
    "a sequence of pixels and features": (
        metabnn.DataError,
        lambda t: metabnn.tasks.sequence(Dataset((features("u1"), Y), (features("u1"), Y)), Dataset((features("f4"), Y), (features("f4"), Y))),
    ),
    "a sequence of nothing": ((metabnn.DataError, metabnn.RecipeError), lambda t: metabnn.tasks.sequence()),
    "more parts than samples": (metabnn.DataError, lambda t: metabnn.tasks.subsets(Dataset((features("f4"), Y), (features("f4"), Y)), 60)),
    "0 tasks": ((metabnn.DataError, metabnn.RecipeError), lambda t: metabnn.tasks.permuted(Dataset((features("f4"), Y), (features("f4"), Y)), 0)),
    "classes that there are not": (metabnn.DataError, lambda t: metabnn.tasks.classes(Dataset((features("f4"), Y), (features("f4"), Y)), [[0], [7]])),
    "train on a data set of other classes": (metabnn.DataError, lambda t: t.train(features("f4"), [0, 1, 2, 3, 4, 5])),
    "a task of another width": (metabnn.DataError, lambda t: t.train(data_set(features("u1")[:, :2], features("u1")[:, :2])[0])),
    "no labels": (TypeError, lambda t: t.train(features("f4"))),
    "one sample": (metabnn.DataError, lambda t: t.train(features("f4")[:1], Y[:1])),
    "epochs 0": (ValueError, lambda t: t.train(features("f4"), Y, epochs=0)),
    "epochs -1": (ValueError, lambda t: t.train(features("f4"), Y, epochs=-1)),
    "epochs 1.5": (ValueError, lambda t: t.train(features("f4"), Y, epochs=1.5)),
    "epochs True": (ValueError, lambda t: t.train(features("f4"), Y, epochs=True)),
    "epochs as a text": (ValueError, lambda t: t.train(features("f4"), Y, epochs="2")),
    "epochs beyond 64 bits": (ValueError, lambda t: t.train(features("f4"), Y, epochs=2**70)),
    "a callback that is none": (TypeError, lambda t: t.train(features("f4"), Y, callback=3)),
    "a callback that raises": (ZeroDivisionError, lambda t: t.train(features("f4"), Y, callback=lambda _: 1 / 0)),
    "a task to come": (IndexError, lambda t: t.network.predict(features("f4"), task=0)),
    "a negative task": (IndexError, lambda t: t.network.predict(features("f4"), task=-1)),
    "a task that is a text": (TypeError, lambda t: t.network.predict(features("f4"), task="first")),
    "evaluate no stream": (TypeError, lambda t: t.evaluate(3)),
    "a model of bytes": (metabnn.ModelError, lambda t: metabnn.Network.from_bytes(b"model")),
    "a model of nothing": (metabnn.ModelError, lambda t: metabnn.Network.from_bytes(b"")),
    "a model that is a folder": (OSError, lambda t: metabnn.Network.load(".")),
    "a trainer of nothing": (TypeError, lambda t: metabnn.Trainer(None)),
    "m and a rule": (ValueError, lambda t: metabnn.Trainer(t.network, rule=lambda w: w, m=1)),
    "a rule that is a number": (TypeError, lambda t: metabnn.Trainer(t.network, rule=3)),
    "a rule that gives texts": (ValueError, lambda t: metabnn.Trainer(t.network, rule=lambda w: "much")),
    "a rule that gives NaN": (metabnn.RecipeError, lambda t: metabnn.Trainer(t.network, rule=lambda w: w * np.nan)),
    "a rule below 0": (metabnn.RecipeError, lambda t: metabnn.Trainer(t.network, rule=lambda w: -np.abs(w))),
    "an unknown rule": (metabnn.RecipeError, lambda t: metabnn.Trainer(t.network, rule="hebb")),
    "m below 0": (metabnn.RecipeError, lambda t: metabnn.Trainer(t.network, m=-1)),
    "m for too many layers": (metabnn.RecipeError, lambda t: metabnn.Trainer(t.network, m=[1] * 9)),
    "m that is None in a list": (TypeError, lambda t: metabnn.Trainer(t.network, m=[None])),
    "lr 0": (metabnn.RecipeError, lambda t: metabnn.Trainer(t.network, lr=0)),
    "lr infinite": (metabnn.RecipeError, lambda t: metabnn.Trainer(t.network, lr=float("inf"))),
    "a batch of 1": (metabnn.RecipeError, lambda t: metabnn.Trainer(t.network, batch=1)),
    "an unknown scenario": (metabnn.RecipeError, lambda t: metabnn.Trainer(t.network, scenario="class")),
    "an unknown setting": (metabnn.RecipeError, lambda t: metabnn.Trainer(t.network, settings={"rule.x": 1})),
    "a setting without section": (metabnn.RecipeError, lambda t: metabnn.Trainer(t.network, settings={"x": 1})),
    "a key that is a number": (TypeError, lambda t: metabnn.Trainer(t.network, settings={3: 1})),
    "a key with a line": (metabnn.RecipeError, lambda t: metabnn.Trainer(t.network, settings={"rule.m\n": 1})),
    "a value that is an object": (TypeError, lambda t: metabnn.Trainer(t.network, settings={"rule.m": object()})),
    "a value that is bytes": (TypeError, lambda t: metabnn.Trainer(t.network, settings={"rule.m": b"1"})),
    "a value with quotes": (metabnn.RecipeError, lambda t: metabnn.Trainer(t.network, settings={"rule.name": 'a"\n\x7f\U0001f600'})),
    "0 classes": (metabnn.DataError, lambda t: metabnn.Network(4, 0)),
    "257 classes": (metabnn.DataError, lambda t: metabnn.Network(4, 257)),
    "0 features": (metabnn.DataError, lambda t: metabnn.Network(0, 3)),
    "far too many features": (metabnn.DataError, lambda t: metabnn.Network((10**6, 10**6), 3)),
    "features below 0": (metabnn.DataError, lambda t: metabnn.Network(-4, 3)),
    "a shape of four": (metabnn.DataError, lambda t: metabnn.Network((1, 2, 3, 4), 3)),
    "a shape of none": (metabnn.DataError, lambda t: metabnn.Network((), 3)),
    "a layer without units": (metabnn.RecipeError, lambda t: metabnn.Network(4, 3, hidden=(0,))),
    "a layer below 0": (metabnn.RecipeError, lambda t: metabnn.Network(4, 3, hidden=(-1,))),
    "too many layers": (metabnn.RecipeError, lambda t: metabnn.Network(4, 3, hidden=(1,) * 1000)),
    "a seed below 0": (metabnn.RecipeError, lambda t: metabnn.Network(4, 3, seed=-1)),
    "a seed beyond 64 bits": (metabnn.RecipeError, lambda t: metabnn.Network(4, 3, seed=2**70)),
    "a curve of one point": (metabnn.RecipeError, lambda t: metabnn.Curve([0], [1], [1])),
    "a curve of too many points": (metabnn.RecipeError, lambda t: metabnn.Curve(range(5000), [1] * 5000, [1] * 5000)),
    "a curve that falls back": (metabnn.RecipeError, lambda t: metabnn.Curve([0, 2, 1], [1] * 3, [1] * 3)),
    "a curve of unequal lengths": (metabnn.RecipeError, lambda t: metabnn.Curve([0, 1], [1], [1, 1])),
    "a curve of NaN": (metabnn.RecipeError, lambda t: metabnn.Curve([0, np.nan], [1, 1], [1, 1])),
    "a curve below 0": (metabnn.RecipeError, lambda t: metabnn.Curve([0, 1], [1, -1], [1, 1])),
    "a curve beyond 32 bits": (metabnn.RecipeError, lambda t: metabnn.Curve([0, 1e300], [1, 1], [1, 1])),
    "a curve of texts": (TypeError, lambda t: metabnn.Curve(["a", "b"], [1, 1], [1, 1])),
    "a curve with two dimensions": (ValueError, lambda t: metabnn.Curve([[0, 1]], [1, 1], [1, 1])),
    "a curve of no function": (TypeError, lambda t: metabnn.Curve.of(3)),
    "a curve without reach": (ValueError, lambda t: metabnn.Curve.of(abs, reach=0)),
    "a curve of too many intervals": (ValueError, lambda t: metabnn.Curve.of(abs, intervals=10**6)),
}


@pytest.mark.parametrize("name", WRONG_CALLS)
def test_wrong_calls(name):
    kinds, call = WRONG_CALLS[name]
    raises(kinds, lambda: call(metabnn.Trainer(network(), epochs=1, batch=3)))


def test_damaged_models_are_refused():
    made = network()
    metabnn.Trainer(made, epochs=1, batch=3).train(features("f4"), Y)
    whole = made.to_bytes()
    draw = np.random.default_rng(0)
    for at in range(0, len(whole), max(1, len(whole) // 60)):
        with pytest.raises(metabnn.ModelError):
            metabnn.Network.from_bytes(whole[:at])
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[draw.integers(len(whole))] ^= 1 << draw.integers(8)
        try:
            metabnn.Network.from_bytes(bytes(damaged)).logits(features("f4"))
        except (ValueError, IndexError):
            pass


def test_there_are_at_least_200_of_them():
    wrong = len(WRONG_X) * (len(CALLS) + 2) + len(WRONG_Y) * len(CALLS) + len(WRONG_CALLS)
    assert wrong >= 200
