//! What a finished run says of itself: `summary.json`, of one run and of all runs of a recipe.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::analysis::Findings;
use metabnn::metrics::AccuracyMatrix;
pub use metabnn::metrics::MeanStd;
use metabnn::metrics::mean;

/// Settings in which the runs of a recipe differ, by key: `{"rule.m": 1.35, "seed": 0}`.
pub type Settings = BTreeMap<String, serde_json::Value>;

/// One run: `runs/NAME/summary.json`, and an entry of `summary.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Name of the run, and of its folder under `runs/`: its arm and its varied settings.
    pub name: String,
    /// The arm, if the recipe has arms.
    pub arm: Option<String>,
    /// Settings in which this run differs from the recipe's other runs, the seed left out.
    pub settings: Settings,
    /// Seed of every random stream.
    pub seed: u64,
    /// Content hash of the resolved recipe, the seed and the program's version.
    pub hash: String,
    /// Names of the tests, one per column of the accuracy matrix: "permutation 1", "fashion-mnist".
    pub tests: Vec<String>,
    /// Epochs of each training phase, so that a figure can put the phases side by side.
    pub epochs: usize,
    /// Mean accuracy over all tests at the end, in [0, 1]; `null` where no network was trained.
    pub average_accuracy: Option<f64>,
    /// Mean accuracy over all tests at the end if the task is not told, in [0, 1]; `null` where it never is.
    #[serde(default)]
    pub average_unlabelled: Option<f64>,
    /// See [`AccuracyMatrix::forgetting`].
    pub forgetting: Option<f64>,
    /// See [`AccuracyMatrix::backward_transfer`].
    pub backward_transfer: Option<f64>,
    /// See [`AccuracyMatrix::forward_transfer`].
    pub forward_transfer: Option<f64>,
    /// `rows[i][j]`: test accuracy on j after training i, in [0, 1].
    pub accuracy_matrix: Vec<Vec<f64>>,
    /// For each row of it the test, counted from 0, whose experience was trained; `null` where that is none in particular.
    /// Empty in files that did not say: see [`RunSummary::matrix`].
    #[serde(default)]
    pub trained: Vec<Option<usize>>,
    /// Accuracy of the untrained network on each test.
    pub untrained_accuracy: Vec<f64>,
    /// Accuracy on each test at the end if the task is not told: with the batch-norm state that the network has then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unlabelled_accuracy: Vec<f64>,
    /// What the analysis of the recipe found, if it has one; each finding is a field of its own in the file.
    #[serde(flatten)]
    pub findings: Findings,
    /// Digests of the data sets, by their names: see [`Dataset::digest`](metabnn::data::Dataset::digest).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, String>,
    /// What the run made of settings that asked for more than there is: see [`crate::notes`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// A name for all that the run found, its model included: the same for every run of the same recipe and data. Time
    /// and place of the run do not count. The first 16 hexadecimal digits of a SHA-256.
    #[serde(default)]
    pub results: String,
    /// Training steps done.
    pub steps: u64,
    /// Wall time in seconds, evaluations included.
    pub seconds: f64,
    /// Version of the program.
    pub version: String,
    /// Folder of the run, relative to the folder of the results.
    pub folder: String,
}

impl RunSummary {
    /// Whether a network was trained, and so has accuracies.
    pub fn is_trained(&self) -> bool {
        self.average_accuracy.is_some() || !self.tests.is_empty() || !self.accuracy_matrix.is_empty()
    }

    /// The same with this accuracy matrix and its metrics.
    #[must_use]
    pub fn scored(self, matrix: AccuracyMatrix) -> Self {
        Self {
            average_accuracy: matrix.average_accuracy(),
            average_unlabelled: mean(self.unlabelled_accuracy.iter().copied()),
            forgetting: matrix.forgetting(),
            backward_transfer: matrix.backward_transfer(),
            forward_transfer: matrix.forward_transfer(),
            accuracy_matrix: matrix.rows,
            trained: matrix.trained,
            untrained_accuracy: matrix.untrained,
            ..self
        }
    }

    /// The accuracy matrix. Where a file does not say what was trained, it is every test's experience in turn if there are
    /// as many rows as tests.
    pub fn matrix(&self) -> AccuracyMatrix {
        let (rows, tests) = (self.accuracy_matrix.len(), self.tests.len());
        let trained = match self.trained.is_empty() {
            true => (0..rows).map(|row| Some(row).filter(|_| rows == tests)).collect(),
            false => self.trained.clone(),
        };
        let (untrained, rows) = (self.untrained_accuracy.clone(), self.accuracy_matrix.clone());
        AccuracyMatrix { untrained, rows, trained }
    }
}

/// All runs of a recipe: `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Name of the recipe.
    pub recipe: String,
    /// Version of the program.
    pub version: String,
    /// The finished runs, in the recipe's order.
    pub runs: Vec<RunSummary>,
    /// Over seeds: one entry per arm and setting.
    pub groups: Vec<Group>,
}

/// Runs that differ in their seed alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The arm, if the recipe has arms.
    pub arm: Option<String>,
    /// The settings they share.
    pub settings: Settings,
    /// Their seeds.
    pub seeds: Vec<u64>,
    /// Average accuracy over the seeds; `null` where no network was trained.
    pub average_accuracy: Option<MeanStd>,
    /// The same if the task is not told; `null` where it never is.
    #[serde(default)]
    pub average_unlabelled: Option<MeanStd>,
    /// Forgetting, where defined.
    pub forgetting: Option<MeanStd>,
    /// Backward transfer, where defined.
    pub backward_transfer: Option<MeanStd>,
    /// Forward transfer, where defined.
    pub forward_transfer: Option<MeanStd>,
}

impl Summary {
    /// Gathers `runs`; those that differ in their seed alone become one group, in order of appearance.
    pub fn new(recipe: &str, runs: Vec<RunSummary>) -> Self {
        let mut groups: Vec<Vec<&RunSummary>> = Vec::new();
        for run in &runs {
            match groups.iter_mut().find(|group| group[0].arm == run.arm && group[0].settings == run.settings)
            {
                Some(group) => group.push(run),
                None => groups.push(vec![run]),
            }
        }
        let groups = groups.iter().filter_map(|runs| Group::of(runs)).collect();
        Self { recipe: recipe.into(), version: env!("CARGO_PKG_VERSION").into(), runs, groups }
    }
}

impl Group {
    fn of(runs: &[&RunSummary]) -> Option<Self> {
        let over = |value: fn(&RunSummary) -> Option<f64>| {
            let values: Option<Vec<f64>> = runs.iter().map(|run| value(run)).collect();
            MeanStd::of(&values?)
        };
        Some(Self {
            arm: runs[0].arm.clone(),
            settings: runs[0].settings.clone(),
            seeds: runs.iter().map(|run| run.seed).collect(),
            average_accuracy: over(|run| run.average_accuracy),
            average_unlabelled: over(|run| run.average_unlabelled),
            forgetting: over(|run| run.forgetting),
            backward_transfer: over(|run| run.backward_transfer),
            forward_transfer: over(|run| run.forward_transfer),
        })
    }
}
