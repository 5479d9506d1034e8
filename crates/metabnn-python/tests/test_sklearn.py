"""MetaplasticClassifier: what scikit-learn asks of an estimator, and streams."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed: its checks are not run")

from sklearn.base import clone  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

from metabnn import Curve, MetaplasticClassifier, RecipeError  # noqa: E402


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("settings", [{}, {"norm": "instance"}, {"m": 0.0, "hidden": (64,)}])
def test_check_estimator(settings):
    outcomes = check_estimator(MetaplasticClassifier(**settings), on_fail=None)
    failed = [(one["check_name"], one["exception"]) for one in outcomes if one["status"] not in ("passed", "skipped")]
    assert not failed
    # Skipped where scikit-learn itself is not set up for it; no check is expected to fail.
    assert {one["check_name"] for one in outcomes if one["status"] == "skipped"} <= {"check_array_api_input"}
    assert sum(one["status"] == "passed" for one in outcomes) > 40


def test_in_pipelines_searches_and_cross_validation(blobs):
    x, y = blobs
    model = MetaplasticClassifier(hidden=(32,), epochs=5, random_state=0)
    pipeline = make_pipeline(StandardScaler(), model)
    assert cross_val_score(pipeline, x, y, cv=3, n_jobs=2).min() > 0.95
    search = GridSearchCV(pipeline, {"metaplasticclassifier__m": [0.0, 1.0], "metaplasticclassifier__lr": [0.001, 0.01]}, cv=2)
    assert search.fit(x, y).best_score_ > 0.95
    assert clone(model).get_params() == model.get_params()


def test_labels_of_any_kind_and_all_outputs(blobs):
    x, y = blobs
    for names in (np.array(["no", "yes"]), np.array([-1, 7]), np.array([False, True])):
        model = MetaplasticClassifier(hidden=(32,), epochs=5, random_state=0).fit(x, names[y])
        assert (model.classes_ == names).all() and model.predict(x).dtype == names.dtype
        assert model.score(x, names[y]) > 0.95
        assert model.decision_function(x).shape == (400,) and model.predict_proba(x).shape == (400, 2)
        assert ((model.decision_function(x) > 0) == (model.predict(x) == names[1])).all()
    with pytest.raises(ValueError, match="5 features"):
        model.predict(x[:, :4])


def test_feature_names(blobs):
    pandas = pytest.importorskip("pandas")
    x, y = blobs
    frame = pandas.DataFrame(x, columns=list("abcde"))
    model = MetaplasticClassifier(hidden=(16,), epochs=2, random_state=0).fit(frame, y)
    assert list(model.feature_names_in_) == list("abcde") and model.n_features_in_ == 5
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame.rename(columns={"a": "z"}))


def test_a_seed_gives_the_same_bits_and_a_pickle_goes_on(blobs):
    x, y = blobs
    make = lambda: MetaplasticClassifier(hidden=(32,), random_state=3)  # noqa: E731
    first, second = (make().partial_fit(x[:200], y[:200], classes=[0, 1]) for _ in range(2))
    second = pickle.loads(pickle.dumps(second))
    for model in (first, second):
        model.partial_fit(x[200:], y[200:])
    assert (first.decision_function(x) == second.decision_function(x)).all()
    assert first.score(x, y) > 0.9
    assert first.network_.tasks == 0, "a stream has no boundaries"


def test_a_stream_of_chunks_of_any_size(blobs):
    x, y = blobs
    batch = MetaplasticClassifier(hidden=(32,), random_state=0)
    with pytest.raises(ValueError, match="first call"):
        batch.partial_fit(x, y)
    batch.partial_fit(x[:2], y[:2], classes=[0, 1, 2])
    with pytest.raises(ValueError, match="n_samples=1"):
        batch.partial_fit(x[:1], y[:1])
    with pytest.raises(ValueError, match="not among the classes"):
        batch.partial_fit(x[:4], [0, 1, 2, 3])
    with pytest.raises(ValueError, match="first call"):
        batch.partial_fit(x, y, classes=[0, 1])
    assert batch.predict_proba(x).shape == (400, 3)
    single = MetaplasticClassifier(hidden=(64,), norm="instance", lr=0.01, random_state=0)
    for at in range(400):
        single.partial_fit(x[at : at + 1], y[at : at + 1], classes=[0, 1])
    assert single.score(x, y) > 0.9


@pytest.mark.parametrize("rule", [lambda w: np.exp(-np.abs(w)), Curve([-1, 0, 1], [0.5, 1, 1], [1, 1, 0.5]), "si", {"name": "beakers"}])
def test_other_rules(blobs, rule):
    x, y = blobs
    assert MetaplasticClassifier(hidden=(32,), epochs=5, rule=rule, random_state=0).fit(x, y).score(x, y) > 0.9


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"m": -1}, "rule.m"),
        ({"m": float("nan")}, "rule.m"),
        ({"m": [1.0, 2.0, 3.0, 4.0]}, "rule.m"),
        ({"lr": 0}, "optimizer.lr"),
        ({"batch_size": 1}, "schedule.batch"),
        ({"batch_size": 2.5}, "schedule.batch"),
        ({"hidden": (0,)}, "network.hidden"),
        ({"hidden": "many"}, "network.hidden"),
        ({"norm": "group"}, "norm.kind"),
        ({"settings": {"rule.n": 1}}, "rule.n"),
        ({"rule": "oja"}, "rule.name"),
    ],
)
def test_wrong_parameters_are_named(blobs, parameters, says):
    with pytest.raises(RecipeError, match=says):
        MetaplasticClassifier(**parameters).fit(*blobs)


def test_other_wrong_parameters(blobs):
    with pytest.raises(ValueError, match="epochs"):
        MetaplasticClassifier(epochs=0).fit(*blobs)
    with pytest.raises(ValueError, match="256"):
        MetaplasticClassifier().fit(np.zeros((300, 2)), np.arange(300))
    with pytest.raises(ValueError):
        MetaplasticClassifier(random_state="luck").fit(*blobs)
    with pytest.raises(TypeError):
        MetaplasticClassifier(settings=[1]).fit(*blobs)
