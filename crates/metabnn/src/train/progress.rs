//! How far a training is, what was seen on the way, and what came of it.

use serde::{Deserialize, Serialize};

use crate::evaluate::TrainedNetwork;
use crate::history::{Flips, WeightHistogram};
use crate::metrics::{AccuracyMatrix, Evaluation};

/// How far a training is: what is done of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Experiences done: the index of the one in training.
    #[serde(rename = "task")]
    pub experience: usize,
    /// Epochs done of that experience.
    pub epoch: usize,
    /// Batches done of that epoch.
    pub batch: usize,
}

impl Position {
    /// Whether the next step is the first one of an experience.
    pub fn is_start(&self) -> bool {
        (self.epoch, self.batch) == (0, 0)
    }
}

/// What was seen of a training so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Every evaluation, in order.
    pub evaluations: Vec<Evaluation>,
    /// Test accuracies after each experience.
    pub matrix: AccuracyMatrix,
    /// Hidden weights of each layer before training and after each experience.
    pub histograms: Vec<WeightHistogram>,
    /// Binary weights that every epoch changed.
    pub flips: Vec<Flips>,
    /// Training steps done.
    pub steps: u64,
    /// Wall time of earlier sessions.
    pub seconds: f64,
}

/// A finished training over a stream.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The network, and the norm states it is to be tested with.
    pub trained: TrainedNetwork,
    /// Every evaluation, in order.
    pub evaluations: Vec<Evaluation>,
    /// Test accuracies after each experience.
    pub matrix: AccuracyMatrix,
    /// Test accuracies at the end if the task is not told; empty where it never is.
    pub unlabelled: Vec<f64>,
    /// Hidden weights of each layer before training and after each experience.
    pub histograms: Vec<WeightHistogram>,
    /// Binary weights that every epoch changed, layer by layer; none in full precision.
    pub flips: Vec<Flips>,
    /// Training steps done.
    pub steps: u64,
    /// Wall time.
    pub seconds: f64,
}

/// Where a training over a stream is: given after every step.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Experience in training, counted from 1.
    pub task: usize,
    /// Epoch of it, counted from 1.
    pub epoch: usize,
    /// Steps done so far.
    pub steps: u64,
    /// Steps of the whole training.
    pub total_steps: u64,
    /// After the last step of an epoch: its evaluations.
    pub evaluations: &'a [Evaluation],
}
