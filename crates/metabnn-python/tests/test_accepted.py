"""What is accepted has an effect: a call is refused with words that help, or gives the numbers of its plain form."""

import copy
import pickle

import numpy as np
import pytest

import metabnn

X = np.arange(24, dtype=np.float32).reshape(6, 4)
Y = np.array([0, 1, 2, 0, 1, 2])


def network(**options):
    return metabnn.Network(4, 3, **{"hidden": (8,), "seed": 1, **options})


def trained(make=network, **options):
    """The outputs of a network after some steps."""
    made = make()
    metabnn.Trainer(made, **{"epochs": 2, "batch": 3, **options}).train(X, Y)
    return made.logits(X)


def refused(call, says, kinds=(ValueError, TypeError)):
    with pytest.raises(kinds, match=says) as raised:
        call()
    assert "Panic" not in type(raised.value).__name__
    return str(raised.value)


def every_setting():
    """Each setting of a recipe, with a value that it takes."""
    def flat(section, prefix=""):
        for name, value in section.items():
            if isinstance(value, dict):
                yield from flat(value, f"{prefix}{name}.")
            else:
                yield prefix + name, value
    return dict(flat(metabnn.show({})["runs"][0]["settings"]))


SETTINGS = every_setting()
#: What is of recipes as a whole.
OF_RECIPES = {"analysis.kind": "quadratic", "vary.rule.m": [1.0], "arm": "a", "preset": "quick", "name": "n", "title": "t"}

IN_NETWORK = {key for key in SETTINGS if key.startswith(("network.", "norm."))} | {"seed"}
IN_TRAINER = {key for key in SETTINGS if key.startswith(("rule.", "optimizer."))} | {
    "tasks.scenario", "schedule.epochs", "schedule.batch", "schedule.test_batch"}


@pytest.mark.parametrize("key", [*SETTINGS, *OF_RECIPES])
def test_a_setting_acts_or_is_refused(key):
    settings = {key: (SETTINGS | OF_RECIPES)[key]}
    in_network, in_trainer = (lambda: metabnn.Network(4, 3, settings=settings),
                              lambda: metabnn.Trainer(network(), settings=settings))
    for make, acting in ((in_network, IN_NETWORK), (in_trainer, IN_TRAINER)):
        if key in acting:
            make()
        else:
            assert "it acts in" in refused(make, f"^{key}: has no effect in a ", metabnn.RecipeError)


def test_settings_of_a_network_are_those_that_act():
    # Fault H1: shown as if it held.
    refused(lambda: metabnn.Network(6, 3, settings={"data.normalise": "sample"}), "data.normalise: .*metabnn.run")
    refused(lambda: metabnn.Network(6, 3, settings={"data": {"normalise": "sample"}}), "data.normalise")


#: Arguments, the settings that they are, and two values.
ARGUMENTS = {
    "Network": {"hidden": ("network.hidden", [7], [6]), "seed": ("seed", 4, 5)},
    "Trainer": {"m": ("rule.m", 1.0, 2.0), "lr": ("optimizer.lr", 0.1, 0.2), "epochs": ("schedule.epochs", 3, 4),
                "batch": ("schedule.batch", 2, 6), "scenario": ("tasks.scenario", "domain", "task"),
                "rule": ("rule.name", "si", "beakers")},
}


@pytest.mark.parametrize(("of", "argument"), [(of, one) for of in ARGUMENTS for one in ARGUMENTS[of]])
def test_a_setting_is_its_argument_and_is_not_given_twice(of, argument):
    key, one, other = ARGUMENTS[of][argument]
    if of == "Network":
        call = lambda **options: trained(lambda: metabnn.Network(4, 3, **{"hidden": [5], **options}))  # noqa: E731
        call = call if argument == "seed" else lambda **options: trained(lambda: metabnn.Network(4, 3, **options))
    else:
        call = lambda **options: trained(**{"lr": None, "epochs": None, "batch": None, **options})  # noqa: E731
    assert (call(**{argument: one}) == call(settings={key: one})).all()
    for value in (one, other):
        says = refused(lambda: call(**{argument: one}, settings={key: value}), f"^{key}: {argument}=", metabnn.RecipeError)
        assert repr(one) in says and "give one of them" in says


