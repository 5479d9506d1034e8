//! The loop over the experiences of a stream, [`Training::run`]; a step at a time for whoever wants to stop in between.

use std::time::Instant;

use super::batches::Batches;
use super::{Evaluate, History, Outcome, Position, Progress, TrainError, Trainer};
use crate::engine::{Cpu, Engine};
use crate::evaluate::trainings;
use crate::history::WeightHistogram;
use crate::metrics::{AccuracyMatrix, accuracies};
use crate::network::Statistics;
use crate::rule::{Rule, SynapticRule};
use crate::stream::{TaskStream, batches};

/// A training over a stream, in progress, evaluated as the trainer's schedule says. A
/// [`checkpoint`](crate::model::checkpoint) keeps it.
#[derive(Debug)]
pub struct Training<'a, R = Rule, E = Cpu> {
    trainer: Trainer<R, E>,
    stream: &'a TaskStream,
    /// The batches of the experience in training; none before its first step.
    batches: Option<Batches<'a>>,
    total_steps: u64,
    since: Instant,
}

/// A trainer that is where a training over this stream never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misplaced {
    /// The stream has no such place.
    #[error("it is at a place where its run never is")]
    Position,
    /// It has seen more or less than that.
    #[error("what it has seen is not what its run sees up to there")]
    History,
}

impl<'a, R: SynapticRule, E: Engine> Training<'a, R, E> {
    /// A training before its first step, the untrained network tested.
    ///
    /// # Errors
    /// [`TrainError::Samples`] if the stream is not what the network takes; [`TrainError::Stopped`].
    pub fn new(mut trainer: Trainer<R, E>, stream: &'a TaskStream) -> Result<Self, TrainError> {
        let since = Instant::now();
        for samples in stream.experiences.iter().map(|experience| &experience.samples) {
            trainer.accepts(samples)?;
            trainer.check_steps(samples.len())?;
        }
        for test in &stream.tests {
            trainer.check_memory_for_tests(test.samples.len())?;
        }
        let mut evaluations = trainer.evaluate_training(stream, (0, 0));
        let untrained = trainer.evaluate_tests(stream, (0, 0));
        trainer.unless_stopped(())?;
        let matrix = AccuracyMatrix::new(accuracies(&untrained));
        evaluations.extend(untrained);
        let histograms = WeightHistogram::for_layers(trainer.network(), 0).collect();
        trainer.history = History { evaluations, matrix, histograms, ..History::default() };
        Ok(Self { since, ..Self::at(trainer, stream) })
    }

    /// A training that goes on where `trainer` is.
    ///
    /// # Errors
    /// [`Misplaced`] if a training over this stream is never there.
    pub fn resume(trainer: Trainer<R, E>, stream: &'a TaskStream) -> Result<Self, Misplaced> {
        let Trainer { config, position, history, learned, .. } = &trainer;
        let schedule = &config.schedule;
        let possible = match stream.experiences.get(position.experience) {
            Some(experience) => {
                // After the last batch of an epoch: stopped while it was being looked at.
                let per_epoch = batches(experience.samples.len(), schedule.batch).len();
                position.epoch < schedule.epochs && position.batch <= per_epoch
            }
            None => position.experience == stream.experiences.len() && position.is_start(),
        };
        if !possible {
            return Err(Misplaced::Position);
        }
        let (rows, tests) = (&history.matrix.rows, stream.tests.len());
        let of_tests = |row: &Vec<f64>| row.len() == tests;
        let seen = rows.len() == position.experience && trainings(learned) == position.experience;
        if !seen || !rows.iter().chain([&history.matrix.untrained]).all(of_tests) {
            return Err(Misplaced::History);
        }
        Ok(Self::at(trainer, stream))
    }

    fn at(trainer: Trainer<R, E>, stream: &'a TaskStream) -> Self {
        let schedule = &trainer.config.schedule;
        let total_steps = stream.steps(schedule.batch, schedule.epochs);
        Self { trainer, stream, batches: None, total_steps, since: Instant::now() }
    }

    /// The trainer, with what it has come to.
    pub fn trainer(&self) -> &Trainer<R, E> {
        &self.trainer
    }

