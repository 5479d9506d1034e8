//! Reports of thousands of tests or runs stay small, in memory and on the page, and say what they leave out.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use allocation_counter::measure;
use metabnn::history::{Flips, WeightHistogram};
use metabnn::kernels::Platform;
use metabnn::machine::Machine;
use metabnn::metrics::{AccuracyMatrix, Evaluation, Split};
use metabnn_lab::needs::RunMemory;
use metabnn_lab::recipe::Recipe;
use metabnn_lab::recipe::settings::Settings;
use metabnn_lab::report::folder::{RunResults, write_run};
use metabnn_lab::report::summary::RunSummary;
use metabnn_lab::report::write_report;
use metabnn_lab::setup::train_on;
use tempfile::TempDir;

/// A run on so many tasks, each tested after each.
fn run(name: &str, tasks: usize, seed: u64, settings: &[(&str, f64)]) -> RunResults {
    let accuracy = |row: usize, column: usize| {
        let noise = (row * 31 + column * 17 + seed as usize * 7) % 100;
        if column > row { 0.1 } else { 0.5 + 0.004 * noise as f64 }
    };
    let rows: Vec<Vec<f64>> =
        (0..tasks).map(|row| (0..tasks).map(|column| accuracy(row, column)).collect()).collect();
    let evaluations = rows.iter().enumerate().flat_map(|(row, accuracies)| {
        accuracies.iter().enumerate().map(move |(column, accuracy)| Evaluation {
            task_trained: row + 1,
            epoch: 1,
            split: Split::Test,
            task_evaluated: column + 1,
            accuracy: *accuracy,
            loss: 1.0 - accuracy,
        })
    });
    let histograms = (0..=tasks).flat_map(|task_trained| {
        (1..=3).map(move |layer| {
            let counts = (0..60).map(|bin| (bin * 37 % 100 + task_trained) as u64).collect();
            WeightHistogram { task_trained, layer, low: -1.0, high: 1.0, counts }
        })
    });
    let flips = (1..=tasks).flat_map(|task_trained| {
        (1..=3).map(move |layer| Flips { task_trained, epoch: 1, layer, flipped: 0.1 / task_trained as f64 })
    });
    let evaluations: Vec<Evaluation> = evaluations.collect();
    let matrix =
        AccuracyMatrix { untrained: vec![0.1; tasks], trained: (0..tasks).map(Some).collect(), rows };
    let summary = RunSummary {
        name: name.into(),
        settings: settings.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        seed,
        tests: (1..=tasks).map(|task| format!("permutation {task}")).collect(),
        epochs: 1,
        version: "0.1.0".into(),
        folder: format!("runs/{name}"),
        ..RunSummary::default()
    };
    let summary = summary.scored(matrix);
    let recipe_toml = format!("name = \"large\"\nseed = {seed}\n");
    RunResults { summary, recipe_toml, evaluations, histograms: histograms.collect(), flips: flips.collect() }
}

/// Writes `runs` and makes the report: bytes of memory at most, and the page.
fn report(runs: impl Iterator<Item = RunResults>) -> (TempDir, u64, String) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    for run in runs {
        write_run(&out.join(&run.summary.folder), &run).unwrap();
    }
    fs::write(out.join("recipe.toml"), "name = \"large\"\n").unwrap();
    let taken = measure(|| _ = write_report(out).unwrap());
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    println!(
        "{} MB of memory, {} kB of page, {:?}",
        taken.bytes_max / 1_000_000,
        page.len() / 1000,
        files(out)
    );
    (folder, taken.bytes_max, page)
}

/// Sizes of the files beside the page, in kB.
fn files(out: &Path) -> Vec<(String, u64)> {
    let entries = fs::read_dir(out).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file());
    let size = |entry: fs::DirEntry| entry.metadata().unwrap().len() / 1000;
    entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), size(entry))).collect()
}

fn of_tests(tests: usize, memory: u64) {
    let (folder, taken, page) = report([run("seed=0", tests, 0, &[])].into_iter());
    assert!(taken < memory, "{taken} bytes of memory");
    assert!(page.len() < 20_000_000, "{} bytes of page", page.len());
    for says in
        ["the first task", "all tasks so far", "metrics.csv of each run has all", "Each cell is the mean of"]
    {
        assert!(page.contains(says), "{says:?} is not on the page");
    }
    assert!(page.contains(&format!("60 of {} moments are drawn", tests + 1)));
    assert!(files(folder.path()).iter().all(|(_, size)| *size < 20_000 || tests > 1000));
}

