//! What a run leaves, and what reads it again: `eval`, `report`, the same recipe once more.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{RUN, Workplace, run};

/// Rows of a CSV file below its header, which must be `header`.
fn rows(text: &str, header: &str) -> Vec<Vec<String>> {
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(header));
    lines.map(|line| line.split(',').map(String::from).collect()).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn close(value: &Value, expected: f64) {
    assert!((value.as_f64().unwrap() - expected).abs() < 1e-12, "{value} is not {expected}");
}

#[test]
fn a_run_leaves_every_file() {
    let place = Workplace::new();
    place.run("pmnist", &[], "out");
    let figures = ["accuracy", "accuracy_matrix", "flips", "hidden_weights"];
    let mut expected: Vec<String> =
        figures.iter().flat_map(|name| [format!("{name}.png"), format!("{name}.svg")]).collect();
    expected
        .extend(["recipe.toml", "report.html", "summary.json", "table.md", "table.tex"].map(String::from));
    for name in [
        "accuracy_matrix.csv",
        "flips.csv",
        "hidden_weights.csv",
        "metrics.csv",
        "metrics.jsonl",
        "model.safetensors",
        "recipe.toml",
        "summary.json",
    ] {
        expected.push(format!("{RUN}/{name}"));
    }
    expected.sort();
    let mut there = place.files("out");
    there.sort();
    assert_eq!(there, expected);
    for name in figures {
        assert_eq!(place.bytes(&format!("out/{name}.png"))[..4], *b"\x89PNG");
        assert!(place.read(&format!("out/{name}.svg")).contains("<svg"));
    }
    let html = place.read("out/report.html");
    assert!(html.contains("<svg") && !html.contains("src=\"http") && !html.contains("href=\"http"));
}

#[test]
fn the_numbers_of_a_run_agree_with_each_other() {
    let place = Workplace::new();
    place.run("pmnist", &["tasks.count=3"], "out");
    let summary = place.read_json(&format!("out/{RUN}/summary.json"));
    let matrix: Vec<Vec<f64>> = summary["accuracy_matrix"].as_array().unwrap().iter().map(numbers).collect();
    let (tasks, epochs) = (3, 2);
    assert!(matrix.len() == tasks && matrix.iter().all(|row| row.len() == tasks));
    assert!(matrix[0][0] > 0.3, "nothing learned: {matrix:?}");

    let header = "task_trained,permutation 1,permutation 2,permutation 3";
    let table = rows(&place.read(&format!("out/{RUN}/accuracy_matrix.csv")), header);
    let expected: Vec<Vec<String>> = matrix
        .iter()
        .enumerate()
        .map(|(task, row)| {
            std::iter::once((task + 1).to_string()).chain(row.iter().map(|a| format!("{a:?}"))).collect()
        })
        .collect();
    assert_eq!(table, expected);

    let header = "task_trained,epoch,split,task_evaluated,accuracy,loss";
    let metrics = rows(&place.read(&format!("out/{RUN}/metrics.csv")), header);
    assert_eq!(metrics.len(), tasks + tasks * epochs * (1 + tasks));
    let at = |task: usize, epoch: usize, test: usize| {
        let key = [task.to_string(), epoch.to_string(), "test".into(), test.to_string()];
        let row = metrics.iter().find(|row| row[..4] == key).unwrap();
        row[4].parse::<f64>().unwrap()
    };
    for test in 1..=tasks {
        assert_eq!(at(0, 0, test), numbers(&summary["untrained_accuracy"])[test - 1]);
        for task in 1..=tasks {
            assert_eq!(at(task, epochs, test), matrix[task - 1][test - 1]);
        }
    }

    let last = &matrix[2];
    close(&summary["average_accuracy"], last.iter().sum::<f64>() / 3.0);
    close(&summary["backward_transfer"], (last[0] - matrix[0][0] + last[1] - matrix[1][1]) / 2.0);
    let best = |test: usize| matrix[0][test].max(matrix[1][test]);
    close(&summary["forgetting"], (best(0) - last[0] + best(1) - last[1]) / 2.0);
    assert_eq!(summary["steps"], 3 * 2 * 10);
    let weights = rows(
        &place.read(&format!("out/{RUN}/hidden_weights.csv")),
        "task_trained,layer,bin_low,bin_high,count",
    );
    let count = |task: &str, layer: &str| {
        let of_both = weights.iter().filter(|row| row[0] == task && row[1] == layer);
        of_both.map(|row| row[4].parse::<u32>().unwrap()).sum::<u32>()
    };
    for task in ["0", "1", "2", "3"] {
        assert_eq!((count(task, "1"), count(task, "2")), (784 * 16, 16 * 10));
    }
}

