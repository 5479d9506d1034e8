"""Arrays as the samples that networks take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._metabnn import DataError, Split

MOST_CLASSES = 256

#: Where images with channels have them; None: first, where that can be.
Layout = Literal["channels_first", "channels_last"] | None
Shape = tuple[int, int, int]

#: How far a pixel may be from a whole number: what rounding to 32 bits and back makes of it.
_ROUNDING = 255 * float(np.finfo(np.float32).eps)


def values(x: ArrayLike, layout: Layout = None, shape: Shape | None = None) -> NDArray[Any]:
    """Samples as a row-major array: 8-bit pixels, and images of real numbers p / 255 as their pixels p; other numbers
    become float32.

    Shapes: (samples, features); of images also (samples, rows, columns) and (samples, channels, rows, columns), or, with
    `layout` = "channels_last", (samples, rows, columns, channels). `shape`: that of the network's samples, if there is one.
    Raises TypeError where the values are no real numbers, DataError (a ValueError) where they have another shape or are
    not finite.
    """
    if np.ma.is_masked(x):
        raise DataError("x: some values are masked; x.filled(value) gives each of them one")
    array = as_array("x", x)
    if array.dtype == object:
        array = _numbers(x, array)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"x: real numbers or 8-bit pixels, not {_kind(x, array)}")
    array = channels_first(array, layout, shape)
    if array.ndim in (3, 4):
        return _image(array)
    if array.ndim != 2:
        raise DataError(f"x: features or pixels of shape (samples, features), images of shape (samples, rows, columns) or "
                        f"(samples, channels, rows, columns), not {array.shape}")
    return np.ascontiguousarray(array) if array.dtype == np.uint8 else _features(array)


def channels_first(array: NDArray[Any], layout: Layout, shape: Shape | None = None) -> NDArray[Any]:
    """Images with their channels before their rows."""
    check_layout(layout)
    if array.ndim != 4:
        if layout is not None:
            raise DataError(f"layout: is of images with channels, (samples, channels, rows, columns) or (samples, rows, "
                            f"columns, channels), not of x of shape {array.shape}")
        return array
    if layout == "channels_last":
        return np.moveaxis(array, 3, 1)
    if layout is None and array.shape[1:] != shape and has_channels_last(array.shape[1:]):
        _, channels, rows, columns = array.shape
        raise DataError(f"x: images of shape {array.shape} have their channels last, it seems: layout=\"channels_last\" takes "
                        f"them as {channels}x{rows} pixels in {columns} channels, layout=\"channels_first\" as "
                        f"{rows}x{columns} pixels in {channels} channels")
    return array


def check_layout(layout: Layout) -> None:
    """Refuses what is no layout."""
    if layout not in (None, "channels_first", "channels_last"):
        raise ValueError(f"layout: \"channels_first\" or \"channels_last\", not {layout!r}")


def has_channels_last(sizes: Sequence[int]) -> bool:
    """Whether these three sizes are probably rows, columns and channels: of a grey image or a colour one, without or with
    transparency."""
    first, _, last = sizes
    return last in (1, 3, 4) and first > last


def _features(array: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        features = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(features).all():
        what = "NaN" if np.isnan(features).any() else "infinity, or a number too large for 32 bits"
        row, column = np.argwhere(~np.isfinite(features))[0]
        raise DataError(f"x: {what} in row {row}, column {column} (counting from 0)")
    return features


def _image(array: NDArray[Any]) -> NDArray[Any]:
    """Images: pixels p, or p / 255 as torchvision's ToTensor gives them; real numbers between those are features."""
    if array.dtype == np.uint8 or array.size == 0:
        return np.ascontiguousarray(array, dtype=np.uint8)
    if array.dtype.kind not in "fb":
        raise DataError(f"x: images of shape {array.shape} are uint8 pixels or real numbers from 0 to 1, not {array.dtype}: "
                        f"x.astype(numpy.uint8) makes pixels of whole numbers from 0 to 255")
    reals = array.astype(np.float64)
    least, greatest = reals.min(), reals.max()
    if not (least >= 0 and greatest <= 1):
        raise DataError(f"x: images of real numbers have them from 0 to 1, as pixels p / 255, not from {least:g} to "
                        f"{greatest:g}; x.reshape(len(x), -1) takes any real numbers, as features")
    pixels = np.rint(255 * reals)
    rounding = max(_ROUNDING, 255 * float(np.finfo(array.dtype).eps) if array.dtype.kind == "f" else 0.0)
    if np.abs(255 * reals - pixels).max() <= rounding:
        return np.ascontiguousarray(pixels, dtype=np.uint8)
    return _features(array.reshape(len(array), -1))


def as_array(name: str, x: Any) -> NDArray[Any]:
    """An array of what is given as one."""
    try:
        return np.asarray(x)
    except ValueError as error:
        raise DataError(f"{name}: makes no array; its rows have to be of one length") from error
    except (RuntimeError, TypeError) as error:
        # A tensor of PyTorch that is elsewhere, or that keeps gradients.
        raise TypeError(f"{name}: makes no array: {error}") from None


def _numbers(x: Any, array: NDArray[Any]) -> NDArray[np.float64]:
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"x: real numbers or 8-bit pixels, not {_kind(x, array)}") from None


def _kind(x: Any, array: NDArray[Any]) -> str:
    """What x is, in a word."""
    inner = type(array.flat[0]).__name__ if array.dtype == object and array.size else str(array.dtype)
    if isinstance(x, np.ndarray):
        return inner
    return f"a {type(x).__name__}" + ("" if array.ndim == 0 else f" of {inner}")


def labels(y: ArrayLike, count: int, classes: int | None) -> tuple[NDArray[np.uint8], int]:
    """Labels 0, 1, ... as bytes, and the number of classes: `classes`, or one more than the largest label."""
    array = as_array("y", y)
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


def split(
    x: ArrayLike,
    y: ArrayLike | None = None,
    classes: int | None = None,
    *,
    layout: Layout = None,
    shape: Shape | None = None,
) -> Split:
    """Samples and labels as a network takes them; without labels, all are 0."""
    array = values(x, layout, shape)
    if y is None:
        return Split(array, bytes(len(array)), classes or 1)
    of, classes = labels(y, len(array), classes)
    return Split(array, of.tobytes(), classes)
