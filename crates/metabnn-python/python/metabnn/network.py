"""Networks: weights, states, predictions."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _metabnn
from ._samples import split
from ._settings import changes, flat
from .tasks import Stream


#: The settings that make a network; the others say how it is trained, and on what.
SECTIONS = ("network", "norm", "seed")


def with_statistics(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of batch norm with which a prediction does not depend on what else is predicted: exact statistics of the
    training samples. Recipes take those of the test batch by default, as the paper's code does."""
    is_batch = settings.get("norm.kind", "batch") == "batch"
    return {"norm.statistics": "recalibrated", **settings} if is_batch else settings


class Network:
    """A binarized network, or its full-precision control.

    shape: what a sample is: a number of features, (rows, columns) or (channels, rows, columns). classes: 1 to 256.
    hidden: units of each hidden layer. seed: of the initial weights and of all that is drawn in training. settings:
    any other setting of the sections network, norm and data by its key, such as {"norm.kind": "instance"} or
    {"network.precision": "full-precision"}; `metabnn show quickstart` prints them all. Defaults are those of recipes, but
    for norm.statistics: "recalibrated", the exact statistics of the training samples, so that no prediction depends on
    what else is predicted; recipes take those of the test batch, as the paper's code does.

    Raises RecipeError (a ValueError) that names the setting that is wrong, and what it takes.

    It starts untrained; a Trainer trains it. It can be pickled.
    """

    def __init__(
        self,
        shape: int | Sequence[int],
        classes: int,
        *,
        hidden: Sequence[int] = (512, 512),
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self._settings = with_statistics({"network.hidden": hidden, "seed": seed, **flat(settings or {})})
        self._take(_metabnn.Learner(changes(self._settings), _sizes(shape), classes))

    def _take(self, learner: _metabnn.Learner) -> None:
        self._learner = learner
        #: Channels, rows and columns of a sample.
        self.shape: tuple[int, int, int] = learner.shape
        #: Number of classes.
        self.classes: int = learner.classes

    @classmethod
    def _of(cls, learner: _metabnn.Learner) -> Network:
        made = cls.__new__(cls)
        made._take(learner)
        own = {key: value for key, value in flat(made.settings).items() if key.split(".")[0] in SECTIONS}
        made._settings = own
        return made

    @property
    def steps(self) -> int:
        """Training steps done."""
        return self._learner.steps

    @property
    def tasks(self) -> int:
        """Tasks whose batch-norm states are kept."""
        return self._learner.remembered

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting, section by section."""
        found: dict[str, Any] = json.loads(self._learner.settings())
        return found

    @property
    def hidden_weights(self) -> list[NDArray[np.float32]]:
        """W^h of each layer, (out, in); of a convolution (out, in, kernel, kernel). Copies."""
        return self._learner.hidden_weights()

    @property
    def binary_weights(self) -> list[NDArray[np.int8]]:
        """W^b = sign(W^h) of each layer, +1 or -1 (of 0: +1), in the same shapes."""
        return self._learner.binary_weights()

    def norm_states(self, task: int | None = None) -> list[dict[str, NDArray[np.float32]]]:
        """Batch norm of each layer: gamma, beta, mean and variance, (out) each; as they are, or were after `task`.

        Raises IndexError if there is no state of that task, counted from 0.
        """
        return self._learner.norm_states(task)

    def logits(self, x: ArrayLike, task: int | None = None) -> NDArray[np.float32]:
        """Outputs for x, (samples, classes), with the present batch-norm state or that of `task`, counted from 0."""
        return self._learner.logits(split(x, classes=self.classes), task)

    def predict(self, x: ArrayLike, task: int | None = None) -> NDArray[np.int64]:
        """The class of each sample, (samples,): the first one of the largest outputs."""
        classes: NDArray[np.int64] = self.logits(x, task).argmax(axis=1)
        return classes

    def predict_proba(self, x: ArrayLike, task: int | None = None) -> NDArray[np.float64]:
        """The softmax of the outputs, (samples, classes)."""
        return softmax(self.logits(x, task))

    def evaluate(self, x: ArrayLike, y: ArrayLike, task: int | None = None) -> tuple[float, float]:
        """Accuracy in [0, 1] and mean cross-entropy in nats."""
        return self._learner.evaluate(split(x, y, self.classes), task)

    def to_bytes(self, stream: Stream | None = None) -> bytes:
        """The bytes of a model.safetensors, as `metabnn run` writes them; with the tests of `stream`, if given."""
        return self._learner.model(None if stream is None else stream._stream)

    def save(self, path: str | os.PathLike[str], stream: Stream | None = None) -> None:
        """Writes a model.safetensors: what testing needs, without the optimizer (pickle keeps that as well)."""
        _write(Path(path), self.to_bytes(stream))

    def export(
        self, path: str | os.PathLike[str], to: str = "packed", stream: Stream | None = None
    ) -> dict[str, Any]:
        """Writes the network for a device or for other programs; gives what `metabnn export` says of it.

        to: "packed", a file for the crate metabnn-infer, "c-header", a header in C99 whose functions are named after the
        file, or "npz", NumPy arrays. stream: the tests whose batch norms and pixel orders go with it. Of the first two,
        the dict has `states`, in the order in which they are numbered, and `costs`: bytes and operations of an inference;
        they are compared with the network before they are written.

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
        return cls._of(_metabnn.Learner.of_model(bytes(data)))

    def __getstate__(self) -> dict[str, Any]:
        return {"settings": self._settings, "learner": self._learner.to_bytes()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._settings = state["settings"]
        self._take(_metabnn.Learner.of_bytes(state["learner"]))

    def __repr__(self) -> str:
        hidden = "-".join(str(weights.shape[0]) for weights in self.hidden_weights[:-1])
        inputs = int(np.prod(self.shape))
        return f"<Network {inputs}-{hidden}{'-' if hidden else ''}{self.classes}, {self.steps} steps>"


def _sizes(shape: int | Sequence[int]) -> tuple[int, int, int]:
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if not 1 <= len(sizes) <= 3:
        raise _metabnn.DataError(f"shape: features, (rows, columns) or (channels, rows, columns), not {shape}")
    one, two, three = (1,) * (3 - len(sizes)) + tuple(int(size) for size in sizes)
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