#[test]
fn the_summary_has_an_entry_per_run_and_a_group_per_setting() {
    let place = Workplace::new();
    let vary = ["vary.rule.m=[0, 1.35]", "vary.seed=[0, 1, 2]"];
    place.run("pmnist", &vary, "out");
    let summary = place.read_json("out/summary.json");
    let runs = summary["runs"].as_array().unwrap();
    let groups = summary["groups"].as_array().unwrap();
    assert_eq!((&summary["recipe"], runs.len(), groups.len()), (&"pmnist".into(), 6, 2));
    assert_eq!(summary["version"], env!("CARGO_PKG_VERSION"));
    for (index, run) in runs.iter().enumerate() {
        let name = format!("m={}_seed={}", ["0", "1.35"][index / 3], index % 3);
        let folder = format!("runs/{name}");
        assert_eq!((&run["name"], &run["folder"]), (&name.as_str().into(), &folder.as_str().into()));
        assert_eq!(run["settings"]["rule.m"].as_f64(), Some([0.0, 1.35][index / 3]));
        assert_eq!(run["hash"].as_str().unwrap().len(), 16);
        assert!(run["seconds"].as_f64().unwrap() >= 0.0);
        let mut own = place.read_json(&format!("out/{folder}/summary.json"));
        let files = own.as_object_mut().unwrap().remove("files").unwrap();
        let size = place.bytes(&format!("out/{folder}/model.safetensors")).len();
        assert_eq!(files["model.safetensors"]["bytes"], size);
        assert_eq!(own.as_object_mut().unwrap().remove("checksum").unwrap().as_str().unwrap().len(), 16);
        assert_eq!(*run, own);
    }
    for (index, group) in groups.iter().enumerate() {
        let values: Vec<f64> =
            runs[3 * index..][..3].iter().map(|run| run["average_accuracy"].as_f64().unwrap()).collect();
        let mean = values.iter().sum::<f64>() / 3.0;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 2.0;
        assert_eq!(group["seeds"], serde_json::json!([0, 1, 2]));
        close(&group["average_accuracy"]["mean"], mean);
        close(&group["average_accuracy"]["std"], variance.sqrt());
    }
}

/// `eval` of the model and the last row of the accuracy matrix, by test.
fn eval_and_last_row(place: &Workplace) -> [BTreeMap<String, f64>; 2] {
    let scores = place.json(&["eval", &format!("out/{RUN}/model.safetensors"), "--json"]);
    let of = |score: &Value| (score["test"].as_str().unwrap().into(), score["accuracy"].as_f64().unwrap());
    let eval = scores.as_array().unwrap().iter().map(of).collect();
    let summary = place.read_json(&format!("out/{RUN}/summary.json"));
    let tests = summary["tests"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_string());
    let last = numbers(summary["accuracy_matrix"].as_array().unwrap().last().unwrap());
    [eval, tests.zip(last).collect()]
}

#[test]
fn eval_of_the_model_gives_the_last_row_of_the_matrix() {
    for statistics in ["batch", "running", "recalibrated"] {
        let place = Workplace::new();
        place.run("pmnist", &[&format!("norm.statistics={statistics}")], "out");
        let [eval, last] = eval_and_last_row(&place);
        assert_eq!(last.len(), 2);
        assert_eq!(eval, last, "{statistics}");
    }
}

