//! The folder of results and the report, on made-up results.

// Helpers outside of test functions may unwrap, too: a panic is how a test fails.
#![allow(clippy::unwrap_used)]

#[path = "../examples/sample_report/sample.rs"]
mod sample;

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use metabnn_lab::analysis::quadratic::Trajectory;
use metabnn_lab::analysis::{Findings, LossIncrease};
use metabnn_lab::report::folder::{
    RunResults, read_results, read_run, read_summary, write_atomically, write_run, write_summary,
};
use metabnn_lab::report::summary::RunSummary;
use metabnn_lab::report::{ReportError, ReportPaths, compare, table, write_report};
use sample::Sample;

fn report_of(sample: &Sample) -> (tempfile::TempDir, ReportPaths, String) {
    let folder = tempfile::tempdir().unwrap();
    sample.write(folder.path()).unwrap();
    let report = write_report(folder.path()).unwrap();
    let html = fs::read_to_string(&report.html).unwrap();
    (folder, report, html)
}

fn names(report: &ReportPaths) -> Vec<String> {
    report.figures.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

/// SVGs are XML with text in them, and PNGs are pictures with more than a few colours.
fn check_figures(report: &ReportPaths) {
    assert!(!report.figures.is_empty());
    for path in &report.figures {
        if path.extension().unwrap() == "svg" {
            let text = fs::read_to_string(path).unwrap();
            let document = roxmltree::Document::parse(&text).unwrap();
            assert!(document.descendants().any(|node| node.has_tag_name("text")), "{}", path.display());
            assert!(!text.contains("NaN") && !text.contains("inf"), "{}", path.display());
        } else {
            let file = std::io::BufReader::new(fs::File::open(path).unwrap());
            let mut reader = png::Decoder::new(file).read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut pixels).unwrap();
            assert!(info.width >= 300 && info.height >= 200, "{}: {info:?}", path.display());
            let colors: HashSet<&[u8]> = pixels.chunks_exact(info.color_type.samples()).collect();
            assert!(colors.len() > 16, "{}: {} colours", path.display(), colors.len());
        }
    }
}

#[test]
fn the_report_of_two_arms_says_what_the_numbers_say() {
    let (folder, report, html) = report_of(&Sample::default());
    let summary = read_summary(folder.path()).unwrap();
    let best = summary.groups[1].average_accuracy.unwrap().mean;
    let worst = summary.groups[0].average_accuracy.unwrap().mean;
    let finding = format!(
        "metaplastic (m = 1.35) keeps {:.1}\u{a0}% on average over 5 tasks; plain (m = 0) keeps {:.1}\u{a0}%.",
        best * 100.0,
        worst * 100.0
    );
    assert!(html.contains(&finding), "{finding}");
    assert!(html.contains("test batch 1000"));
    assert!(html.contains("plain_seed=1"));
    assert_eq!(html.matches("<svg ").count(), 6);
    assert!(!html.contains("{{"), "a place of the template was not filled");
    let outside = html.matches("http").count() - html.matches("http://www.w3.org/2000/svg").count();
    assert_eq!(outside, 0, "the page must not need a network");
    let all = ["accuracy", "comparison", "tasks", "accuracy_matrix", "hidden_weights", "flips"];
    let expected: Vec<String> =
        all.iter().flat_map(|name| [format!("{name}.svg"), format!("{name}.png")]).collect();
    assert_eq!(names(&report), expected);
    check_figures(&report);
}

#[test]
fn what_was_written_reads_back_the_same() {
    let (folder, _, _) = report_of(&Sample::default());
    let first = read_results(folder.path()).unwrap();
    assert_eq!(first.runs.len(), 4);
    let again = tempfile::tempdir().unwrap();
    for run in &first.runs {
        let folder = again.path().join(&run.summary.folder);
        write_run(&folder, run).unwrap();
    }
    write_summary(again.path(), &first.recipe_toml, &first.summary).unwrap();
    assert_eq!(read_results(again.path()).unwrap(), first);
}

#[test]
fn a_report_made_again_is_the_same() {
    let (folder, report, html) = report_of(&Sample::default());
    write_report(folder.path()).unwrap();
    assert_eq!(fs::read_to_string(&report.html).unwrap(), html);
}

#[test]
fn the_summary_gathers_finished_runs_only() {
    let (folder, _, _) = report_of(&Sample::default());
    fs::remove_file(folder.path().join("summary.json")).unwrap();
    fs::remove_file(folder.path().join("runs/plain_seed=0/summary.json")).unwrap();
    let results = read_results(folder.path()).unwrap();
    let names: Vec<&str> = results.summary.runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names, ["metaplastic_seed=0", "metaplastic_seed=1", "plain_seed=1"]);
    assert_eq!(results.summary.recipe, "permuted MNIST", "the name comes from the recipe");
}

