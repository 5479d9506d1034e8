//! The ranking of settings, on the page and as tables for a paper; the order of runs.

// Helpers outside of test functions may unwrap, too: a panic is how a test fails.
#![allow(clippy::unwrap_used)]

#[path = "../examples/sample_report/sample.rs"]
mod sample;

use std::fs;
use std::path::Path;

use metabnn_lab::report::folder::{read_results, read_run, read_summary, write_run, write_summary};
use metabnn_lab::report::summary::{Group, Summary};
use metabnn_lab::report::{ReportPaths, compare, write_report};
use sample::Sample;

/// Cells of the lines of a Markdown table that has no escaped signs.
fn cells(report: &ReportPaths) -> Vec<Vec<String>> {
    let text = fs::read_to_string(&report.markdown).unwrap();
    let line = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_string()).collect();
    text.lines().map(line).collect()
}

fn points(value: f64) -> String {
    format!("{:.1}", 100.0 * value)
}

/// Three arms with two seeds: the best in the middle.
fn three() -> Sample {
    let arm = |name: &str, m, keep| (name.to_string(), m, keep);
    let arms = vec![arm("plain", 0.0, 0.35), arm("metaplastic", 1.35, 0.97), arm("stiff", 5.0, 0.8)];
    Sample { arms, ..Sample::default() }
}

#[test]
fn settings_are_ranked_with_the_error_of_their_differences() {
    let folder = tempfile::tempdir().unwrap();
    three().write(folder.path()).unwrap();
    let report = write_report(folder.path()).unwrap();
    let cells = cells(&report);
    let header = ["rank", "setting", "seeds", "average (%)", "to the best", "forgetting"];
    assert_eq!(cells[0][..6], header);
    let tests: Vec<String> = (1..=5).map(|test| format!("permutation {test}")).collect();
    assert_eq!(cells[0][6..], tests);
    let summary = read_summary(folder.path()).unwrap();
    let of = |arm: &str| summary.groups.iter().find(|group| group.arm.as_deref() == Some(arm)).unwrap();
    let best = of("metaplastic").average_accuracy.unwrap();
    let with_error = |group: &Group| {
        let average = group.average_accuracy.unwrap();
        let variances = [average, best].map(|value| value.std.unwrap().powi(2) / 2.0);
        let error = variances.iter().sum::<f64>().sqrt();
        assert!(error > 0.0);
        format!("{} ± {}", points(average.mean - best.mean), points(error))
    };
    let expected = [
        ("1", "metaplastic (m = 1.35)", "–".to_string()),
        ("2", "stiff (m = 5)", with_error(of("stiff"))),
        ("3", "plain (m = 0)", with_error(of("plain"))),
    ];
    for (row, (rank, setting, behind)) in cells[2..].iter().zip(expected) {
        assert_eq!((row[0].as_str(), row[1].as_str(), row[2].as_str()), (rank, setting, "2"));
        assert_eq!(row[4], behind);
        let group = of(setting.split(' ').next().unwrap());
        let average = group.average_accuracy.unwrap();
        assert_eq!(row[3], format!("{} ± {}", points(average.mean), points(average.std.unwrap())));
        assert!(row[5].starts_with(&points(group.forgetting.unwrap().mean)));
    }
    let html = fs::read_to_string(&report.html).unwrap();
    let ranking = html.split_once("<h2>Ranking</h2>").unwrap().1.split_once("</section>").unwrap().0;
    let place = |name: &str| ranking.find(name).unwrap();
    assert!(place("metaplastic (m") < place("stiff (m") && place("stiff (m") < place("plain (m"));
    assert!(ranking.contains("href=\"table.tex\"") && !ranking.contains("permutation"));
    assert_eq!(html.matches("<th colspan=\"5\">permutation</th>").count(), 1, "every test is in the numbers");
    assert!(!ranking.contains("Not all of them had the same tests"));
    let latex = fs::read_to_string(&report.latex).unwrap();
    assert_eq!(latex.matches("\\begin{tabular}").count(), 1);
    assert!(latex.contains("\n2 & stiff (m = 5) & 2 & ") && latex.contains(" & $-$"), "{latex}");
}

#[test]
fn the_differences_of_single_seeds_have_no_error_and_equals_share_a_rank() {
    let folder = tempfile::tempdir().unwrap();
    Sample { seeds: 1, ..three() }.write(folder.path()).unwrap();
    // Stiff does exactly what plain does.
    let [plain, stiff] = ["plain", "stiff"].map(|name| folder.path().join(format!("runs/{name}_seed=0")));
    let (from, mut to) = (read_run(&plain).unwrap(), read_run(&stiff).unwrap());
    to.summary = to.summary.scored(from.summary.matrix());
    write_run(&stiff, &to).unwrap();
    let cells = cells(&write_report(folder.path()).unwrap());
    let ranks: Vec<&str> = cells[2..].iter().map(|row| row[0].as_str()).collect();
    assert_eq!(ranks, ["1", "2", "2"]);
    assert!(cells[3][4].starts_with('-') && !cells[3][4].contains('±'), "{:?}", cells[3]);
}

