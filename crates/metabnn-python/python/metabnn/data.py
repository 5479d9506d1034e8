"""Data sets: those of the catalogue by name, and one's own from arrays."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _metabnn
from ._metabnn import DataError
from ._arguments import whole
from ._samples import MOST_CLASSES, Layout, as_array
from ._samples import split as _split

Folder = str | os.PathLike[str] | None
Pair = tuple[ArrayLike, ArrayLike]


class Dataset:
    """Labelled samples to train on and to test with.

    train, test: pairs (x, y). x: uint8 pixels of shape (samples, pixels), (samples, rows, columns) or (samples,
    channels, rows, columns), taken as p / 255; images of these shapes with real numbers from 0 to 1, as torchvision's
    ToTensor gives them; or real features of shape (samples, features), taken as they are. y: labels 0, 1, ... of shape
    (samples,). classes: number of classes, at most 256; default: what y has. layout: "channels_last" for images (samples,
    rows, columns, channels); what seems to be that is refused where nothing is said.

    Images of real numbers that are no pixels p / 255 are taken as features, as they are, in the order of channels, rows and
    columns.

    Raises DataError where shapes, labels or values are not that, TypeError where they are no numbers.
    """

    def __init__(
        self, train: Pair, test: Pair, *, name: str = "own", classes: int | None = None, layout: Layout = None
    ) -> None:
        train, test = _pair("train", train), _pair("test", test)
        if classes is None:
            tops = [int(np.max(y)) + 1 for y in (as_array("y", train[1]), as_array("y", test[1]))
                    if y.size and y.dtype.kind in "iuf" and np.isfinite(y).all()]
            classes = max(1, *tops) if tops else 1
            if classes > MOST_CLASSES:
                raise DataError(f"y: labels from 0 to {MOST_CLASSES - 1}, not {classes - 1}")
        classes = whole("classes", classes, 1, MOST_CLASSES, DataError)
        self._set = _metabnn.Dataset(str(name), _split(*train, classes, layout=layout), _split(*test, classes, layout=layout))

    @classmethod
    def _of(cls, found: _metabnn.Dataset) -> Dataset:
        made = cls.__new__(cls)
        made._set = found
        return made

    @property
    def name(self) -> str:
        """Its name."""
        return self._set.name

    @property
    def train(self) -> tuple[NDArray[Any], NDArray[np.uint8]]:
        """Training samples and their labels."""
        return self._set.train.arrays()

    @property
    def test(self) -> tuple[NDArray[Any], NDArray[np.uint8]]:
        """Test samples and their labels."""
        return self._set.test.arrays()

    def __repr__(self) -> str:
        of = self._set.train
        return f"<Dataset {self.name}: {len(of)} + {len(self._set.test)} samples, {of.classes} classes>"


def _pair(name: str, pair: Any) -> Pair:
    try:
        x, y = pair
    except (TypeError, ValueError):
        raise TypeError(f"{name}: a pair (x, y) of samples and labels, not {type(pair).__name__}") from None
    return x, y


def load(name: str, folder: Folder = None) -> Dataset:
    """The data set of this name in the catalogue, or the features in the file of this path.

    folder: where data sets are; default: that of the variable METABNN_DATA, then the user's cache. Raises
    FileNotFoundError if it is not there, which says what would download it; DataError if its files are damaged.
    """
    return Dataset._of(_metabnn.load(name, folder))


def fetch(name: str, folder: Folder = None, *, mirrors: list[str] | None = None) -> list[os.PathLike[str]]:
    """Downloads a data set, going on with what was interrupted; gives the paths of its files."""
    return list(_metabnn.fetch(name, folder, mirrors or []))


def verify(name: str, folder: Folder = None) -> list[dict[str, Any]]:
    """Compares the files of a data set with their checksums: a dict with path, right and state for each."""
    found: list[dict[str, Any]] = json.loads(_metabnn.verify(name, folder))
    return found


def catalogue() -> list[dict[str, Any]]:
    """The data sets there are: a dict with name, title, sizes and numbers of samples for each."""
    found: list[dict[str, Any]] = json.loads(_metabnn.catalogue())
    return found
