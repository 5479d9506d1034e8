"""Values of Python as the settings of a recipe, which are TOML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from reprlib import repr  # short, whatever it is of
from typing import Any, NamedTuple

import numpy as np

from ._metabnn import RecipeError

Changes = list[tuple[str, str]]

_RECIPES = "in recipes alone (metabnn.run)"
#: Where settings act, group by group, the smaller group first.
_WHERE = {
    "data": f"{_RECIPES}: arrays are taken as they are",
    "tasks.scenario": "in Trainer(scenario=...)",
    "tasks": f"in metabnn.tasks, as arguments of its streams, and {_RECIPES}",
    "network": "in Network(settings=...)",
    "norm": "in Network(settings=...)",
    "seed": "in Network(seed=...)",
    "rule": "in Trainer(rule=...)",
    "optimizer": "in Trainer(settings=...)",
    "schedule.evaluate": f"{_RECIPES}: Trainer.evaluate is called when you want it",
    "schedule.evaluate_train": f"{_RECIPES}: Network.evaluate takes training samples as well",
    "schedule.test_batch": "in Trainer(settings=...)",
    "schedule": "in Trainer(epochs=..., batch=...)",
    **dict.fromkeys(("analysis", "vary", "arm", "preset", "name", "title", "shows", "cost"), _RECIPES),
}


class Entry(NamedTuple):
    """What takes settings: which of them act there, and which of its arguments say the same."""

    name: str
    #: Keys and sections that act there.
    acts: tuple[str, ...]
    #: Arguments by the settings that they are.
    arguments: Mapping[str, str]

    def chosen(self, settings: Mapping[str, Any] | None, said: Mapping[str, Any]) -> dict[str, Any]:
        """`said`, what the caller's arguments say, and `settings` besides, by their dotted keys.

        Raises RecipeError that names a setting that would have no effect: one that acts elsewhere, or that an argument
        says already.
        """
        given = flat(settings or {})
        for key, value in given.items():
            if key in said:
                argument = self.arguments.get(key, "rule")
                raise RecipeError(f"{key}: {argument}={repr(said[key])} says it already, and {repr(value)} beside it would "
                                  f"have no effect; give one of them")
            if not self.takes(key):
                where = next((where for group, where in _WHERE.items() if _is_in(key, group)), None)
                # A key that is none is refused with those that there are.
                if where is not None:
                    raise RecipeError(f"{key}: has no effect in {self.name}; it acts {where}")
        return {**said, **given}

    def takes(self, key: str) -> bool:
        """Whether a setting acts here."""
        return key in self.arguments or any(_is_in(key, group) for group in self.acts)


def _is_in(key: str, group: str) -> bool:
    return key == group or key.startswith(f"{group}.")


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
    if hasattr(value, "tolist"):
        # Arrays, and what is like them.
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
        inner = flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
        for key in inner.keys() & found.keys():
            raise RecipeError(f"{key}: is in settings twice, as {repr(found[key])} and as {repr(inner[key])}; give it once")
        found.update(inner)
    return found


def recipe_text(recipe: Mapping[str, Any]) -> str:
    """A recipe given as a dict, as the text of a TOML file."""
    return "".join(f"{literal(str(key), 'recipe')} = {literal(value, str(key))}\n" for key, value in recipe.items())
