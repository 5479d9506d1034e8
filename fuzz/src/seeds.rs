//! The inputs that mutations start from.

use std::fs;
use std::path::{Path, PathBuf};

use metabnn::history::{Flips, WeightHistogram};
use metabnn::metrics::{AccuracyMatrix, Evaluation, Split};
use metabnn_lab::analysis::quadratic::Trajectory;
use metabnn_lab::analysis::{Findings, LossIncrease};
use metabnn_lab::recipe::builtin::builtin;
use metabnn_lab::report::folder::{RunResults, write_run, write_summary};
use metabnn_lab::report::summary::{RunSummary, Summary};
use zip::CompressionMethod;

use crate::Target;
use crate::data::{gzip, npz_of};
use crate::files::{Folder, join};
use crate::tiny;

/// An input with the name of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// Name of the file, or of the recipe.
    pub name: String,
    /// The input.
    pub bytes: Vec<u8>,
}

/// `corpus` or `regressions` of a target.
///
/// `kind` is the name of that folder.
pub fn folder(kind: &str, target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(kind).join(target.name)
}

/// The files of `corpus/` for `target`, by name; of recipes, those that come with the program as well. Every one of them
/// is accepted.
pub fn corpus(target: &Target) -> Vec<Seed> {
    let mut seeds = files(&folder("corpus", target));
    if target.name == "recipe" {
        let known = builtin().iter().map(|(name, text)| Seed { name: (*name).into(), bytes: (*text).into() });
        seeds.extend(known);
    }
    seeds
}

/// What a fuzzer once found for `target`: the files of `regressions/`, by name.
pub fn regressions(target: &Target) -> Vec<Seed> {
    files(&folder("regressions", target))
}

fn files(folder: &Path) -> Vec<Seed> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry of a folder").path()).collect();
    paths.sort();
    let seed = |path: PathBuf| Seed {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        bytes: fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
    };
    paths.into_iter().map(seed).collect()
}

/// Target, name and bytes of the seeds that the project's own code makes; `examples/seeds.rs` writes them to `corpus/`.
pub fn made() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let mut seeds = data();
    seeds.extend(results());
    seeds.extend(tiny::packed().into_iter().map(|(name, bytes)| ("packed", name, bytes)));
    seeds
        .extend(tiny::KINDS.iter().map(|(name, settings)| ("model", *name, tiny::Run::of(settings).model())));
    seeds.extend(
        tiny::KINDS
            .iter()
            .map(|(name, settings)| ("checkpoint", *name, tiny::Run::of(settings).checkpoint(4))),
    );
    seeds
}

fn data() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let labels = [0, 0, 8, 1, 0, 0, 0, 3, 2, 0, 1];
    let images = [0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    let one = [[0, 0, 8, 3].as_slice(), &[0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 5], b"pixel"].concat();
    let two_streams = [gzip(&images[..10]), gzip(&images[10..])].concat();
    let record = |coarse: u8, label: u8| [&[coarse, label][..], b"abcdefghijkl"].concat();
    let records = [record(3, 77), record(19, 99)].concat();
    let rows =
        array("'<f4', 'fortran_order': False, 'shape': (2, 3)", &[0.5_f32; 6].map(f32::to_le_bytes).concat());
    let columns =
        array("'>f8', 'fortran_order': True, 'shape': (2, 3)", &[0.25_f64; 6].map(f64::to_be_bytes).concat());
    let wide =
        array("'<i8', 'fortran_order': False, 'shape': (2,)", &[1_i64, 3].map(i64::to_le_bytes).concat());
    let narrow = array("'|u1', 'fortran_order': False, 'shape': (2,)", &[2, 0]);
    let arrays: [[&[u8]; 4]; 2] = [[&rows, &wide, &columns, &narrow], [&columns, &narrow, &rows, &wide]];
    vec![
        ("idx", "three", join([&labels, &images])),
        ("idx", "one", join([&[0, 0, 8, 1, 0, 0, 0, 1, 9], &one])),
        ("idx-gzip", "both-zipped", join([&gzip(&labels), &gzip(&images)])),
        ("idx-gzip", "two-streams", join([&labels, &two_streams])),
        ("records", "plain", join([&records, &record(0, 0)])),
        ("records", "zipped", join([&gzip(&records), &gzip(&record(0, 0))])),
        ("npy", "floats-and-integers", join(arrays[0])),
        ("npy", "the-other-way-round", join(arrays[1])),
        ("npz", "deflated", npz_of(arrays[0], CompressionMethod::Deflated)),
        ("npz", "stored", npz_of(arrays[1], CompressionMethod::Stored)),
    ]
}

