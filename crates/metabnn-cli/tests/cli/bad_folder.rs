//! Folders of results that cannot be used: they stay as they are.

use crate::support::{Workplace, run};

#[test]
fn a_file_is_no_folder() {
    let place = Workplace::new();
    place.write("file", "mine");
    place.refuses(
        &run("pmnist", &[], "file"),
        1,
        &["file: cannot use as the folder of results: not a directory"],
    );
    // Below a file nothing can be written, not even by the superuser.
    let mut arguments = run("pmnist", &[], "file/a/b");
    arguments.push("--quiet");
    place.refuses(&arguments, 1, &["recipe.toml: cannot write: "]);
    place.run("pmnist", &[], "out");
    place.refuses(&["report", "out", "--out", "file/a"], 1, &["accuracy.svg: cannot write: "]);
}

#[test]
fn results_of_another_recipe_are_not_touched() {
    let place = Workplace::new();
    place.run("pmnist", &[], "out");
    for (setting, difference) in [
        ("rule.m=2", "`m = 1.35` there, `m = 2.0` here"),
        ("seed=1", "`seed = 0` there, `seed = 1` here"),
        ("vary.seed=[0, 1]", "`nothing more` there"),
    ] {
        let says =
            ["out: holds the results of another recipe (", difference, "choose another folder for these"];
        place.refuses(&run("pmnist", &[setting], "out"), 1, &says);
    }
}

#[test]
fn a_folder_with_something_else_is_not_touched() {
    let place = Workplace::new();
    place.write("out/notes.txt", "mine");
    let says = ["out: is not empty and holds no results; choose another folder for them"];
    place.refuses(&run("pmnist", &[], "out"), 1, &says);
    // A recipe written by hand is nobody's leftover, even alone in its folder.
    place.write("own/recipe.toml", "# my comment\nname = \"mine\"\n");
    place.refuses(&run("pmnist", &[], "own"), 1, &["own: holds the results of another recipe ("]);
}

/// The program meets the end of the disk first in the model, the largest file, after the folder was made and the training
/// done.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_nothing() {
    let place = Workplace::new();
    let before = place.tree();
    let limited = |arguments: &[&str]| place.error_of_full_disk(arguments, 16);
    let says = ["model.safetensors: cannot write: File too large"];
    crate::support::check_error(&limited(&run("pmnist", &[], "deep/er/out")), &says);
    assert!(place.tree() == before, "left behind: {:?}", place.files("."));

    // What was there stays as it was; the next run goes on from there.
    place.run("pmnist", &["vary.seed=[0, 1]"], "out");
    std::fs::remove_dir_all(place.path("out/runs/seed=1")).unwrap();
    let before = place.tree();
    crate::support::check_error(&limited(&run("pmnist", &["vary.seed=[0, 1]"], "out")), &says);
    assert!(place.tree() == before);
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_at_its_step() {
    let place = Workplace::new();
    let steps = "at step 2 (task 1, epoch 1) with a learning rate of 1e38; a smaller optimizer.lr or \
                 network.init_width usually helps";
    let mut real = vec!["optimizer.lr=1e38"];
    place.refuses(&quiet(&run("pmnist", &real, "out")), 1, &["seed=0: the loss became ", steps]);
    real.push("network.precision=full-precision");
    place.refuses(&quiet(&run("pmnist", &real, "out")), 1, &["seed=0: the loss became ", steps]);
    // One step alone: no later one meets the weights it left, but the evaluation does.
    real.extend(["tasks.count=1", "schedule.epochs=1", "schedule.batch=200"]);
    place.refuses(
        &quiet(&run("pmnist", &real, "out")),
        1,
        &["the loss became ", "at step 1 (task 1, epoch 1)"],
    );
    let init = ["network.init=gaussian", "network.init_width=3e38"];
    place.refuses(&quiet(&run("pmnist", &init, "out")), 1, &["a hidden weight became ", "at step 0 "]);
}

#[test]
fn runs_that_were_finished_before_an_error_stay() {
    let place = Workplace::new();
    let vary = "vary.optimizer.lr=[0.005, 1e38]";
    let arguments = quiet(&run("pmnist", &[vary], "out"));
    place.metabnn(&arguments).assert().code(1);
    let mut files = place.files("out");
    files.retain(|name| name.starts_with("runs/") && !name.starts_with("runs/lr=0.005_seed=0/"));
    assert_eq!(files, [""; 0]);
    assert_eq!(place.read_json("out/summary.json")["runs"].as_array().unwrap().len(), 1);
    assert!(place.path("out/report.html").is_file());
}

fn quiet<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &["--quiet"]].concat()
}