def test_the_same_is_not_said_twice():
    refused(lambda: metabnn.Trainer(network(), m=1, rule={"name": "metaplastic", "m": 2}), "^m: the rule says it already")
    refused(lambda: metabnn.Trainer(network(), rule={"name": "ewc", "lambda": 1.0}, settings={"rule.lambda": 2.0}), "^rule.lambda")
    refused(lambda: metabnn.Trainer(network(), settings={"rule": {"m": 1}, "rule.m": 2}), "rule.m: is in settings twice")
    refused(lambda: metabnn.show("quickstart", seed=1, settings={"seed": 2}), "^seed: seed= says it already")
    refused(lambda: metabnn.show("quickstart", seed=1, settings={"vary.seed": [2]}), "^vary.seed")
    refused(lambda: metabnn.Trainer(network(), rule="si", settings={"rule.m": 2}), "rule.m")
    by_settings = trained(settings={"rule.name": "ewc", "rule.lambda": 10.0, "rule.samples": 6})
    assert (by_settings == trained(rule={"name": "ewc", "lambda": 10.0, "samples": 6})).all()


@pytest.mark.parametrize("settings", [{key: value} for key, value in (SETTINGS | OF_RECIPES).items()])
def test_settings_of_an_estimator_act_or_are_refused(settings):
    pytest.importorskip("sklearn")
    model = metabnn.MetaplasticClassifier(hidden=(8,), epochs=2, random_state=0, settings=settings)
    (key,) = settings
    if key in {one for one in SETTINGS if one.startswith(("network.", "norm.", "rule.", "optimizer."))} | {
            "schedule.test_batch"} and key not in ("network.hidden", "norm.kind", "optimizer.lr", "rule.m"):
        model.fit(X, Y)
    else:
        refused(lambda: model.fit(X, Y), f"^{key}: ", metabnn.RecipeError)


def test_an_estimator_is_told_once():
    pytest.importorskip("sklearn")
    # Fault H1: 9 epochs were shown, 2 were done.
    model = metabnn.MetaplasticClassifier(epochs=2, settings={"schedule.epochs": 9})
    refused(lambda: model.fit(X, Y), "^schedule.epochs: epochs=2 says it already")
    refused(lambda: metabnn.MetaplasticClassifier(m=2.0, rule="si").fit(X, Y), "^m: 2.0 has no effect beside rule")


PIXELS = np.random.default_rng(0).integers(0, 256, (12, 3, 5, 6), dtype=np.uint8)
LABELS = np.arange(12) % 3


def of_images(images, shape=(3, 5, 6), **layout):
    """The outputs of a network after learning images."""
    made = metabnn.Network(shape, 3, hidden=(8,), seed=1)
    metabnn.Trainer(made, epochs=1, batch=4).train(images, LABELS, **layout)
    data = metabnn.data.Dataset((images, LABELS), (images, LABELS), **layout)
    assert (data.train[0] == PIXELS[:, : shape[0] if len(shape) == 3 else 1].reshape(data.train[0].shape)).all()
    return made.logits(images, **layout)


