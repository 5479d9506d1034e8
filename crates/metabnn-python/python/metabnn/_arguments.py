"""Arguments: what is meant is taken, whatever its type; anything else is refused with the argument's name."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np

from . import _metabnn

#: Most of whatever is counted: epochs, samples.
MOST = 2**30
MOST_SEED = 2**63 - 1
MOST_THREADS = 1024


def whole(name: str, value: Any, least: int, most: int, error: type[ValueError] = ValueError) -> int:
    """A whole number within a range, of Python or of NumPy."""
    is_whole = isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))
    if not (is_whole and least <= value <= most):
        raise error(f"{name}: a whole number from {least} to {most}, not {value!r}")
    return int(value)


def real(name: str, value: Any, least: float) -> float:
    """A finite number >= `least`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"{name}: a number, not {value!r}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and number >= least):
        raise ValueError(f"{name}: a finite number >= {least:g}, not {value!r}")
    return number


def function(name: str, value: Any) -> None:
    """What can be called, or None."""
    if value is not None and not callable(value):
        raise TypeError(f"{name}: a function, not {type(value).__name__}")


def set_threads(threads: int) -> None:
    """Sets the number of threads that work goes over from now on, 1 to 1024; at first there is one per core.

    It changes no result. Networks that were made before take their new threads when they are next used. Raises ValueError
    for another number.
    """
    _metabnn.set_threads(whole("threads", threads, 1, MOST_THREADS))