    /// The stream.
    pub fn stream(&self) -> &'a TaskStream {
        self.stream
    }

    /// Wall time so far, earlier sessions included.
    pub fn seconds(&self) -> f64 {
        self.trainer.history.seconds + self.since.elapsed().as_secs_f64()
    }

    /// One step, and what follows from it at the end of an epoch or an experience; `None` after the last one.
    ///
    /// # Errors
    /// [`TrainError::Stopped`] if the machine was asked to stop before what follows from the step was known: a checkpoint of
    /// now goes on from after the step. [`TrainError::NotFinite`]; there is no sense in going on then.
    pub fn advance(&mut self) -> Result<Option<Progress<'_>>, TrainError> {
        let Self { trainer, stream, total_steps, .. } = self;
        let Position { experience: index, epoch, batch } = trainer.position;
        let Some(experience) = stream.experiences.get(index) else { return Ok(None) };
        let before = trainer.history.evaluations.len();
        let per_epoch = batches(experience.samples.len(), trainer.config.schedule.batch).len();
        if batch < per_epoch {
            let mut batches = match self.batches.take() {
                Some(batches) => batches,
                None => {
                    trainer.start_experience();
                    trainer.batches(&experience.samples, trainer.config.schedule.epochs)
                }
            };
            trainer.step(&experience.samples, &mut batches)?;
            self.batches = batches.present.is_some().then_some(batches);
        }
        if trainer.position.batch == per_epoch {
            trainer.end_epoch_of(stream)?;
        }
        let (task, epoch, total_steps) = (index + 1, epoch + 1, *total_steps);
        let History { steps, evaluations, .. } = &trainer.history;
        Ok(Some(Progress { task, epoch, steps: *steps, total_steps, evaluations: &evaluations[before..] }))
    }

    /// All steps that are left; `observe` is called after every one.
    ///
    /// # Errors
    /// As [`Training::advance`].
    pub fn run(mut self, mut observe: impl FnMut(Progress<'_>)) -> Result<Outcome, TrainError> {
        while let Some(progress) = self.advance()? {
            observe(progress);
        }
        self.outcome()
    }

    /// What it has come to by now.
    ///
    /// # Errors
    /// [`TrainError::Stopped`].
    pub fn outcome(&self) -> Result<Outcome, TrainError> {
        let unlabelled = self.trainer.evaluate_unlabelled(self.stream);
        self.trainer.unless_stopped(())?;
        let (seconds, trained) = (self.seconds(), self.trainer.trained());
        let History { evaluations, matrix, histograms, flips, steps, .. } = self.trainer.history.clone();
        Ok(Outcome { trained, evaluations, matrix, unlabelled, histograms, flips, steps, seconds })
    }
}

impl<R: SynapticRule, E: Engine> Trainer<R, E> {
    /// What is looked at after an epoch; after the last one of an experience, the experience ends. If it is stopped, it is
    /// as if it had not begun.
    fn end_epoch_of(&mut self, stream: &TaskStream) -> Result<(), TrainError> {
        let (position, signs) = (self.position, self.signs.clone());
        let (evaluations, flips) = (self.history.evaluations.len(), self.history.flips.len());
        let rows = self.history.matrix.rows.len();
        let result = self.look_at_epoch(stream);
        if matches!(result, Err(TrainError::Stopped)) {
            (self.position, self.signs) = (position, signs);
            self.history.evaluations.truncate(evaluations);
            self.history.flips.truncate(flips);
            self.history.matrix.truncate(rows);
        }
        result
    }

    fn look_at_epoch(&mut self, stream: &TaskStream) -> Result<(), TrainError> {
        let index = self.position.experience;
        let flips = self.end_epoch();
        self.history.flips.extend(flips);
        let epoch = self.position.epoch;
        let is_last = epoch == self.config.schedule.epochs;
        if is_last || self.config.schedule.evaluate == Evaluate::Epoch {
            self.evaluate_epoch(stream, (index + 1, epoch))?;
        }
        if is_last {
            let tests = &self.history.evaluations[self.history.evaluations.len() - stream.tests.len()..];
            let (experience, row) = (&stream.experiences[index], accuracies(tests));
            self.history.matrix.push(stream.column(&experience.id()), row);
            // Nothing is held for an experience that does not come.
            self.end_experience(experience, index + 1 < stream.experiences.len())?;
            self.history.histograms.extend(WeightHistogram::for_layers(self.engine.network(), index + 1));
        }
        Ok(())
    }

    /// How well the network does after an epoch; `at`: experience and epoch, counted from 1.
    fn evaluate_epoch(&mut self, stream: &TaskStream, at: (usize, usize)) -> Result<(), TrainError> {
        let (task, epoch) = at;
        if self.network().norm_config().statistics == Statistics::Recalibrated {
            let samples = &stream.experiences[task - 1].samples;
            self.engine.recalibrate(samples, self.config.schedule.test_batch);
        }
        let mut evaluations = self.evaluate_training(stream, at);
        evaluations.extend(self.evaluate_tests(stream, at));
        self.unless_stopped(())?;
        // The last step before an evaluation has no later one to show that it went wrong.
        let losses = evaluations.iter().map(|evaluation| evaluation.loss as f32);
        self.check_finite("the loss", losses, Position { experience: task, epoch, batch: 0 })?;
        self.history.evaluations.extend(evaluations);
        Ok(())
    }
}