/// How a network is tested changes nothing in its training: a model tested otherwise gives what the run gives that was
/// made so.
#[test]
fn eval_tests_otherwise_than_the_run_did() {
    let place = Workplace::new();
    place.run("pmnist", &["norm.statistics=batch"], "trained");
    let model = format!("trained/{RUN}/model.safetensors");
    let cases: [(&[&str], &str); 3] = [
        (&["--statistics", "kept"], "norm.statistics=running"),
        (&["--last-state"], "tasks.scenario=domain"),
        (&["--test-batch", "7"], "schedule.test_batch=7"),
    ];
    let mut seen = vec![place.json(&["eval", &model, "--json"])];
    for (index, (options, setting)) in cases.into_iter().enumerate() {
        let other = format!("other{index}");
        place.run("pmnist", &["norm.statistics=batch", setting], &other);
        let expected = place.json(&["eval", &format!("{other}/{RUN}/model.safetensors"), "--json"]);
        let got = place.json(&[&["eval", &model, "--json"], options].concat());
        assert_eq!(got, expected, "{setting}");
        assert!(!seen.contains(&got), "{setting} has no effect");
        seen.push(got);
    }
    place.refuses(&["eval", &model, "--test-batch", "1"], 2, &["schedule.test_batch", "at least 2"]);
}

/// Every run says what it keeps if nobody tells which task an image belongs to, beside what it keeps if somebody does.
#[test]
fn a_run_says_what_it_keeps_without_task_labels() {
    let place = Workplace::new();
    let table = place.run("pmnist", &["norm.statistics=running"], "out");
    assert!(table.contains("average  no label  forgetting"), "{table}");
    let summary = place.read_json(&format!("out/{RUN}/summary.json"));
    let found = numbers(&summary["unlabelled_accuracy"]);
    let eval = place.json(&["eval", &format!("out/{RUN}/model.safetensors"), "--last-state", "--json"]);
    let expected: Vec<f64> =
        eval.as_array().unwrap().iter().map(|row| row["accuracy"].as_f64().unwrap()).collect();
    assert_eq!(found, expected);
    close(&summary["average_unlabelled"], found.iter().sum::<f64>() / found.len() as f64);
    assert_eq!(
        summary["average_unlabelled"],
        place.read_json("out/summary.json")["groups"][0]["average_unlabelled"]["mean"]
    );
    let last = numbers(&summary["accuracy_matrix"][1]);
    assert!(found.last() == last.last() && found != last, "{found:?} {last:?}");

    let table = place.run("pmnist", &["tasks.scenario=domain"], "domain");
    assert!(!table.contains("no label"), "{table}");
    assert!(place.read_json(&format!("domain/{RUN}/summary.json"))["average_unlabelled"].is_null());
}

#[test]
fn eval_of_a_sequence_tests_each_data_set() {
    let place = Workplace::new();
    place.write_set("usps", 16, 2);
    let sequence = ["data.sets=[\"mnist\",\"usps\"]", "tasks.stream=sequence"];
    place.run("pmnist", &sequence, "out");
    let [eval, last] = eval_and_last_row(&place);
    assert_eq!(last.keys().collect::<Vec<_>>(), ["mnist", "usps"]);
    assert_eq!(eval, last);
    let model = format!("out/{RUN}/model.safetensors");
    let one = place.json(&["eval", &model, "--data-set", "usps", "--json"]);
    assert_eq!(one.as_array().unwrap().len(), 1);
    assert_eq!(one[0]["accuracy"].as_f64(), Some(last["usps"]));
    assert_eq!(one[0]["images"], 100);
    let table = place.output(&["eval", &model]);
    assert!(table.contains("usps") && table.contains('%'), "{table}");
}