#[test]
fn a_setting_alone_has_tables_and_no_ranking() {
    let folder = tempfile::tempdir().unwrap();
    let arms = vec![("alone".to_string(), 1.35, 0.9)];
    Sample { arms, seeds: 1, ..Sample::default() }.write(folder.path()).unwrap();
    let report = write_report(folder.path()).unwrap();
    assert!(!fs::read_to_string(&report.html).unwrap().contains("Ranking"));
    assert_eq!(cells(&report).len(), 3);
}

#[test]
fn results_of_several_folders_are_ranked_together() {
    let parent = tempfile::tempdir().unwrap();
    let folders = ["five", "three"].map(|name| parent.path().join(name));
    three().write(&folders[0]).unwrap();
    Sample { recipe: "fewer tests".into(), phases: 3, tests: 3, ..Sample::default() }
        .write(&folders[1])
        .unwrap();
    let mut results = read_results(&folders[1]).unwrap();
    // What is kept without task labels, in one of them alone.
    for run in &mut results.runs {
        run.summary.unlabelled_accuracy = vec![0.25; 3];
        run.summary = run.summary.clone().scored(run.summary.matrix());
        write_run(&folders[1].join(&run.summary.folder), run).unwrap();
    }
    let report = compare(&folders, &parent.path().join("both")).unwrap();
    let cells = cells(&report);
    let header =
        ["rank", "setting", "results", "seeds", "average (%)", "to the best", "no label (%)", "forgetting"];
    assert_eq!(cells[0], header, "tests that differ have no columns");
    assert_eq!(cells.len(), 2 + 5);
    for row in &cells[2..] {
        let unlabelled = if row[2] == "three" { "25.0 ± 0.0" } else { "–" };
        assert_eq!(row[6], unlabelled, "{row:?}");
    }
    let html = fs::read_to_string(&report.html).unwrap();
    assert!(html.contains("Not all of them had the same tests"));
}

#[test]
fn names_do_not_tear_tables_apart() {
    let folder = tempfile::tempdir().unwrap();
    // A recipe allows no such name; a summary can say anything.
    three().write(folder.path()).unwrap();
    let path = folder.path().join("runs/plain_seed=0");
    let mut run = read_run(&path).unwrap();
    run.summary.arm = Some("a|b & 50% of_it\\\n<b>".into());
    write_run(&path, &run).unwrap();
    let report = write_report(folder.path()).unwrap();
    let markdown = fs::read_to_string(&report.markdown).unwrap();
    assert!(markdown.contains("| a\\|b \\& 50% of\\_it\\\\ \\<b\\> (m = 0) |"), "{markdown}");
    let separators = |line: &str| line.replace("\\|", "").matches('|').count();
    assert!(markdown.lines().all(|line| separators(line) == 12), "{markdown}");
    let latex = fs::read_to_string(&report.latex).unwrap();
    let escaped = "a\\textbar{}b \\& 50\\% of\\_it\\textbackslash{} \\textless{}b\\textgreater{} (m = 0)";
    assert!(latex.contains(escaped), "{latex}");
}

/// Names of the runs in the order in which they are read.
fn order(folder: &Path) -> Vec<String> {
    read_results(folder).unwrap().runs.into_iter().map(|run| run.summary.name).collect()
}

#[test]
fn runs_are_in_the_order_of_the_recipe() {
    let folder = tempfile::tempdir().unwrap();
    three().write(folder.path()).unwrap();
    let summary = read_summary(folder.path()).unwrap();
    let recipe = "name = \"sample\"\n[[arm]]\nname = \"stiff\"\nset.rule.m = 2\n[[arm]]\nname = \"plain\"\nset.rule.m = 0\n[vary]\nseed = [1, 0]\n";
    let planned = ["stiff_seed=1", "stiff_seed=0", "plain_seed=1", "plain_seed=0"];
    // The summary has another order; what the recipe does not know comes last, in that of the summary.
    let mut runs = summary.runs.clone();
    runs.reverse();
    write_summary(folder.path(), recipe, &Summary::new("sample", runs)).unwrap();
    let others = ["metaplastic_seed=1", "metaplastic_seed=0"];
    assert_eq!(order(folder.path()), [&planned[..], &others].concat());
    // Several processes added runs, none wrote a summary yet: what is not planned by name.
    fs::remove_file(folder.path().join("summary.json")).unwrap();
    let others = ["metaplastic_seed=0", "metaplastic_seed=1"];
    assert_eq!(order(folder.path()), [&planned[..], &others].concat());
    // A recipe of another version: by name.
    fs::write(folder.path().join("recipe.toml"), "name = \"sample\"\nrule.future = 1\n").unwrap();
    let mut names: Vec<String> = summary.runs.into_iter().map(|run| run.name).collect();
    names.sort();
    assert_eq!(order(folder.path()), names);
}
