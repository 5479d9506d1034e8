//! The training loop: task after task, epoch after epoch, and what the network knows at every moment.

mod batches;
mod boundaries;
mod error;
mod learner;
mod state;

use std::time::Instant;

use batches::Batches;
pub(crate) use boundaries::check_finite;
use boundaries::{after_epoch, end_of_task};
pub use error::TrainError;
pub use learner::{Learned, Learner, Lesson};
pub use state::{Outcome, Place, Progress, Record, State};

use crate::analysis::WeightHistogram;
use crate::evaluate::{Knowledge, evaluate_unlabelled};
use crate::machine::Machine;
use crate::metrics::accuracies;
use crate::network::Network;
use crate::recipe::settings::{Evaluate, Settings};
use crate::tasks::TaskStream;

/// Trains a network on `stream` as `settings` say, on [`Machine::get`]; `observe` hears of every step.
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
    let mut training = Training::new(machine, settings, stream)?;
    while let Some(progress) = training.advance()? {
        observe(progress);
    }
    Ok(training.finish())
}

/// A run in progress, a step at a time: for whoever wants to stop in between. [`checkpoint`](crate::checkpoint) keeps it.
#[derive(Debug)]
pub struct Training<'a> {
    settings: &'a Settings,
    stream: &'a TaskStream,
    state: State,
    /// The batches of the task in training; none before its first step.
    batches: Option<Batches<'a>>,
    total_steps: u64,
    since: Instant,
}

impl<'a> Training<'a> {
    /// A run before its first step, the untrained network tested.
    ///
    /// # Errors
    /// [`TrainError::Shape`] if a layer would have no output; [`TrainError::NotFinite`] if an initial weight is too large.
    pub fn new(
        machine: &Machine,
        settings: &'a Settings,
        stream: &'a TaskStream,
    ) -> Result<Self, TrainError> {
        let since = Instant::now();
        let network = Network::from_settings(settings, stream.image, stream.classes)?.on(machine);
        check_finite("a hidden weight", network.hidden_weights(), (0, 0, 0), settings)?;
        let state = State::new(Knowledge::new(network), stream, settings);
        Ok(Self { since, ..Self::at(state, settings, stream) })
    }

    /// A run that goes on from `state`.
    pub(crate) fn at(state: State, settings: &'a Settings, stream: &'a TaskStream) -> Self {
        let total_steps = stream.steps(&settings.schedule);
        Self { settings, stream, state, batches: None, total_steps, since: Instant::now() }
    }

    /// What the run has come to.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Settings and stream.
    pub(crate) fn given(&self) -> (&'a Settings, &'a TaskStream) {
        (self.settings, self.stream)
    }

    /// Wall time so far, earlier sessions included.
    pub fn seconds(&self) -> f64 {
        self.state.record.seconds + self.since.elapsed().as_secs_f64()
    }

    /// One step, and what follows from it at the end of an epoch or a task; `None` after the last one.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`]; there is no sense in going on then.
    pub fn advance(&mut self) -> Result<Option<Progress<'_>>, TrainError> {
        let mut batches = match self.batches.take() {
            Some(batches) => batches,
            None if self.state.place.task == self.stream.phases.len() => return Ok(None),
            None => self.batches(),
        };
        let Some(batch) = batches.next.take() else { return Ok(None) };
        let State { knowledge, adam, place, record, .. } = &mut self.state;
        let (task, epoch, before) = (place.task + 1, place.epoch + 1, record.evaluations.len());
        // Shuffled and gathered while this one is trained on.
        let mut gather = || batches.look_ahead();
        let loss = knowledge.network.step(&batch, adam, &self.settings.rule, &mut gather);
        place.batch += 1;
        record.steps += 1;
        check_finite("the loss", [loss], (task, epoch, record.steps), self.settings)?;
        if place.batch == batches.per_epoch() {
            self.end_of_epoch()?;
        }
        self.batches = batches.next.is_some().then_some(batches);
        let Record { steps, evaluations, .. } = &self.state.record;
        let (steps, total_steps, evaluations) = (*steps, self.total_steps, &evaluations[before..]);
        Ok(Some(Progress { task, epoch, steps, total_steps, evaluations }))
    }

    /// The batches that are left of the task in training. A task begins with them, or goes on: its random streams are
    /// drawn from the beginning, up to the place where it is.
    fn batches(&mut self) -> Batches<'a> {
        let (settings, place) = (self.settings, self.state.place);
        self.state.start_task(settings);
        let images = &self.stream.phases[place.task];
        Batches::of(images, settings, place, settings.schedule.epochs)
    }

    /// What is looked at after an epoch; after the last one of a task, the task ends.
    fn end_of_epoch(&mut self) -> Result<(), TrainError> {
        let (settings, stream) = (self.settings, self.stream);
        let State { knowledge, signs, place, record, .. } = &mut self.state;
        place.batch = 0;
        place.epoch += 1;
        let (task, epoch) = (place.task + 1, place.epoch);
        record.flips.extend(signs.flips(&knowledge.network, (task, epoch)));
        let is_last = epoch == settings.schedule.epochs;
        if is_last || settings.schedule.evaluate == Evaluate::Epoch {
            let at = (task, epoch, record.steps);
            record.evaluations.extend(after_epoch(knowledge, stream, settings, at)?);
        }
        if is_last {
            let tests = &record.evaluations[record.evaluations.len() - stream.tests.len()..];
            record.matrix.rows.push(accuracies(tests));
            // Nothing is held for a task that does not come.
            let images = stream.phases.get(task).map(|_| &stream.phases[task - 1]);
            end_of_task(knowledge, images, settings, (task, record.steps))?;
            record.histograms.extend(WeightHistogram::of_layers(&knowledge.network, task));
            *place = Place { task, epoch: 0, batch: 0 };
        }
        Ok(())
    }

    /// The run's outcome: what it has come to by now.
    pub fn finish(self) -> Outcome {
        let unlabelled = evaluate_unlabelled(&self.state.knowledge, self.stream, self.settings);
        let seconds = self.seconds();
        let State { knowledge, record, .. } = self.state;
        let Record { evaluations, matrix, histograms, flips, steps, .. } = record;
        Outcome { knowledge, evaluations, matrix, unlabelled, histograms, flips, steps, seconds }
    }
}
