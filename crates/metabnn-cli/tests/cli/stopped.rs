//! A run that is stopped midway, gently or not: the same command completes it, to the same bits, and nothing stays over.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{RUN, Workplace, run};

/// More progress than a pipe holds: a program whose output nobody reads cannot finish, so that it is stopped midway
/// however fast or slow the machine is.
const TALKATIVE: &[&str] = &[
    "tasks.count=40",
    "schedule.epochs=10",
    "data.train_images=20",
    "data.test_images=10",
    "network.hidden=[2]",
];

/// Starts the program and reads its output up to the first line that contains `mark`.
fn started(place: &Workplace, arguments: &[&str], mark: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_metabnn"));
    command.args(arguments).current_dir(place.path("."));
    command.env("METABNN_DATA", place.path("data"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(mark)), "the program ended before it said {mark:?}");
    child
}

fn has_leftovers(place: &Workplace) -> bool {
    place.tree().keys().any(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.ends_with(".partial") || name.starts_with('.')
    })
}

#[test]
fn a_killed_run_is_completed_by_the_same_command() {
    let place = Workplace::new();
    let set = [
        "tasks.count=40",
        "network.hidden=[2]",
        "data.train_images=20",
        "data.test_images=10",
        "vary.seed=[0, 1, 2, 3, 4, 5, 6, 7]",
    ];
    let mut child = started(&place, &run("pmnist", &set, "out"), "[2/8] ");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!place.path("out/summary.json").exists(), "it was not stopped midway");
    // As if it had been writing at that moment.
    place.write("out/.metabnn-leftover", "half");
    let an_hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    let leftover = std::fs::File::options().write(true).open(place.path("out/.metabnn-leftover")).unwrap();
    leftover.set_modified(an_hour_ago).unwrap();
    drop(leftover);
    place.write("out/runs/seed=7.partial/model.safetensors", "half");
    place.write("out/runs/seed=7.partial/.metabnn-leftover", "half");

    let printed = place.run("pmnist", &set, "out");
    let found = printed.matches("done before").count();
    assert!((1..8).contains(&found), "{found} runs found");
    assert!(!has_leftovers(&place), "{:?}", place.files("out"));
    assert_eq!(place.read_json("out/summary.json")["runs"].as_array().unwrap().len(), 8);
    let set: Vec<&str> = set.iter().copied().filter(|setting| !setting.starts_with("vary")).collect();
    for seed in ["seed=0", "seed=1", "seed=7"] {
        place.run("pmnist", &[&set[..], &[seed]].concat(), &format!("alone-{seed}"));
        for name in ["model.safetensors", "metrics.csv"] {
            let file = format!("runs/{seed}/{name}");
            assert!(
                place.bytes(&format!("out/{file}")) == place.bytes(&format!("alone-{seed}/{file}")),
                "{file}"
            );
        }
    }
}

/// Sends a signal to the program, by its name.
#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Sends a signal, and reads what the program still says, so that it can come to its end.
#[cfg(unix)]
fn stop(mut child: Child, name: &str) -> (Option<i32>, String) {
    signal(&child, name);
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    let mut error = String::new();
    child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    (child.wait().unwrap().code(), error)
}

const CHECKPOINT: &str = "out/runs/seed=0.partial/checkpoint.safetensors";

/// The files of a run that must not depend on how often it was stopped.
fn assert_same_run(place: &Workplace, one: &str, other: &str) {
    for name in [
        "model.safetensors",
        "metrics.csv",
        "metrics.jsonl",
        "accuracy_matrix.csv",
        "hidden_weights.csv",
        "flips.csv",
    ] {
        let bytes = |folder: &str| place.bytes(&format!("{folder}/{name}"));
        assert!(bytes(one) == bytes(other), "{name} differs");
    }
    let results = |folder: &str| place.read_json(&format!("{folder}/summary.json"))["results"].clone();
    assert_eq!(results(one), results(other));
}

