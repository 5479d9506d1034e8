//! A run that is killed midway: the same command completes it, another recipe may have its folder, nothing stays over.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::support::{RUN, Workplace, run};

/// More progress than a pipe holds: a program whose output nobody reads cannot finish, so that it is stopped midway
/// however fast or slow the machine is.
const TALKATIVE: &[&str] = &[
    "tasks.count=100",
    "schedule.epochs=4",
    "data.train_images=20",
    "data.test_images=10",
    "network.hidden=[2]",
];

/// Starts the program and reads its output up to the first line that contains `mark`.
fn started(place: &Workplace, arguments: &[&str], mark: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_metabnn"));
    command.args(arguments).current_dir(place.path("."));
    let mut child = command.env("METABNN_DATA", place.path("data")).stdout(Stdio::piped()).spawn().unwrap();
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

#[cfg(unix)]
#[test]
fn an_interrupted_run_blocks_nobody() {
    let place = Workplace::new();
    let arguments = run("pmnist", TALKATIVE, "out");
    let mut child = started(&place, &arguments, "task 1 epoch 1");
    // While it works, no other recipe gets its folder.
    let error = place.metabnn(&run("pmnist", &[], "out")).assert().code(1);
    let error = String::from_utf8(error.get_output().stderr.clone()).unwrap();
    crate::support::check_error(&error, &["out: holds the results of another recipe ("]);

    let interrupt =
        Command::new("sh").args(["-c", "kill -INT \"$0\"", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    assert!(!child.wait().unwrap().success());
    assert_eq!(place.files("out"), ["recipe.toml"]);
    // Afterwards a changed recipe does: there was no result yet.
    place.write("out/runs/seed=9.partial/model.safetensors", "half");
    place.run("pmnist", &[], "out");
    assert!(!has_leftovers(&place));
    assert!(place.path(&format!("out/{RUN}/model.safetensors")).is_file());
}

#[cfg(unix)]
#[test]
fn the_same_command_works_after_an_interruption() {
    let place = Workplace::new();
    let set = [TALKATIVE, &["tasks.count=70"]].concat();
    let mut child = started(&place, &run("pmnist", &set, "out"), "task 1 epoch 1");
    child.kill().unwrap();
    child.wait().unwrap();
    place.run("pmnist", &set, "out");
    assert!(place.path("out/report.html").is_file() && !has_leftovers(&place));
}
