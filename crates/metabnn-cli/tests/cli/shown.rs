//! What is printed: lists, recipes, JSON, little when asked to be quiet, and to a reader that goes away.

use crate::support::{TINY, Workplace, run};

#[test]
fn list_names_recipes_and_data_sets() {
    let place = Workplace::new();
    let text = place.output(&["list"]);
    let json = place.json(&["list", "--json"]);
    for (kind, expected) in [("recipes", "quickstart"), ("data_sets", "glyphs")] {
        let entries = json[kind].as_array().unwrap();
        assert!(entries.iter().any(|entry| entry["name"] == expected));
        for entry in entries {
            assert!(text.contains(entry["name"].as_str().unwrap()));
            assert!(text.contains(entry["title"].as_str().unwrap()));
        }
    }
}

#[test]
fn what_show_prints_can_be_run() {
    let place = Workplace::new();
    let mut arguments = vec!["show", "quickstart"];
    arguments.extend(TINY.iter().flat_map(|setting| ["--set", setting]));
    let shown = place.output(&arguments);
    place.write("shown.toml", &shown);
    place.output(&["run", "shown.toml", "--out", "shown"]);
    place.run("quickstart", &[], "direct");
    for name in ["recipe.toml", "runs/plain_seed=0/model.safetensors"] {
        assert!(place.bytes(&format!("shown/{name}")) == place.bytes(&format!("direct/{name}")), "{name}");
    }

    arguments.push("--json");
    let json = place.json(&arguments);
    assert!(shown.starts_with(json["toml"].as_str().unwrap().trim_end()));
    let runs = json["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    for run in runs {
        let summary = place.read_json(&format!("direct/runs/{}/summary.json", run["name"].as_str().unwrap()));
        assert_eq!((&summary["hash"], &summary["arm"]), (&run["hash"], &run["arm"]));
        assert!(shown.contains(run["hash"].as_str().unwrap()));
        assert_eq!(run["settings"]["data"]["sets"][0], "mnist");
    }
}

#[test]
fn every_built_in_recipe_can_be_shown_and_read_again() {
    let place = Workplace::new();
    for recipe in place.json(&["list", "--json"])["recipes"].as_array().unwrap() {
        let shown = place.output(&["show", recipe["name"].as_str().unwrap()]);
        place.write("shown.toml", &shown);
        assert_eq!(place.output(&["show", "shown.toml"]), shown);
    }
}

#[test]
fn a_run_tells_each_epoch_then_the_table() {
    let place = Workplace::new();
    let printed = place.run("pmnist", &["vary.seed=[0, 1]"], "out");
    for said in [
        "[1/2] seed=0  task 1 epoch 1: test ",
        "[2/2] seed=1  task 2 epoch 2: test ",
        "seed=1: average accuracy ",
        "Test accuracy (%) after all training",
        " ± ",
        "report: out/report.html",
    ] {
        assert!(printed.contains(said), "no {said:?} in\n{printed}");
    }
}

#[test]
fn quiet_leaves_the_table_and_json_the_summary() {
    let place = Workplace::new();
    let mut arguments = run("pmnist", &[], "out");
    arguments.push("--quiet");
    let printed = place.output(&arguments);
    assert!(printed.starts_with("Test accuracy (%)") && !printed.contains("epoch"), "{printed}");
    let mut arguments = run("pmnist", &[], "other");
    arguments.push("--json");
    assert_eq!(place.json(&arguments), place.read_json("other/summary.json"));
}

#[test]
fn without_out_results_get_a_folder_of_the_recipe() {
    let place = Workplace::new();
    let arguments: Vec<&str> =
        run("pmnist", &[], "").into_iter().filter(|argument| !["--out", ""].contains(argument)).collect();
    let printed = place.output(&arguments);
    let report = printed.trim_end().rsplit_once("report: ").unwrap().1;
    assert!(report.starts_with("results/pmnist-") && place.path(report).is_file(), "{printed}");
    place.write("mine.toml", place.bytes(&report.replace("report.html", "recipe.toml")));
    place.output(&["run", "mine.toml"]);
    assert!(place.path("results/pmnist/report.html").is_file());
}

#[test]
fn data_list_and_verify_tell_what_is_here() {
    let place = Workplace::new();
    let sets = place.json(&["data", "list", "--json"]);
    let state = |name: &str| {
        let set = sets.as_array().unwrap().iter().find(|set| set["name"] == name).unwrap();
        set["state"].as_str().unwrap().to_string()
    };
    assert_eq!([state("mnist"), state("usps"), state("glyphs")], ["own files", "not here", "built in"]);
    assert_eq!([state("cifar-10"), state("features-100")], ["not here", "built in"]);
    // A stand-in of one's own is no fault.
    let done = place.metabnn(&["data", "verify", "--json"]).assert().success();
    let files: serde_json::Value = serde_json::from_slice(&done.get_output().stdout).unwrap();
    let of = |set: &str| files.as_array().unwrap().iter().filter(|file| file["set"] == set).count();
    assert_eq!((of("mnist"), of("usps"), of("cifar-100")), (4, 1, 1));
    std::fs::remove_dir_all(place.path("data/mnist")).unwrap();
    assert!(place.output(&["data", "verify"]).contains("mnist: not here"));
    place.refuses(
        &["data", "verify", "mnist"],
        1,
        &["data set `mnist` is not here", "metabnn data fetch mnist"],
    );
}

/// A reader that has seen enough (`metabnn list | head -1`) is no failure.
#[test]
fn a_reader_may_go_away() {
    for command in ["list", "list --json", "show quickstart", "data list"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_metabnn"));
        let done = program.args(command.split(' ')).stdout(writer).output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!((done.status.code(), said.as_str()), (Some(0), ""), "{command}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_as_standard_output_is_a_failure() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let done =
        std::process::Command::new(env!("CARGO_BIN_EXE_metabnn")).arg("list").stdout(full).output().unwrap();
    crate::support::check_error(
        &String::from_utf8(done.stderr).unwrap(),
        &["standard output: No space left on device"],
    );
    assert_eq!(done.status.code(), Some(1));
}
