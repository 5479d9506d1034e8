#!/usr/bin/env python3
"""metabnn beside its PyTorch opponents: one run, alternating, on an otherwise idle machine.

    cargo build --release
    python3 benches/side_by_side.py --bench DIR --data DATA --python PYTHON_WITH_TORCH

DIR holds eager_step.py and best_step.py. Every process measures the median of 30 training steps of 784-H-H-10 at batch
100 on two threads; the median over the rounds is what counts. Absolute times drift with the machine: compare ratios.
"""
import argparse
import datetime
import json
import math
import os
import re
import statistics
import subprocess
import sys

BATCH, STEPS, THREADS = 100, 30, 2
TIMEOUT_S = 1800
LOAD_LIMIT = 0.5
# What the ratio (its time over ours) is to be at least, and what is aimed at: per opponent and width.
STEP = {
    "eager": {4096: (22, 38), 1024: (11, 18), 512: (15, 25)},
    "best": {4096: (3.0, 5), 1024: (3.2, 5), 512: (5, 8)},
    "prototype": {4096: (1.0, 1 / 0.7), 1024: (1.0, 1 / 0.7)},
    "eager --full-precision": {4096: (4, 6)},
}
EVALUATION = {4096: (15, 30)}
# Peak memory over what has to be there: at most, and aimed at.
MEMORY = (1.25, 1.1)
MNIST_BYTES = 55e6
# Wall time of an epoch over that of its parts: at most, and aimed at.
EPOCH = (1.10, 1.03)


def fail(command, what):
    """Ends the program: nothing is reported beside a measurement that went wrong."""
    sys.exit(f"side_by_side: {what}\n  command: {' '.join(command)}")


def run(command):
    """Standard output of `command`."""
    print("  " + " ".join(command), file=sys.stderr, flush=True)
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        fail(command, f"not done after {TIMEOUT_S} s")
    except OSError as error:
        fail(command, f"cannot be run: {error}")
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()[-5:]
        fail(command, f"failed with status {done.returncode}: " + " / ".join(lines))
    return done.stdout


def json_object(text):
    """The JSON object that `text` is, or that its last such line is; None if there is none."""
    for part in [text, *reversed(text.splitlines())]:
        try:
            value = json.loads(part)
        except ValueError:
            continue
        if isinstance(value, dict):
            return value
    return None


def measured(command, keys):
    """The JSON object that `command` prints, with positive numbers under `keys`."""
    value = json_object(run(command))
    if value is None:
        fail(command, "printed no JSON object")
    for key in keys:
        number = value.get(key)
        is_number = isinstance(number, (int, float)) and not isinstance(number, bool)
        if not is_number or not math.isfinite(number) or number <= 0:
            fail(command, f"its JSON has no positive number {key!r}, but {number!r}")
    return value


def ours(args, width, full_precision=False, epoch=False):
    """One run of metabnn."""
    command = [args.metabnn, "bench", "--width", width, "--batch", BATCH, "--steps", STEPS, "--threads", THREADS, "--json"]
    command += ["--data", args.data] if args.data else []
    command += ["--full-precision"] if full_precision else []
    command += ["--epoch"] if epoch else []
    return measured([str(part) for part in command], ["median_ms", "min_ms", "evaluate_10k_ms", "peak_bytes"])


def pytorch(args, script, width, full_precision=False):
    """One run of an opponent."""
    command = [args.python, os.path.join(args.bench, script), str(width), str(STEPS)]
    command += ["--full-precision"] if full_precision else []
    keys = ["median_ms", "min_ms"] + (["evaluate_10k_ms"] if script == "eager_step.py" else [])
    return measured(command, keys)


def prototype(args, width):
    """One run of the prototype, of which the line for this width counts."""
    command = [args.prototype]
    found = re.search(rf"^STEP H={width} {THREADS}t: median ([0-9.]+) ms", run(command), re.MULTILINE)
    if not found:
        fail(command, f"printed no line 'STEP H={width} {THREADS}t: median ... ms'")
    return {"median_ms": float(found[1])}


def alternate(rounds, opponents, own):
    """Runs of each opponent, one of ours after each: {name: [result]}; ours under 'ours'."""
    results = {name: [] for name in [*opponents, "ours"]}
    for number in range(1, rounds + 1):
        print(f" round {number} of {rounds}", file=sys.stderr)
        for name, opponent in opponents.items():
            results[name].append(opponent())
            results["ours"].append(own())
    return results


def measure(args):
    """All runs: {work: {name: [result]}}; the work is a width, or the full-precision control."""
    results = {}
    for width in args.widths:
        print(f"width {width}", file=sys.stderr)
        opponents = {
            "eager": lambda: pytorch(args, "eager_step.py", width),
            "best": lambda: pytorch(args, "best_step.py", width),
        }
        if args.prototype and width in STEP["prototype"]:
            opponents["prototype"] = lambda: prototype(args, width)
        results[width] = alternate(args.rounds, opponents, lambda: ours(args, width))
        results[width]["epoch"] = [ours(args, width, epoch=True)]
    if 4096 in args.widths:
        print("full precision, width 4096", file=sys.stderr)
        opponents = {"eager --full-precision": lambda: pytorch(args, "eager_step.py", 4096, True)}
        results["4096, full precision"] = alternate(args.rounds, opponents, lambda: ours(args, 4096, True))
    return results


def median(runs, key):
    """Median over the runs."""
    return statistics.median(run[key] for run in runs)


def row(work, opponent, theirs, own, targets):
    """A row of the table whose ratio says how many times faster we are."""
    least, aim = targets or (None, None)
    ratio = theirs / own
    return {"work": work, "opponent": opponent, "theirs": theirs, "ours": own, "ratio": ratio, "at_least": least,
            "aim": aim, "missed": least is not None and ratio < least}


