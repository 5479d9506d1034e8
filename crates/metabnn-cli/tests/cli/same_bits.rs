//! What changes a result and what does not.

use crate::support::{RUN, Workplace, run};

/// Model and metrics of the run in `out`.
fn results(place: &Workplace, out: &str) -> [Vec<u8>; 3] {
    let names = ["model.safetensors", "metrics.csv", "hidden_weights.csv"];
    names.map(|name| place.bytes(&format!("{out}/{RUN}/{name}")))
}

/// Runs with `arguments` more, and gives the results.
fn with(place: &Workplace, out: &str, set: &[&str], arguments: &[&str]) -> [Vec<u8>; 3] {
    let mut all = run("pmnist", set, out);
    all.extend(arguments);
    place.output(&all);
    results(place, out)
}

#[test]
fn threads_and_kernels_change_nothing() {
    let place = Workplace::new();
    let set = ["network.hidden=[70, 33]"];
    let first = with(&place, "first", &set, &["--threads", "1"]);
    assert!(first == with(&place, "again", &set, &["--threads", "1"]));
    assert!(first == with(&place, "threads", &set, &["--threads", "2"]));
    assert!(first == with(&place, "portable", &set, &["--kernels", "portable"]));
    let real = ["network.hidden=[33]", "network.precision=full-precision"];
    let first = with(&place, "real", &real, &["--threads", "2"]);
    assert!(first == with(&place, "real-portable", &real, &["--threads", "1", "--kernels", "portable"]));
}

#[test]
fn the_resolved_recipes_give_the_same_bits() {
    let place = Workplace::new();
    place.run("pmnist", &["rule.m=[1.35, 0.5]", "seed=7"], "out");
    let name = |out: &str| format!("{out}/runs/seed=7");
    let model = |out: &str| place.bytes(&format!("{}/model.safetensors", name(out)));
    let metrics = |out: &str| place.bytes(&format!("{}/metrics.csv", name(out)));
    place.output(&["run", "out/recipe.toml", "--out", "whole"]);
    place.output(&["run", &format!("{}/recipe.toml", name("out")), "--out", "single"]);
    for again in ["whole", "single"] {
        assert!(model(again) == model("out"), "{again}");
        assert!(metrics(again) == metrics("out"), "{again}");
    }
    assert_eq!(place.read("whole/recipe.toml"), place.read("out/recipe.toml"));
}

#[test]
fn one_arm_of_several_is_the_same_run_alone() {
    let place = Workplace::new();
    place.run("quickstart", &[], "out");
    let single = "out/runs/plain_seed=0";
    place.output(&["run", &format!("{single}/recipe.toml"), "--out", "single"]);
    assert!(
        place.bytes("single/runs/seed=0/model.safetensors")
            == place.bytes(&format!("{single}/model.safetensors"))
    );
}

#[test]
fn the_seed_changes_the_result() {
    let place = Workplace::new();
    place.run("pmnist", &["vary.seed=[0, 1]"], "out");
    let model = |seed: u32| place.bytes(&format!("out/runs/seed={seed}/model.safetensors"));
    let metrics = |seed: u32| place.bytes(&format!("out/runs/seed={seed}/metrics.csv"));
    assert!(model(0) != model(1) && metrics(0) != metrics(1));
    let mut other = run("pmnist", &[], "other");
    other.extend(["--seed", "1"]);
    place.output(&other);
    assert!(model(1) == place.bytes("other/runs/seed=1/model.safetensors"));
    assert!(metrics(1) == place.bytes("other/runs/seed=1/metrics.csv"));
}
