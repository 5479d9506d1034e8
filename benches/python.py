"""Training from Python beside the command: the same recipe and a loop of one's own, in turn, in one run.

    python3 benches/python.py --command target/release/metabnn --rounds 5

784-1024-1024-10 on the built-in glyphs, batch 100, in processes of their own, each of which says how long training took:
the command and metabnn.run by summary.json, the loop by its own clock. The models are compared bit by bit before any time
counts. Time it on an idle machine alone.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SETTINGS = {
    "data.sets": ["glyphs"],
    "network.hidden": [1024, 1024],
    "tasks.count": 4,
    "schedule.epochs": 5,
    "schedule.batch": 100,
    "schedule.evaluate": "task",
}

RUN = """
import json, sys, metabnn
print(metabnn.run({}, settings=json.loads(sys.argv[1]), out=sys.argv[2]).runs[0].summary["seconds"])
"""

# What the command's seconds count as well: the untrained network tested, and every task's end.
LOOP = """
import json, sys, time, metabnn
settings = json.loads(sys.argv[1])
stream = metabnn.tasks.permuted(metabnn.data.load("glyphs"), settings["tasks.count"])
start = time.perf_counter()
network = metabnn.Network(stream.shape, 10, hidden=settings["network.hidden"], settings={"norm.statistics": "batch"})
trainer = metabnn.Trainer(network, epochs=settings["schedule.epochs"], batch=settings["schedule.batch"])
compiled = network._trainer
trainer.evaluate(stream)
for experience in stream:
    trainer.train(experience)
    compiled.evaluate(experience._split)
    trainer.evaluate(stream)
for test in stream.tests:
    compiled.evaluate(test.samples)
print(time.perf_counter() - start)
metabnn.Network.save(network, sys.argv[2] + "/loop.safetensors", stream)
"""


def command(program, out):
    words = [f"--set={key}={json.dumps(value)}" for key, value in SETTINGS.items()]
    recipe = Path(out) / "own.toml"
    recipe.write_text('name = "own"\n')
    subprocess.run([program, "run", recipe, *words, "--out", f"{out}/command", "--quiet"], check=True, capture_output=True)
    (summary,) = Path(out).glob("command/runs/*/summary.json")
    return json.loads(summary.read_text())["seconds"]


def python(code, out):
    words = [sys.executable, "-c", code, json.dumps(SETTINGS), out]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--command", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    times = {"command": [], "metabnn.run": [], "loop": []}
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as out:
            times["command"].append(command(arguments.command, out))
            times["metabnn.run"].append(python(RUN, f"{out}/run"))
            times["loop"].append(python(LOOP, out))
            compare(out)
    base = statistics.median(times["command"])
    for name, of in times.items():
        median, each = statistics.median(of), " ".join(f"{one:.2f}" for one in of)
        print(f"{name:12} median {median:.3f} s  ratio {median / base:.3f}  least {min(of):.3f} s   ({each})")


def compare(out):
    import metabnn

    (of_command,) = Path(out).glob("command/runs/*/model.safetensors")
    (of_run,) = Path(out).glob("run/runs/*/model.safetensors")
    assert of_command.read_bytes() == of_run.read_bytes(), "metabnn.run gives another model"
    mine, theirs = (metabnn.Network.load(path) for path in (Path(out) / "loop.safetensors", of_command))
    same = all((one == other).all() for one, other in zip(mine.hidden_weights, theirs.hidden_weights))
    assert same, "the loop gives another model"


if __name__ == "__main__":
    main()
