"""A rule of one's own: how plastic a synapse is, as a function of its hidden value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _metabnn
from ._arguments import real, whole
from ._samples import as_array


class Curve:
    """Plasticity as it was measured: what a device researcher has in hand.

    hidden: hidden values W^h at which it was measured, (points), strictly increasing, 2 to 4097 of them, in units of
    hidden weight. up, down: factors >= 0 that an update is multiplied by where it raises and where it lowers W^h,
    (points) each; linear between the points, constant beyond the first and the last.

    It is put once into a table of equally spaced points, so that training with it is as fast as with the built-in rule.
    `error` is the largest difference between that table and what was given: for points, exactly; for a function
    (`Curve.of`), the largest seen at four places within each interval.

    Raises RecipeError (a ValueError) that says which points are wrong.
    """

    def __init__(self, hidden: ArrayLike, up: ArrayLike, down: ArrayLike) -> None:
        self.hidden, self.up, self.down = (_points(name, one)
                                           for name, one in (("hidden", hidden), ("up", up), ("down", down)))
        self.error = float(_metabnn.curve_error(self.hidden.tolist(), self.up.tolist(), self.down.tolist()))

    @classmethod
    def of(
        cls, plasticity: Callable[[NDArray[np.float64]], ArrayLike], *, reach: float = 4.0, intervals: int = 1024
    ) -> Curve:
        """The curve of a metaplasticity function f(W^h): an update that would shrink |W^h| is multiplied by f(W^h).

        f is called with an array, or, if it cannot take one, number by number; it is sampled at equally spaced points
        over [-reach, reach] and taken as constant beyond. Linear interpolation is then wrong by at most
        h^2 / 8 max|f''|, with h = 2 reach / intervals the distance of the points: for the paper's rule with m = 1.35
        and the defaults, 2.8e-5.
        """
        if not callable(plasticity):
            raise TypeError(f"plasticity: a function of the hidden weight, not {type(plasticity).__name__}")
        if not (reach := real("reach", reach, 0)) > 0:
            raise ValueError(f"reach: a finite number > 0, not {reach}")
        intervals = whole("intervals", intervals, 2, 4096)
        hidden = np.linspace(-reach, reach, intervals + 1)
        factors = _call(plasticity, hidden)
        curve = cls(hidden, np.where(hidden < 0, factors, 1.0), np.where(hidden > 0, factors, 1.0))
        between = np.concatenate([hidden[:-1] + share * np.diff(hidden) for share in (0.2, 0.4, 0.6, 0.8)])
        seen = np.abs(np.interp(between, hidden, factors) - _call(plasticity, between)).max()
        curve.error = float(max(curve.error, seen))
        return curve

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a recipe with this rule: {"rule.name": "curve", "rule.hidden": [...], ...}."""
        points = {f"rule.{name}": getattr(self, name).tolist() for name in ("hidden", "up", "down")}
        return {"rule.name": "curve", **points}

    def __repr__(self) -> str:
        return (f"<Curve of {len(self.hidden)} points from {self.hidden[0]:g} to {self.hidden[-1]:g}, "
                f"error {self.error:.1e}>")


def _points(name: str, values: ArrayLike) -> NDArray[np.float32]:
    array = as_array(name, values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: real numbers, not {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"{name}: numbers of shape (points,), not {array.shape}")
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def _call(plasticity: Callable[[NDArray[np.float64]], ArrayLike], at: NDArray[np.float64]) -> NDArray[np.float64]:
    try:
        factors = np.asarray(plasticity(at), dtype=np.float64)
    except (TypeError, ValueError):
        # A function of one number, with a condition in it, say.
        factors = np.empty(0)
    if factors.shape != at.shape:
        one_by_one: Any = plasticity
        try:
            found = [one_by_one(float(one)) for one in at]
        except TypeError as error:
            raise TypeError(f"plasticity: {plasticity!r} is no function of a hidden weight") from error
        try:
            factors = np.array([float(one) for one in found])
        except (TypeError, ValueError):
            raise ValueError(f"plasticity: gives a number for a hidden weight, not {found[0]!r}") from None
    return factors