#[test]
fn markup_in_names_is_shown_not_run() {
    let sample = Sample { recipe: "<script>alert(1)</script>".into(), ..Sample::default() };
    let (_folder, report, html) = report_of(&sample);
    assert!(!html.contains("<script"));
    assert!(html.contains("&lt;script&gt;alert(1)"));
    let arms = vec![("<b>$x$</b> & co".into(), 0.0, 0.4), ("{{finding}}".into(), 1.0, 0.9)];
    let (_folder, other, html) = report_of(&Sample { arms, ..Sample::default() });
    assert!(!html.contains("<b>$x$"));
    check_figures(&report);
    check_figures(&other);
}

#[test]
fn streams_of_every_shape_have_a_report() {
    let one = vec![("metaplastic".to_string(), 1.35, 0.95)];
    let shapes = [
        ("interleaved", Sample { phases: 1, tests: 12, ..Sample::default() }),
        ("subsets", Sample { phases: 60, tests: 1, ..Sample::default() }),
        ("a single run", Sample { arms: one.clone(), seeds: 1, ..Sample::default() }),
        (
            "a single task",
            Sample { arms: one, seeds: 1, phases: 1, tests: 1, epochs: 1, ..Sample::default() },
        ),
        ("many tasks", Sample { phases: 20, tests: 20, epochs: 1, ..Sample::default() }),
    ];
    for (name, sample) in shapes {
        let (folder, report, html) = report_of(&sample);
        check_figures(&report);
        assert_eq!(names(&report).contains(&"comparison.svg".into()), sample.arms.len() > 1, "{name}");
        let matrix = sample.phases * sample.tests > 1;
        assert_eq!(names(&report).contains(&"accuracy_matrix.svg".into()), matrix, "{name}");
        let square = sample.phases == sample.tests && sample.phases > 1;
        let finding = html.split_once("<h1>").unwrap().1.split_once("</h1>").unwrap().0;
        assert_eq!(finding.contains(" keeps "), square, "{name}: {finding}");
        assert_eq!(html.contains("forgets "), square, "{name}");
        let results = read_results(folder.path()).unwrap();
        assert_eq!(results.runs[0].summary.accuracy_matrix.len(), sample.phases, "{name}");
    }
}

#[test]
fn without_histograms_there_is_no_figure_of_them() {
    let (_folder, report, html) = report_of(&Sample { layers: 0, ..Sample::default() });
    assert_eq!(names(&report).len(), 8);
    assert!(!html.contains("id=\"hidden_weights\""));
}

#[test]
fn many_settings_fit_a_report() {
    let arms =
        (0..13).map(|arm| (format!("arm {arm} with a long name"), f64::from(arm) / 10.0, 0.5)).collect();
    let (_folder, report, html) = report_of(&Sample { arms, seeds: 1, layers: 1, ..Sample::default() });
    check_figures(&report);
    assert!(!html.contains("class=\"card\""), "too many for big numbers");
    assert!(html.contains("arm 12 with a long name (m = 1.2)"));
}

#[test]
fn results_are_compared_under_the_names_of_their_recipes() {
    let (first, _, _) = report_of(&Sample { seeds: 1, ..Sample::default() });
    let other = Sample { recipe: "narrow".into(), seeds: 1, ..Sample::default() };
    let (second, _, _) = report_of(&other);
    let out = tempfile::tempdir().unwrap();
    let folders = [first.path().to_path_buf(), second.path().to_path_buf()];
    let report = compare(&folders, out.path()).unwrap();
    check_figures(&report);
    let html = fs::read_to_string(&report.html).unwrap();
    for label in ["permuted MNIST: plain (m = 0)", "narrow: metaplastic (m = 1.35)"] {
        assert!(html.contains(label), "{label}");
    }
    assert!(matches!(compare(&[], out.path()), Err(ReportError::NoRuns { .. })));
}

#[test]
fn recipes_of_the_same_name_are_told_apart_by_their_folders() {
    let parent = tempfile::tempdir().unwrap();
    let folders = ["monday", "tuesday"].map(|name| parent.path().join(name));
    for folder in &folders {
        Sample { seeds: 1, ..Sample::default() }.write(folder).unwrap();
    }
    let report = compare(&folders, &parent.path().join("both")).unwrap();
    let html = fs::read_to_string(report.html).unwrap();
    assert!(html.contains("monday: plain (m = 0)") && html.contains("tuesday: plain (m = 0)"));
}

