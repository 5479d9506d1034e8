//! The training loop: task after task, epoch after epoch, and what the network knows at every moment.

use std::time::Instant;

use crate::analysis::{Flips, Signs, WeightHistogram};
use crate::evaluate::{Knowledge, evaluate_all, evaluate_training, evaluate_unlabelled};
use crate::machine::Machine;
use crate::metrics::{AccuracyMatrix, Evaluation, accuracies};
use crate::network::{Network, ShapeError};
use crate::optim::Adam;
use crate::random::{Purpose, Stream};
use crate::recipe::settings::{Evaluate, Scenario, Settings, Statistics};
use crate::tasks::{Loader, TaskStream};

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

/// Where a run is: handed to its observer after every step and every epoch.
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
    /// At the end of an epoch: its evaluations.
    pub evaluations: &'a [Evaluation],
}

/// Why a run stopped before its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The settings make no network for these images.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The loss, a hidden weight or what the rule keeps of a synapse is no longer a finite number.
    #[error(
        "{what} became {value} at step {step} (task {task}, epoch {epoch}); \
         a smaller optimizer.lr (now {lr:?}) or network.init_width usually helps"
    )]
    NotFinite {
        /// "the loss", "a hidden weight" or "the rule's memory of a synapse".
        what: &'static str,
        /// NaN or infinite.
        value: f32,
        /// Task in training, counted from 1.
        task: usize,
        /// Epoch of that task, counted from 1.
        epoch: usize,
        /// Step of the run, counted from 1; 0 before the first.
        step: u64,
        /// `optimizer.lr`.
        lr: f32,
    },
}

