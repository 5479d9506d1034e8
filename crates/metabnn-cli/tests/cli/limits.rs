//! More than this machine has is refused with the figures, before anything is done.

use crate::support::{Workplace, check_error, run};

/// Arguments of a run with further words.
fn with<'a>(arguments: Vec<&'a str>, more: &[&'a str]) -> Vec<&'a str> {
    [&arguments[..], more].concat()
}

/// Threads with stacks larger than the address space are not started.
#[cfg(target_os = "linux")]
const NO_THREADS: (&str, &str) = ("RUST_MIN_STACK", "2251799813685248");

#[cfg(target_os = "linux")]
#[test]
fn threads_that_cannot_be_started_are_an_error_and_leave_nothing() {
    let place = Workplace::new();
    let grid = run("pmnist", &["vary.seed=[0, 1, 2]"], "out");
    let cases = [
        (with(grid.clone(), &["--jobs", "3", "--threads", "1"]), "3 runs at a time: their threads cannot be"),
        (with(grid, &["--threads", "2"]), "cannot start 2 threads"),
        (vec!["bench", "--threads", "2"], "cannot start 2 threads"),
    ];
    for (arguments, says) in cases {
        let before = place.tree();
        let done = place.metabnn(&arguments).env(NO_THREADS.0, NO_THREADS.1).assert().code(1);
        check_error(&String::from_utf8_lossy(&done.get_output().stderr), &[says]);
        assert!(place.tree() == before, "{arguments:?} left something behind: {:?}", place.files("."));
    }
    // One at a time needs none.
    let alone = with(run("pmnist", &[], "out"), &["--threads", "1"]);
    place.metabnn(&alone).env(NO_THREADS.0, NO_THREADS.1).assert().success();
}

#[test]
fn a_number_of_threads_that_makes_no_sense_is_refused() {
    let place = Workplace::new();
    let says = ["cannot start 60000 threads: 60000 threads: there can be 1024 at most"];
    place.refuses(&with(run("pmnist", &[], "out"), &["--threads", "60000"]), 1, &says);
    for threads in ["1000000", "0", "-1"] {
        let arguments = with(run("pmnist", &[], "out"), &["--threads", threads]);
        assert!(place.error(&arguments, 2).starts_with("error: "), "{threads}");
    }
}

/// Settings that no memory holds: widths, rules with many numbers a synapse, tasks whose accuracies are a square.
const TOO_MUCH: [&[&str]; 4] = [
    &["network.hidden=[1048576, 1048576]"],
    &["network.hidden=[1048576, 1048576]", "network.precision=full-precision"],
    &["network.hidden=[1048576]", "schedule.batch=1000000000", "data.train_images=0"],
    &["tasks.count=65536", "schedule.epochs=1000000"],
];

#[test]
fn what_no_memory_holds_is_refused_before_anything_is_loaded() {
    if metabnn::memory::available().is_none_or(|bytes| bytes > 1 << 40) {
        return;
    }
    let place = Workplace::new();
    // There is nothing to load.
    std::fs::remove_dir_all(place.path("data")).unwrap();
    for set in TOO_MUCH {
        let says = [" takes ", " (", "data sets ", ", this process may take ", "B"];
        place.refuses(&with(run("pmnist", set, "out"), &["--threads", "2"]), 1, &says);
    }
    let grid = ["vary.network.hidden=[[8], [1048576, 1048576]]"];
    let says = ["2 runs at a time, one of which is hidden=1048576-1048576_seed=0 ("];
    let set: Vec<&str> = crate::support::TINY.iter().copied().filter(|one| !one.contains("hidden")).collect();
    let mut arguments = vec!["run", "pmnist", "--out", "out", "--jobs", "2"];
    arguments.extend(set.iter().chain(&grid).flat_map(|setting| ["--set", setting]));
    place.refuses(&arguments, 1, &says);
}

/// What a shell, a cluster or a container leaves to a process is what it has.
#[cfg(target_os = "linux")]
#[test]
fn a_limit_on_address_space_is_kept() {
    let place = Workplace::new();
    let arguments = with(run("pmnist", &["network.hidden=[8192, 8192]"], "out"), &["--threads", "1"]);
    let mut command = assert_cmd::Command::new("sh");
    let shell = "ulimit -v 600000; exec \"$0\" \"$@\"";
    command.args(["-c", shell, env!("CARGO_BIN_EXE_metabnn")]).args(arguments);
    let done = command.current_dir(place.path(".")).env("METABNN_DATA", place.path("data")).assert().code(1);
    let says = ["the run seed=0 (1.", " takes 1.", " GB, this process may take ", " MB"];
    check_error(&String::from_utf8_lossy(&done.get_output().stderr), &says);
}

#[test]
fn a_measurement_that_no_memory_holds_is_refused() {
    if metabnn::memory::available().is_none_or(|bytes| bytes > 50_000_000_000) {
        return;
    }
    let says = ["a step of 784-65536-65536-10 in batches of 100 takes 5", " GB, this process may take "];
    Workplace::new().refuses(&["bench", "--width", "65536"], 1, &says);
}

#[test]
fn what_a_run_takes_is_shown() {
    let place = Workplace::new();
    let shown = place.output(&["show", "pmnist", "--set", "network.hidden=[1048576, 1048576]"]);
    let line = shown.lines().find(|line| line.starts_with("# memory")).unwrap();
    assert!(line.contains(" TB: data sets 55 MB, task stream ") && line.contains(", network "), "{line}");
    let json = place.json(&["show", "quickstart", "--json"]);
    let memory = &json["runs"][0]["memory"];
    let number = |key: &str| memory[key].as_u64().unwrap();
    assert_eq!(number("total"), number("data") + number("stream") + number("network"));
    // Features of one's own are known when they are there.
    let json = place.json(&["show", "pmnist", "--set", "data.sets=[\"mine.npz\"]", "--json"]);
    assert!(json["runs"][0]["memory"].is_null());
}

#[test]
fn settings_that_ask_for_more_than_there_is_are_noted() {
    let place = Workplace::new();
    let set = ["data.train_images=70000", "data.test_images=500", "schedule.batch=1000"];
    let notes = [
        "data.train_images = 70000: mnist has 240; all of them are taken",
        "data.test_images = 500: mnist has 120; all of them are taken",
        "schedule.batch = 1000: 2 tasks have fewer training images (down to 240); each step there is on all of them",
    ];
    let said = |arguments: &[&str]| {
        let done = place.metabnn(arguments).assert().success();
        String::from_utf8(done.get_output().stderr.clone()).unwrap()
    };
    // Once, whatever runs have it in common.
    let grid = [&set[..], &["vary.seed=[0, 1]"]].concat();
    let expected: String = notes.iter().map(|note| format!("note: {note}\n")).collect();
    assert_eq!(said(&run("pmnist", &grid, "out")), expected);
    for seed in 0..2 {
        let summary = place.read_json(&format!("out/runs/seed={seed}/summary.json"));
        assert_eq!(summary["notes"], serde_json::json!(notes));
    }
    assert_eq!(place.read_json("out/summary.json")["runs"][1]["notes"], serde_json::json!(notes));
    assert!(notes.iter().all(|note| place.read("out/report.html").contains(note)), "they are in the report");
    assert_eq!(said(&with(run("pmnist", &set, "quiet"), &["-q"])), "");
    // What is as it seems has none.
    assert_eq!(said(&run("pmnist", &[], "plain")), "");
    assert!(place.read_json("plain/runs/seed=0/summary.json").get("notes").is_none());
    // From the catalogue, before there are data.
    let shown = place.output(&["show", "pmnist", "--set", "data.train_images=70000"]);
    assert!(
        shown.contains("\n# note: data.train_images = 70000: mnist has 60000; all of them are taken\n"),
        "{shown}"
    );
}

#[test]
fn outputs_without_a_label_are_noted() {
    let place = Workplace::new();
    let set = ["tasks.stream=classes", "tasks.count=0", "tasks.classes=[[0, 1], [2, 3]]"];
    let done = place.metabnn(&run("pmnist", &set, "out")).assert().success();
    let note = "6 of 10 outputs are unused: no training image is of class 4, 5, 6, 7, 8, 9";
    let said = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
    assert_eq!(said, format!("note: {note}\n"));
    let mut arguments = vec!["show", "pmnist"];
    arguments.extend(set.iter().flat_map(|setting| ["--set", setting]));
    assert!(place.output(&arguments).contains(note));
}
