"""What the project says of itself holds: snippets and examples run, stubs are those of the module."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT

PACKAGE = ROOT / "crates" / "metabnn-python"


def example(name):
    spec = importlib.util.spec_from_file_location(name, PACKAGE / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def snippets(path):
    return re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("path", [ROOT / "README.md", PACKAGE / "README.md"], ids=["README", "of the package"])
def test_snippets_run(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found = snippets(path)
    assert found
    for text in found:
        needed = [name for name in ("sklearn", "optuna", "torch", "ray") if f"metabnn.{name}" in text]
        needed += ["sklearn"] if "MetaplasticClassifier" in text else []
        if all(importlib.util.find_spec(name) for name in needed):
            exec(compile(text, str(path), "exec"), {})
    assert capsys.readouterr().out


def test_the_stream_of_permuted_digits(capsys):
    pytest.importorskip("sklearn")
    scores = example("permuted_digits").main(6000)
    plain, metaplastic = scores.values()
    assert sum(metaplastic) - sum(plain) > 0.2 and metaplastic[0] - plain[0] > 0.2


def test_figure_2_in_miniature(tmp_path):
    plain, metaplastic = example("figure_2").main(tmp_path).runs
    assert metaplastic.average_accuracy - plain.average_accuracy > 0.05
    assert (tmp_path / "report.html").exists()


def test_a_device_curve():
    scores = {name: one.mean() for name, one in example("device_curve").main().items()}
    assert scores["the device as measured"] - scores["plain"] > 0.05
    assert abs(scores["the device as measured"] - scores["the device as a formula"]) < 0.03


@pytest.mark.parametrize("storage", [None, "sqlite"])
def test_a_search_with_optuna(storage, tmp_path):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    search = example("optuna_search")
    search.SETTINGS |= {"data.train_images": 500, "data.test_images": 200, "network.hidden": [32]}
    place = f"sqlite:///{tmp_path / 'search.db'}" if storage else None
    study = search.main(place, trials=10)
    states = [trial.state.name for trial in study.trials]
    assert states.count("PRUNED") >= 1 and states.count("COMPLETE") >= 4
    assert all(len(trial.intermediate_values) in range(1, 5) for trial in study.trials)
    pruned = [trial for trial in study.trials if trial.state.name == "PRUNED"]
    assert any(len(trial.intermediate_values) < 4 for trial in pruned), "what is pruned is stopped early"
    if storage:
        assert len(search.main(place, trials=2).trials) == 12, "the study goes on"


def test_stubs_are_those_of_the_module():
    pytest.importorskip("mypy")
    environment = {**os.environ, "MYPYPATH": str(PACKAGE / "python")}
    for words in (["-m", "mypy", "--config-file", str(PACKAGE / "pyproject.toml")],
                  ["-m", "mypy.stubtest", "--mypy-config-file", str(PACKAGE / "pyproject.toml"), "metabnn._metabnn"]):
        done = subprocess.run([sys.executable, *words], cwd=PACKAGE, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_everything_public_is_documented():
    import metabnn

    for name in metabnn.__all__:
        thing = getattr(metabnn, name)
        if callable(thing):
            assert thing.__doc__ and len(thing.__doc__) > 20, name
        for part, method in vars(thing).items() if isinstance(thing, type) and thing.__module__.startswith("metabnn.") else ():
            if not part.startswith("_") and callable(method):
                assert method.__doc__, f"{name}.{part}"


def test_torch_is_asked_for_only_on_demand():
    if importlib.util.find_spec("torch"):
        pytest.skip("torch is installed: its own tests run")
    with pytest.raises(ImportError, match="pip install torch"):
        import metabnn.torch  # noqa: F401


def test_no_example_names_a_machine():
    for path in Path(PACKAGE / "examples").glob("*.py"):
        assert "/home" not in path.read_text(encoding="utf-8")
