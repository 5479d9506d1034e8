"""Metaplastic binarized neural networks: learn a stream of tasks, keep what was learned.

A binarized network computes with weights that are +1 or -1, and learns with hidden real weights W^h behind them. An
update that would bring W^h back towards zero is multiplied by f_meta(m, W^h) = 1 - tanh^2(m |W^h|), so that what earlier
tasks made sure of is hard to undo (Laborieux et al., Nature Communications 12:2549, 2021).

    import metabnn

    stream = metabnn.tasks.permuted(metabnn.data.load("glyphs"), count=3)
    network = metabnn.Network(stream.shape, stream.classes, hidden=(256, 256))
    trainer = metabnn.Trainer(network, m=1.35)
    for experience in stream:
        trainer.train(experience)
        print(trainer.evaluate(stream))

There are also `run`, which does what the command `metabnn run` does; `MetaplasticClassifier`, an estimator for
scikit-learn; and, in modules that are imported on demand, `metabnn.torch` and `metabnn.ray`.
"""

from typing import TYPE_CHECKING, Any

from . import data, tasks
from ._arguments import set_threads
from ._metabnn import (
    DataError,
    ExperimentError,
    ModelError,
    RecipeError,
    TrainingError,
    __version__,
    threads,
)
from .curve import Curve
from .experiment import bench, compare, evaluate, export, recipes, report, run, show
from .network import Network
from .results import Results, RunResult
from .trainer import Trainer

if TYPE_CHECKING:
    from .sklearn import MetaplasticClassifier

__all__ = [
    "Curve",
    "DataError",
    "ExperimentError",
    "MetaplasticClassifier",
    "ModelError",
    "Network",
    "RecipeError",
    "Results",
    "RunResult",
    "Trainer",
    "TrainingError",
    "__version__",
    "bench",
    "compare",
    "data",
    "evaluate",
    "export",
    "recipes",
    "report",
    "run",
    "set_threads",
    "show",
    "tasks",
    "threads",
]


def __getattr__(name: str) -> Any:
    # scikit-learn takes a second to import, and is not needed for the rest.
    if name == "MetaplasticClassifier":
        from .sklearn import MetaplasticClassifier

        return MetaplasticClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