/// Trains a network on `stream` as `settings` say, on [`Machine::get`]; `observe` hears of every step and every epoch.
///
/// The same settings and seed give the same bits at any number of threads.
///
/// # Errors
/// [`TrainError::Shape`] if a layer would have no output; [`TrainError::NotFinite`] as soon as the loss is NaN or infinite,
/// or a hidden weight or the rule's memory of a synapse at the end of a task.
pub fn train(
    settings: &Settings,
    stream: &TaskStream,
    observe: impl FnMut(Progress<'_>),
) -> Result<Outcome, TrainError> {
    train_on(Machine::get(), settings, stream, observe)
}

/// [`train`], on the given machine.
///
/// # Errors
/// As [`train`].
pub fn train_on(
    machine: &Machine,
    settings: &Settings,
    stream: &TaskStream,
    mut observe: impl FnMut(Progress<'_>),
) -> Result<Outcome, TrainError> {
    let start = Instant::now();
    let network = Network::from_settings(settings, stream.image, stream.classes)?.on(machine);
    let mut adam = Adam::new(&settings.optimizer, &network.layers);
    let mut knowledge = Knowledge::new(network);
    let mut evaluations = evaluate_training(&knowledge, stream, settings, (0, 0));
    let untrained = evaluate_all(&knowledge, stream, settings, (0, 0));
    let mut matrix = AccuracyMatrix { untrained: accuracies(&untrained), rows: Vec::new() };
    evaluations.extend(untrained);
    check_finite("a hidden weight", knowledge.network.hidden_weights(), (0, 0, 0), settings)?;
    let mut histograms: Vec<_> = WeightHistogram::of_layers(&knowledge.network, 0).collect();
    let (mut signs, mut flips) = (Signs::of(&knowledge.network), Vec::new());
    let (total_steps, mut steps) = (stream.steps(&settings.schedule), 0);
    for (index, images) in stream.phases.iter().enumerate() {
        let task = index + 1;
        if settings.optimizer.reset_per_task {
            adam = Adam::new(&settings.optimizer, &knowledge.network.layers);
        }
        adam.start_task(index);
        let shuffling = Stream::new(settings.seed, Purpose::Shuffle, index as u32);
        let changing = Stream::new(settings.seed, Purpose::Augmentation, index as u32);
        let mut loader = Loader::new(images, settings.schedule.batch, settings.network.input, shuffling)
            .augmented(settings.data.augment, changing);
        let mut left = settings.schedule.epochs * loader.batches();
        let mut next = Some(loader.next_batch());
        for epoch in 1..=settings.schedule.epochs {
            for _ in 0..loader.batches() {
                let Some(batch) = next.take() else { break };
                left -= 1;
                // Shuffled and gathered while this one is trained on.
                let mut gather = || next = (left > 0).then(|| loader.next_batch());
                let loss = knowledge.network.step(&batch, &mut adam, &settings.rule, &mut gather);
                steps += 1;
                check_finite("the loss", [loss], (task, epoch, steps), settings)?;
                observe(Progress { task, epoch, steps, total_steps, evaluations: &[] });
            }
            flips.extend(signs.flips(&knowledge.network, (task, epoch)));
            if settings.schedule.evaluate == Evaluate::Task && epoch < settings.schedule.epochs {
                continue;
            }
            let before = evaluations.len();
            evaluations.extend(after_epoch(&mut knowledge, stream, settings, (task, epoch, steps))?);
            observe(Progress { task, epoch, steps, total_steps, evaluations: &evaluations[before..] });
        }
        matrix.rows.push(accuracies(&evaluations[evaluations.len() - stream.tests.len()..]));
        end_of_task(&mut knowledge, stream, settings, (task, steps))?;
        histograms.extend(WeightHistogram::of_layers(&knowledge.network, task));
    }
    let unlabelled = evaluate_unlabelled(&knowledge, stream, settings);
    let seconds = start.elapsed().as_secs_f64();
    Ok(Outcome { knowledge, evaluations, matrix, unlabelled, histograms, flips, steps, seconds })
}

/// What the network knows after an epoch; `at`: task, epoch and step.
fn after_epoch(
    knowledge: &mut Knowledge,
    stream: &TaskStream,
    settings: &Settings,
    at: (usize, usize, u64),
) -> Result<Vec<Evaluation>, TrainError> {
    let (task, epoch, _) = at;
    if settings.norm.statistics == Statistics::Recalibrated {
        knowledge.recalibrate(&stream.phases[task - 1], settings);
    }
    let mut evaluations = evaluate_training(knowledge, stream, settings, (task, epoch));
    evaluations.extend(evaluate_all(knowledge, stream, settings, (task, epoch)));
    // The last step before an evaluation has no later one to show that it went wrong.
    check_finite("the loss", evaluations.iter().map(|evaluation| evaluation.loss as f32), at, settings)?;
    Ok(evaluations)
}

/// What is kept of the task just learned: its batch-norm state, and what the rule makes of it.
fn end_of_task(
    knowledge: &mut Knowledge,
    stream: &TaskStream,
    settings: &Settings,
    (task, steps): (usize, u64),
) -> Result<(), TrainError> {
    let (index, at) = (task - 1, (task, settings.schedule.epochs, steps));
    if settings.tasks.scenario == Scenario::Task {
        knowledge.remember(index);
    }
    check_finite("a hidden weight", knowledge.network.hidden_weights(), at, settings)?;
    // Nothing is held for a task that does not come.
    if task < stream.phases.len() {
        settings.rule.end_of_task(&mut knowledge.network, index, &stream.phases[index], settings);
    }
    check_finite("the rule's memory of a synapse", knowledge.network.memory(), at, settings)
}

/// `at`: task, epoch and step.
fn check_finite(
    what: &'static str,
    values: impl IntoIterator<Item = f32>,
    at: (usize, usize, u64),
    settings: &Settings,
) -> Result<(), TrainError> {
    let ((task, epoch, step), lr) = (at, settings.optimizer.lr);
    match values.into_iter().find(|value| !value.is_finite()) {
        Some(value) => Err(TrainError::NotFinite { what, value, task, epoch, step, lr }),
        None => Ok(()),
    }
}