/// The run in `out` is the one that another folder gets with the same settings in one go.
fn assert_as_never_stopped(place: &Workplace, set: &[&str]) {
    place.run("pmnist", set, "never");
    assert_same_run(place, "out/runs/seed=0", "never/runs/seed=0");
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_goes_on_from_its_checkpoint() {
    let place = Workplace::new();
    for (name, mark) in [("INT", "task 2 epoch 1"), ("TERM", "task 20 epoch 1")] {
        let child = started(&place, &run("pmnist", TALKATIVE, "out"), mark);
        // While it works, no other recipe gets its folder, and no other process its run.
        let error = place.error(&run("pmnist", &[], "out"), 1);
        crate::support::check_error(&error, &["out: holds the results of another recipe ("]);
        let error = place.error(&run("pmnist", TALKATIVE, "out"), 1);
        crate::support::check_error(&error, &["seed=0: another process is at work on it"]);

        let (status, error) = stop(child, name);
        assert_eq!(status, Some(1), "{error}");
        let resume = "metabnn run out/recipe.toml --out out --resume";
        crate::support::check_error(&error, &["stopped; runs done: 0 of 1; ", "to go on: ", resume]);
        assert_eq!(
            place.files("out"),
            ["recipe.toml", &CHECKPOINT[4..], "runs/seed=0.partial/metrics.jsonl"]
        );
    }
    // A changed recipe does not get the folder now: hours may be in that checkpoint.
    let changed = [TALKATIVE, &["rule.m=2"]].concat();
    let says = ["out: holds the results of another recipe (`m = 1.35` there, `m = 2.0` here)"];
    place.refuses(&run("pmnist", &changed, "out"), 1, &says);

    let said = place.output(&["run", "out/recipe.toml", "--out", "out", "--resume"]);
    assert!(said.contains("goes on at step "), "{said}");
    assert!(!has_leftovers(&place), "{:?}", place.files("out"));
    assert_as_never_stopped(&place, TALKATIVE);
}

/// Nobody reads what the program says, so that it cannot come to the end of a step: it heeds a signal and waits.
#[cfg(unix)]
#[test]
fn a_second_signal_stops_at_once() {
    let place = Workplace::new();
    let mut child = started(&place, &run("pmnist", TALKATIVE, "out"), "task 1 epoch 1");
    // Until it stands still, the pipe being full.
    let metrics = place.path("out/runs/seed=0.partial/metrics.jsonl");
    let size = || std::fs::metadata(&metrics).map_or(0, |metadata| metadata.len());
    let mut before = 0;
    while size() != std::mem::replace(&mut before, size()) {
        std::thread::sleep(Duration::from_millis(500));
    }
    let mut sent = 0;
    while child.try_wait().unwrap().is_none() && sent < 20 {
        signal(&child, "TERM");
        sent += 1;
        std::thread::sleep(Duration::from_millis(600));
    }
    // It has ended, if signals end it.
    let _ = child.kill();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(sent > 1, "one signal is heeded");
    let left = ["recipe.toml", "runs/seed=0.partial/lock", "runs/seed=0.partial/metrics.jsonl"];
    assert_eq!(place.files("out"), left);
}

/// The long form, fifty times, is `.ci/survive`.
#[test]
fn a_run_killed_at_any_moment_is_the_run() {
    let place = Workplace::new();
    let set = [TALKATIVE, &["tasks.count=10", "schedule.epochs=30"]].concat();
    let arguments = [&run("pmnist", &set, "out")[..], &["--checkpoint", "0"]].concat();
    let mut killed = 0;
    for mark in ["task 1 epoch 9:", "task 2 epoch", "task 3 epoch 1:", "task 3 epoch 30:", "task 6 epoch"] {
        let mut child = started(&place, &arguments, mark);
        child.kill().unwrap();
        child.wait().unwrap();
        killed += usize::from(place.path(CHECKPOINT).exists());
    }
    assert!(killed > 2, "killed midway {killed} times");
    place.output(&arguments);
    assert!(!has_leftovers(&place), "{:?}", place.files("out"));
    assert_as_never_stopped(&place, &set);
}

#[test]
fn there_must_be_something_to_resume() {
    let place = Workplace::new();
    let resume = |out| [&run("pmnist", &[], out)[..], &["--resume"]].concat();
    place.refuses(&resume("out"), 1, &["out: nothing to resume: no run of this recipe was begun there"]);
    place.run("pmnist", &[], "out");
    place.output(&resume("out"));
    let both = [&resume("out")[..], &["--fresh"]].concat();
    place.metabnn(&both).assert().code(2);
}

#[cfg(unix)]
#[test]
fn a_checkpoint_that_is_damaged_or_of_other_data_is_refused() {
    let place = Workplace::new();
    let arguments = run("pmnist", TALKATIVE, "out");
    stop(started(&place, &arguments, "task 1 epoch 1"), "INT");
    let bytes = place.bytes(CHECKPOINT);
    place.write(CHECKPOINT, &bytes[..bytes.len() / 2]);
    let says = "expected the checkpoint.safetensors of a run, got another or a damaged file: ";
    let quiet = [&arguments[..], &["--quiet"]].concat();
    place.refuses(&quiet, 1, &[CHECKPOINT, says, "the run cannot go on from it (--fresh begins it anew): "]);
    place.write(CHECKPOINT, &bytes);
    place.write_set("mnist", 28, 77);
    let says = "the checkpoint is of another run: the data set mnist is ";
    place.refuses(&quiet, 1, &[CHECKPOINT, says, "the run cannot go on from it (--fresh begins it anew): "]);
    place.output(&[&quiet[..], &["--fresh"]].concat());
    assert_as_never_stopped(&place, TALKATIVE);
    // What is done is done on these data alone.
    place.write_set("mnist", 28, 78);
    place.output(&quiet);
    place.run("pmnist", TALKATIVE, "other");
    assert_same_run(&place, "out/runs/seed=0", "other/runs/seed=0");
}

/// `.ci/survive` fills a real one.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_checkpoint_before() {
    let place = Workplace::new();
    let arguments = run("pmnist", TALKATIVE, "out");
    stop(started(&place, &arguments, "task 2 epoch 1"), "INT");
    let before = place.bytes(CHECKPOINT);
    // A little less room than the checkpoint takes; the other files are smaller.
    let often = [&arguments[..], &["--checkpoint", "0"]].concat();
    let error = place.error_of_full_disk(&often, before.len() / 512 - 2);
    crate::support::check_error(&error, &[CHECKPOINT, "cannot write: File too large"]);
    assert!(place.bytes(CHECKPOINT) == before);
    assert_eq!(place.files("out"), ["recipe.toml", &CHECKPOINT[4..], "runs/seed=0.partial/metrics.jsonl"]);
    place.output(&arguments);
    assert_as_never_stopped(&place, TALKATIVE);
}

#[cfg(unix)]
#[test]
fn a_run_killed_before_its_first_checkpoint_blocks_nobody() {
    let place = Workplace::new();
    let mut child = started(&place, &run("pmnist", TALKATIVE, "out"), "task 1 epoch 1");
    child.kill().unwrap();
    child.wait().unwrap();
    place.write("out/runs/seed=9.partial/model.safetensors", "half");
    place.run("pmnist", &[], "out");
    assert!(!has_leftovers(&place));
    assert!(place.path(&format!("out/{RUN}/model.safetensors")).is_file());
}
