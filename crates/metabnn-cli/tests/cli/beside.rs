//! Processes side by side in one folder of results: none disturbs another. `.ci/beside` does the same more often.

use std::fs;
use std::process::{Child, Command, Output, Stdio};

use crate::support::{Workplace, run};

const SET: [&str; 5] = [
    "vary.seed=[0, 1, 2, 3, 4, 5, 6, 7]",
    "data.train_images=20",
    "data.test_images=10",
    "network.hidden=[2]",
    "schedule.epochs=1",
];

fn start(place: &Workplace, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_metabnn"));
    command.args(arguments).current_dir(place.path(".")).env("METABNN_DATA", place.path("data"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Eight processes make the same new folder; reports and exports are made meanwhile.
#[test]
fn eight_runs_with_reports_among_them_end_well() {
    let place = Workplace::new();
    place.run("pmnist", &SET, "alone");
    for round in 0..3 {
        let out = format!("deep-{round}/er/out");
        let arguments = [&run("pmnist", &SET, &out)[..], &["--quiet", "--threads", "1"]].concat();
        let indices: Vec<String> = (0..8).map(|index| index.to_string()).collect();
        let (mut runs, mut shows) = (Vec::new(), Vec::new());
        for index in &indices {
            runs.push(start(&place, &[&arguments[..], &["--index", index]].concat()));
            shows.push(start(&place, &["report", &out]));
            shows.push(start(&place, &["export", &out, "--to", "jsonl"]));
        }
        for child in runs {
            let done = child.wait_with_output().unwrap();
            assert!(done.status.success() && done.stderr.is_empty(), "{}", stderr(&done));
        }
        for child in shows {
            let done = child.wait_with_output().unwrap();
            let nothing_yet = ["at least one finished run", "cannot read: No such file"];
            let says = stderr(&done);
            let is_early = nothing_yet.iter().any(|words| says.contains(words));
            assert!((done.status.success() && says.is_empty()) || is_early, "{says}");
        }
        place.output(&["report", &out]);
        let files = |folder: &str| {
            let mut files = place.files(folder);
            files.retain(|name| !name.starts_with("jsonl/"));
            files.sort();
            files
        };
        assert_eq!(files(&out), files("alone"));
        for name in files("alone") {
            // Seconds are in those.
            if !name.ends_with("summary.json") && !name.ends_with("report.html") {
                assert!(
                    place.bytes(&format!("{out}/{name}")) == place.bytes(&format!("alone/{name}")),
                    "{name}"
                );
            }
        }
    }
}

/// Others write into the folder at that very moment, or did so for the first time.
#[test]
fn files_of_other_processes_are_no_content() {
    let place = Workplace::new();
    place.write("out/.metabnn-young", "half");
    fs::create_dir(place.path("out/runs")).unwrap();
    place.run("pmnist", &["data.train_images=20"], "out");
    assert_eq!(place.read("out/.metabnn-young"), "half", "it may be in use");
}

/// Runs that fail side by side, and take back the folder that they made: nobody meets an error that is not his own.
#[test]
fn runs_that_fail_side_by_side_disturb_nobody() {
    let place = Workplace::new();
    let fails = ["optimizer.lr=1e38", "vary.seed=[0, 1, 2, 3, 4, 5]"];
    let arguments = [&run("pmnist", &fails, "deep/out")[..], &["--quiet"]].concat();
    for _ in 0..3 {
        let indices: Vec<String> = (0..6).map(|index| index.to_string()).collect();
        let start = |index: &String| start(&place, &[&arguments[..], &["--index", index]].concat());
        let children: Vec<Child> = indices.iter().map(start).collect();
        for child in children {
            let says = stderr(&child.wait_with_output().unwrap());
            assert!(says.starts_with("error: seed=") && says.contains("the loss became"), "{says}");
        }
        let left = place.files("");
        assert!(
            left.iter().all(|name| name.starts_with("data/") || name == "deep/out/recipe.toml"),
            "{left:?}"
        );
    }
    // If the last one could not tell whether it is alone, a recipe is left that is in nobody's way.
    place.run("pmnist", &["data.train_images=20"], "deep/out");
}

/// The folder of a run is moved away and put back again and again, as a process does that replaces it.
#[test]
fn a_run_that_is_replaced_while_it_is_read_is_read_again() {
    let place = Workplace::new();
    place.run("pmnist", &[SET[0], SET[1], SET[2]], "out");
    let runs = place.path("out/runs");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                fs::rename(runs.join("seed=3"), runs.join("seed=3.replaced")).unwrap();
                std::thread::yield_now();
                fs::rename(runs.join("seed=3.replaced"), runs.join("seed=3")).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        });
        let read = (0..30).map(|_| metabnn_lab::report::folder::read_results(&place.path("out")));
        let read: Vec<_> = read.collect();
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        for results in read {
            let results = results.unwrap();
            // Listed at the moment when it had another name, it is not seen at all.
            assert!(results.runs.len() >= 7 && results.left_out.is_empty(), "{:?}", results.left_out);
        }
    });
}
