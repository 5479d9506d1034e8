"""Networks: weights, states, predictions."""

from __future__ import annotations

import json
import os
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _metabnn
from ._arguments import MOST, whole
from ._formats import MODELS, lists
from ._samples import MOST_CLASSES, Layout, check_layout, has_channels_last, split
from ._settings import Entry, changes, flat
from .data import Dataset
from .tasks import Experience, Stream, Test, as_stream

#: Samples: an array, or an experience or a test of a stream.
Samples = ArrayLike | Experience | Test
#: A task that a network has learned: its number, counted from 0, or an experience or a test of a stream.
Task = int | Experience | Test


class Learned(NamedTuple):
    """An experience that a network has learned."""

    #: What it is made of: `Experience.id`.
    id: str
    name: str
    #: The trainings in which it was learned, counted from 1 over all experiences.
    trainings: tuple[int, ...]
    #: Whether the batch-norm state of the end of the last of them is kept: in the scenario "task".
    has_state: bool
    #: Its pixel order: input i of the network is value order[i] of a sample; None where it is as it is.
    order: NDArray[np.uint32] | None


#: Most values of a sample.
MOST_VALUES = 2**24
#: The settings of a network; the others say how it is trained, and on what.
ENTRY = Entry("a Network", ("network", "norm"), {"network.hidden": "hidden", "seed": "seed"})