#[test]
fn the_table_makes_the_point_on_its_own() {
    let (folder, _, _) = report_of(&Sample::default());
    let text = table(&read_summary(folder.path()).unwrap());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "Test accuracy (%) after all training, by permutation");
    let words = |line: usize| lines[line].split_whitespace().collect::<Vec<_>>();
    assert_eq!(words(2), ["1", "2", "3", "4", "5", "average", "forgetting"]);
    assert!(lines[3].starts_with("plain (m = 0)  ") && lines[4].starts_with("metaplastic (m = 1.35)  "));
    assert_eq!(words(3).len(), 4 + 5 + 6);
    assert!(lines.iter().skip(2).all(|line| line.chars().count() <= 100));
    let (folder, _, _) = report_of(&Sample { phases: 60, tests: 1, ..Sample::default() });
    let text = table(&read_summary(folder.path()).unwrap());
    assert!(text.lines().nth(3).unwrap().ends_with('-'), "forgetting is not defined: {text}");
}

#[test]
fn spoilt_files_are_named_with_the_line() {
    let metrics = "task_trained,epoch,split,task_evaluated,accuracy,loss\n";
    let weights = "task_trained,layer,bin_low,bin_high,count\n";
    let cases = [
        (
            "metrics.csv",
            format!("{metrics}1,1,test,1,0.9,0.1\n1,1,both,1,0.9,0.1\n"),
            3,
            "train, all or test",
        ),
        (
            "metrics.csv",
            format!("{metrics}1,1,test,1,1.5,0.1\n"),
            2,
            "an accuracy in [0, 1] in column accuracy, got \"1.5\"",
        ),
        ("metrics.csv", format!("{metrics}1,1,test,1,NaN,0.1\n"), 2, "an accuracy in [0, 1]"),
        ("metrics.csv", format!("{metrics}one,1,test,1,0.5,0.1\n"), 2, "in column task_trained, got \"one\""),
        ("metrics.csv", format!("{metrics}1,1,test,1\n"), 2, "6 values, one per column of the header, got 4"),
        ("metrics.csv", format!("{metrics}1,1,test,1,0.9,0."), 2, "cut off"),
        ("metrics.csv", "epoch,loss\n".into(), 1, "header task_trained,epoch,"),
        ("metrics.csv", String::new(), 1, "cut off"),
        ("accuracy_matrix.csv", "task,a\n1,0.5\n".into(), 1, "header task_trained"),
        ("accuracy_matrix.csv", "task_trained,a\n2,0.5\n".into(), 2, "task 1"),
        (
            "hidden_weights.csv",
            format!("{weights}1,1,-1.0,0.0,5\n1,1,0.5,1.0,5\n"),
            3,
            "the next bin, from 0.0",
        ),
        ("hidden_weights.csv", format!("{weights}1,1,1.0,0.0,5\n"), 2, "an upper edge above 1.0"),
        ("hidden_weights.csv", format!("{weights}1,1,0.0,1.0,-5\n"), 2, "a number of weights"),
        ("hidden_weights.csv", format!("{weights}1,1,inf,1.0,5\n"), 2, "the lower edge of a bin"),
        ("summary.json", "{\n\"name\": \"a\",\n".into(), 3, "the summary of a run"),
        ("summary.json", "{\"name\": 5}".into(), 1, "the summary of a run"),
        (
            "metrics.csv",
            format!("{metrics}{}\n", "1,".repeat(1 << 16)),
            2,
            "6 values, one per column of the header, got 65537",
        ),
        ("metrics.csv", format!("{metrics}{},1,test,1,1,1\n", "9".repeat(1 << 16)), 2, "999..."),
    ];
    let folder = tempfile::tempdir().unwrap();
    Sample { seeds: 1, ..Sample::default() }.write(folder.path()).unwrap();
    let run = folder.path().join("runs/plain_seed=0");
    for (name, text, line, expected) in cases {
        let path = run.join(name);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &text).unwrap();
        let message = read_run(&run).unwrap_err().to_string();
        let place = format!("{name}, line {line}: expected ");
        assert!(message.contains(&place) && message.contains(expected), "{text:?} gives {message}");
        assert!(message.len() < 1000, "{} bytes about {name}", message.len());
        fs::write(&path, whole).unwrap();
    }
    read_run(&run).unwrap();
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    Sample { seeds: 1, ..Sample::default() }.write(folder.path()).unwrap();
    let run = folder.path().join("runs/plain_seed=0");
    let matrix = run.join("accuracy_matrix.csv");
    let whole = fs::read_to_string(&matrix).unwrap();
    fs::write(&matrix, whole.replacen("permutation 1", "permutation one", 1)).unwrap();
    let message = read_run(&run).unwrap_err().to_string();
    assert!(message.contains("expected that of summary.json"), "{message}");
    fs::remove_file(&matrix).unwrap();
    let message = read_run(&run).unwrap_err().to_string();
    assert!(message.contains("accuracy_matrix.csv: cannot read"), "{message}");
}

