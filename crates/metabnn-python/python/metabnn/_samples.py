"""Arrays as the samples that networks take."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._metabnn import DataError, Split

MOST_CLASSES = 256


def values(x: ArrayLike) -> NDArray[Any]:
    """Samples as a row-major array: 8-bit pixels (taken as p / 255) stay what they are, other numbers become float32.

    Shapes: (samples, features); of pixels also (samples, rows, columns) and (samples, channels, rows, columns).
    Raises TypeError where the values are no real numbers, DataError (a ValueError) where they have another shape or are
    not finite.
    """
    array = np.asarray(x)
    if array.dtype == np.uint8:
        if array.ndim not in (2, 3, 4):
            raise DataError(f"x: 8-bit images of shape (samples, pixels), (samples, rows, columns) or "
                            f"(samples, channels, rows, columns), not {array.shape}")
        return np.ascontiguousarray(array)
    if array.dtype == object:
        array = _numbers(array)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"x: real numbers or 8-bit pixels, not {array.dtype}")
    if array.ndim != 2:
        raise DataError(f"x: features of shape (samples, features), not {array.shape}; pixels are uint8")
    with np.errstate(over="ignore"):
        features = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(features).all():
        what = "NaN" if np.isnan(features).any() else "infinity, or a number too large for 32 bits"
        row, column = np.argwhere(~np.isfinite(features))[0]
        raise DataError(f"x: {what} in row {row}, column {column} (counting from 0)")
    return features


def _numbers(array: NDArray[Any]) -> NDArray[np.float64]:
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"x: real numbers or 8-bit pixels, not objects: {error}") from None


def labels(y: ArrayLike, count: int, classes: int | None) -> tuple[NDArray[np.uint8], int]:
    """Labels 0, 1, ... as bytes, and the number of classes: `classes`, or one more than the largest label."""
    array = np.asarray(y)
    if array.ndim != 1:
        raise DataError(f"y: labels of shape (samples,), not {array.shape}")
    if len(array) != count:
        raise DataError(f"y: {len(array)} labels of {count} samples")
    if array.dtype.kind == "f" and np.isfinite(array).all() and (array == np.floor(array)).all():
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"y: whole numbers from 0, not {array.dtype}; MetaplasticClassifier takes labels of any kind")
    most = MOST_CLASSES if classes is None else classes
    if len(array) and not (0 <= int(array.min()) and int(array.max()) < most):
        wrong = int(array.min()) if int(array.min()) < 0 else int(array.max())
        raise DataError(f"y: labels from 0 to {most - 1}, not {wrong}")
    if classes is None:
        classes = int(array.max()) + 1 if len(array) else 1
    return array.astype(np.uint8), classes


def split(x: ArrayLike, y: ArrayLike | None = None, classes: int | None = None) -> Split:
    """Samples and labels as a network takes them; without labels, all are 0."""
    array = values(x)
    if y is None:
        return Split(array, bytes(len(array)), classes or 1)
    of, classes = labels(y, len(array), classes)
    return Split(array, of.tobytes(), classes)
