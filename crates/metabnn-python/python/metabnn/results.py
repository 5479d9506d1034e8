"""What an experiment found, read back from its folder."""

from __future__ import annotations

import csv
import json
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .network import Network

if TYPE_CHECKING:
    import pandas

Table = dict[str, NDArray[Any]]

#: Runs named below the figure in a notebook.
MOST_ROWS = 20


class RunResult:
    """One run: settings, metrics and tables, from its folder.

    Accuracies are fractions in [0, 1]; tasks, epochs and layers are counted from 1, as in the files.
    """

    def __init__(self, summary: dict[str, Any], folder: Path) -> None:
        self.summary = summary
        self.folder = folder
        self.name: str = summary["name"]
        self.seed: int = summary["seed"]
        self.varied: dict[str, Any] = summary["settings"]
        self.average_accuracy: float | None = summary["average_accuracy"]
        self.forgetting: float | None = summary["forgetting"]

    @property
    def accuracy_matrix(self) -> NDArray[np.float64]:
        """(tasks, tests): row i is the test accuracy on each test after training task i."""
        return np.array(self.summary["accuracy_matrix"], dtype=np.float64)

    @cached_property
    def metrics(self) -> Table:
        """Every evaluation, column by column: task_trained, epoch, split, task_evaluated, accuracy, loss."""
        return self._table("metrics.csv")

    @cached_property
    def hidden_weights(self) -> Table:
        """Histograms of the hidden weights of each layer, before training and after each task, column by column."""
        return self._table("hidden_weights.csv")

    @cached_property
    def flips(self) -> Table:
        """The share of binary weights that each epoch changed, layer by layer; column by column."""
        return self._table("flips.csv")

    def network(self) -> Network:
        """The trained network, with the batch-norm states of its tasks."""
        return Network.load(self.folder / "model.safetensors")

    def _table(self, name: str) -> Table:
        with open(self.folder / name, newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        return {column: _column([row[at] for row in rows]) for at, column in enumerate(header)}

    def to_pandas(self) -> pandas.DataFrame:
        """`metrics` as a data frame."""
        return _pandas().DataFrame(self.metrics)

    def __repr__(self) -> str:
        score = "" if self.average_accuracy is None else f", average accuracy {100 * self.average_accuracy:.1f} %"
        return f"<RunResult {self.name}{score}>"


class Results:
    """The results of a recipe: `runs`, and, over seeds, `groups`, as in its summary.json. In a notebook, its figure.

    Raises FileNotFoundError where there are none.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        with open(self.folder / "summary.json", encoding="utf-8") as file:
            self.summary: dict[str, Any] = json.load(file)
        self.recipe: str = self.summary["recipe"]
        self.runs = [RunResult(run, self.folder / run["folder"]) for run in self.summary["runs"]]
        self.groups: list[dict[str, Any]] = self.summary["groups"]

    @property
    def report(self) -> Path:
        """The page with figures, table and settings."""
        return self.folder / "report.html"

    @property
    def figures(self) -> list[Path]:
        """Its figures as SVG, the first one the main one."""
        order = ("accuracy", "loss_increase", "trajectory", "accuracy_matrix")
        found = sorted(self.folder.glob("*.svg"))
        return sorted(found, key=lambda path: next((at for at, name in enumerate(order) if path.stem == name), len(order)))

    def __getitem__(self, name: str) -> RunResult:
        """The run of this name."""
        for run in self.runs:
            if run.name == name:
                return run
        raise KeyError(f"{name!r}; the runs are {', '.join(run.name for run in self.runs)}")

    def to_pandas(self) -> pandas.DataFrame:
        """A row for each run: its name, arm, varied settings, seed and metrics."""
        keys = ("average_accuracy", "average_unlabelled", "forgetting", "backward_transfer", "forward_transfer",
                "steps", "seconds", "hash")
        rows = [{"name": run.name, "arm": run.summary["arm"], **run.varied, "seed": run.seed,
                 **{key: run.summary.get(key) for key in keys}} for run in self.runs]
        return _pandas().DataFrame(rows)

    def _repr_html_(self) -> str:
        figures = self.figures[:1]
        shown = figures[0].read_text(encoding="utf-8") if figures else ""
        # In a page, without what belongs in front of a file, and no wider than the page.
        shown = shown[shown.find("<svg") :] if "<svg" in shown else ""
        shown = shown.replace("<svg", '<svg style="max-width: 100%; height: auto"', 1)
        scored = [run for run in self.runs if run.average_accuracy is not None]
        rows = "".join(
            f"<tr><td>{_escaped(run.name)}</td><td>{100 * (run.average_accuracy or 0.0):.1f} %</td></tr>"
            for run in scored[:MOST_ROWS]
        )
        more = f"<tr><td colspan=2>and {len(scored) - MOST_ROWS} more</td></tr>" if len(scored) > MOST_ROWS else ""
        table = f"<table><tr><th>run</th><th>average accuracy</th></tr>{rows}{more}</table>" if rows else ""
        caption = f"<figcaption>{_escaped(self.recipe)}: {_escaped(str(self.report))}</figcaption>"
        return f"<figure>{shown}{table}{caption}</figure>"

    def __repr__(self) -> str:
        runs = "run" if len(self.runs) == 1 else "runs"
        return f"<Results of {self.recipe}: {len(self.runs)} {runs}, {self.report}>"


def _column(texts: list[str]) -> NDArray[Any]:
    for kind in (np.int64, np.float64):
        try:
            return np.array(texts, dtype=kind)
        except ValueError:
            continue
    return np.array(texts)


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise ImportError("data frames need pandas: pip install 'metabnn[pandas]'") from None
    return pandas


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
