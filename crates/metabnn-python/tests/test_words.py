"""Errors speak of arguments, not of the command's flags."""

import json
import warnings

import metabnn
import pytest

SMALL = {
    "data.sets": ["glyphs"],
    "data.train_images": 60,
    "data.test_images": 40,
    "network.hidden": [8],
    "tasks.count": 2,
    "schedule.epochs": 2,
    "schedule.batch": 20,
}


def said(kind, call, *arguments, **keywords):
    with pytest.raises(kind) as raised:
        call(*arguments, **keywords)
    text = str(raised.value)
    assert "--" not in text, text
    return text


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"rule.mm": 1}, "rule.mm: no such key; did you mean rule.m?"),
        ({"optimizer.lr": -1}, "optimizer.lr: takes a finite number > 0, got -1"),
        ({"arm": "none"}, "arm: takes "),
        ({"rule.m": 0}, 'settings={"arm": "plain"}'),
        ({"rule.name": "ewc"}, 'settings={"arm": "metaplastic"}'),
        ({"vary.seed": []}, "vary.seed: takes a list of at least one value"),
        ({"preset": "tiny"}, "preset: takes "),
    ],
)
def test_settings(settings, says):
    assert says in said(metabnn.RecipeError, metabnn.show, "quickstart", settings=settings)


def test_what_lies_on_disk(tmp_path):
    def run(**more):
        return metabnn.run({}, settings=SMALL, out=tmp_path / "out", **more)

    def stop(event):
        if event["kind"] == "progress":
            raise LookupError

    assert "nothing to resume" in said(metabnn.ExperimentError, run, resume=True)
    with pytest.raises(LookupError):
        run(callback=stop)
    (checkpoint,) = (tmp_path / "out").glob("runs/*.partial/checkpoint.safetensors")
    checkpoint.write_bytes(checkpoint.read_bytes()[:-7])
    assert "fresh=True" in said(metabnn.ExperimentError, run)
    (folder,) = (one.folder for one in run(fresh=True).runs)
    (folder / "metrics.csv").write_text("")
    assert "fresh=True" in said(metabnn.ExperimentError, run)
    other = SMALL | {"rule.m": 3}
    said(metabnn.ExperimentError, metabnn.run, {}, settings=other, out=tmp_path / "out")


def test_data_and_models(tmp_path, monkeypatch):
    monkeypatch.setenv("METABNN_DATA", str(tmp_path / "none"))
    for name in ("mnist", "usps", "cifar-10", "./features.npz"):
        said(FileNotFoundError, metabnn.data.load, name)
        said(FileNotFoundError, metabnn.data.load, name, tmp_path)
    model = metabnn.run({}, settings=SMALL, out=tmp_path / "out").runs[0].folder / "model.safetensors"
    said(FileNotFoundError, metabnn.evaluate, model, "mnist")
    said(metabnn.DataError, metabnn.evaluate, model, "mnits")
    bytes_ = model.read_bytes()
    model.write_bytes(bytes_[:-7])
    said(metabnn.ModelError, metabnn.evaluate, model)
    model.write_bytes(b"mbnn" + bytes_)
    assert "a packed model" in said(metabnn.ModelError, metabnn.evaluate, model)


def test_notes_are_warnings_once_or_events(tmp_path):
    settings = SMALL | {"schedule.batch": 500, "vary.seed": [0, 1]}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        metabnn.run({}, settings=settings, out=tmp_path / "a")
    assert len([one for one in caught if "schedule.batch" in str(one.message)]) == 1, caught
    events = []
    metabnn.run({}, settings=settings, out=tmp_path / "b", callback=events.append)
    notes = [event["note"] for event in events if event["kind"] == "note"]
    assert len(notes) == 2 and "schedule.batch" in notes[0], json.dumps(notes)
