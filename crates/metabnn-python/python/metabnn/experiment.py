"""Recipes, run as the command `metabnn` runs them: the same settings, the same files, the same bits."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import _metabnn
from ._arguments import MOST, MOST_SEED, function, real, whole
from ._formats import RESULTS, lists
from ._metabnn import RecipeError
from ._progress import Bar
from ._settings import changes, flat, recipe_text
from .results import Results

Path_ = str | os.PathLike[str]
#: A name from `recipes()`, the path of a TOML file, or the recipe itself as a dict.
RecipeLike = str | os.PathLike[str] | Mapping[str, Any]


def read(recipe: RecipeLike, settings: Mapping[str, Any] | None = None, seed: int | None = None) -> _metabnn.Recipe:
    """The recipe with its changes, every value checked."""
    only_one("seed", seed, settings)
    seed = None if seed is None else whole("seed", seed, 0, MOST_SEED, RecipeError)
    if not isinstance(recipe, (str, os.PathLike, Mapping)):
        raise TypeError(f"recipe: a name, a path or a dict, not {type(recipe).__name__}")
    if isinstance(recipe, Mapping):
        given = {"name": "own", **recipe}
        return _metabnn.Recipe.read(recipe_text(given), "recipe", changes(settings), seed)
    return _metabnn.Recipe.find(os.fspath(recipe), changes(settings), seed)


def only_one(argument: str, seeds: Any, settings: Mapping[str, Any] | None) -> None:
    """Refuses seeds that an argument and settings both give."""
    for key in ("seed", "vary.seed"):
        if seeds is not None and key in flat(settings or {}):
            raise RecipeError(f"{key}: {argument}= says it already; give one of them")


def default_folder(recipe: _metabnn.Recipe, own: bool) -> Path:
    """`results/RECIPE`, and behind it what was set, as with the command; a recipe of one's `own` has no file that tells two of
    a name apart, which its hash does."""
    return Path("results") / (f"{recipe.label}-{recipe.hash[:8]}" if own else recipe.label)


def run(
    recipe: RecipeLike,
    *,
    out: Path_ | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    data: Path_ | None = None,
    jobs: int = 1,
    fresh: bool = False,
    resume: bool = False,
    checkpoint: float = 60.0,
    tensorboard: bool = False,
    callback: Callable[[dict[str, Any]], object] | None = None,
    progress: bool | None = None,
) -> Results:
    """Runs a recipe, all its arms and its grid, and makes the report: what `metabnn run` does.

    recipe: a name from `recipes()`, the path of a TOML file, or a dict such as {"data": {"sets": ["mnist"]}, "vary":
    {"rule.m": [0, 1.35]}}. out: folder of the results; default: results/RECIPE, and
    behind it what was set: results/quickstart-rule.m=2-seed=1. Runs that are done there are not
    repeated, runs that were begun go on (fresh: all begin anew; resume: refuse if none was begun).
    settings: changes by key, {"rule.m": 1.35, "preset": "quick"}. seed: of every random stream. data: folder of the data
    sets. jobs: runs at work at the same time. checkpoint: seconds between two checkpoints of a run. tensorboard: let a
    file of events grow in each run's folder.
    callback: called with a dict for every event: its `kind` is "started", "progress" (with `evaluations` at the end of an
    epoch), "note" (where settings ask for more than there is; a warning where there is no callback), "analysed", "finished"
    or "failed"; `run` is the number of the run, counted from 0. What it raises, and
    Ctrl-C, makes the runs at work write a checkpoint and stop; the same call goes on from there.
    progress: a bar; default: where tqdm is installed and somebody looks.

    Raises RecipeError, DataError, FileNotFoundError for data that are not there, TrainingError when a loss is no longer
    finite, ExperimentError when some of the runs failed, OSError when results cannot be written.
    """
    jobs, checkpoint = whole("jobs", jobs, 1, MOST), real("checkpoint", checkpoint, 0)
    function("callback", callback)
    chosen = read(recipe, settings, seed)
    folder = default_folder(chosen, isinstance(recipe, Mapping)) if out is None else Path(out)
    noted: set[str] = set()
    with Bar(progress) as bar:

        def hear(text: str) -> None:
            event: dict[str, Any] = json.loads(text)
            bar.show(event)
            # Runs of a grid have them in common.
            if event["kind"] == "note" and callback is None and event["note"] not in noted:
                noted.add(event["note"])
                warnings.warn(event["note"], stacklevel=2)
            if callback is not None:
                callback(event)

        _metabnn.run(chosen, folder, data=data, fresh=fresh, resume=resume, jobs=jobs, checkpoint_every=checkpoint,
                     tensorboard=tensorboard, on_event=hear)
    return Results(folder)


def recipes() -> list[dict[str, Any]]:
    """The built-in recipes: a dict with name, title, what it shows, cost and presets for each."""
    found: list[dict[str, Any]] = json.loads(_metabnn.recipes())
    return found


def show(
    recipe: RecipeLike, *, settings: Mapping[str, Any] | None = None, seed: int | None = None
) -> dict[str, Any]:
    """A recipe with every default filled in: `toml`, its text, and `runs`, a dict for each run with its settings."""
    chosen = read(recipe, settings, seed)
    return {"name": chosen.name, "hash": chosen.hash, "toml": chosen.to_toml(), "runs": json.loads(chosen.runs())}


def evaluate(
    model: Path_, data_set: str | None = None, *, folder: Path_ | None = None, last_state: bool = False
) -> list[dict[str, Any]]:
    """Tests a model.safetensors: accuracy and loss on each test of its run, a dict each.

    data_set: another data set than the ones it was trained on. folder: of the data sets. last_state: test every task with
    the batch-norm state that the network has now, not with the one it had after that task.
    """
    rows: list[dict[str, Any]] = json.loads(
        _metabnn.evaluate(Path(model).read_bytes(), data_set, folder, last_state)
    )
    return rows


def report(folder: Path_) -> Results:
    """Makes the report of a folder of results anew, from the runs that are done by now."""
    _metabnn.report(folder)
    return Results(folder)


def compare(folders: Sequence[Path_], out: Path_ = "comparison") -> Path:
    """One report of several results side by side; gives the path of its page."""
    if isinstance(folders, (str, bytes, os.PathLike)):
        raise TypeError(f"folders: several of them, such as [{os.fspath(folders)!r}, ...]")
    return Path(_metabnn.compare([os.fspath(folder) for folder in folders], out))


@lists(RESULTS)
def export(folder: Path_, to: str, out: Path_ | None = None) -> list[Path]:
    """Writes results in the format of another program; gives the paths of the files.

    to: {formats}.
    """
    return [Path(path) for path in _metabnn.export(folder, to, Path(folder) / to if out is None else out)]


def bench(
    width: int = 1024,
    batch: int = 100,
    steps: int = 30,
    *,
    full_precision: bool = False,
    bf16: bool = False,
    folder: Path_ | None = None,
) -> dict[str, Any]:
    """How long a training step of the network 784-width-width-10 takes on this machine, part by part, in milliseconds."""
    width, batch, steps = whole("width", width, 1, 65_536), whole("batch", batch, 2, 10_000), whole("steps", steps, 1, 1_000_000)
    measured: dict[str, Any] = json.loads(
        _metabnn.bench(width, batch, steps, full_precision=full_precision, bf16=bf16, folder=folder)
    )
    return measured


