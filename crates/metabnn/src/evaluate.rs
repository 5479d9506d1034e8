//! How well a network does on a set of images.

use crate::metrics::{Evaluation, Split};
use crate::network::{Network, NormState, cross_entropy, predicted_class};
use crate::recipe::settings::{EvaluateTrain, Settings};
use crate::tasks::{self, TaskStream, batches};

/// A network with the batch-norm states of the tasks it has learned.
#[derive(Clone, Debug)]
pub struct Knowledge {
    /// The network, with its present batch-norm state.
    pub network: Network,
    /// Batch-norm states (one per layer) at the end of each task; empty in the scenario `domain`.
    pub remembered: Vec<Vec<NormState>>,
}

/// Accuracy and loss on some images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Fraction classified correctly.
    pub accuracy: f64,
    /// Mean cross-entropy in nats.
    pub loss: f64,
}

impl Knowledge {
    /// A network that has learned nothing yet.
    pub fn new(network: Network) -> Self {
        Self { network, remembered: Vec::new() }
    }

    /// Keeps the present batch-norm state as that of `phase`, the next one, counted from 0.
    pub fn remember(&mut self, phase: usize) {
        self.remembered.truncate(phase);
        self.remembered.push(self.network.norm_states());
    }

    /// Replaces the network's running statistics by the exact ones over `images`.
    pub fn recalibrate(&mut self, images: &tasks::Split, settings: &Settings) {
        let ranges: Vec<_> = batches(images.len(), settings.schedule.test_batch).collect();
        let gather = |index: usize| images.gather(ranges[index].clone(), settings.network.input).inputs;
        self.network.recalibrate(ranges.len(), gather);
    }

    /// The batch-norm states to test with: those remembered of `phase`, else the present ones.
    pub fn norms(&self, phase: Option<usize>) -> Vec<NormState> {
        let remembered = phase.and_then(|phase| self.remembered.get(phase));
        remembered.cloned().unwrap_or_else(|| self.network.norm_states())
    }

    /// Outputs for `images`, (images, classes), in batches of `schedule.test_batch`, with the batch norms of `phase`.
    pub fn logits(&self, images: &tasks::Split, phase: Option<usize>, settings: &Settings) -> Vec<f32> {
        self.in_batches(images, phase, settings, |logits, _| logits).concat()
    }

    /// What `look` makes of the outputs for each batch of `images` and their labels, in order. Threads share the batches.
    fn in_batches<T: Send>(
        &self,
        images: &tasks::Split,
        phase: Option<usize>,
        settings: &Settings,
        look: impl Fn(Vec<f32>, &[u8]) -> T + Sync,
    ) -> Vec<T> {
        let norms = self.norms(phase);
        let ranges = batches(images.len(), settings.schedule.test_batch);
        self.network.machine().pool.map(ranges, |range| {
            let batch = images.gather(range, settings.network.input);
            look(self.network.logits(&batch.inputs, &norms, settings.norm.statistics), &batch.labels)
        })
    }
}

/// Accuracy and loss on `images`, in batches of `schedule.test_batch`, with the batch norms of `phase`.
pub fn evaluate(
    knowledge: &Knowledge,
    images: &tasks::Split,
    phase: Option<usize>,
    settings: &Settings,
) -> Score {
    // Collected before they are added up, in order: threads would add in the order they come.
    let scores = knowledge.in_batches(images, phase, settings, |mut logits, labels| {
        let classes = logits.len() / labels.len();
        let rows = logits.chunks_exact(classes).zip(labels);
        let correct = rows.filter(|(row, label)| predicted_class(row) == usize::from(**label)).count();
        let loss = f64::from(cross_entropy(&mut logits, labels)) * labels.len() as f64;
        (correct, loss)
    });
    let count = images.len() as f64;
    Score {
        accuracy: scores.iter().map(|(correct, _)| correct).sum::<usize>() as f64 / count,
        loss: scores.iter().map(|(_, loss)| loss).sum::<f64>() / count,
    }
}

/// Every test of `stream`, now; `at` is (task in training, epoch of it), both counted from 1.
pub fn evaluate_all(
    knowledge: &Knowledge,
    stream: &TaskStream,
    settings: &Settings,
    at: (usize, usize),
) -> Vec<Evaluation> {
    let score = |(index, test): (usize, &tasks::Test)| {
        evaluate(knowledge, &test.images, test.phase, settings).named(at, Split::Test, index + 1)
    };
    stream.tests.iter().enumerate().map(score).collect()
}

/// Accuracy on every test of `stream` with the present batch-norm states: how well the network does if nobody says which
/// task an image belongs to. Empty where that is how it is tested anyway.
pub fn evaluate_unlabelled(knowledge: &Knowledge, stream: &TaskStream, settings: &Settings) -> Vec<f64> {
    if knowledge.remembered.is_empty() || stream.tests.iter().all(|test| test.phase.is_none()) {
        return Vec::new();
    }
    stream.tests.iter().map(|test| evaluate(knowledge, &test.images, None, settings).accuracy).collect()
}

/// The training images of the task in training, and, with `schedule.evaluate_train = "stream"`, those of the first task
/// and of all tasks together; `at` as in [`evaluate_all`]. Before any training there is no task in training.
pub fn evaluate_training(
    knowledge: &Knowledge,
    stream: &TaskStream,
    settings: &Settings,
    at: (usize, usize),
) -> Vec<Evaluation> {
    let (task, _) = at;
    let of = |images: &tasks::Split, phase, split, task| {
        evaluate(knowledge, images, phase, settings).named(at, split, task)
    };
    let mut evaluations = Vec::new();
    if let Some(images) = task.checked_sub(1).and_then(|index| stream.phases.get(index)) {
        evaluations.push(of(images, None, Split::Train, task));
    }
    if settings.schedule.evaluate_train == EvaluateTrain::Stream {
        if let Some(first) = stream.phases.first().filter(|_| task != 1) {
            evaluations.push(of(first, Some(0), Split::Train, 1));
        }
        evaluations.push(of(&stream.all_training(), None, Split::All, 0));
    }
    evaluations
}

impl Score {
    /// The score as a row of `metrics.csv`; `at` is (task in training, epoch of it), all counted from 1.
    pub fn named(self, at: (usize, usize), split: Split, task_evaluated: usize) -> Evaluation {
        let (task_trained, epoch) = at;
        Evaluation { task_trained, epoch, split, task_evaluated, accuracy: self.accuracy, loss: self.loss }
    }
}