#: Images in other forms; each is the same as its pixels with channels first.
FORMS = {
    "float32": lambda images: images.astype(np.float32) / 255,
    "float64": lambda images: images / 255,
    "float16": lambda images: (images / 255).astype(np.float16),
    "float32 multiplied": lambda images: images.astype(np.float32) * np.float32(1 / 255),
    "column-major": np.asfortranarray,
    "lists": lambda images: (images / 255).tolist(),
    "pixels": lambda images: images,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("channels", [1, 3])
def test_images_in_another_form_are_the_same(form, channels):
    # Fault H2: what torchvision's ToTensor gives was refused.
    pixels = PIXELS[:, :channels]
    expected = of_images(pixels, (channels, 5, 6))
    assert (of_images(FORMS[form](pixels), (channels, 5, 6)) == expected).all()
    last = FORMS[form](np.moveaxis(pixels, 1, 3))
    assert (of_images(last, (channels, 5, 6), layout="channels_last") == expected).all()
    if channels == 1:
        assert (of_images(FORMS[form](pixels[:, 0]), (5, 6)) == expected).all()


@pytest.mark.parametrize("shape", [(28, 28, 3), (28, 28, 1), (28, 28, 4), (5, 6, 3), (4, 4, 3), (2, 9, 1)])
def test_channels_that_come_last_are_asked_for(shape):
    # Fault H2: taken as 28 channels of 28x3.
    rows, columns, channels = shape
    last = np.zeros((12, *shape), np.uint8)
    made = metabnn.Network((channels, rows, columns), 3, hidden=(8,))
    trainer = metabnn.Trainer(made, epochs=1)
    for images in (last, last / 255):
        for call in (lambda: trainer.train(images, LABELS), lambda: trainer.train_part(images, LABELS),
                     lambda: made.predict(images), lambda: made.predict_proba(images), lambda: made.logits(images),
                     lambda: made.evaluate(images, LABELS),
                     lambda: metabnn.data.Dataset((images, LABELS), (images, LABELS))):
            refused(call, 'layout="channels_last"', metabnn.DataError)
        trainer.train(images, LABELS, layout="channels_last")
        assert (made.predict(images, layout="channels_last") == made.predict(np.moveaxis(images, 3, 1))).all()
    refused(lambda: metabnn.Network(shape, 3), 'layout="channels_last"', metabnn.DataError)
    assert metabnn.Network(shape, 3, hidden=(), layout="channels_last").shape == (channels, rows, columns)
    # What is meant so is taken so, and asked once.
    odd = metabnn.Network(shape, 3, hidden=(), layout="channels_first")
    assert odd.shape == shape and len(odd.predict(last)) == 12
    data = metabnn.data.Dataset((last, LABELS), (last, LABELS), layout="channels_first")
    assert metabnn.tasks.sequence(data).shape == shape


def test_layouts_that_are_none():
    made = metabnn.Network((3, 5, 6), 3, hidden=(8,))
    stream = metabnn.tasks.permuted(metabnn.data.Dataset((PIXELS, LABELS), (PIXELS, LABELS)), 2)
    refused(lambda: made.predict(PIXELS, layout="NHWC"), "^layout: .*channels_last", ValueError)
    refused(lambda: made.predict(PIXELS.reshape(12, -1), layout="channels_last"), "^layout", metabnn.DataError)
    refused(lambda: metabnn.Network(4, 3, layout="channels_last"), "^layout", metabnn.DataError)
    refused(lambda: metabnn.Trainer(made).train(stream[0], layout="channels_last"), "^layout", TypeError)
    refused(lambda: made.predict(stream.tests[0], layout="channels_last"), "^layout", TypeError)


def test_images_of_another_shape_are_refused():
    made = metabnn.Network((3, 5, 6), 3, hidden=(8,))
    for shape in ((12, 9, 10), (12, 3, 6, 5), (12, 5, 3, 6), (12, 15, 6)):
        refused(lambda: made.predict(PIXELS.reshape(shape)), "the network takes 3x5x6", metabnn.DataError)
    stream = metabnn.tasks.sequence(metabnn.data.Dataset(*[(PIXELS.reshape(12, 9, 10), LABELS)] * 2))
    trainer = metabnn.Trainer(made)
    for call in (lambda: trainer.train(stream[0]), lambda: trainer.evaluate(stream)):
        refused(call, "the network takes 3x5x6", metabnn.DataError)
    assert (made.logits(PIXELS.reshape(12, -1)) == made.logits(PIXELS)).all()


def test_real_images_that_are_no_pixels_are_features():
    real = np.random.default_rng(1).random((12, 5, 6), dtype=np.float32)
    made = metabnn.Network((5, 6), 3, hidden=(8,))
    metabnn.Trainer(made, epochs=1).train(real, LABELS)
    assert (made.logits(real) == made.logits(real.reshape(12, -1))).all()
    for wrong in (real - 1, real * 2, np.full((12, 5, 6), np.nan), np.full((12, 5, 6), np.inf)):
        refused(lambda: made.predict(wrong), "from 0 to 1", metabnn.DataError)
    refused(lambda: made.predict(np.zeros((12, 5, 6), int)), "astype", metabnn.DataError)
    refused(lambda: made.predict(np.ma.masked_less(real, 0.5)), "masked", metabnn.DataError)


@pytest.mark.parametrize("how", ["arrays", "stream"])
def test_pixels_without_rows_make_a_network_that_can_be_packed(how, tmp_path):
    # Fault H2: the same data as images could.
    vectors, images = PIXELS.reshape(12, -1), PIXELS.reshape(12, 9, 10)

    def exported(x, shape, name):
        stream = metabnn.tasks.permuted(metabnn.data.Dataset((x, LABELS), (x, LABELS)), 2)
        made = metabnn.Network(shape, 3, hidden=(8,), seed=1)
        trainer = metabnn.Trainer(made, epochs=2, batch=4)
        trainer.train(*((stream[0],) if how == "stream" else (x, LABELS)))
        for to in ("packed", "c-header"):
            made.export(tmp_path / f"{name}.{to}", to)
        again = metabnn.Network.from_bytes(made.to_bytes())
        assert again.to_bytes() == made.to_bytes() and (again.predict(x, 0) == made.predict(x, 0)).all()
        assert again.predict(images).shape == (12,)
        again.export(tmp_path / "again.packed")
        return (tmp_path / f"{name}.packed").read_bytes()

    of_vectors = exported(vectors, 90, "vectors")
    assert of_vectors == (tmp_path / "again.packed").read_bytes()
    assert of_vectors == exported(images, (9, 10), "images")
    # Of real features it is as it was.
    made = metabnn.Network(90, 3, hidden=(8,))
    metabnn.Trainer(made, epochs=1).train(vectors, LABELS)
    metabnn.Trainer(made, epochs=1).train(vectors / 200, LABELS)
    refused(lambda: made.export(tmp_path / "none"), "features", metabnn.ModelError)


def blocks(seed, count=12):
    draw = np.random.default_rng(seed)
    return draw.integers(0, 256, (count, 3, 4), dtype=np.uint8), np.arange(count) % 4


def data_set(seed=0):
    return metabnn.data.Dataset(blocks(seed), blocks(seed + 100), name=f"blocks {seed}")


def small(seed=1):
    made = metabnn.Network((3, 4), 4, hidden=(8,), seed=seed)
    return metabnn.Trainer(made, epochs=1, batch=6)


def test_a_data_set_is_learned_and_tested_as_its_samples():
    # Fault I5: AttributeError: 'Dataset' object has no attribute '_stream'.
    data = data_set()
    one, other = small(), small()
    one.train(data)
    other.train(metabnn.tasks.sequence(data)[0])
    assert (one.network.hidden_weights[0] == other.network.hidden_weights[0]).all()
    assert one.evaluate(data).shape == (1,)
    assert one.evaluate(data)[0] == other.evaluate(metabnn.tasks.sequence(data))[0] == one.network.evaluate(data)[0]
    assert one.network.evaluate(data) == one.network.evaluate(*data.test)
    assert one.metrics(data)["average_accuracy"] == one.evaluate(data)[0]
    one.network.to_bytes(data)


def test_streams_of_several_lengths_share_a_matrix():
    # Fault I5: streams of different lengths.
    data, trainer = data_set(), small()
    long, short = metabnn.tasks.permuted(data, 3), metabnn.tasks.permuted(data, 2)
    before = trainer.evaluate(long)
    rows = []
    for experience in long:
        trainer.train(experience)
        rows.append(trainer.evaluate(long))
        trainer.evaluate(short)
    assert (trainer.accuracy_matrix == np.array(rows)).all(), "the tests of the shorter one are among those of the longer one"
    of_short = trainer.metrics(short)
    assert of_short["average_accuracy"] == pytest.approx(rows[-1][:2].mean())
    assert trainer.metrics(long)["forward_transfer"] == pytest.approx(((rows[0][1] - before[1]) + (rows[1][2] - before[2])) / 2)
    # Tests that were not always taken, and a stream of as many tests of something else.
    other = metabnn.tasks.permuted(data_set(5), 3)
    last = trainer.evaluate(other)
    matrix = trainer.accuracy_matrix
    assert matrix.shape == (3, 6) and np.isnan(matrix[:2, 3:]).all() and (matrix[2] == [*rows[-1], *last]).all()
    for stream in (other, data_set(6)):
        refused(lambda: trainer.metrics(stream), "after every training", ValueError)
    assert small().accuracy_matrix.shape == (0, 0)


def test_a_row_is_of_a_training_that_is_done():
    stream, trainer = metabnn.tasks.permuted(data_set(), 2), small()
    trainer.train(stream[0])
    row = trainer.evaluate(stream)
    trainer.train(stream[1], epochs=3, callback=lambda _: trainer.evaluate(stream))
    assert (trainer.accuracy_matrix == [row]).all()

    def stop(_):
        raise LookupError

    with pytest.raises(LookupError):
        trainer.train(stream[0], epochs=3, callback=stop)
    trainer.evaluate(stream)
    assert (trainer.accuracy_matrix == [row]).all()
    refused(lambda: trainer.train(np.zeros((6, 3)), np.zeros(6, int)), "the network takes 12 values")
    trainer.train(stream[0])
    last = trainer.evaluate(stream)
    assert (trainer.accuracy_matrix == [row, last]).all()


GROUPS = {
    "arrays": np.array([[0, 1], [2, 3]]),
    "tuples": ((0, 1), (2, 3)),
    "sets": [{1, 0}, {3, 2}],
    "ranges": [range(2), range(2, 4)],
    "a generator": (range(at, at + 2) for at in (0, 2)),
    "NumPy integers": [[np.int64(0), np.uint8(1)], [np.int32(2), np.int8(3)]],
    "a NumPy number": np.int64(2),
    "a number": 2,
}


@pytest.mark.parametrize("groups", GROUPS)
def test_groups_in_another_form_are_the_same(groups):
    made, plain = (metabnn.tasks.classes(data_set(), one) for one in (GROUPS[groups], [[0, 1], [2, 3]]))
    assert [one.id for one in made] == [one.id for one in plain] and [one.name for one in made] == [one.name for one in plain]


def test_numbers_of_numpy_are_numbers():
    data, number = data_set(), np.int64
    stream = metabnn.tasks.permuted(data, number(2), seed=number(3))
    plain = metabnn.tasks.permuted(data, 2, seed=3)
    assert [one.id for one in stream] == [one.id for one in plain]
    assert stream[np.int8(-1)].index == 1
    made = metabnn.Network((number(3), np.uint8(4)), number(4), hidden=np.array([8]), seed=number(1))
    trainer = metabnn.Trainer(made, m=np.float64(1.5), lr=np.float32(0.5), epochs=number(1), batch=np.int16(6))
    trainer.train(stream[0], epochs=np.uint8(2))
    same = metabnn.Network((3, 4), 4, hidden=(8,), seed=1)
    metabnn.Trainer(same, m=1.5, lr=0.5, epochs=2, batch=6).train(plain[0])
    assert (made.logits(data.test[0], np.uint16(0)) == same.logits(data.test[0], 0)).all()
    before = metabnn.threads()
    metabnn.set_threads(np.int64(before))
    assert len(metabnn.show("quickstart", settings={"arm": "metaplastic"}, seed=number(3))["runs"]) == 1
    assert len(metabnn.tasks.sequence([data, data_set(1)])) == 2


#: What Python, NumPy and PyO3 say of themselves.
RAW = ("has no attribute", "cannot be interpreted", "unhashable", "negative int", "too big", "too large to convert", "borrowed",
       "subscriptable", "not iterable", "argument '", "positional", "unwrap", "panicked", "setting an array element", "must be str",
       "could not convert", "can't multiply", "unsupported operand", "not supported between", "expected str")


def either(call):
    """A call that is refused in words of one's own, or accepted."""
    try:
        call()
    except (ValueError, TypeError, IndexError, MemoryError) as error:
        says = str(error)
        assert says and not any(raw in says for raw in RAW), f"{type(error).__name__}: {says}"
        return True
    return False


NUMBERS = [-1, 0, 2**70, -(2**70), 10**400, 1.5, float("nan"), float("inf"), "3", "", b"3", [], [None], {}, 1j, object(), dict, True,
           np.array([1, 2]), np.float64(2.5), np.datetime64(3, "s"), (1, 2, 3, 4, 5)]
#: Where numbers go.
NUMBER_PLACES = {
    "classes": lambda v: metabnn.Network(4, v, hidden=(8,)),
    "shape": lambda v: metabnn.Network(v, 3, hidden=(8,)),
    "a side of the shape": lambda v: metabnn.Network((2, v), 3, hidden=(8,)),
    "hidden": lambda v: metabnn.Network(4, 3, hidden=v),
    "units": lambda v: metabnn.Network(4, 3, hidden=(v,)),
    "seed": lambda v: metabnn.Network(4, 3, hidden=(8,), seed=v),
    "epochs": lambda v: metabnn.Trainer(network(), epochs=v),
    "epochs of a training": lambda v: metabnn.Trainer(network()).train(X, Y, epochs=v),
    "batch": lambda v: metabnn.Trainer(network(), batch=v),
    "lr": lambda v: metabnn.Trainer(network(), lr=v),
    "m": lambda v: metabnn.Trainer(network(), m=v),
    "task": lambda v: network().predict(X, v),
    "norm_states": lambda v: network().norm_states(v),
    "place": lambda v: STREAM[v],
    "count": lambda v: metabnn.tasks.permuted(DATA, v),
    "parts": lambda v: metabnn.tasks.subsets(DATA, v),
    "groups": lambda v: metabnn.tasks.classes(DATA, v),
    "a class": lambda v: metabnn.tasks.classes(DATA, [[0, v], [1]]),
    "classes of a data set": lambda v: metabnn.data.Dataset(blocks(1), blocks(2), classes=v),
    "intervals": lambda v: metabnn.Curve.of(abs, intervals=v),
    "reach": lambda v: metabnn.Curve.of(np.abs, reach=v),
    "seed of a recipe": lambda v: metabnn.show("quickstart", seed=v),
    "width": lambda v: metabnn.bench(v, 1, 0),
    "jobs": lambda v: metabnn.run("quickstart", jobs=v, checkpoint=-1),
    "checkpoint": lambda v: metabnn.run("quickstart", checkpoint=v, jobs=0),
    "threads": lambda v: metabnn.set_threads(-1 if v is True else v),
}
DATA = data_set()
STREAM = metabnn.tasks.permuted(DATA, 2)
TRAINER = small()
OBJECTS = {
    "None": None, "a number": 3, "a text": "mnist", "bytes": b"mnist", "a list": [], "a list of texts": ["a", "b"], "a dict": {"x": 1},
    "an object": object(), "a class": dict, "a function": len, "a stream": STREAM, "a data set": DATA, "an experience": STREAM[0],
    "experiences": STREAM[:], "a test": STREAM.tests[0], "a network": TRAINER.network, "a trainer": TRAINER, "pixels": blocks(1)[0],
    "a row": X[0], "nothing": np.empty((0, 12)), "ragged": [[1, 2], [3]], "complex": X * 1j, "a curve": metabnn.Curve([0, 1], [1, 1], [1, 1]),
}
#: Where streams, samples and the like go.
OBJECT_PLACES = {
    "network of a trainer": lambda v: metabnn.Trainer(v),
    "rule": lambda v: metabnn.Trainer(network(), rule=v),
    "scenario": lambda v: metabnn.Trainer(network(), scenario=v),
    "settings of a network": lambda v: metabnn.Network(4, 3, settings=v),
    "settings of a trainer": lambda v: metabnn.Trainer(network(), settings=v),
    "layout": lambda v: metabnn.Network((3, 4, 5), 3, hidden=(8,), layout=v),
    "train": lambda v: small().train(v),
    "train with labels": lambda v: small().train(v, blocks(1)[1]),
    "labels": lambda v: small().train(blocks(1)[0], v),
    "train a part": lambda v: small().train_part(v),
    "callback": lambda v: small().train(STREAM[0], callback=v) if not callable(v) else None,
    "evaluate of a trainer": lambda v: small().evaluate(v),
    "metrics": lambda v: small().metrics(v),
    "predict": lambda v: small().network.predict(v),
    "predict_proba": lambda v: small().network.predict_proba(v),
    "evaluate": lambda v: small().network.evaluate(v),
    "task": lambda v: small().network.predict(blocks(1)[0], v),
    "to_bytes": lambda v: small().network.to_bytes(v),
    "from_bytes": lambda v: metabnn.Network.from_bytes(v),
    "permuted": lambda v: metabnn.tasks.permuted(v, 2),
    "sequence": lambda v: metabnn.tasks.sequence(v),
    "classes": lambda v: metabnn.tasks.classes(DATA, v),
    "train of a data set": lambda v: metabnn.data.Dataset(v, blocks(1)),
    "samples of a data set": lambda v: metabnn.data.Dataset((v, blocks(1)[1]), blocks(1)),
    "labels of a data set": lambda v: metabnn.data.Dataset((blocks(1)[0], v), blocks(1)),
    "curve": lambda v: metabnn.Curve(v, [1, 1], [1, 1]),
    "plasticity": lambda v: metabnn.Curve.of(v),
    "recipe": lambda v: metabnn.show(v) if not isinstance(v, (str, dict)) else None,
    "folders": lambda v: metabnn.compare(v) if isinstance(v, (str, bytes)) else None,
    "settings of a recipe": lambda v: metabnn.show("quickstart", settings=v),
}


@pytest.mark.parametrize("place", NUMBER_PLACES)
def test_numbers_of_every_kind(place):
    refusals = sum(either(lambda: NUMBER_PLACES[place](value)) for value in NUMBERS)
    assert refusals >= len(NUMBERS) - 8


@pytest.mark.parametrize("place", OBJECT_PLACES)
def test_objects_of_every_kind(place):
    for value in OBJECTS.values():
        either(lambda: OBJECT_PLACES[place](value))


def test_these_are_many():
    assert len(NUMBERS) * len(NUMBER_PLACES) + len(OBJECTS) * len(OBJECT_PLACES) > 1000


def wild(how):
    """A trainer whose network is no longer one of numbers."""
    made = metabnn.Network((3, 4), 4, hidden=(8,), settings={"network.precision": "full-precision"})
    trainer = metabnn.Trainer(made, lr=1e38, epochs=3, batch=6)
    x, y = blocks(1)

    def stop(_):
        raise LookupError

    calls = {
        "train": lambda: trainer.train(x, y),
        "one step": lambda: metabnn.Trainer(made, lr=3e38, batch=12).train_part(x, y),
        "a part": lambda: trainer.train_part(x, y),
        "an epoch and a callback that stops": lambda: trainer.train(x, y, callback=stop),
    }
    with pytest.raises(metabnn.TrainingError, match="became"):
        for _ in range(9):
            try:
                calls[how]()
            except LookupError:
                pass
    return trainer


@pytest.mark.parametrize("how", ["train", "one step", "a part", "an epoch and a callback that stops"])
def test_a_network_that_diverged_is_of_no_more_use(how, tmp_path):
    # Fault H5: predict said class 0, save wrote a file that load refused.
    trainer = wild(how)
    network = trainer.network
    x, y = blocks(1)
    calls = [
        lambda: network.predict(x), lambda: network.logits(x), lambda: network.predict_proba(x), lambda: network.evaluate(x, y),
        lambda: trainer.evaluate(DATA), lambda: network.save(tmp_path / "model"), lambda: network.to_bytes(),
        lambda: network.to_bytes(STREAM), lambda: network.export(tmp_path / "net.npz", "npz"), lambda: pickle.dumps(network),
        lambda: pickle.dumps(trainer), lambda: copy.deepcopy(network), lambda: trainer.train(x, y),
        lambda: trainer.train_part(x, y), lambda: metabnn.Trainer(network).train(x, y)]
    for call in calls:
        refused(call, "the network has diverged.*smaller lr", metabnn.TrainingError)
    assert list(tmp_path.iterdir()) == []
    assert "Network" in repr(network)


def test_an_estimator_that_diverged_says_so():
    pytest.importorskip("sklearn")
    model = metabnn.MetaplasticClassifier(hidden=(8,), epochs=1, random_state=0).fit(X, Y)
    before = model.predict(X)
    model.set_params(lr=1e38, epochs=9, settings={"network.precision": "full-precision"})
    with pytest.raises(metabnn.TrainingError, match="became"):
        model.fit(X, Y)
    assert (model.predict(X) == before).all(), "what was fitted before is as it was"
    again = metabnn.MetaplasticClassifier(hidden=(8,), lr=1e38, settings={"network.precision": "full-precision"})
    with pytest.raises(metabnn.TrainingError):
        for _ in range(9):
            again.partial_fit(X, Y, classes=[0, 1, 2])


def test_outputs_that_are_no_numbers_are_refused():
    made = metabnn.Network(4, 3, hidden=(8,), settings={"network.precision": "full-precision", "network.init_width": 10.0})
    metabnn.Trainer(made, epochs=1, batch=3).train(X, Y)
    large = np.full((6, 4), 3e38, np.float32)
    for call in (lambda: made.predict(large), lambda: made.evaluate(large, Y)):
        refused(call, "too large for this network", metabnn.DataError)
