"""Values of Python as the settings of a recipe, which are TOML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

Changes = list[tuple[str, str]]


def literal(value: Any, key: str) -> str:
    """A value as TOML. Of what TOML has no word for, a TypeError names the key."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        return repr(float(value))
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for DEL and for characters beyond 16 bits.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    if isinstance(value, np.ndarray):
        return literal(value.tolist(), key)
    if isinstance(value, Mapping):
        entries = (f"{literal(str(name), key)} = {literal(one, f'{key}.{name}')}" for name, one in value.items())
        return "{ " + ", ".join(entries) + " }"
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray)):
        return "[" + ", ".join(literal(one, key) for one in value) + "]"
    raise TypeError(f"{key}: a setting is a number, a text, a truth value or a list, not {type(value).__name__}")


def changes(settings: Mapping[str, Any] | None) -> Changes:
    """Settings, by key (`"rule.m"`) or section by section, as pairs of key and TOML."""
    pairs: Changes = []
    for key, value in flat(settings or {}).items():
        pairs.append((key, literal(value, key)))
    return pairs


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by their dotted keys."""
    if not isinstance(settings, Mapping):
        raise TypeError(f"settings: a dict such as {{'rule.m': 1.35}}, not {type(settings).__name__}")
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if not isinstance(name, str):
            raise TypeError(f"settings: keys are texts such as 'rule.m', not {name!r}")
        if isinstance(value, Mapping):
            found.update(flat(value, f"{prefix}{name}."))
        else:
            found[prefix + name] = value
    return found


def recipe_text(recipe: Mapping[str, Any]) -> str:
    """A recipe given as a dict, as the text of a TOML file."""
    return "".join(f"{literal(str(key), 'recipe')} = {literal(value, str(key))}\n" for key, value in recipe.items())