#[test]
fn a_set_that_comes_again_is_one_task_that_is_learned_twice() {
    let place = Workplace::new();
    place.write_set("usps", 16, 2);
    let sets = "data.sets=[\"mnist\",\"usps\",\"mnist\"]";
    place.run("pmnist", &[sets, "tasks.stream=sequence", "tasks.count=3"], "out");
    let [eval, last] = eval_and_last_row(&place);
    assert_eq!(last.keys().collect::<Vec<_>>(), ["mnist", "usps"]);
    assert_eq!(eval, last);
    let model = format!("out/{RUN}/model.safetensors");
    assert_eq!(place.json(&["eval", &model, "--json"]).as_array().unwrap().len(), 2);
    let summary = place.read_json(&format!("out/{RUN}/summary.json"));
    let matrix: Vec<Vec<f64>> = serde_json::from_value(summary["accuracy_matrix"].clone()).unwrap();
    assert_eq!((matrix.len(), matrix[0].len(), &summary["trained"]), (3, 2, &json!([0, 1, 0])));
    let fell = matrix[0][1].max(matrix[1][1]) - matrix[2][1];
    assert!((summary["forgetting"].as_f64().unwrap() - fell).abs() < 1e-12, "{summary}");
    let page = place.read("out/report.html");
    assert!(page.contains(">mnist<") && page.contains(">usps<"), "the rows of the figure are named");
}

#[test]
fn a_finished_run_is_found_and_a_damaged_one_refused() {
    let place = Workplace::new();
    place.run("pmnist", &["vary.seed=[0, 1]"], "out");
    let before = place.tree();
    let again = place.run("pmnist", &["vary.seed=[0, 1]"], "out");
    assert_eq!(again.matches("done before").count(), 2, "{again}");
    assert!(place.tree() == before, "nothing to do, yet something changed");

    place.write("out/runs/seed=1/metrics.csv", "cut off");
    let says = place.error(&run("pmnist", &["vary.seed=[0, 1]"], "out"), 1);
    assert!(says.contains("out/runs/seed=1/metrics.csv, line 1: ") && says.contains("is damaged"), "{says}");
    assert_eq!(place.read("out/runs/seed=1/metrics.csv"), "cut off");
    std::fs::remove_dir_all(place.path("out/runs/seed=1")).unwrap();
    let again = place.run("pmnist", &["vary.seed=[0, 1]"], "out");
    assert_eq!(again.matches("done before").count(), 1, "{again}");
    assert_eq!(
        Some(place.bytes("out/runs/seed=1/metrics.csv")),
        before[std::path::Path::new("out/runs/seed=1/metrics.csv")]
    );

    let fresh = [run("pmnist", &["vary.seed=[0, 1]"], "out"), vec!["--fresh"]].concat();
    assert_eq!(place.output(&fresh).matches("done before").count(), 0, "--fresh runs all of it again");
}

#[test]
fn report_is_made_anew_and_puts_results_side_by_side() {
    let place = Workplace::new();
    place.run("pmnist", &[], "one/same");
    place.run("pmnist", &["rule.m=0"], "two/same");
    let before = place.tree();
    for lost in ["report.html", "summary.json", "accuracy.svg"] {
        std::fs::remove_file(place.path("one/same").join(lost)).unwrap();
    }
    place.output(&["report", "one/same"]);
    assert!(place.tree() == before, "the report differs from the first one");

    let paths = place.json(&["report", "one/same", "two/same", "--out", "both", "--json"]);
    let html = place.read(paths["html"].as_str().unwrap());
    assert!(html.contains("one/same") && html.contains("two/same"), "folders of one name need their paths");
    assert!(
        paths["figures"]
            .as_array()
            .unwrap()
            .iter()
            .all(|figure| place.path(figure.as_str().unwrap()).is_file())
    );
    place.output(&["report", "one/same", "two/same"]);
    assert!(place.path("comparison/report.html").is_file());
}

/// Results of one recipe are named by what differs between them, and nothing else is shown of it.
#[test]
fn results_side_by_side_say_what_differs() {
    let place = Workplace::new();
    for (out, m) in [("one", "rule.m=0"), ("two", "rule.m=2")] {
        place.run("pmnist", &[m], out);
    }
    place.output(&["report", "one", "two", "--out", "both"]);
    let (page, table) = (place.read("both/report.html"), place.read("both/table.md"));
    for name in ["pmnist, m = 0", "pmnist, m = 2"] {
        assert!(page.contains(name) && table.contains(name), "{name}: {table}");
        assert!(page.contains(&format!("{name}: seed=0")), "{name}: runs are told apart as well");
    }
    let (_, differs) = page.split_once("<h3>What differs</h3>").unwrap();
    let (differs, _) = differs.split_once("</table>").unwrap();
    assert_eq!(differs.matches("<tr>").count(), 2, "a line of titles and one setting: {differs}");
    assert!(differs.contains("rule.m"), "{differs}");
}

