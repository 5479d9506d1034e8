"""The paper's Fig. 2 in miniature: what is kept of one task after the other, with and without metaplasticity.

A loop of one's own, an experience at a time, and then the same as a recipe, which also draws the figure. Both give the
same bits.

    pip install metabnn && python figure_2.py
"""

import tempfile

import numpy as np

import metabnn

TASKS, EPOCHS, HIDDEN = 4, 7, (512, 256)


def loop(m):
    """The accuracy matrix: row i after task i, column j on task j."""
    stream = metabnn.tasks.permuted(metabnn.data.load("glyphs"), TASKS, seed=0)
    # As the paper's code does: tested with the statistics of the test batch.
    settings = {"norm.statistics": "batch"}
    network = metabnn.Network(stream.shape, stream.classes, hidden=HIDDEN, seed=0, settings=settings)
    trainer = metabnn.Trainer(network, m=m, epochs=EPOCHS)
    for experience in stream:
        trainer.train(experience)
        trainer.evaluate(stream)
    return trainer.accuracy_matrix


def recipe(strengths, out):
    """The same as a recipe with a grid."""
    return metabnn.run(
        {"name": "figure-2", "title": "Fig. 2 in miniature"},
        settings={
            "data.sets": ["glyphs"],
            "tasks.count": TASKS,
            "network.hidden": HIDDEN,
            "norm.statistics": "batch",
            "schedule.epochs": EPOCHS,
            "vary.rule.m": strengths,
        },
        out=out,
    )


def main(out=None):
    strengths = [0.0, 5.0]
    results = recipe(strengths, out or tempfile.mkdtemp())
    for m, run in zip(strengths, results.runs):
        matrix = loop(m)
        assert (matrix == run.accuracy_matrix).all(), "the loop and the recipe are the same"
        print(f"m = {m}: accuracy on each task after the last one")
        print("  " + "  ".join(f"{100 * one:5.1f}" for one in matrix[-1]), f"  average {100 * np.mean(matrix[-1]):5.1f} %")
    print(results.report)
    return results


if __name__ == "__main__":
    main()