def memory_row(width, peak):
    """A row for peak memory, in MB: beside it what has to be there, the ratio ours over that."""
    weights = 784 * width + width * width + 10 * width
    floor = weights * 12 + weights * 3 / 8 + MNIST_BYTES
    most, aim = MEMORY
    return {"work": f"peak memory at {width}, MB", "opponent": "weights, moments, bits, MNIST", "theirs": floor / 1e6,
            "ours": peak / 1e6, "ratio": peak / floor, "at_most": most, "aim": aim, "missed": peak / floor > most}


def epoch_row(width, run):
    """A row for a whole epoch: its wall time over its steps and tests by themselves, measured in the same process."""
    parts = run["epoch"]
    alone = parts["steps"] * parts["step_ms"] + parts["tests_ms"]
    most, aim = EPOCH
    return {"work": f"an epoch with its tests at {width}", "opponent": "its steps and tests by themselves",
            "theirs": alone, "ours": parts["wall_ms"], "ratio": parts["wall_ms"] / alone, "at_most": most, "aim": aim,
            "missed": parts["wall_ms"] / alone > most}


def table(results):
    """The rows of the table."""
    steps, evaluations, memory = [], [], []
    for work, runs in results.items():
        own = runs["ours"]
        width = work if isinstance(work, int) else 4096
        for name in [name for name in runs if name not in ("ours", "epoch")]:
            targets = STEP[name].get(width)
            steps.append(row(f"step at {work}", name, median(runs[name], "median_ms"), median(own, "median_ms"), targets))
        if work in EVALUATION:
            theirs, mine = (median(part, "evaluate_10k_ms") for part in (runs["eager"], own))
            evaluations.append(row(f"evaluation of 10,000 images at {work}", "eager", theirs, mine, EVALUATION[work]))
        if isinstance(work, int):
            memory.append(epoch_row(work, runs["epoch"][0]))
            memory.append(memory_row(work, median(own, "peak_bytes")))
    return steps + evaluations + memory


def markdown(rows):
    """The table as Markdown."""
    number = lambda value: "-" if value is None else f"{value:.3g}" if value < 1000 else f"{value:.0f}"
    lines = ["| work | opponent | its median ms | ours median ms | ratio | at least | aim |", "|---|---|--:|--:|--:|--:|--:|"]
    for line in rows:
        bound = f"at most {line['at_most']}" if "at_most" in line else number(line["at_least"])
        ratio = f"{line['ratio']:.2f}" if line["ratio"] < 10 else f"{line['ratio']:.1f}"
        cells = [line["work"], line["opponent"], number(line["theirs"]), number(line["ours"]), ratio, bound]
        lines.append("| " + " | ".join([*cells, number(line["aim"])]) + " |")
    missed = [f"{line['work']} ({line['opponent']})" for line in rows if line["missed"]]
    lines += ["", "Out of bounds: " + "; ".join(missed) + "." if missed else "All within their bounds."]
    return "\n".join(lines)


def spread(results):
    """The median of every run, in the order in which they were made."""
    lines = []
    for work, runs in results.items():
        for name, parts in runs.items():
            times = " ".join(f"{part['median_ms']:.4g}" for part in parts)
            lines.append(f"- {work}, {name}: {times}")
    return "\n".join(lines)


def machine(args):
    """What the measurement was made on."""
    cpu = "unknown"
    try:
        with open("/proc/cpuinfo") as lines:
            names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        cpu = names[0] if names else cpu
    except OSError:
        pass
    torch = run([args.python, "-c", "import torch; print(torch.__version__)"]).strip()
    return {"date": datetime.datetime.now().astimezone().isoformat(timespec="minutes"), "cpu": cpu,
            "cores": os.cpu_count(), "torch": torch, "load_at_start": round(os.getloadavg()[0], 2)}


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", required=True, metavar="DIR", help="folder of eager_step.py and best_step.py")
    parser.add_argument("--python", default=sys.executable, metavar="PATH", help="interpreter that has torch")
    parser.add_argument("--data", metavar="DIR", help="folder that has MNIST, for ours; else the built-in glyphs")
    parser.add_argument("--metabnn", default="target/release/metabnn", metavar="PATH")
    parser.add_argument("--prototype", metavar="PATH", help="program that prints 'STEP H=4096 2t: median 20.5 ms'")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--widths", type=int, nargs="+", default=[4096, 1024, 512], metavar="H")
    parser.add_argument("--json", metavar="FILE", help="where to write every single result as well")
    args = parser.parse_args()
    if args.rounds < 1 or min(args.widths) < 1:
        parser.error("--rounds and --widths take numbers from 1")
    args.widths = list(dict.fromkeys(args.widths))
    return args


def main():
    args = arguments()
    about = machine(args)
    if about["load_at_start"] > LOAD_LIMIT:
        warning = f"WARNING: the load average is {about['load_at_start']}: something else runs, and times will not be true."
        print(warning, file=sys.stderr, flush=True)
        about["warning"] = warning
    results = measure(args)
    rows = table(results)
    about["platform"] = results[args.widths[0]]["ours"][0].get("platform", "unknown")
    print(f"{about['date']}, {about['cpu']}, {about['cores']} cores ({THREADS} threads used, kernels: {about['platform']}), "
          f"PyTorch {about['torch']}, {args.rounds} rounds, load average at start {about['load_at_start']}\n")
    if "warning" in about:
        print(about["warning"] + "\n")
    print(markdown(rows))
    print("\nMedian of each run, ms:\n\n" + spread(results))
    if args.json:
        with open(args.json, "w") as file:
            json.dump({"about": about, "rows": rows, "results": results}, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
