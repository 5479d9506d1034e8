"""A progress bar through tqdm, where it is."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any


class Bar:
    """One bar for all runs of an experiment. `wanted`: None where somebody looks, True always, False never."""

    def __init__(self, wanted: bool | None) -> None:
        self._bar: Any = None
        self._done: dict[int, int] = {}
        self._steps: dict[int, int] = {}
        self._make = _tqdm(wanted)

    def show(self, event: dict[str, Any]) -> None:
        """What an event adds to it."""
        if self._make is None:
            return
        run = event["run"]
        if event["kind"] == "started":
            self._steps[run] = event["steps"]
        if run not in self._steps:
            return
        if self._bar is None:
            self._bar = self._make(unit=" steps", dynamic_ncols=True)
        self._done[run] = self._steps[run] if event["kind"] == "finished" else event.get("done", self._done.get(run, 0))
        self._bar.total = sum(self._steps.values())
        if event["kind"] == "progress":
            self._bar.set_description(f"run {run + 1}, task {event['task']}, epoch {event['epoch']}", refresh=False)
        self._bar.n = sum(self._done.values())
        self._bar.refresh()

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()


def _tqdm(wanted: bool | None) -> Any:
    if wanted is False or (wanted is None and not (sys.stderr.isatty() or _in_notebook())):
        return None
    try:
        from tqdm.auto import tqdm
    except ImportError:
        if wanted:
            raise ImportError("a progress bar needs tqdm: pip install 'metabnn[progress]'") from None
        return None
    return tqdm


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules
