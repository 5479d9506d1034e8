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
fn groups_of_classes_are_learned_and_tested_one_after_the_other() {
    let place = Workplace::new();
    let set = ["tasks.stream=classes", "tasks.count=0", "tasks.classes=[[0, 1, 8, 9], [2, 3, 4, 5, 6, 7]]"];
    let summary = summary(&place, &set, "out");
    assert_eq!((shape(&summary), tests(&summary)), ((2, 2), vec!["classes 0, 1, 8, 9", "classes 2-7"]));
    // 200 images, the classes in turn: 80 and 120, in batches of 20, two epochs.
    assert_eq!(summary["steps"], 2 * (4 + 6));
    let matrix: Vec<Vec<f64>> = serde_json::from_value(summary["accuracy_matrix"].clone()).unwrap();
    assert!(matrix[0][0] > 0.5 && matrix[0][1] < 0.1, "{matrix:?}: what was not shown is not known");
    let model = format!("out/{RUN}/model.safetensors");
    let scores = place.json(&["eval", &model, "--json"]);
    let rows: Vec<_> = scores
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["images"].as_u64(), row["accuracy"].as_f64()))
        .collect();
    assert_eq!(rows, [(Some(40), Some(matrix[1][0])), (Some(60), Some(matrix[1][1]))]);
    let says = "mnist: tasks.classes: mnist has the classes 0 to 9, not 10";
    let set = ["tasks.stream=classes", "tasks.count=0", "tasks.classes=[[0, 1], [10]]"];
    place.refuses(&crate::support::run("pmnist", &set, "other"), 1, &[&says["mnist: ".len()..]]);
}

/// The evaluations of one kind in `out`: (task trained, epoch, task evaluated).
fn evaluations(place: &Workplace, out: &str, split: &str) -> Vec<[usize; 3]> {
    let text = place.read(&format!("{out}/{RUN}/metrics.csv"));
    let fields = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let of_split = fields.filter(|fields| fields[2] == split);
    of_split.map(|fields| [0, 1, 3].map(|field| fields[field].parse().unwrap())).collect()
}

#[test]
fn stream_learning_is_followed_on_the_training_images() {
    let place = Workplace::new();
    let usual = ["tasks.stream=subsets", "tasks.count=3", "norm.statistics=recalibrated"];
    let with = |more: &[&'static str], out| summary(&place, &[&usual[..], more].concat(), out);
    let plain = with(&[], "plain");
    let followed = with(&["schedule.evaluate_train=stream"], "followed");
    let rarely = with(&["schedule.evaluate_train=stream", "schedule.evaluate=task"], "rarely");
    // What is evaluated when changes nothing of what is learned.
    for other in [&followed, &rarely] {
        assert_eq!(other["accuracy_matrix"], plain["accuracy_matrix"]);
    }
    for other in ["followed", "rarely"] {
        let weights = |out: &str| place.read(&format!("{out}/{RUN}/hidden_weights.csv"));
        assert!(weights(other) == weights("plain"));
    }
    assert_eq!(
        evaluations(&place, "plain", "train"),
        [[1, 1, 1], [1, 2, 1], [2, 1, 2], [2, 2, 2], [3, 1, 3], [3, 2, 3]]
    );
    assert_eq!(evaluations(&place, "plain", "all").len(), 0);
    assert_eq!(evaluations(&place, "rarely", "test"), [[0, 0, 1], [1, 2, 1], [2, 2, 1], [3, 2, 1]]);
    assert_eq!(evaluations(&place, "rarely", "all"), [[0, 0, 0], [1, 2, 0], [2, 2, 0], [3, 2, 0]]);
    assert_eq!(
        evaluations(&place, "rarely", "train"),
        [[0, 0, 1], [1, 2, 1], [2, 2, 2], [2, 2, 1], [3, 2, 3], [3, 2, 1]]
    );
    assert_eq!(evaluations(&place, "followed", "all").len(), 1 + 3 * 2);
    let figure = |out: &str| place.read(&format!("{out}/accuracy.svg"));
    for curve in ["the task just learned (training)", "the first task (training)", "all training images"] {
        assert!(figure("rarely").contains(curve) && !figure("plain").contains(curve), "{curve}");
    }
}

/// After a single task, the first task, the task just learned and all tasks are the same images.
#[test]
fn the_training_images_of_a_stream_of_one_are_all_of_them() {
    let place = Workplace::new();
    let set = [
        "tasks.stream=subsets",
        "tasks.count=1",
        "schedule.evaluate_train=stream",
        "norm.statistics=running",
    ];
    place.run("pmnist", &set, "out");
    let text = place.read(&format!("out/{RUN}/metrics.csv"));
    let of = |start: &str| {
        let line =
            text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start} in {text}"));
        let scores: Vec<f64> = line[start.len()..].split(',').map(|score| score.parse().unwrap()).collect();
        (scores[0], scores[1])
    };
    let ((first, first_loss), (all, all_loss)) = (of("1,2,train,1,"), of("1,2,all,0,"));
    // The same images in another order: losses are summed in another order.
    assert!(first == all && (first_loss - all_loss).abs() < 1e-6, "{text}");
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
