"""Rules of one's own: functions and measured points, as settings of every run."""

import numpy as np
import pytest

import metabnn


def f_meta(w, m=1.35):
    return 1 - np.tanh(m * np.abs(w)) ** 2


def trained(glyphs, rule, precision="binary"):
    """The hidden weights after twelve steps."""
    network = metabnn.Network((28, 28), 10, hidden=(40,), settings={"network.precision": precision})
    metabnn.Trainer(network, rule=rule, epochs=2).train(*glyphs.train)
    return np.concatenate([weights.ravel() for weights in network.hidden_weights])


def test_a_function_is_sampled_once_and_close_to_the_built_in_rule(glyphs):
    calls = []

    def counted(w):
        calls.append(np.size(w))
        return f_meta(w)

    own = trained(glyphs, counted, "full-precision")
    assert len(calls) == 2, "once for the table, once for its error"
    built_in, plain = (trained(glyphs, {"name": "metaplastic", "m": m}, "full-precision") for m in (1.35, 0))
    # The table is within 2.8e-5 of f_meta, and twelve updates of about lr = 0.005 sum up to 0.06: 1.7e-6. The mean is
    # compared, since Adam magnifies roundings where gradients cancel; in full precision, where no sign turns over.
    assert np.abs(own - built_in).mean() < 2e-6
    assert np.abs(own - plain).mean() > 5e-5, "the rule does something"


def test_the_error_is_within_its_bound_and_is_seen():
    curve = metabnn.Curve.of(f_meta)
    # h^2 / 8 max|f''| with f'' = -2 m^2 at 0.
    bound = (8 / 1024) ** 2 / 8 * 2 * 1.35**2
    assert 0.5 * bound < curve.error < 1.05 * bound
    assert metabnn.Curve.of(f_meta, intervals=64).error > 50 * curve.error
    assert metabnn.Curve([0, 1, 2], [1, 0, 1], [1, 1, 1]).error < 1e-6, "equally spaced points are the table"
    assert metabnn.Curve([0, 1, 1.0003], [1, 0, 1], [1, 1, 1]).error > 0.01, "closer than any table's points"
    assert "3 points" in repr(metabnn.Curve([0, 1, 3], [1, 1, 1], [1, 1, 1]))


def test_functions_of_one_number_do_as_well():
    def by_cases(w):
        return 0.5 if abs(w) > 1 else 1.0

    curve = metabnn.Curve.of(by_cases, reach=2, intervals=8)
    assert curve.down.tolist() == [1, 1, 1, 1, 1, 1, 1, 0.5, 0.5]
    assert curve.up.tolist() == [0.5, 0.5, 1, 1, 1, 1, 1, 1, 1]


def test_points_are_a_rule_of_recipes(glyphs, tmp_path):
    one = metabnn.Curve([-1, 0, 1], [1, 1, 1], [1, 1, 1])
    assert (trained(glyphs, one) == trained(glyphs, {"name": "metaplastic", "m": 0})).all(), "a factor of 1 is plain Adam"
    frozen = metabnn.Curve([-1, 1], [0, 0], [0, 0])
    network = metabnn.Network(784, 10, hidden=(40,))
    before = network.hidden_weights
    metabnn.Trainer(network, rule=frozen, epochs=1).train(glyphs.train[0], glyphs.train[1])
    assert all((old == new).all() for old, new in zip(before, network.hidden_weights)), "a factor of 0 keeps weights"
    curve = metabnn.Curve.of(f_meta, reach=2, intervals=16)
    small = {"data.sets": ["glyphs"], "data.train_images": 200, "network.hidden": [16], "tasks.count": 2}
    found = metabnn.run({}, settings={**small, **curve.settings}, out=tmp_path)
    again = metabnn.show(found.runs[0].folder / "recipe.toml")["runs"][0]
    assert again["hash"] == found.runs[0].summary["hash"]
    assert again["settings"]["rule"]["name"] == "curve" and len(again["settings"]["rule"]["up"]) == 17


def test_a_curve_as_long_as_possible():
    hidden = np.linspace(-3, 3, 4097)
    curve = metabnn.Curve(hidden, f_meta(hidden), np.ones(4097))
    network = metabnn.Network(4, 2, hidden=(8,))
    metabnn.Trainer(network, rule=curve)
    assert len(network.settings["rule"]["hidden"]) == 4097