fn of_runs(count: usize, memory: u64) {
    let runs = (0..count).map(|index| run(&format!("m={index}"), 2, 0, &[("rule.m", index as f64)]));
    let (folder, taken, page) = report(runs);
    assert!(taken < memory, "{taken} bytes of memory");
    assert!(page.len() < 20_000_000, "{} bytes of page", page.len());
    assert!(page.contains(&format!("24 of {count} settings are drawn, the best; all are in table.md.")));
    assert!(page.contains(&format!("200 of {count} runs are listed, the first; all are in summary.json.")));
    // The names of the tests have a heading of their own.
    assert_eq!(page.matches("<tr>").count(), 3 * (200 + 1) + 1, "three tables of 200 lines");
    let table = fs::read_to_string(folder.path().join("table.md")).unwrap();
    assert_eq!(table.lines().count(), count + 2, "all settings are in it");
}

#[test]
fn a_report_of_hundreds_of_tests_is_small() {
    of_tests(250, 150_000_000);
}

#[test]
fn a_report_of_hundreds_of_runs_is_small() {
    of_runs(300, 150_000_000);
}

/// The sizes that were once found, by hand: a quarter of a minute in a debug build.
#[test]
#[ignore = "the two above, at full size"]
fn reports_of_thousands_of_tests_and_of_runs_are_small() {
    of_tests(1500, 1_000_000_000);
    of_runs(3000, 1_000_000_000);
}

/// A run on one thread, from the loading of its data to its model.
#[test]
fn what_a_run_is_said_to_take_is_what_it_takes() {
    let machine = Machine::new(1, Platform::detect()).unwrap();
    for (sets, hidden, tasks, train) in [("glyphs", 512, 3, 500), ("glyphs", 64, 40, 100)] {
        let text = format!(
            "name = \"x\"\n[data]\nsets = [\"{sets}\"]\ntrain_images = {train}\ntest_images = 50\n[tasks]\ncount = {tasks}\n\
             [network]\nhidden = [{hidden}, {hidden}]\n[schedule]\nepochs = 1\nevaluate = \"task\"\n"
        );
        let settings = Recipe::from_toml(&text, "x", &[], None).unwrap().runs().unwrap().remove(0).settings;
        let said = RunMemory::new(&settings, 1).unwrap();
        let taken = measure(|| {
            let stream = settings.stream(&[metabnn_data::load(sets, None).unwrap()]).unwrap();
            train_on(&machine, &settings, &stream, |_| {}).unwrap();
        });
        let share = said.total() as f64 / taken.bytes_max as f64;
        println!("{} said, {} taken: {share:.2}", said.words(), taken.bytes_max);
        assert!((0.7..1.6).contains(&share), "{} said, {} bytes taken", said.words(), taken.bytes_max);
    }
}

/// Counts near powers of two and near overflow, as a literal in Rust may have them: no recipe takes them all.
#[test]
fn what_a_run_takes_is_counted_whatever_its_numbers() {
    let plain =
        Recipe::from_toml("name = \"x\"\n", "x", &[], None).unwrap().runs().unwrap().remove(0).settings;
    let least = RunMemory::new(&plain, 1).unwrap().total();
    let sizes = (0..64).flat_map(|bit| [(1_usize << bit) - 1, 1 << bit]).chain([usize::MAX]);
    for size in sizes {
        let changed = |change: &dyn Fn(&mut Settings)| {
            let mut settings = plain.clone();
            change(&mut settings);
            [1, usize::MAX].map(|threads| RunMemory::new(&settings, threads).map(|memory| memory.total()))
        };
        let all = [
            changed(&|settings| settings.tasks.count = size),
            changed(&|settings| settings.schedule.epochs = size),
            changed(&|settings| settings.schedule.batch = size),
            changed(&|settings| settings.schedule.test_batch = size),
            changed(&|settings| settings.data.train_images = size),
            changed(&|settings| {
                (settings.tasks.count, settings.schedule.epochs, settings.schedule.batch) =
                    (size, size, size);
            }),
        ];
        assert!(all.iter().all(|[one, many]| one <= many), "{size}: {all:?}");
        let tasks = all[0][0].unwrap();
        assert!(size < plain.tasks.count || tasks >= least, "{size} tasks take {tasks}, fewer take {least}");
        // A width is a network, or none at all.
        let wide = changed(&|settings| settings.network.hidden = vec![size; 3]);
        assert_eq!(wide[0].is_some(), (1..=1 << 20).contains(&size), "{size}");
    }
}
