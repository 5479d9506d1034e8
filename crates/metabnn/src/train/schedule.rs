//! How long a network is trained, in what portions, and when it is evaluated.

use serde::{Deserialize, Serialize};

use crate::config::{MAX_SAMPLES, Parameter, Takes};

/// How long, in what portions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// Passes over each task's training images.
    pub epochs: usize,
    /// Images in a training batch; with batch norm at least two, since one alone has no statistics.
    pub batch: usize,
    /// Images in a test batch; part of the result where norms are tested with the statistics of the batch.
    pub test_batch: usize,
    /// When the network is evaluated.
    pub evaluate: Evaluate,
    /// Training images that it is evaluated on, beside the tests.
    pub evaluate_train: EvaluateTrain,
}

impl Schedule {
    /// What each field takes.
    pub const PARAMETERS: &'static [Parameter] = &[
        Parameter { name: "epochs", takes: Takes::Whole(1, MAX_SAMPLES) },
        Parameter { name: "batch", takes: Takes::Whole(1, MAX_SAMPLES) },
        Parameter { name: "test_batch", takes: Takes::Whole(1, MAX_SAMPLES) },
        Parameter { name: "evaluate", takes: Takes::Word(&["epoch", "task"]) },
        Parameter { name: "evaluate_train", takes: Takes::Word(&["task", "stream"]) },
    ];
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            epochs: 5,
            batch: 100,
            test_batch: 1000,
            evaluate: Evaluate::Epoch,
            evaluate_train: EvaluateTrain::Task,
        }
    }
}

/// When the network is evaluated, besides before any training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Evaluate {
    /// After every epoch.
    Epoch,
    /// After the last epoch of each task.
    Task,
}

/// Training images that a network is evaluated on, beside the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EvaluateTrain {
    /// Those of the task in training.
    Task,
    /// Those of the task in training, those of the first task, and those of all tasks of the stream together, the ones
    /// still to come included.
    Stream,
}
