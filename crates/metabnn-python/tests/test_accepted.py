"""What is accepted has an effect: a call is refused with words that help, or gives the numbers of its plain form."""

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
