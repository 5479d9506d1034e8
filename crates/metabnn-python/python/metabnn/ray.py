"""The runs of a grid, spread over a Ray cluster.

    import ray, metabnn.ray

    ray.init("auto")
    results = metabnn.ray.run("pmnist", seeds=range(20), settings={"vary.rule.m": [0, 1.35]}, data="/shared/data")

Each run is one task of Ray, whole: these networks fit one machine, what outgrows it is the number of runs. A run whose
node is lost begins anew on another one. What a run leaves comes back to the caller and is written as the command writes
it, so that `metabnn report`, `metabnn run` and this function go on with each other's results.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

try:
    import ray
except ImportError as error:
    raise ImportError(f"metabnn.ray needs Ray: pip install 'metabnn[ray]' ({error})") from None

from . import _metabnn
from ._arguments import MOST_SEED, whole
from ._metabnn import ExperimentError
from .experiment import Path_, RecipeLike, default_folder, only_one, read
from .results import Results

Files = dict[str, bytes]


def run(
    recipe: RecipeLike,
    *,
    seeds: Iterable[int] | None = None,
    out: Path_ | None = None,
    settings: Mapping[str, Any] | None = None,
    data: Path_ | None = None,
    cpus: int = 1,
    fresh: bool = False,
    callback: Callable[[dict[str, Any]], object] | None = None,
) -> Results:
    """Runs a recipe on the cluster that Ray is connected to, or on one that it starts on this machine.

    recipe, out, settings: as in `metabnn.run`. seeds: the axis vary.seed. data: folder of the data sets, on every node;
    the package has to be installed there in the same version. cpus: of each run: what Ray reserves, and its threads.
    fresh: run again what is done in `out`. callback: called with a dict of kind ("finished" or "failed"), run, name and,
    of a finished one, summary.

    Runs that are done in `out` are not repeated. Raises ExperimentError when runs failed; the others are done then, and
    the same call does what is left.
    """
    only_one("seeds", seeds, settings)
    changes = {**(settings or {}), **({} if seeds is None else {"vary.seed": [whole("seeds", seed, 0, MOST_SEED) for seed in seeds]})}
    chosen = read(recipe, changes)
    folder = Path(default_folder(chosen, isinstance(recipe, Mapping)) if out is None else out)
    toml, runs = chosen.to_toml(), json.loads(chosen.runs())
    left = [index for index, is_done in enumerate(_metabnn.claim(chosen, folder)) if fresh or not is_done]
    task = ray.remote(_one).options(num_cpus=cpus, max_retries=-1)
    pending = {task.remote(toml, index, None if data is None else os.fspath(data), cpus): index for index in left}
    failures: list[str] = []
    try:
        while pending:
            (done, *_), _ = ray.wait(list(pending), num_returns=1)
            index = pending.pop(done)
            event: dict[str, Any] = {"kind": "finished", "run": index, "name": runs[index]["name"]}
            try:
                event["summary"] = _keep(folder, runs[index]["name"], ray.get(done))
            except (ray.exceptions.RayTaskError, ray.exceptions.RaySystemError) as error:
                event |= {"kind": "failed", "error": _reason(error)}
                failures.append(event["error"])
            if callback is not None:
                callback(event)
    except BaseException:
        for one in pending:
            ray.cancel(one, force=True)
        raise
    if len(failures) < len(runs):
        _metabnn.report(folder)
    if failures:
        raise ExperimentError(f"runs failed: {len(failures)} of {len(runs)}\n" + "\n".join(failures))
    return Results(folder)


def _one(toml: str, index: int, data: str | None, cpus: int) -> Files:
    """One run, on whichever node it comes to: its files by their names."""
    _metabnn.set_threads(max(1, cpus))
    recipe = _metabnn.Recipe.read(toml, "recipe.toml", [])
    name = json.loads(recipe.runs())[index]["name"]
    with tempfile.TemporaryDirectory(prefix="metabnn-") as out:
        _metabnn.run(recipe, out, data=data, only=index)
        return {path.name: path.read_bytes() for path in (Path(out) / "runs" / name).iterdir() if path.is_file()}


def _keep(folder: Path, name: str, files: Files) -> dict[str, Any]:
    """Writes a run's folder: it appears when it is complete."""
    runs = folder / "runs"
    arrived = runs / f".{name}.{os.getpid()}.partial"
    arrived.mkdir(parents=True)
    try:
        for file, content in files.items():
            (arrived / file).write_bytes(content)
        aside = _move_aside(runs / name)
        arrived.rename(runs / name)
        if aside is not None:
            for file in files:
                (aside / file).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                aside.rmdir()
    except BaseException:
        shutil.rmtree(arrived, ignore_errors=True)
        raise
    summary: dict[str, Any] = json.loads(files["summary.json"])
    return summary


def _move_aside(place: Path) -> Path | None:
    """Moves what has the name of a run that is done anew: there may be more in it than the run. Gives the folder."""
    if not os.path.lexists(place):
        return None
    number, aside = 1, place.with_name(f"{place.name}.replaced")
    while os.path.lexists(aside):
        number += 1
        aside = place.with_name(f"{place.name}.replaced-{number}")
    place.rename(aside)
    return aside if aside.is_dir() and not aside.is_symlink() else None


def _reason(error: Exception) -> str:
    cause = getattr(error, "cause", None)
    return str(cause if cause is not None else error)