def with_statistics(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of batch norm with which a prediction does not depend on what else is predicted: exact statistics of the
    training samples. Recipes take those of the test batch by default, as the paper's code does."""
    is_batch = settings.get("norm.kind", "batch") == "batch"
    return {"norm.statistics": "recalibrated", **settings} if is_batch else settings


class Network:
    """A binarized network, or its full-precision control.

    shape: what a sample is: a number of features, (rows, columns) or (channels, rows, columns); with layout =
    "channels_last", (rows, columns, channels). classes: 1 to 256.
    hidden: units of each hidden layer, by default (512, 512). seed: of the initial weights and of all that is drawn in
    training, by default 0. settings: any other setting of the sections network and norm by its key, such as
    {"norm.kind": "instance"} or {"network.precision": "full-precision"}; `metabnn.show({})["toml"]` has them all.
    Defaults are those of recipes, but for norm.statistics: "recalibrated", the exact statistics of the training samples,
    so that no prediction depends on what else is predicted; recipes take those of the test batch, as the paper's code does.

    Raises RecipeError (a ValueError) that names the setting that is wrong, and what it takes; or, of one that would have no
    effect here, where it acts.

    It starts untrained; a Trainer trains it. It can be pickled. Any number of threads may use it: they wait for each other,
    and what they ask of it while it learns raises RuntimeError.
    """

    def __init__(
        self,
        shape: int | Sequence[int],
        classes: int,
        *,
        hidden: Sequence[int] | None = None,
        seed: int | None = None,
        settings: Mapping[str, Any] | None = None,
        layout: Layout = None,
    ) -> None:
        given = {"network.hidden": hidden, "seed": seed}
        said = {key: value for key, value in given.items() if value is not None}
        chosen = {"network.hidden": (512, 512), "seed": 0, **ENTRY.chosen(settings, said)}
        self._settings = with_statistics(chosen)
        classes = whole("classes", classes, 1, MOST_CLASSES, _metabnn.DataError)
        self._take(_metabnn.Trainer(changes(self._settings), _sizes(shape, layout), classes))

    def _take(self, trainer: _metabnn.Trainer) -> None:
        self._trainer = trainer
        #: The Trainer whose rule and optimizer it has, if there still is one.
        self._driver: weakref.ref[Any] | None = None
        #: Channels, rows and columns of a sample.
        self.shape: tuple[int, int, int] = trainer.shape
        #: Number of classes.
        self.classes: int = trainer.classes
        network = self.settings["network"]
        #: Units of each hidden layer, channels of convolutions first.
        self._widths: list[int] = [*network["channels"], *network["hidden"]]
        self._lock = threading.Lock()

    @classmethod
    def _of(cls, trainer: _metabnn.Trainer) -> Network:
        made = cls.__new__(cls)
        made._take(trainer)
        made._settings = {key: value for key, value in flat(made.settings).items() if ENTRY.takes(key)}
        return made

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """A training from its beginning to its end: another one, of another thread or of a callback, is refused meanwhile."""
        if not self._lock.acquire(blocking=False):
            raise RuntimeError("the network is learning just now, in another call")
        try:
            yield
        finally:
            self._lock.release()

    @property
    def steps(self) -> int:
        """Training steps done."""
        return self._trainer.steps

    @property
    def tasks(self) -> int:
        """Tasks whose batch-norm states are kept."""
        return sum(one.has_state for one in self.experiences)

    @property
    def experiences(self) -> list[Learned]:
        """What it has learned, in the order in which each experience was learned first: task 0, 1, ..."""
        return [Learned(id, name, tuple(trainings), has_state, order)
                for id, name, trainings, has_state, order in self._trainer.experiences()]

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting, section by section."""
        found: dict[str, Any] = json.loads(self._trainer.settings())
        return found

    @property
    def hidden_weights(self) -> list[NDArray[np.float32]]:
        """W^h of each layer, (out, in); of a convolution (out, in, kernel, kernel). Copies."""
        return self._trainer.hidden_weights()

    @property
    def binary_weights(self) -> list[NDArray[np.int8]]:
        """W^b = sign(W^h) of each layer, +1 or -1 (of 0: +1), in the same shapes."""
        return self._trainer.binary_weights()

    def norm_states(self, task: Task | None = None) -> list[dict[str, NDArray[np.float32]]]:
        """Batch norm of each layer: gamma, beta, mean and variance, (out) each; as they are, or were after `task`.

        Raises IndexError if it has not learned that task.
        """
        return self._trainer.norm_states(self._task(task))

    def logits(self, x: Samples, task: Task | None = None, *, layout: Layout = None) -> NDArray[np.float32]:
        """Outputs for x, (samples, classes).

        x: samples, of the shapes that `metabnn.data.Dataset` takes, or an experience or a test of a stream. layout:
        "channels_last" for images (samples, rows, columns, channels).
        task: the task that x belongs to, where that is known: a number, counted from 0 over `experiences`, or an experience
        or a test of a stream. Then x is seen as that task sees it: with the batch-norm state that it had at its end and,
        if x is an array of samples as they are in the data set, with their values in its order; so do the exported C
        header and packed models. None: with the present batch-norm state, and x as it is.

        Raises IndexError if it has not learned that task.
        """
        samples, in_order = self._samples(x, layout=layout)
        return self._trainer.logits(samples, self._task(task), in_order)

    def predict(self, x: Samples, task: Task | None = None, *, layout: Layout = None) -> NDArray[np.int64]:
        """The class of each sample, (samples,): the first one of the largest outputs. x, task and layout: see `logits`."""
        classes: NDArray[np.int64] = self.logits(x, task, layout=layout).argmax(axis=1)
        return classes

    def predict_proba(self, x: Samples, task: Task | None = None, *, layout: Layout = None) -> NDArray[np.float64]:
        """The softmax of the outputs, (samples, classes). x, task and layout: see `logits`."""
        return softmax(self.logits(x, task, layout=layout))

    def evaluate(
        self, x: Samples | Dataset, y: ArrayLike | None = None, task: Task | None = None, *, layout: Layout = None
    ) -> tuple[float, float]:
        """Accuracy in [0, 1] and mean cross-entropy in nats, with labels y, (samples,). x, task and layout: see `logits`; x
        may also be a data set, whose test samples are taken then.
        """
        if isinstance(x, Dataset):
            x = as_stream(x).tests[0]
        samples, in_order = self._samples(x, y, layout, is_labelled=True)
        return self._trainer.evaluate(samples, self._task(task), in_order)

    def _samples(
        self, x: Samples, y: ArrayLike | None = None, layout: Layout = None, is_labelled: bool = False
    ) -> tuple[_metabnn.Split, bool]:
        """Samples, and whether their values are in their task's order already."""
        if isinstance(x, (Experience, Test)):
            if y is not None:
                raise TypeError("an experience or a test brings its own labels")
            if layout is not None:
                raise TypeError("layout: an experience or a test brings its own")
            return (x._split if isinstance(x, Experience) else x.samples), True
        if isinstance(x, (Stream, Dataset)):
            raise TypeError(f"x: an array, an experience or a test, not a {type(x).__name__}, which has several of them")
        if y is None and is_labelled:
            raise TypeError("x is an array: labels y are needed")
        return split(x, y, self.classes, layout=layout, shape=self.shape), False

    def _task(self, task: Task | None) -> int | None:
        """The number of a task among the experiences that it has learned."""
        if task is None:
            return None
        if isinstance(task, (Experience, Test)):
            wanted = task.id if isinstance(task, Experience) else task.experience
            for number, one in enumerate(self.experiences):
                if one.id == wanted:
                    return number
            raise IndexError(f"the network has not learned {task.name}")
        if isinstance(task, bool) or not isinstance(task, (int, np.integer)):
            raise TypeError(f"task: a number counted from 0, an experience or a test, not {type(task).__name__}")
        if not 0 <= task <= MOST:
            raise IndexError(f"task: a number counted from 0, not {task}")
        return int(task)

    def to_bytes(self, stream: Stream | None = None) -> bytes:
        """The bytes of a model.safetensors, as `metabnn run` writes them, with all that it has learned.

        stream: the tests that it is to be judged by; else those of the file that it was read from, and those of the
        experiences that it has learned since. Raises TrainingError if it has diverged.
        """
        return self._trainer.model(None if stream is None else as_stream(stream)._stream)

    def save(self, path: str | os.PathLike[str], stream: Stream | None = None) -> None:
        """Writes a model.safetensors: what testing needs, without the optimizer (pickle keeps that as well)."""
        _write(Path(path), self.to_bytes(stream))

    @lists(MODELS)
    def export(
        self, path: str | os.PathLike[str], to: str = "packed", stream: Stream | None = None
    ) -> dict[str, Any]:
        """Writes the network for a device or for other programs; gives what `metabnn export` says of it.

        to: {formats}. The functions of a C header are named after the file. stream: the tests whose batch norms and
        pixel orders go with it; else as in `to_bytes`. Of a format for devices, the dict has `states`, in the order in which
        they are numbered, and `costs`: bytes and operations of an inference; it is compared with the network before it is
        written.

        Raises ModelError where a network cannot be packed, and says why: one of full precision, with convolutions, on
        features, or with the statistics of the test batch.
        """
        content, said = _metabnn.export_model(self.to_bytes(stream), to, Path(path).stem)
        _write(Path(path), content)
        found: dict[str, Any] = json.loads(said)
        return found

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Network:
        """Reads a model.safetensors. Raises ModelError (a ValueError) that says what is wrong with it."""
        return cls.from_bytes(Path(path).read_bytes())

    @classmethod
    def from_bytes(cls, data: bytes) -> Network:
        """A network from the bytes of a model.safetensors."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data: the bytes of a model.safetensors, not {type(data).__name__}")
        return cls._of(_metabnn.Trainer.of_model(bytes(data)))

    def __getstate__(self) -> dict[str, Any]:
        # "learner": as in pickles of before.
        return {"settings": self._settings, "learner": self._trainer.to_bytes(),
                "tests": self._trainer.tests_to_json()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._settings = state["settings"]
        self._take(_metabnn.Trainer.of_bytes(state["learner"], state.get("tests")))

    def __repr__(self) -> str:
        hidden = "-".join(map(str, self._widths))
        inputs = int(np.prod(self.shape))
        return f"<Network {inputs}-{hidden}{'-' if hidden else ''}{self.classes}, {self.steps} steps>"


def _sizes(shape: int | Sequence[int], layout: Layout) -> tuple[int, int, int]:
    check_layout(layout)
    if not isinstance(shape, (int, np.integer, Sequence, np.ndarray)) or isinstance(shape, (str, bytes)):
        raise TypeError(f"shape: a whole number or several, not {shape!r}")
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if not 1 <= len(sizes) <= 3:
        raise _metabnn.DataError(f"shape: features, (rows, columns) or (channels, rows, columns), not {shape}")
    if layout is not None and len(sizes) != 3:
        raise _metabnn.DataError(f"layout: is of images with channels, not of samples of shape {shape}")
    one, two, three = (1,) * (3 - len(sizes)) + tuple(whole("shape", size, 1, MOST_VALUES, _metabnn.DataError) for size in sizes)
    if layout == "channels_last":
        return three, one, two
    if layout is None and len(sizes) == 3 and has_channels_last((one, two, three)):
        raise _metabnn.DataError(
            f"shape: {sizes} has its channels last, it seems: layout=\"channels_last\" takes it as {one}x{two} pixels in "
            f"{three} channels, layout=\"channels_first\" as {two}x{three} pixels in {one} channels")
    return one, two, three


def _write(path: Path, content: bytes) -> None:
    """Writes a file beside its place, then renames it: what was there before stays if this fails."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """exp(z) / sum exp(z), row by row."""
    z = np.asarray(logits, dtype=np.float64)
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares
