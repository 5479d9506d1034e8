"""A search for m and the learning rate with Optuna: each trial is a run of the library, and hopeless ones are pruned.

    pip install 'metabnn[optuna]' && python optuna_search.py sqlite:///search.db

Without an argument the study is kept in memory. With a database, several of these programs can search side by side, and
go on with what was found before.
"""

import sys
import tempfile

import optuna

import metabnn

SETTINGS = {
    "data.sets": ["glyphs"],
    "data.train_images": 2000,
    "data.test_images": 500,
    "network.hidden": [128, 128],
    "tasks.count": 4,
    "schedule.evaluate": "task",
}


def objective(trial):
    """The average accuracy over all tasks after the last one; told to the pruner after every task."""
    settings = {
        **SETTINGS,
        "rule.m": trial.suggest_float("m", 0.1, 50.0, log=True),
        "optimizer.lr": trial.suggest_float("lr", 1e-4, 5e-2, log=True),
    }

    def judge(event):
        tests = [row for row in event.get("evaluations", []) if row["split"] == "test"]
        if not tests:
            return
        task = tests[0]["task_trained"]
        trial.report(sum(row["accuracy"] for row in tests if row["task_evaluated"] <= task) / task, step=task)
        if trial.should_prune():
            # What a callback raises stops the run.
            raise optuna.TrialPruned

    with tempfile.TemporaryDirectory() as out:
        found = metabnn.run({"name": "trial"}, settings=settings, out=out, callback=judge, progress=False)
    return found.runs[0].average_accuracy


def main(storage=None, trials=12):
    study = optuna.create_study(
        study_name="metabnn",
        direction="maximize",
        storage=storage,
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
    )
    study.optimize(objective, n_trials=trials)
    states = [trial.state.name for trial in study.trials]
    print(f"{states.count('COMPLETE')} trials done, {states.count('PRUNED')} pruned")
    print(f"best: {100 * study.best_value:.1f} % with {study.best_params}")
    return study


if __name__ == "__main__":
    main(*sys.argv[1:2])
