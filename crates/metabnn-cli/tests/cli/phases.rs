//! Signals in every phase of a run: it ends soon, with what is done saved, and the same command completes it.

#![cfg(unix)]

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Workplace, run};

/// Starts the program and waits until `is_there`.
fn started(place: &Workplace, arguments: &[&str], is_there: impl Fn() -> bool) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_metabnn"));
    if cfg!(target_os = "linux") {
        // Not deaf to what the tests may be deaf to, if they were started by nohup.
        command = Command::new("env");
        command.args(["--default-signal=INT,HUP", env!("CARGO_BIN_EXE_metabnn")]);
    }
    command.args(arguments).current_dir(place.path(".")).env("METABNN_DATA", place.path("data"));
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let since = Instant::now();
    while !is_there() {
        assert!(since.elapsed() < Duration::from_secs(60), "it never came so far");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

/// Sends a signal; gives the status and the errors of the program, which is not given a minute: without listening, what
/// these tests stop goes on for hours.
fn stopped(mut child: Child, signal: &str) -> (Option<i32>, String) {
    let sent = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let since = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if since.elapsed() > Duration::from_secs(30) {
            child.kill().unwrap();
            panic!("SIG{signal} has no effect");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    (child.wait().unwrap().code(), errors)
}

const QUADRATIC: &str = "name = \"quadratic\"\n[analysis]\nkind = \"quadratic\"\n";

/// An analysis of hours, in its steps and, with many dimensions, before its first one.
#[test]
fn an_analysis_listens() {
    let place = Workplace::new();
    for (index, (settings, signal)) in [
        ("dimensions = 5\nsteps = 1000000000\n", "INT"),
        ("dimensions = 5\nsteps = 1000000000\n", "TERM"),
        ("dimensions = 5\nsteps = 1000000000\n", "HUP"),
        ("dimensions = 4000\nsteps = 5\n", "INT"),
    ]
    .iter()
    .enumerate()
    {
        let (recipe, out) = (format!("r{index}.toml"), format!("out{index}"));
        place.write(&recipe, format!("{QUADRATIC}{settings}"));
        let partial = place.path(&format!("{out}/runs/seed=0.partial"));
        let child = started(&place, &["run", &recipe, "--out", &out, "-q"], || partial.is_dir());
        std::thread::sleep(Duration::from_millis(300));
        let (status, errors) = stopped(child, signal);
        assert_eq!(status, Some(1), "{settings}: {errors}");
        assert_eq!(errors, "error: stopped before there was anything to keep\n");
        assert!(!partial.exists(), "{settings}: there is nothing to go on from");
    }
}

/// Tests of minutes after an epoch of no time.
const EVALUATION: &[&str] = &[
    "tasks.count=2000",
    "data.train_images=20",
    "data.test_images=120",
    "network.hidden=[300, 300]",
    "schedule.epochs=1",
    "schedule.evaluate=task",
];

#[test]
fn a_test_of_the_untrained_network_listens() {
    let place = Workplace::new();
    let partial = place.path("out/runs/seed=0.partial");
    let arguments = [&run("pmnist", EVALUATION, "out")[..], &["-q"]].concat();
    let child = started(&place, &arguments, || partial.is_dir());
    std::thread::sleep(Duration::from_millis(200));
    let (status, errors) = stopped(child, "INT");
    assert_eq!(status, Some(1), "{errors}");
    assert_eq!(errors, "error: stopped before there was anything to keep\n");
}

/// The closing of a terminal leaves a checkpoint, unless the program was started so that it does not hear of it.
#[test]
fn the_closing_of_the_terminal_leaves_a_checkpoint() {
    let place = Workplace::new();
    let set = ["tasks.count=40", "schedule.epochs=500", "data.train_images=40", "data.test_images=10"];
    let metrics = place.path("out/runs/seed=0.partial/metrics.jsonl");
    let has_tested = || std::fs::metadata(&metrics).is_ok_and(|metadata| metadata.len() > 20_000);
    let arguments = [&run("pmnist", &set, "out")[..], &["-q"]].concat();
    let (status, errors) = stopped(started(&place, &arguments, has_tested), "HUP");
    assert_eq!(status, Some(1), "{errors}");
    assert!(place.path("out/runs/seed=0.partial/checkpoint.safetensors").is_file(), "{errors}");

    let shell = "trap '' HUP; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", shell, env!("CARGO_BIN_EXE_metabnn")]).args(&arguments).current_dir(place.path("."));
    command.env("METABNN_DATA", place.path("data")).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lock = place.path("out/runs/seed=0.partial/lock");
    while !lock.exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(100));
    let hangup = Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap();
    assert!(hangup.success());
    std::thread::sleep(Duration::from_millis(400));
    assert!(child.try_wait().unwrap().is_none(), "what nohup starts goes on");
    stopped(child, "TERM");
}

/// Whoever sends a signal to a process and its group at once means it once.
#[test]
fn one_request_that_comes_twice_is_one() {
    let place = Workplace::new();
    let set = ["tasks.count=40", "schedule.epochs=500", "data.train_images=40", "data.test_images=10"];
    let arguments = [&run("pmnist", &set, "out")[..], &["-q"]].concat();
    for _ in 0..10 {
        let lock = place.path("out/runs/seed=0.partial/lock");
        let child = started(&place, &arguments, || lock.exists());
        std::thread::sleep(Duration::from_millis(150));
        let id = child.id().to_string();
        ["INT", "TERM", "INT"].iter().for_each(|signal| {
            let sent = Command::new("kill").args([&format!("-{signal}"), &id]).status().unwrap();
            assert!(sent.success());
        });
        let (status, errors) = stopped(child, "INT");
        assert_eq!(status, Some(1), "{errors}");
        assert!(errors.starts_with("error: stopped"), "{errors}");
    }
}
