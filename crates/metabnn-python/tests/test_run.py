"""Running recipes: the files and bits of the command, events, interrupts, results."""

import json
import os
import signal
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import metabnn

SMALL = {
    "data.train_images": 400,
    "data.test_images": 200,
    "network.hidden": [48],
    "tasks.count": 2,
    "schedule.epochs": 2,
}
GRID = {**SMALL, "vary.rule.m": [0, 1.35], "vary.seed": [0, 1]}


def test_python_and_the_command_write_the_same_bytes(command, tmp_path):
    found = metabnn.run("quickstart", settings=GRID | {"arm": "metaplastic"}, out=tmp_path / "python", jobs=2)
    changes = [f"--set={key}={json.dumps(value)}" for key, value in (GRID | {"arm": "metaplastic"}).items()]
    command("run", "quickstart", *changes, "--out", tmp_path / "command")
    assert len(found.runs) == 4
    for run in found.runs:
        for name in ("model.safetensors", "metrics.csv", "accuracy_matrix.csv", "recipe.toml", "flips.csv"):
            theirs = tmp_path / "command" / "runs" / run.name / name
            assert (run.folder / name).read_bytes() == theirs.read_bytes(), (run.name, name)
        theirs = json.loads((tmp_path / "command" / "runs" / run.name / "summary.json").read_text())
        assert (run.summary["hash"], run.summary["results"]) == (theirs["hash"], theirs["results"])
    assert (tmp_path / "python/recipe.toml").read_bytes() == (tmp_path / "command/recipe.toml").read_bytes()


def test_recipes_as_dicts_files_and_names(tmp_path):
    own = {"name": "mine", "rule": {"m": 2}, "arm": [{"name": "a"}, {"name": "b", "set": {"rule.m": 0}}],
           "vary": {"seed": [0, 1]}}
    runs = metabnn.show(own)["runs"]
    assert [run["name"] for run in runs] == ["a_seed=0", "a_seed=1", "b_seed=0", "b_seed=1"]
    assert [run["settings"]["rule"]["m"] for run in runs] == [2, 2, 0, 0]
    path = tmp_path / "own.toml"
    path.write_text(metabnn.show(own)["toml"])
    assert metabnn.show(path)["runs"] == runs
    assert metabnn.show("pmnist", settings={"rule.m": 1.1}, seed=3)["runs"][0]["settings"]["rule"]["m"] == 1.1
    assert "quickstart" in [recipe["name"] for recipe in metabnn.recipes()]
    for wrong in ("quickstrat", {"rule": {"n": 1}}, {"rule": {"m": -1}}, {"rule": {"m": float("nan")}}):
        with pytest.raises(metabnn.RecipeError):
            metabnn.show(wrong)
    with pytest.raises(FileNotFoundError):
        metabnn.show("missing.toml")
    with pytest.raises(TypeError, match="rule.m"):
        metabnn.show({"rule": {"m": None}})


def test_results_are_dicts_and_arrays(tmp_path):
    pandas = pytest.importorskip("pandas")
    found = metabnn.run({"name": "small"}, settings=GRID | {"data.sets": ["glyphs"]}, out=tmp_path)
    run = found.runs[0]
    assert found[run.name] is run and run.accuracy_matrix.shape == (2, 2)
    assert np.isclose(run.average_accuracy, run.accuracy_matrix[-1].mean())
    metrics = run.metrics
    assert list(metrics) == ["task_trained", "epoch", "split", "task_evaluated", "accuracy", "loss"]
    assert metrics["epoch"].dtype == np.int64 and metrics["accuracy"].dtype == np.float64
    assert set(metrics["split"]) >= {"test", "train"}
    frame = found.to_pandas()
    assert isinstance(frame, pandas.DataFrame) and len(frame) == 4 and set(frame["rule.m"]) == {0, 1.35}
    assert len(run.to_pandas()) == len(metrics["loss"])
    assert len(found.groups) == 2 and found.groups[0]["seeds"] == [0, 1]
    assert [weights.shape for weights in run.network().hidden_weights] == [(48, 784), (10, 48)]
    assert run.flips["flipped"].min() >= 0 and run.hidden_weights
    shown = found._repr_html_()
    assert shown.startswith("<figure><svg") and "small" in shown and shown.count("<tr>") == 5
    with pytest.raises(KeyError, match="the runs are"):
        found["none"]
    with pytest.raises(FileNotFoundError):
        metabnn.Results(tmp_path / "nowhere")
    rows = metabnn.evaluate(run.folder / "model.safetensors")
    # The model is tested on all images of its set, the run on some.
    assert [row["test"] for row in rows] == ["permutation 1", "permutation 2"]
    assert metabnn.report(tmp_path).report.exists()
    assert metabnn.export(tmp_path, "jsonl")[0].exists()
    page = metabnn.compare([tmp_path, tmp_path], tmp_path / "both")
    assert page.exists()


