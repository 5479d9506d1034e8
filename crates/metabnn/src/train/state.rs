//! What a run has come to: all that its next step depends on, and all that was seen so far.

use serde::{Deserialize, Serialize};

use crate::analysis::{Flips, Signs, WeightHistogram};
use crate::evaluate::{Knowledge, evaluate_all, evaluate_training};
use crate::metrics::{AccuracyMatrix, Evaluation, accuracies};
use crate::optim::Adam;
use crate::recipe::settings::Settings;
use crate::tasks::TaskStream;

/// What a run has come to. Random streams are not in it: each is drawn from the seed and the place.
#[derive(Clone, Debug)]
pub struct State {
    /// The network, what the rule keeps of its synapses, and the batch-norm states of past tasks.
    pub knowledge: Knowledge,
    /// The optimizer.
    pub adam: Adam,
    /// Binary weights at the beginning of the present epoch.
    pub signs: Signs,
    /// How far the run is.
    pub place: Place,
    /// What was seen on the way.
    pub record: Record,
}

/// How far a run is: what is done of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Tasks done: the index of the one in training.
    pub task: usize,
    /// Epochs done of that task.
    pub epoch: usize,
    /// Batches done of that epoch.
    pub batch: usize,
}

/// What was seen of a run so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Every evaluation, in order.
    pub evaluations: Vec<Evaluation>,
    /// Test accuracies after each task.
    pub matrix: AccuracyMatrix,
    /// Hidden weights of each layer before training and after each task.
    pub histograms: Vec<WeightHistogram>,
    /// Binary weights that every epoch changed.
    pub flips: Vec<Flips>,
    /// Training steps done.
    pub steps: u64,
    /// Wall time of earlier sessions.
    pub seconds: f64,
}

impl State {
    /// What a task begins with: fresh moments, if `settings` say so, and its learning rate.
    pub(super) fn start_task(&mut self, settings: &Settings) {
        if self.place.is_start_of_task() && settings.optimizer.reset_per_task {
            self.adam = Adam::new(&settings.optimizer, &self.knowledge.network.layers);
        }
        self.adam.start_task(self.place.task);
    }

    /// Before the first step, nothing tested.
    pub(super) fn untested(knowledge: Knowledge, settings: &Settings) -> Self {
        let network = &knowledge.network;
        let (adam, signs) = (Adam::new(&settings.optimizer, &network.layers), Signs::of(network));
        Self { knowledge, adam, signs, place: Place::default(), record: Record::default() }
    }

    /// Before the first step: the untrained network, tested.
    pub(super) fn new(knowledge: Knowledge, stream: &TaskStream, settings: &Settings) -> Self {
        let mut evaluations = evaluate_training(&knowledge, stream, settings, (0, 0));
        let untrained = evaluate_all(&knowledge, stream, settings, (0, 0));
        let matrix = AccuracyMatrix { untrained: accuracies(&untrained), rows: Vec::new() };
        evaluations.extend(untrained);
        let histograms = WeightHistogram::of_layers(&knowledge.network, 0).collect();
        let record = Record { evaluations, matrix, histograms, ..Record::default() };
        Self { record, ..Self::untested(knowledge, settings) }
    }
}

impl Place {
    /// Whether the next step is the first one of a task.
    pub fn is_start_of_task(&self) -> bool {
        (self.epoch, self.batch) == (0, 0)
    }
}

/// A finished run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The network, and the batch-norm states it is to be tested with.
    pub knowledge: Knowledge,
    /// Every evaluation, in order.
    pub evaluations: Vec<Evaluation>,
    /// Test accuracies after each task.
    pub matrix: AccuracyMatrix,
    /// Test accuracies at the end if the task is not told; empty where it never is.
    pub unlabelled: Vec<f64>,
    /// Hidden weights of each layer before training and after each task.
    pub histograms: Vec<WeightHistogram>,
    /// Binary weights that every epoch changed, layer by layer; none in full precision.
    pub flips: Vec<Flips>,
    /// Training steps done.
    pub steps: u64,
    /// Wall time.
    pub seconds: f64,
}

/// Where a run is: handed to its observer after every step.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Task in training, counted from 1.
    pub task: usize,
    /// Epoch of that task, counted from 1.
    pub epoch: usize,
    /// Steps done so far.
    pub steps: u64,
    /// Steps of the whole run.
    pub total_steps: u64,
    /// After the last step of an epoch: its evaluations.
    pub evaluations: &'a [Evaluation],
}