#[test]
fn report_prints_the_ranking_to_be_pasted() {
    let place = Workplace::new();
    place.run("pmnist", &["vary.seed=[0, 1]"], "one");
    place.run("pmnist", &["rule.m=0"], "two");
    let two = ["report", "one", "two", "--out", "both"];
    let markdown = place.output(&[&two[..], &["--table", "markdown"]].concat());
    assert_eq!(markdown, place.read("both/table.md"));
    let lines: Vec<&str> = markdown.lines().collect();
    assert!(lines[0].starts_with("| rank | setting | results | seeds | average (%) | to the best | "));
    assert!(lines[0].contains("| permutation 1 | permutation 2 |") && lines.len() == 4, "{markdown}");
    assert!(lines.iter().skip(2).any(|line| line.contains("| one | 2 |")), "{markdown}");
    let latex = place.output(&[&two[..], &["--table", "latex"]].concat());
    assert_eq!(latex, place.read("both/table.tex"));
    assert!(latex.contains("\\toprule") && latex.ends_with("\\end{tabular}\n"), "{latex}");
    assert_eq!(place.output(&["report", "one", "--table", "latex"]), place.read("one/table.tex"));
    let json = place.json(&[&two[..], &["--table", "latex", "--json"]].concat());
    assert_eq!(json["tables"]["latex"], "both/table.tex");
    place.refuses(&["report", "one", "--table", "word"], 2, &["word", "markdown, latex"]);
}

#[test]
fn the_report_of_damaged_results_says_what_is_wrong() {
    let place = Workplace::new();
    place.run("pmnist", &[], "out");
    std::fs::create_dir(place.path("empty")).unwrap();
    place.refuses(
        &["report", "empty"],
        1,
        &["empty: expected at least one finished run", "runs/NAME/summary.json"],
    );
    place.refuses(&["report", "nowhere"], 1, &["nowhere: cannot read: "]);
    place.refuses(
        &["report", "out", "empty", "--out", "both"],
        1,
        &["empty: expected at least one finished run"],
    );
    let metrics = format!("out/{RUN}/metrics.csv");
    let right = place.read(&metrics);
    let header = right.lines().next().unwrap();
    for (damaged, says) in [
        (format!("{right}garbage,1\n"), "line 16: expected 6 values, one per column of the header, got 2"),
        (
            format!("{header}\n1,1,test,1,1.5,0.1\n"),
            "line 2: expected an accuracy in [0, 1] in column accuracy, got \"1.5\"",
        ),
        ("a,b\n".into(), "line 1: expected header task_trained,epoch"),
        (String::new(), "line 1: expected a line that ends, got the end of the file: it was cut off"),
    ] {
        place.write(&metrics, damaged);
        place.refuses(&["report", "out"], 1, &["metrics.csv, ", says]);
    }
    place.write(&metrics, right);
    let recipe = place.read("out/recipe.toml");
    std::fs::remove_file(place.path("out/recipe.toml")).unwrap();
    place.refuses(&["report", "out"], 1, &["out/recipe.toml: cannot read: "]);
    place.write("out/recipe.toml", recipe);
    place.write(&format!("out/{RUN}/summary.json"), "{\"name\": 3}");
    place.refuses(&["report", "out"], 1, &["summary.json, line 1: expected the summary of a run"]);
}

#[test]
fn quickstart_makes_its_table_with_the_arms() {
    let place = Workplace::new();
    let set = ["data.sets=glyphs", "schedule.epochs=1"];
    let printed = place.output(&run("quickstart", &set, "out"));
    let table = printed.split_once("Test accuracy (%)").unwrap().1;
    let starts = |name: &str| table.lines().any(|line| line.starts_with(name));
    assert!(starts("plain ") && starts("metaplastic "), "{printed}");
    assert!(printed.trim_end().ends_with("report: out/report.html"), "{printed}");
}
