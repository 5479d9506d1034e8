//! What changes a result and what does not.

use metabnn::kernels::Platform;

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
    let kernels = || Platform::ALL.into_iter().filter(|platform| platform.is_available()).map(Platform::name);
    let mut others = Vec::new();
    for (index, set) in [
        &["network.hidden=[70, 33]"][..],
        &["network.hidden=[33]", "network.precision=full-precision"],
        &["network.hidden=[70, 33]", "optimizer.state=bf16"],
        &["network.hidden=[33]", "network.input=sign", "schedule.batch=33"],
    ]
    .into_iter()
    .enumerate()
    {
        let out = |name: &str| format!("{index}-{name}");
        let first = with(&place, &out("first"), set, &["--threads", "1"]);
        assert!(first == with(&place, &out("again"), set, &["--threads", "1"]), "{set:?}");
        assert!(first == with(&place, &out("threads"), set, &["--threads", "2"]), "{set:?}");
        for name in kernels() {
            assert!(first == with(&place, &out(name), set, &["--kernels", name]), "{set:?}, {name}");
        }
        assert!(!others.contains(&first), "{set:?} does change the result");
        others.push(first);
    }
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
