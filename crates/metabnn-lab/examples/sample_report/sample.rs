//! Made-up results with the shape of real ones, to look at a report without training for it.

use std::path::Path;

use metabnn::history::{Flips, WeightHistogram};
use metabnn::metrics::{AccuracyMatrix, Evaluation, Split};
use metabnn_lab::report::ReportError;
use metabnn_lab::report::folder::{RunResults, write_run, write_summary};
use metabnn_lab::report::summary::{RunSummary, Summary};
use serde_json::json;

/// What to make up.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Name of the recipe.
    pub recipe: String,
    /// Name, metaplasticity, and share of what it knew that a task keeps while the next one is trained.
    pub arms: Vec<(String, f64, f64)>,
    /// Seeds 0, 1, ...
    pub seeds: u64,
    /// Training phases.
    pub phases: usize,
    /// Test sets; as many as phases, or one, or many for one phase.
    pub tests: usize,
    /// Epochs of a phase.
    pub epochs: usize,
    /// Hidden layers with histograms.
    pub layers: usize,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            recipe: "permuted MNIST".into(),
            arms: vec![("plain".into(), 0.0, 0.35), ("metaplastic".into(), 1.35, 0.97)],
            seeds: 2,
            phases: 5,
            tests: 5,
            epochs: 4,
            layers: 2,
        }
    }
}

/// Accuracy of guessing.
const CHANCE: f64 = 0.1;

impl Sample {
    /// Writes the results into `out`, as a run would.
    ///
    /// # Errors
    /// [`ReportError`] if `out` cannot be written.
    pub fn write(&self, out: &Path) -> Result<(), ReportError> {
        let mut runs = Vec::new();
        for (arm, m, keep) in &self.arms {
            for seed in 0..self.seeds {
                let evaluations = self.evaluations(*keep, seed);
                let summary = self.summary(arm, *m, seed, &evaluations);
                let folder = out.join(&summary.folder);
                let (histograms, flips) = (self.histograms(*m), self.flips());
                let recipe_toml = self.toml();
                let results =
                    RunResults { summary: summary.clone(), recipe_toml, evaluations, histograms, flips };
                write_run(&folder, &results)?;
                runs.push(summary);
            }
        }
        write_summary(out, &self.toml(), &Summary::new(&self.recipe, runs))
    }

    fn toml(&self) -> String {
        let mut text = format!("name = {:?}\n\n[tasks]\nstream = \"permuted\"\n", self.recipe);
        text += "scenario = \"task\"\n\n[norm]\nstatistics = \"batch\"\ngamma_init = \"uniform\"\n";
        text + &format!("\n[schedule]\nepochs = {}\ntest_batch = 1000\n", self.epochs)
    }

    fn tests(&self) -> Vec<String> {
        match self.tests {
            1 => vec!["fashion-mnist".into()],
            tests => (1..=tests).map(|test| format!("permutation {test}")).collect(),
        }
    }

    /// Test accuracies rise while a task is trained and decay towards chance while others are.
    fn evaluations(&self, keep: f64, seed: u64) -> Vec<Evaluation> {
        let tests = self.tests;
        let mut accuracies: Vec<f64> =
            (0..tests).map(|test| CHANCE + 0.01 * noise(seed + test as u64)).collect();
        let mut evaluations = Vec::new();
        let mut record = |task_trained, epoch, accuracies: &[f64]| {
            for (test, accuracy) in accuracies.iter().enumerate() {
                evaluations.push(Evaluation {
                    task_trained,
                    epoch,
                    split: Split::Test,
                    task_evaluated: test + 1,
                    accuracy: *accuracy,
                    loss: -accuracy.ln(),
                });
            }
        };
        record(0, 0, &accuracies);
        let own = |phase: usize, test: usize| tests != self.phases || phase == test + 1;
        for phase in 1..=self.phases {
            for epoch in 1..=self.epochs {
                for (test, accuracy) in accuracies.iter_mut().enumerate() {
                    let wiggle = 0.006 * noise(seed * 7919 + (phase * 131 + epoch * 17 + test) as u64);
                    let best = 0.975 - 0.006 * phase as f64;
                    let decay = keep.powf(1.0 / self.epochs as f64);
                    *accuracy = if own(phase, test) {
                        best - (best - *accuracy) * 0.18 + wiggle
                    } else {
                        (CHANCE + (*accuracy - CHANCE) * decay + wiggle).max(0.05)
                    };
                }
                record(phase, epoch, &accuracies);
            }
        }
        evaluations
    }

    fn summary(&self, arm: &str, m: f64, seed: u64, evaluations: &[Evaluation]) -> RunSummary {
        let at = |phase: usize, epoch: usize| -> Vec<f64> {
            let here = |one: &&Evaluation| (one.task_trained, one.epoch) == (phase, epoch);
            evaluations.iter().filter(here).map(|one| one.accuracy).collect()
        };
        let matrix = AccuracyMatrix {
            untrained: at(0, 0),
            rows: (1..=self.phases).map(|phase| at(phase, self.epochs)).collect(),
            trained: (0..self.phases)
                .map(|phase| Some(phase).filter(|_| self.phases == self.tests().len()))
                .collect(),
        };
        let name = format!("{arm}_seed={seed}");
        RunSummary {
            folder: format!("runs/{name}"),
            arm: Some(arm.into()),
            settings: [("rule.m".to_string(), json!(m))].into(),
            seed,
            hash: format!("{:016x}", (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ m.to_bits()),
            tests: self.tests(),
            epochs: self.epochs,
            steps: (self.phases * self.epochs * 600) as u64,
            seconds: 61.5 + seed as f64,
            version: env!("CARGO_PKG_VERSION").into(),
            name,
            ..RunSummary::default()
        }
        .scored(matrix)
    }

    /// Fewer and fewer binary weights change in the course of a task.
    fn flips(&self) -> Vec<Flips> {
        let mut flips = Vec::new();
        for task_trained in 1..=self.phases {
            for epoch in 1..=self.epochs {
                for layer in 1..=self.layers {
                    let flipped = 0.2 / (layer * epoch * task_trained) as f64;
                    flips.push(Flips { task_trained, epoch, layer, flipped });
                }
            }
        }
        flips
    }

    /// Hidden weights spread with every task, farther with metaplasticity.
    fn histograms(&self, m: f64) -> Vec<WeightHistogram> {
        let weights = |task: usize, layer: usize| -> Vec<f32> {
            let width = (0.02 + 0.16 * task as f64 * (0.35 + m)) / (layer as f64).sqrt();
            (0..20_000u64)
                .map(|index| (width * (0..4).map(|k| noise(index * 4 + k)).sum::<f64>()) as f32)
                .collect()
        };
        let of_layer = |layer: usize| {
            (0..=self.phases).map(move |task| {
                let weights = weights(task, layer);
                WeightHistogram::new(task, layer, || weights.iter().copied(), 61)
            })
        };
        (1..=self.layers).flat_map(of_layer).collect()
    }
}

/// A fixed number in [-1, 1) for every `index`.
fn noise(index: u64) -> f64 {
    let mixed = (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed ^ (mixed >> 29)) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}
