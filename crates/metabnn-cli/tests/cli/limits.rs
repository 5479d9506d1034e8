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
