//! Many runs of one recipe: side by side, one by one, some of them failing.

use serde_json::Value;

use crate::support::{Workplace, run};

/// Four strengths by three seeds.
const GRID: &[&str] = &["vary.rule.m=[0, 0.5, 1, 1.35]", "vary.seed=[0, 1, 2]"];

fn runs(place: &Workplace, out: &str) -> Vec<Value> {
    place.read_json(&format!("{out}/summary.json"))["runs"].as_array().unwrap().clone()
}

fn with<'a>(arguments: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [arguments, more].concat()
}

/// Names and results, without their times.
fn found(place: &Workplace, out: &str) -> Vec<(String, String)> {
    let text = |run: &Value, key: &str| run[key].as_str().unwrap().to_owned();
    runs(place, out).iter().map(|run| (text(run, "name"), text(run, "results"))).collect()
}

#[test]
fn jobs_change_no_result() {
    let place = Workplace::new();
    place.run("pmnist", GRID, "one");
    let said = place.output(&with(&run("pmnist", GRID, "three"), &["--jobs", "3"]));
    assert!(said.contains("[12/12] m=1.35_seed=2  task 2 epoch 2: test "), "{said}");
    assert_eq!(found(&place, "one"), found(&place, "three"));
    for (name, _) in found(&place, "one") {
        let model = |out| place.bytes(&format!("{out}/runs/{name}/model.safetensors"));
        assert!(model("one") == model("three"), "{name}");
    }
    let groups = place.read_json("three/summary.json")["groups"].as_array().unwrap().clone();
    assert_eq!(groups.len(), 4);
    assert!(groups.iter().all(|group| group["average_accuracy"]["std"].is_number()));
}

#[test]
fn every_run_can_be_repeated_from_its_own_recipe() {
    let place = Workplace::new();
    place.run("pmnist", GRID, "out");
    for (name, results) in found(&place, "out") {
        let again = format!("again/{name}");
        place.output(&["run", &format!("out/runs/{name}/recipe.toml"), "--out", &again, "--threads", "1"]);
        assert_eq!(found(&place, &again)[0].1, results, "{name}");
        let hash = |run: &Value| run["hash"].clone();
        let first = runs(&place, "out").into_iter().find(|run| run["name"] == name.as_str()).unwrap();
        assert_eq!(hash(&runs(&place, &again)[0]), hash(&first));
    }
}

#[test]
fn runs_can_be_done_one_by_one() {
    let place = Workplace::new();
    place.run("pmnist", GRID, "all");
    for index in [11, 3, 0, 7, 1, 2, 4, 5, 6, 8, 9, 10] {
        let index = index.to_string();
        place.output(&with(&run("pmnist", GRID, "each"), &["--index", &index]));
        assert!(!place.path("each/summary.json").exists(), "one of many writes no summary");
    }
    place.output(&["report", "each"]);
    let sorted = |out| {
        let mut found = found(&place, out);
        found.sort();
        found
    };
    assert_eq!(sorted("all"), sorted("each"));
    let says = ["there is no run 12: the recipe has 12 runs, counted from 0"];
    place.refuses(&with(&run("pmnist", GRID, "each"), &["--index", "12"]), 1, &says);
}

#[test]
fn a_run_that_fails_does_not_keep_the_others_from_being_done() {
    let place = Workplace::new();
    let vary = ["vary.optimizer.lr=[1e38, 0.005, 2e38, 0.01]"];
    let done = place.metabnn(&with(&run("pmnist", &vary, "out"), &["--jobs", "2"])).assert().code(1);
    let said = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    let error = String::from_utf8(done.get_output().stderr.clone()).unwrap();
    assert!(error.starts_with("error: 2 of 4 runs failed; done: 2\n  lr="), "{error}");
    for run in ["lr=1e38_seed=0: the loss became ", "lr=2e38_seed=0: the loss became "] {
        assert!(error.contains(run), "{run:?} in {error}");
        assert!(said.contains(&format!("failed: {run}")), "{run:?} in {said}");
    }
    let names: Vec<String> = found(&place, "out").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["lr=0.005_seed=0", "lr=0.01_seed=0"]);
    assert!(place.path("out/report.html").is_file());
    assert!(place.files("out").iter().all(|file| !file.contains("partial")));
}
