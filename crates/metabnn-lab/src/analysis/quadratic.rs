//! The quadratic binary task as an analysis: it takes the place of a network, and of its training.

mod render;
mod task;

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

pub(super) use render::TRAJECTORY;
pub use task::{QuadraticTask, Solved, Trajectory, is_positive_definite, signs, solve};

use super::{Analyze, BINS, Context, Findings};
use crate::recipe::Fault;
use crate::recipe::keys::{AnalysisKey, Kind, MAX_IMAGES};
use crate::recipe::settings::Settings;
use metabnn::config::{POSITIVE, Takes};

/// Most weights of the quadratic task: its matrix then takes 128 MiB.
const MAX_DIMENSIONS: u64 = 1 << 12;

pub(super) const KEYS: &[AnalysisKey] = &[
    AnalysisKey::new(
        "analysis.dimensions",
        Kind::Plain(Takes::Whole(2, MAX_DIMENSIONS)),
        "number of weights n",
    ),
    AnalysisKey::new("analysis.hessian", Kind::Matrix, "H, row by row; drawn at random if empty"),
    AnalysisKey::new(
        "analysis.eigenvalues",
        Kind::Range(POSITIVE),
        "least and greatest eigenvalue of a drawn H",
    ),
    AnalysisKey::new("analysis.optimum", Kind::Vector, "the optimum W*"),
    AnalysisKey::new("analysis.start", Kind::Vector, "hidden weights to start from"),
    AnalysisKey::new(
        "analysis.steps",
        Kind::Plain(Takes::Whole(1, MAX_IMAGES)),
        "steps, each of size optimizer.lr",
    ),
    BINS,
];

/// Settings of the quadratic binary task, see [`QuadraticTask`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quadratic {
    /// Number of weights n.
    pub dimensions: usize,
    /// H, row by row; empty: drawn at random.
    pub hessian: Vec<Vec<f64>>,
    /// Least and greatest eigenvalue of a drawn H.
    pub eigenvalues: [f64; 2],
    /// W*.
    pub optimum: Vector,
    /// Hidden weights to start from.
    pub start: Vector,
    /// Number of steps; their size is `optimizer.lr`.
    pub steps: u64,
    /// Bins of |W^h| that loss increases are averaged in.
    pub bins: usize,
}

/// A vector, drawn or listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Vector {
    /// Every entry drawn, uniform between minus this and this.
    Uniform(f64),
    /// The entries one by one.
    Listed(Vec<f64>),
}

impl Default for Quadratic {
    fn default() -> Self {
        Self {
            dimensions: 500,
            hessian: Vec::new(),
            eigenvalues: [10.5, 29.5],
            optimum: Vector::Uniform(4.0),
            start: Vector::Uniform(0.05),
            steps: 1000,
            bins: 15,
        }
    }
}

impl Analyze for Quadratic {
    fn trains(&self) -> bool {
        false
    }

    fn uses(&self, path: &str) -> bool {
        path == "optimizer.lr"
    }

    fn check(&self, _: &Settings, shown: &dyn Fn(&str) -> String) -> Vec<Fault> {
        let (n, rows) = (self.dimensions, self.hessian.len());
        let lists = [("optimum", &self.optimum), ("start", &self.start)];
        let lists = lists.iter().filter_map(|(name, vector)| match vector {
            Vector::Listed(values) => Some((format!("analysis.{name}"), values.len())),
            Vector::Uniform(_) => None,
        });
        let matrix = (rows > 0).then(|| ("analysis.hessian".to_owned(), rows));
        let wrong = lists.chain(matrix).filter(|(_, length)| *length != n).map(|(key, length)| {
            let takes = format!("{n} of them with analysis.dimensions = {n}");
            Fault { key, got: length.to_string(), takes, with: &["analysis.dimensions"] }
        });
        let hills = (!is_positive_definite(&self.hessian)).then(|| Fault {
            key: "analysis.hessian".into(),
            got: shown("analysis.hessian"),
            takes: "a positive definite matrix: its loss has no minimum otherwise".into(),
            with: &[],
        });
        wrong.chain(hills).collect()
    }

    fn steps(&self, _: &Settings) -> u64 {
        self.steps
    }

    // The fields are all there are at present; other analyses may add some.
    #[allow(clippy::needless_update)]
    fn run(&self, context: &mut Context<'_>) -> Findings {
        let settings = context.settings;
        let lr = f64::from(settings.optimizer.lr);
        let solved = solve(self, lr, settings.seed, context.machine, |_| {
            // It looks itself for a request to stop.
            let _: ControlFlow<()> = (context.observe)(None);
        });
        let Solved { trajectory, loss_increase, correlation } = solved;
        Findings { trajectory, loss_increase, correlation, ..Findings::default() }
    }
}