type Spoil = fn(&mut RunSummary);

#[test]
fn what_json_cannot_hold_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    Sample { seeds: 1, ..Sample::default() }.write(folder.path()).unwrap();
    let good = read_run(&folder.path().join("runs/plain_seed=0")).unwrap();
    let spoil: [(Spoil, &str); 6] = [
        (|run| run.average_accuracy = Some(f64::NAN), "a fraction in [0, 1], got NaN"),
        (|run| run.accuracy_matrix[1][2] = f64::INFINITY, "a fraction in [0, 1], got inf"),
        (|run| run.forgetting = Some(f64::NAN), "a difference in [-1, 1], got NaN"),
        (|run| run.seconds = f64::NAN, "a duration, got NaN"),
        (|run| run.accuracy_matrix[0].truncate(2), "5 values, one per test, got 2"),
        (|run| run.accuracy_matrix.clear(), "at least one row and one column"),
    ];
    for (index, (spoil, expected)) in spoil.into_iter().enumerate() {
        let mut summary = good.summary.clone();
        spoil(&mut summary);
        let out = folder.path().join(index.to_string());
        let error = write_run(&out, &RunResults { summary, ..RunResults::default() }).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!out.exists(), "nothing is written");
    }
}

#[test]
fn runs_that_do_not_belong_together_are_not_averaged() {
    let folder = tempfile::tempdir().unwrap();
    Sample { seeds: 2, ..Sample::default() }.write(folder.path()).unwrap();
    // The first seeds again, with fewer tasks: the second ones stay as they are.
    Sample { seeds: 1, phases: 3, tests: 3, ..Sample::default() }.write(folder.path()).unwrap();
    let message = read_results(folder.path()).unwrap_err().to_string();
    let expected = "runs that differ in their seed alone: expected the same tests and training phases";
    assert!(
        message.contains(expected) && message.contains("metaplastic_seed=0 and metaplastic_seed=1"),
        "{message}"
    );
}

#[test]
fn a_folder_without_finished_runs_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let message = write_report(&folder.path().join("nowhere")).unwrap_err().to_string();
    assert!(message.contains("nowhere: cannot read"), "{message}");
    assert!(matches!(write_report(folder.path()), Err(ReportError::NoRuns { .. })));
    fs::write(folder.path().join("recipe.toml"), "").unwrap();
    assert!(matches!(write_report(folder.path()), Err(ReportError::NoRuns { .. })));
}

#[test]
fn a_file_that_cannot_be_replaced_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("summary.json");
    // A folder in the place of the file: the last step, renaming, fails.
    fs::create_dir(&path).unwrap();
    let message = write_atomically(&path, b"{}").unwrap_err().to_string();
    assert!(message.contains("summary.json: cannot write"), "{message}");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, [path]);
}

#[test]
fn a_file_is_replaced_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/model.bin");
    write_atomically(&path, &[1; 100]).unwrap();
    write_atomically(&path, &[2; 10]).unwrap();
    assert_eq!(fs::read(&path).unwrap(), [2; 10]);
    assert_eq!(fs::read_dir(path.parent().unwrap_or(Path::new(""))).unwrap().count(), 1);
}

#[test]
fn analyses_that_no_figure_can_show_are_refused() {
    let row = |low: f64, high: f64| LossIncrease::new(1, (low, high), 1, 1, &[0.5]).unwrap();
    let plane = Trajectory { hessian: [[1.0, 0.0], [0.0, 1.0]], optimum: [0.0; 2], hidden_weights: vec![] };
    let bins = "bins of equal width from 0 on, at most 1000";
    let spoilt = [
        (None, vec![row(0.5, 0.5)], bins),
        (None, vec![row(0.0, 0.25), row(-0.25, 0.0)], bins),
        (None, vec![row(0.0, f64::INFINITY)], bins),
        (None, vec![row(1e9, 1e9 + 1.0)], "got a bin from 1000000000.0 to 1000000001.0"),
        (Some(plane), vec![], "at least the weights before the first step, got none"),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (trajectory, loss_increase, expected) in spoilt {
        let findings = Findings { trajectory, loss_increase, ..Findings::default() };
        let summary = RunSummary { findings, ..RunSummary::default() };
        let error = write_run(folder.path(), &RunResults { summary, ..RunResults::default() }).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
