//! Every kind of task stream, and the settings that change how a run goes.

use serde_json::Value;

use crate::support::{RUN, Workplace};

/// The summary of the one run with `set`.
fn summary(place: &Workplace, set: &[&str], out: &str) -> Value {
    place.run("pmnist", set, out);
    place.read_json(&format!("{out}/{RUN}/summary.json"))
}

/// Rows and columns of the accuracy matrix.
fn shape(summary: &Value) -> (usize, usize) {
    let rows = summary["accuracy_matrix"].as_array().unwrap();
    (rows.len(), rows[0].as_array().unwrap().len())
}

fn tests(summary: &Value) -> Vec<&str> {
    summary["tests"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

#[test]
fn permuted_tasks_come_one_after_the_other() {
    let summary = summary(&Workplace::new(), &["tasks.stream=permuted"], "out");
    assert_eq!((shape(&summary), &summary["steps"]), ((2, 2), &40.into()));
    assert_eq!(tests(&summary), ["permutation 1", "permutation 2"]);
    assert!(summary["forgetting"].is_f64() && summary["forward_transfer"].is_f64());
}

#[test]
fn a_sequence_learns_one_data_set_after_the_other() {
    let place = Workplace::new();
    place.write_set("usps", 16, 2);
    let set = ["data.sets=[\"usps\", \"mnist\"]", "tasks.stream=sequence", "tasks.count=0"];
    let summary = summary(&place, &set, "out");
    assert_eq!((shape(&summary), tests(&summary)), ((2, 2), vec!["usps", "mnist"]));
}

#[test]
fn subsets_share_one_test() {
    let summary = summary(&Workplace::new(), &["tasks.stream=subsets", "tasks.count=4"], "out");
    assert_eq!((shape(&summary), tests(&summary)), ((4, 1), vec!["mnist"]));
    assert_eq!(summary["steps"], 2 * 4 * 3);
    assert!(summary["forgetting"].is_null() && summary["backward_transfer"].is_null());
}

#[test]
fn interleaved_learns_all_tasks_at_once() {
    let summary = summary(&Workplace::new(), &["tasks.stream=interleaved"], "out");
    assert_eq!((shape(&summary), &summary["steps"]), ((1, 2), &40.into()));
    assert!(summary["forgetting"].is_null());
}

/// Each of these settings has to change the result, and the first task has to be learned with it.
#[test]
fn settings_have_their_effect() {
    let place = Workplace::new();
    let usual = summary(&place, &["norm.momentum=0.5"], "usual");
    let metrics = |out: &str| place.read(&format!("{out}/{RUN}/metrics.csv"));
    for (index, set) in [
        "tasks.scenario=domain",
        "norm.statistics=running",
        "norm.statistics=recalibrated",
        "norm.gamma_init=uniform",
        "network.precision=full-precision",
        "network.init=gaussian",
        "network.input=sign",
        "network.hidden=[]",
        "network.hidden=[16, 8]",
        "rule.m=[0.5, 2]",
        "optimizer.reset_per_task=false",
        "optimizer.weight_decay=0.1",
    ]
    .into_iter()
    .enumerate()
    {
        let out = format!("out{index}");
        let changed = summary(&place, &["norm.momentum=0.5", set], &out);
        assert_ne!(changed["hash"], usual["hash"], "{set}");
        assert!(metrics(&out) != metrics("usual"), "{set} changes nothing");
        let first = changed["accuracy_matrix"][0][0].as_f64().unwrap();
        assert!(first > 0.2, "{set}: chance is 0.1, got {first}");
    }
}

#[test]
fn the_scenario_decides_which_batch_norm_is_kept() {
    let place = Workplace::new();
    place.run("pmnist", &["tasks.scenario=task"], "task");
    place.run("pmnist", &["tasks.scenario=domain"], "domain");
    let names = |out: &str| {
        let bytes = place.bytes(&format!("{out}/{RUN}/model.safetensors"));
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        header.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    let has_tasks = |names: Vec<String>| names.iter().any(|name| name.starts_with("task2.layer1."));
    assert!(has_tasks(names("task")) && !has_tasks(names("domain")));
}
