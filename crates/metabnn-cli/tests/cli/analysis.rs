//! Recipes of an analysis: what they leave, with and without a network.

use crate::support::{RUN, Workplace, run};

#[test]
fn a_quadratic_recipe_needs_no_data_and_leaves_its_own_files() {
    let place = Workplace::new();
    std::fs::remove_dir_all(place.path("data")).unwrap();
    let small =
        ["run", "fig5b", "--set", "analysis.dimensions=20", "--set", "vary.seed=[3, 4]", "--out", "out"];
    let printed = place.output(&small);
    assert!(printed.contains("seed=3: ") && printed.contains("|W^h| / largest"), "{printed}");
    let run = "out/runs/seed=3";
    assert_eq!(place.files(run), ["loss_increase.csv", "recipe.toml", "summary.json"]);
    let summary = place.read_json(&format!("{run}/summary.json"));
    assert!(summary["average_accuracy"].is_null() && summary["correlation"].as_f64().unwrap() > 0.5);
    let table = place.read(&format!("{run}/loss_increase.csv"));
    let rows = summary["loss_increase"].as_array().unwrap();
    assert_eq!(table.lines().next(), Some("layer,bin_low,bin_high,weights,switched,draws,mean,std,derived"));
    assert_eq!(table.lines().count(), 1 + rows.len());
    assert_eq!(rows.iter().map(|row| row["weights"].as_u64().unwrap()).sum::<u64>(), 20);
    let html = place.read("out/report.html");
    assert!(html.contains("id=\"loss_increase\"") && !html.contains("Batch norm"));
    let recipe = place.read("out/recipe.toml");
    assert!(recipe.contains("kind = \"quadratic\"") && !recipe.contains("[network]"), "{recipe}");

    let before = place.tree();
    assert_eq!(place.output(&small).matches("done before").count(), 2);
    std::fs::remove_file(place.path("out/report.html")).unwrap();
    std::fs::remove_file(place.path("out/loss_increase.png")).unwrap();
    place.output(&["report", "out"]);
    assert!(place.tree() == before, "made anew from the folder alone");
}

#[test]
fn two_weights_leave_their_path() {
    let place = Workplace::new();
    let printed = place.output(&["run", "fig5a", "--out", "out"]);
    assert!(
        printed.contains("W_x goes from 0.0100 to ") && printed.contains("W_y oscillates between -"),
        "{printed}"
    );
    let table = place.read(&format!("out/{RUN}/trajectory.csv"));
    assert!(table.starts_with("step,weight,hidden_weight\n0,1,0.01\n0,2,0.02\n1,1,"), "{table}");
    let path = &place.read_json("out/summary.json")["runs"][0]["trajectory"];
    assert_eq!(path["hidden_weights"].as_array().unwrap().len(), 21);
    assert_eq!(path["optimum"], serde_json::json!([1.5, 0.5]));
    assert!(place.read("out/trajectory.svg").contains("W*"));
    // Side by side with a network, each keeps what it has.
    place.run("pmnist", &[], "trained");
    place.output(&["report", "out", "trained", "--out", "both"]);
    let html = place.read("both/report.html");
    assert!(html.contains("id=\"trajectory\"") && html.contains("id=\"accuracy\""));
}

#[test]
fn signs_are_switched_after_training_and_the_model_stays() {
    let place = Workplace::new();
    let switching = [
        "data.sets=mnist",
        "tasks.stream=sequence",
        "tasks.count=0",
        "analysis.kind=sign-switching",
        "analysis.switched=[20, 5]",
        "analysis.draws=3",
        "analysis.bins=4",
        "analysis.images=50",
    ];
    let printed = place.run("pmnist", &switching, "out");
    assert!(printed.contains("layer 1, |W^h| from 0.000 to "), "{printed}");
    assert!(
        printed.contains("average accuracy") && printed.contains("switching the sign of one"),
        "{printed}"
    );
    let one = run("pmnist", &switching, "one");
    place.output(&[one, vec!["--threads", "1"]].concat());
    for name in ["loss_increase.csv", "flips.csv", "model.safetensors"] {
        let [first, again] = ["out", "one"].map(|out| place.bytes(&format!("{out}/{RUN}/{name}")));
        assert!(first == again, "{name} depends on the number of threads");
    }
    let summary = place.read_json(&format!("out/{RUN}/summary.json"));
    let weights = summary["loss_increase"].as_array().unwrap().iter();
    assert_eq!(weights.map(|row| row["weights"].as_u64().unwrap()).sum::<u64>(), 784 * 16 + 16 * 10);

    // Without the switching, the same network.
    place.run("pmnist", &switching[..3], "plain");
    let hidden = |out: &str| place.read(&format!("{out}/{RUN}/hidden_weights.csv"));
    assert_eq!(hidden("plain"), hidden("out"));
}

#[test]
fn flips_are_counted_epoch_by_epoch() {
    let place = Workplace::new();
    place.run("pmnist", &[], "out");
    let table = place.read(&format!("out/{RUN}/flips.csv"));
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("task_trained,epoch,layer,flipped"));
    let rows: Vec<Vec<f64>> =
        lines.map(|line| line.split(',').map(|field| field.parse().unwrap()).collect()).collect();
    assert_eq!(rows.len(), 2 * 2 * 2, "tasks, epochs, layers");
    // Whole numbers of 784 * 16 and 16 * 10 weights.
    for row in &rows {
        let flipped = row[3] * [784.0 * 16.0, 160.0][row[2] as usize - 1];
        assert!((flipped - flipped.round()).abs() < 1e-9 && (0.0..0.6).contains(&row[3]), "{row:?}");
    }
    assert!(rows[0][3] > 0.0, "the first epoch changes something");
    place.run("pmnist", &["network.precision=full-precision"], "real");
    assert!(!place.path(&format!("real/{RUN}/flips.csv")).exists());
    assert!(!place.read("real/report.html").contains("id=\"flips\""));
}
