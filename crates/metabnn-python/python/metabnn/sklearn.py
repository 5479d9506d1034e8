"""A network as an estimator for scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets, unique_labels
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(f"MetaplasticClassifier needs scikit-learn 1.6 or newer: pip install 'metabnn[sklearn]' ({error})") from None

from . import _metabnn
from ._arguments import MOST, whole
from ._samples import MOST_CLASSES
from ._settings import Entry, changes
from .network import Network, softmax, with_statistics
from .trainer import Rule, rule_settings, with_rule

ENTRY = Entry(
    "a MetaplasticClassifier",
    ("network", "norm", "rule", "optimizer", "schedule.test_batch"),
    {"network.hidden": "hidden", "norm.kind": "norm", "optimizer.lr": "lr", "schedule.epochs": "epochs",
     "schedule.batch": "batch_size", "seed": "random_state", "rule.m": "m"},
)


DEFAULT_M = 1.35


class MetaplasticClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc, unused-ignore]
    """A metaplastic binarized network that classifies samples, and keeps what it learned while it learns more.

    `fit` learns from the beginning; `partial_fit` goes on, chunk by chunk, without being told where one task ends and the
    next one begins: stream learning.

    Features are real numbers, taken as they are: batch norm makes up for a common scale of all of them, not for single
    features that are far larger than others (StandardScaler does).

    Parameters
    ----------
    hidden : units of each hidden layer, (512, 512) by default.
    m : strength of metaplasticity, >= 0, one for all layers or one per layer; 0: an ordinary binarized network.
    rule : another synaptic rule: a Curve, a function of the hidden weight, a name or a dict; see `Trainer`. m is left as it
        is by default then.
    lr : learning rate of Adam.
    epochs : times that `fit` shows every sample; `partial_fit` shows each once.
    batch_size : samples of a training step, at least 2.
    norm : "batch", or each sample by itself, "layer" or "instance"; then `partial_fit` takes single samples.
    random_state : None, a whole number or a RandomState: of the initial weights and the order of samples.
    settings : any other setting of the sections network, norm, rule and optimizer, and schedule.test_batch, by its key,
        such as {"norm.affine": False}. One that would have no effect, since it acts elsewhere or a parameter says the same,
        is refused with a RecipeError (a ValueError).

    Attributes
    ----------
    classes_ : the labels, sorted. n_features_in_, feature_names_in_ : as everywhere in scikit-learn.
    network_ : the Network.
    """

    def __init__(
        self,
        hidden: Sequence[int] = (512, 512),
        *,
        m: float | list[float] | None = DEFAULT_M,
        rule: Rule | None = None,
        lr: float = 0.005,
        epochs: int = 20,
        batch_size: int = 100,
        norm: str = "batch",
        random_state: Any = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.hidden = hidden
        self.m = m
        self.rule = rule
        self.lr = lr
        self.epochs = epochs
        self.batch_size = batch_size
        self.norm = norm
        self.random_state = random_state
        self.settings = settings

    def fit(self, X: ArrayLike, y: ArrayLike) -> MetaplasticClassifier:
        """Learns from X, (samples, features), and labels y, (samples,), from the beginning."""
        samples, labels = self._checked(X, y, reset=True)
        epochs = whole("epochs", self.epochs, 1, MOST)
        classes = unique_labels(labels)
        network = self._begin(classes)
        network._trainer.learn(_split(samples, len(classes), _indices(labels, classes)), epochs, True)
        self.classes_, self.network_ = classes, network
        return self

    def partial_fit(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None) -> MetaplasticClassifier:
        """Goes on learning from a chunk of a stream, each sample shown once.

        classes: all labels that will ever come, in the first call; later it may be left out. Raises ValueError for labels
        that were not among them.
        """
        is_first = not hasattr(self, "network_")
        samples, labels = self._checked(X, y, reset=is_first)
        if is_first:
            if classes is None:
                raise ValueError("classes: all labels that will ever come have to be given in the first call of partial_fit")
            known = unique_labels(classes)
            network = self._begin(known)
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(f"classes: {list(unique_labels(classes))} are not those of the first call, {list(self.classes_)}")
        else:
            known, network = self.classes_, self.network_
        network._trainer.learn(_split(samples, len(known), _indices(labels, known)), 1, False)
        self.classes_, self.network_ = known, network
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Outputs, (samples, classes); of two classes, how far the second is ahead, (samples,)."""
        logits = self._logits(X)
        if len(self.classes_) == 2:
            return logits[:, 1] - logits[:, 0]
        return logits[:, 0] if len(self.classes_) == 1 else logits

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """The softmax of the outputs, (samples, classes)."""
        return softmax(self._logits(X))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The label of each sample, (samples,)."""
        logits = self._logits(X)
        labels: NDArray[Any] = self.classes_[logits.argmax(axis=1)]
        return labels

    def _checked(self, X: ArrayLike, y: ArrayLike, reset: bool) -> tuple[NDArray[Any], NDArray[Any]]:
        samples, labels = validate_data(self, X, y, reset=reset, dtype=[np.float64, np.float32])
        check_classification_targets(labels)
        if len(samples) < 2 and self.norm == "batch":
            raise ValueError("n_samples=1: batch norm needs at least 2 samples to learn from; norm=\"instance\" does not")
        return samples, labels

    def _begin(self, labels: NDArray[Any]) -> Network:
        """A network that has learned nothing, for these labels."""
        if len(labels) > MOST_CLASSES:
            raise ValueError(f"{len(labels)} classes: at most {MOST_CLASSES} are possible")
        if len(labels) < 2 and self.norm in ("layer", "instance"):
            raise ValueError(f"1 class: norm={self.norm!r} makes one output 0 whatever it is; at least 2 classes are needed")
        if self.rule is not None and not (self.m is None or np.array_equal(self.m, DEFAULT_M)):
            raise ValueError(f"m: {self.m!r} has no effect beside rule, which brings its own strength; leave it out")
        said = {
            "network.hidden": self.hidden,
            "norm.kind": self.norm,
            "optimizer.lr": self.lr,
            "schedule.epochs": self.epochs,
            "schedule.batch": self.batch_size,
            "seed": int(check_random_state(self.random_state).randint(2**31)),
            **rule_settings(self.rule, None if self.rule is not None else self.m),
        }
        chosen = {**with_rule(ENTRY.chosen(self.settings, said)), "tasks.scenario": "domain"}
        # `fit` says for itself how long it learns.
        del chosen["schedule.epochs"]
        shape = (1, 1, self.n_features_in_)
        return Network._of(_metabnn.Trainer(changes(with_statistics(chosen)), shape, len(labels)))

    def _logits(self, X: ArrayLike) -> NDArray[np.float64]:
        check_is_fitted(self)
        samples = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        return self.network_._trainer.logits(_split(samples, len(self.classes_))).astype(np.float64)


def _indices(y: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.uint8]:
    known = np.isin(y, classes)
    if not known.all():
        raise ValueError(f"labels {list(np.unique(y[~known]))} are not among the classes {list(classes)}")
    return np.searchsorted(classes, y).astype(np.uint8)


def _split(X: NDArray[Any], classes: int, indices: NDArray[np.uint8] | None = None) -> _metabnn.Split:
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(X, dtype=np.float32)
    labels = bytes(len(values)) if indices is None else indices.tobytes()
    return _metabnn.Split(values, labels, classes)