/// An array as an `.npy` file; `header` is what its dictionary says from the type of the numbers on.
fn array(header: &str, numbers: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': {header}, }}");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), numbers].concat()
}

/// The files of a run of two tasks, each after the byte that stands for it, and those of two analyses.
fn results() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let folder = Folder::new();
    let run = trained();
    let summary = Summary::new("quickstart", vec![run.summary.clone()]);
    write_run(&folder.path().join("trained"), &run).expect("results can be written");
    write_summary(folder.path(), &run.recipe_toml, &summary).expect("results can be written");
    let file = |which: u8, path: &str| {
        let text = fs::read_to_string(folder.path().join(path)).expect("a file that was written");
        // Without what a run says of its files, as earlier versions wrote it: any change would be refused for that alone.
        let text =
            text.split_once(",\n  \"files\"").map_or(text.clone(), |(before, _)| format!("{before}\n}}\n"));
        format!("{which}{text}").into_bytes()
    };
    let of_summary = |summary: RunSummary| {
        let results = RunResults { summary, ..RunResults::default() };
        write_run(&folder.path().join("analysis"), &results).expect("results can be written");
        file(0, "analysis/summary.json")
    };
    // '0' is 48, a multiple of the number of files.
    vec![
        ("results", "summary", file(0, "trained/summary.json")),
        ("results", "metrics", file(1, "trained/metrics.csv")),
        ("results", "hidden_weights", file(2, "trained/hidden_weights.csv")),
        ("results", "flips", file(3, "trained/flips.csv")),
        ("results", "accuracy_matrix", file(4, "trained/accuracy_matrix.csv")),
        ("results", "all", file(5, "summary.json")),
        ("results", "trajectory", of_summary(trajectory())),
        ("results", "loss_increase", of_summary(loss_increase())),
    ]
}

fn trained() -> RunResults {
    let evaluation = |task_trained: usize, split, task_evaluated, loss| {
        let (epoch, accuracy) = (task_trained.min(1), 0.25 * (1 + task_trained) as f64);
        Evaluation { task_trained, epoch, split, task_evaluated, accuracy, loss }
    };
    let weights = [-0.5_f32, -0.125, 0.25, 0.375];
    let histogram = |task| WeightHistogram::new(task, 1, || weights.into_iter(), 3);
    let summary = RunSummary {
        name: "metaplastic_seed=0".into(),
        arm: Some("metaplastic".into()),
        settings: [("rule.m".into(), 1.35.into())].into(),
        hash: "0123456789abcdef".into(),
        tests: vec!["permutation 1".into(), "permutation 2, \"quoted\"".into()],
        epochs: 1,
        unlabelled_accuracy: vec![0.25, 0.5],
        steps: 10,
        seconds: 1.5,
        version: "0.1.0".into(),
        folder: "runs/one".into(),
        ..RunSummary::default()
    };
    let (untrained, rows) = (vec![0.25, 0.125], vec![vec![0.75, 0.25], vec![0.5, 1.0]]);
    let trained = vec![Some(0), Some(1)];
    RunResults {
        summary: summary.scored(AccuracyMatrix { untrained, rows, trained }),
        recipe_toml: "name = \"quickstart\"\n".into(),
        evaluations: vec![
            evaluation(0, Split::Test, 1, 2.5),
            evaluation(1, Split::Train, 1, f64::NAN),
            evaluation(2, Split::All, 0, f64::INFINITY),
        ],
        histograms: vec![histogram(0), histogram(1)],
        flips: [1, 2].map(|layer| Flips { task_trained: 1, epoch: 1, layer, flipped: 0.0625 }).into(),
    }
}

fn trajectory() -> RunSummary {
    let (hessian, optimum) = ([[2.0, 1.0], [1.0, 3.0]], [0.5, -2.0]);
    let trajectory = Trajectory { hessian, optimum, hidden_weights: vec![[0.01, -0.02], [0.005, -0.5]] };
    let findings = Findings { trajectory: Some(trajectory), ..Findings::default() };
    RunSummary { name: "seed=0".into(), findings, ..RunSummary::default() }
}

fn loss_increase() -> RunSummary {
    let bin = |low: f64, derived| LossIncrease {
        layer: 1,
        low,
        high: low + 0.25,
        weights: 20,
        switched: 10,
        draws: 3,
        mean: 0.125,
        std: Some(0.5),
        derived,
    };
    let loss_increase = vec![bin(0.0, None), bin(0.25, Some(1.5))];
    let findings = Findings { correlation: Some(0.5), loss_increase, ..Findings::default() };
    RunSummary { name: "seed=1".into(), findings, ..RunSummary::default() }
}
