"""The names of file formats and what they are, in docstrings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from . import _metabnn

MODELS, RESULTS = _metabnn.export_formats()

Function = TypeVar("Function", bound=Callable[..., Any])


def lists(formats: Mapping[str, str]) -> Callable[[Function], Function]:
    """Puts the formats in place of {formats} in the docstring of a function."""

    def fill(function: Function) -> Function:
        listed = "; ".join(f'"{name}", {what}' for name, what in formats.items())
        if function.__doc__:
            function.__doc__ = function.__doc__.replace("{formats}", listed)
        return function

    return fill