def test_events_and_a_bar(tmp_path, capsys):
    pytest.importorskip("tqdm")
    events = []
    metabnn.run({}, settings=SMALL | {"data.sets": ["glyphs"]}, out=tmp_path, callback=events.append, progress=True)
    kinds = [event["kind"] for event in events]
    assert kinds[0] == "started" and kinds[-1] == "finished" and "progress" in kinds
    tested = [row for event in events if event["kind"] == "progress" for row in event["evaluations"]]
    assert {(row["task_trained"], row["epoch"]) for row in tested} == {(1, 1), (1, 2), (2, 1), (2, 2)}
    assert "steps" in capsys.readouterr().err
    again = []
    metabnn.run({}, settings=SMALL | {"data.sets": ["glyphs"]}, out=tmp_path, callback=again.append)
    assert [(event["kind"], event.get("found")) for event in again] == [("finished", True)]


def long(tmp_path, **options):
    settings = SMALL | {"data.sets": ["glyphs"], "schedule.epochs": 20, "schedule.evaluate": "task"}
    return metabnn.run({}, settings=settings, out=tmp_path, **options)


def test_ctrl_c_keeps_a_checkpoint_and_the_same_call_goes_on(tmp_path):
    whole = long(tmp_path / "whole").runs[0]

    def press(event):
        if event["kind"] == "started":
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()

    settings = SMALL | {"data.sets": ["glyphs"], "schedule.epochs": 100_000, "schedule.evaluate": "task"}
    with pytest.raises(KeyboardInterrupt):
        metabnn.run({}, settings=settings, out=tmp_path / "large", callback=press)
    assert list((tmp_path / "large").glob("runs/*.partial/checkpoint.safetensors"))

    def stop(event):
        if event["kind"] == "progress":
            raise LookupError("enough")

    with pytest.raises(LookupError):
        long(tmp_path / "parts", callback=stop)
    assert list((tmp_path / "parts").glob("runs/*.partial/checkpoint.safetensors"))
    run = long(tmp_path / "parts", resume=True).runs[0]
    for name in ("model.safetensors", "metrics.csv"):
        assert (run.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_ctrl_c_ends_an_analysis(tmp_path):
    recipe = {"name": "long", "analysis": {"kind": "quadratic", "dimensions": 5, "steps": 1_000_000_000}}

    def press(event):
        if event["kind"] == "started":
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt):
        metabnn.run(recipe, out=tmp_path / "long", callback=press)


def test_what_goes_wrong_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("METABNN_DATA", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match=r"metabnn\.data\.fetch\(\"mnist\"\) downloads it"):
        metabnn.run("pmnist", out=tmp_path / "a")
    with pytest.raises(metabnn.ExperimentError, match="nothing to resume"):
        metabnn.run("quickstart", out=tmp_path / "b", resume=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        metabnn.run({}, settings=SMALL | {"data.sets": ["glyphs"]}, out=tmp_path / "file" / "out")
    with pytest.raises(metabnn.TrainingError, match="optimizer.lr") as raised:
        wild = {"data.sets": ["glyphs"], "optimizer.lr": 1e38, "network.precision": "full-precision"}
        metabnn.run({}, settings=SMALL | wild, out=tmp_path / "c")
    assert str(raised.value).count("became") == 1, "said once"
    for jobs in (0, 1.5, "two"):
        with pytest.raises(ValueError):
            metabnn.run("quickstart", out=tmp_path / "d", jobs=jobs)
    with pytest.raises((ValueError, OverflowError)):
        metabnn.run("quickstart", out=tmp_path / "d", checkpoint=-1.0)
    with pytest.raises(FileNotFoundError):
        metabnn.data.load("features/none.npz")
    with pytest.raises(metabnn.DataError, match="glyphs"):
        metabnn.data.load("glyph")


def test_data_sets():
    names = [one["name"] for one in metabnn.data.catalogue()]
    assert {"glyphs", "mnist", "cifar-10"} <= set(names)
    assert metabnn.data.verify("glyphs") == []
    folder = os.environ.get("METABNN_DATA")
    if not (folder and Path(folder, "mnist").exists()):
        assert not os.environ.get("CI"), f"no MNIST in {folder}"
        pytest.skip("METABNN_DATA names no folder with MNIST")
    mnist = metabnn.data.load("mnist")
    x, y = mnist.train
    assert (x.shape, x.dtype, y[:5].tolist()) == ((60000, 28, 28), np.uint8, [5, 0, 4, 1, 9])
    assert all(file["right"] for file in metabnn.data.verify("mnist"))


def test_a_step_is_measured():
    measured = metabnn.bench(64, 10, 3)
    assert measured["width"] == 64 and measured["median_ms"] > 0
    with pytest.raises(ValueError, match="batch"):
        metabnn.bench(64, 1, 3)


def test_importing_the_package_imports_no_large_one():
    code = "import sys, metabnn; print([n for n in ('sklearn', 'torch', 'ray', 'pandas', 'tqdm', 'optuna') if n in sys.modules])"
    import subprocess

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
