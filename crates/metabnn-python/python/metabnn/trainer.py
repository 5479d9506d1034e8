"""Training in a loop of one's own."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _metabnn
from ._arguments import MOST, function, whole
from ._samples import Layout, split
from ._settings import Entry, changes, flat
from .curve import Curve
from .data import Dataset
from .network import Network
from .tasks import Column, Experience, Stream, Test, as_stream

Rule = str | Mapping[str, Any] | Curve | Callable[[NDArray[np.float64]], ArrayLike]
Callback = Callable[[dict[str, Any]], object]

ENTRY = Entry(
    "a Trainer",
    ("rule", "optimizer", "schedule.test_batch"),
    {"rule.m": "m", "optimizer.lr": "lr", "schedule.epochs": "epochs", "schedule.batch": "batch",
     "tasks.scenario": "scenario"},
)
DEFAULTS = {"optimizer.lr": 0.005, "schedule.epochs": 5, "schedule.batch": 100, "tasks.scenario": "task"}


class Trainer:
    """Trains a network on one experience after the other.

    rule: what a synapse makes of an update. None: the paper's, f_meta = 1 - tanh^2(m |W^h|) with strength `m` (0: an
    ordinary binarized network). A `Curve`: a measured one. A function f(W^h): updates that would shrink |W^h| are
    multiplied by it; it is sampled once (`Curve.of`), so that training stays as fast. A name or a dict: one of the
    built-in rules with its settings, {"name": "ewc", "lambda": 1000}.
    m: strength >= 0, one for all layers or a list with one per layer; by default 1.35.
    lr: learning rate of Adam, by default 0.005. epochs: times that each experience is shown, by default 5. batch: samples
    of a step, at least 2, by default 100. scenario: "task", the default: a task is tested with the batch-norm state that
    it had when its training ended; "domain": nothing is known of tasks at test time.
    settings: any other setting of the sections rule and optimizer, and schedule.test_batch, by its key, such as
    {"optimizer.reset_per_task": False}. One that would have no effect, since it acts elsewhere or an argument says the
    same, is refused with a RecipeError (a ValueError).

    A network may have several trainers, each with its own rule and settings; when another one takes its turn, moments of the
    optimizer start afresh. Where a rule keeps numbers of every synapse, that is refused.

    With the settings of a recipe, its stream and its seed, the network becomes the same as in `metabnn.run`, bit for bit.
    """

    def __init__(
        self,
        network: Network,
        *,
        rule: Rule | None = None,
        m: float | list[float] | None = None,
        lr: float | None = None,
        epochs: int | None = None,
        batch: int | None = None,
        scenario: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(network, Network):
            raise TypeError(f"network: a metabnn.Network, not {type(network).__name__}")
        self.network = network
        given = {"optimizer.lr": lr, "schedule.epochs": epochs, "schedule.batch": batch, "tasks.scenario": scenario}
        said = {key: value for key, value in given.items() if value is not None}
        own = ENTRY.chosen(settings, {**rule_settings(rule, m), **said})
        chosen = {**network._settings, **DEFAULTS, **with_rule(own)}
        self._changes = changes(chosen)
        _metabnn.check_settings(self._changes, len(network._widths) + 1)
        if network._driver is None or network._driver() is None:
            self._take_over()
        self.epochs = int(chosen["schedule.epochs"])
        #: Accuracies by training, counted from 1, and test.
        self._rows: dict[int, dict[Column, float]] = {}
        #: Whether no training was begun and not brought to its end.
        self._is_whole = True
        self._lessons_of: list[str | None] = []
        self._lessons = 0

    def _take_over(self) -> None:
        """A network has one optimizer and one rule at a time: those of the trainer that trains it."""
        network = self.network
        driver = None if network._driver is None else network._driver()
        if driver is self:
            return
        if driver is not None and network._trainer.has_rule_state:
            raise RuntimeError(
                "another Trainer trains this network, and its rule keeps numbers of every synapse that would be lost: "
                "go on with that one, or train a copy (copy.deepcopy(network))")
        network._trainer.learn_by(self._changes)
        network._driver = weakref.ref(self)

    def __getstate__(self) -> dict[str, Any]:
        driver = self.network._driver
        return {**self.__dict__, "_drives": driver is not None and driver() is self}

    def __setstate__(self, state: dict[str, Any]) -> None:
        drives = state.pop("_drives", False)
        self.__dict__.update(state)
        if "_is_whole" not in state:
            # A pickle of before, whose rows do not say of which tests they are.
            self._is_whole, self._rows = True, {}
        if drives:
            self.network._driver = weakref.ref(self)

    def train(
        self,
        x: Experience | Dataset | ArrayLike,
        y: ArrayLike | None = None,
        *,
        epochs: int | None = None,
        callback: Callback | None = None,
        layout: Layout = None,
    ) -> None:
        """Learns a task: an experience of a stream, the training samples of a data set, or samples x with labels y, for so
        many epochs.

        x: samples, of the shapes that `metabnn.data.Dataset` takes. layout: "channels_last" for images (samples, rows,
        columns, channels).

        callback: called after every epoch with a dict of lesson, epoch, steps, loss (the mean over the epoch, in nats)
        and flips (the share of binary weights of each layer that the epoch changed); it may look at the network. What it
        raises stops the training, as Ctrl-C does after the present step; the network stays usable, and an experience
        whose last epoch was not done does not count as learned.

        Raises DataError for samples that are not what the network takes, TrainingError when the loss is no longer finite.
        """
        self._learn(x, y, self.epochs if epochs is None else epochs, True, callback, layout)

    def train_part(self, x: Experience | ArrayLike, y: ArrayLike | None = None, *, layout: Layout = None) -> None:
        """Learns samples as they come, each shown once: part of a stream that has no boundaries. layout: see `train`."""
        self._learn(x, y, 1, False, None, layout)

    def _learn(self, x: Any, y: Any, epochs: int, is_task: bool, callback: Callback | None, layout: Layout) -> None:
        if isinstance(x, Dataset):
            x = as_stream(x)[0]
        if isinstance(x, Stream):
            raise TypeError("x: one experience at a time: for experience in stream: trainer.train(experience)")
        if isinstance(x, Test):
            raise TypeError("x: an experience or an array; a test is what is not learned from")
        if isinstance(x, Experience):
            if y is not None:
                raise TypeError("an experience brings its own labels")
            if layout is not None:
                raise TypeError("layout: an experience brings its own")
            samples = x._split
        elif y is None:
            raise TypeError("x is no experience of a stream: labels y are needed")
        else:
            samples = split(x, y, self.network.classes, layout=layout, shape=self.network.shape)
        epochs = whole("epochs", epochs, 1, MOST)
        function("callback", callback)
        with self.network._alone():
            self._train(x, samples, epochs, is_task, callback)

    def _train(self, x: Any, samples: _metabnn.Split, epochs: int, is_task: bool, callback: Callback | None) -> None:
        self._take_over()
        trainer = self.network._trainer
        if is_task and isinstance(x, Experience) and x._stream is not None:
            trainer.take_tests(x._stream, x.index)
        was_whole, steps = self._is_whole, trainer.steps
        self._is_whole = False
        try:
            if callback is None:
                trainer.learn(samples, epochs, is_task)
            else:
                for epoch in range(epochs):
                    callback(trainer.learn_epoch(samples, epochs, is_task, epoch))
            self._is_whole = True
        finally:
            # What was refused before its first step changed nothing.
            self._is_whole |= was_whole and trainer.steps == steps
        self._lessons += 1
        self._lessons_of.append(samples.id() if is_task else None)

    def evaluate(self, stream: Stream | Dataset) -> NDArray[np.float64]:
        """Accuracy in [0, 1] on every test of the stream, (tests,), or on that of a data set, (1,); a row of
        `accuracy_matrix`, if no training is going on or was stopped.

        In the scenario "task", a test whose experience was learned, at whatever place, is taken with the batch-norm state
        of the end of its last training, every other one with the present state.
        """
        stream = as_stream(stream)
        row = np.array(self.network._trainer.evaluate_stream(stream._stream))
        if self._is_whole:
            self._rows.setdefault(self._lessons, {}).update(zip(stream._columns, row.tolist()))
        return row

    @property
    def accuracy_matrix(self) -> NDArray[np.float64]:
        """What `evaluate` gave: a row for each training after which it was called, in that order, and a column for each
        test, in the order in which they came first; NaN where a test was not taken after a training.
        """
        rows = [row for lessons, row in sorted(self._rows.items()) if lessons > 0]
        columns = list(dict.fromkeys(column for row in rows for column in row))
        matrix = [[row.get(column, np.nan) for column in columns] for row in rows]
        return np.array(matrix, dtype=np.float64).reshape(len(rows), len(columns))

    def metrics(self, stream: Stream | Dataset) -> dict[str, float | None]:
        """Average accuracy, forgetting, backward and forward transfer over the tests of `stream`, in whatever order its
        experiences were learned, once, several times or not at all; None where one is not defined.

        `evaluate` has to have been called with these tests after every training, and before the first one for forward
        transfer.
        """
        stream = as_stream(stream)

        def row(lessons: int) -> list[float] | None:
            found = self._rows.get(lessons, {})
            columns = stream._columns
            return [found[column] for column in columns] if all(column in found for column in columns) else None

        rows = [row(lesson + 1) for lesson in range(self._lessons)]
        if any(one is None for one in rows):
            raise ValueError("evaluate(stream) has to be called after every training")
        trained = [None if id is None else stream._column(id) for id in self._lessons_of]
        found: dict[str, float | None] = json.loads(
            _metabnn.matrix_metrics(row(0), [one for one in rows if one is not None], trained))
        return found


def with_rule(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings with the paper's rule, where they name no other one."""
    return settings if "rule.name" in settings else {"rule.name": "metaplastic", "rule.m": 1.35, **settings}


def rule_settings(rule: Rule | None, m: Any) -> dict[str, Any]:
    """What rule and m say of the section rule."""
    strength = {} if m is None else {"rule.m": m}
    if rule is None:
        return strength
    if isinstance(rule, str):
        return {"rule.name": rule, **strength}
    if isinstance(rule, Mapping):
        of_rule = flat({"rule": rule})
        if "rule.m" in of_rule and strength:
            raise ValueError(f"m: the rule says it already, {of_rule['rule.m']!r}; give one of them")
        return {**of_rule, **strength}
    if strength:
        raise ValueError("m belongs to the paper's rule: give m, or a rule of your own")
    if isinstance(rule, Curve):
        return rule.settings
    if callable(rule):
        return Curve.of(rule).settings
    raise TypeError(f"rule: a name, a dict, a Curve or a function of the hidden weight, not {type(rule).__name__}")
