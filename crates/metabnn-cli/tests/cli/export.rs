//! `metabnn export`: results in the formats of other programs.

use crate::support::{RUN, Workplace};

#[test]
fn each_format_gets_a_folder_in_the_results() {
    let place = Workplace::new();
    place.run("pmnist", &["vary.seed=[0, 1]"], "out");
    for (format, file) in
        [("tensorboard", "events.out.tfevents.0.metabnn"), ("csv", "metrics.csv"), ("jsonl", "metrics.jsonl")]
    {
        let printed = place.output(&["export", "out", "--to", format]);
        assert_eq!(printed, format!("{format}: out/{format}, 2 runs\n"));
        let expected = ["seed=0", "seed=1"].map(|run| format!("{run}/{file}"));
        assert_eq!(place.files(&format!("out/{format}")), expected);
        let json = place.json(&["export", "out", "--to", format, "--out", "else where", "--json"]);
        assert_eq!(json["files"][1], format!("else where/seed=1/{file}"));
        let (here, there) = (format!("out/{format}/seed=1/{file}"), format!("else where/seed=1/{file}"));
        assert!(place.bytes(&here) == place.bytes(&there));
    }
    // What was exported is in nobody's way: the runs are found, the report is made again.
    let again = place.run("pmnist", &["vary.seed=[0, 1]"], "out");
    assert_eq!(again.matches("done before").count(), 2, "{again}");
}

#[test]
fn exported_values_are_those_of_the_run() {
    let place = Workplace::new();
    place.run("pmnist", &["rule.m=0.5"], "out");
    place.output(&["export", "out", "--to", "jsonl"]);
    place.output(&["export", "out", "--to", "csv"]);
    let metrics = place.read(&format!("out/{RUN}/metrics.csv"));
    let lines = place.read("out/jsonl/seed=0/metrics.jsonl");
    assert_eq!(lines.lines().count() + 1, metrics.lines().count());
    for (line, row) in lines.lines().zip(metrics.lines().skip(1)) {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        let keys = ["task_trained", "epoch", "split", "task_evaluated", "accuracy", "loss"];
        let number = |text: &str| text.parse::<f64>().ok();
        for (key, cell) in keys.iter().zip(row.split(',')) {
            assert!(object[key].as_f64() == number(cell), "{key} of {line} is not that of {row}");
        }
    }
    let csv = place.read("out/csv/seed=0/metrics.csv");
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 1 + 2 * 2);
    let leading = ["bnn", "task", "16", "bn", "0.005", "0.5", "0.0", "0.0", "2", "pMNIST2", "2"];
    assert_eq!(rows[4][..11], leading);
    let summary = place.read_json("out/summary.json");
    for (test, column) in [(0, 13), (1, 15)] {
        let accuracy = summary["runs"][0]["accuracy_matrix"][1][test].as_f64().unwrap();
        assert!((rows[4][column].parse::<f64>().unwrap() - 100.0 * accuracy).abs() < 0.005);
    }
}

#[test]
fn what_cannot_be_exported_is_said() {
    let place = Workplace::new();
    std::fs::create_dir(place.path("empty")).unwrap();
    place.refuses(&["export", "empty", "--to", "csv"], 1, &["empty: expected at least one finished run"]);
    place.refuses(&["export", "nowhere", "--to", "csv"], 1, &["nowhere: cannot read: "]);
    place.refuses(
        &["export", "empty", "--to", "xml"],
        2,
        &["xml", "tensorboard, csv, jsonl, packed, c-header, npz"],
    );
    place.output(&["run", "fig5a", "--out", "path"]);
    place.refuses(
        &["export", "path", "--to", "jsonl"],
        1,
        &["path: runs: expected at least one of a trained network, got analyses alone"],
    );
}
