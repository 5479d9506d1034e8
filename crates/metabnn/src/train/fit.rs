//! One experience: epochs of samples, step by step, and what follows at its end.

use std::ops::{ControlFlow, Range};

use super::batches::Batches;
use super::{Position, Scenario, TrainError, Trainer};
use crate::engine::Engine;
use crate::evaluate::remember;
use crate::history::Flips;
use crate::network::Statistics;
use crate::rule::SynapticRule;
use crate::stream::{Learnable, Subset};

/// How samples are gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FitOptions {
    /// Times that every sample is shown, each time in another order.
    pub epochs: usize,
    /// Whether they are an experience with a beginning and an end that the network is told: fresh moments (if the
    /// optimizer's config says so), its learning rate, its own norm state (in the scenario `task`), exact statistics if
    /// they are recalibrated, what the rule does at its end. Else they are part of a stream that goes on, and statistics
    /// are running averages.
    pub has_boundaries: bool,
}

impl FitOptions {
    /// An experience.
    pub fn experience(epochs: usize) -> Self {
        Self { epochs, has_boundaries: true }
    }

    /// A part of a stream without boundaries, shown once.
    pub fn part() -> Self {
        Self { epochs: 1, has_boundaries: false }
    }
}

/// What a step did: given to an observer after every step.
#[derive(Clone, Debug)]
pub struct StepReport {
    /// The experience, counted from 1.
    pub experience: usize,
    /// Epoch of it, counted from 1.
    pub epoch: usize,
    /// Steps done so far, of all experiences.
    pub steps: u64,
    /// Mean loss of the step's batch, in nats, before its update.
    pub loss: f32,
    /// After the last step of an epoch: the binary weights that it changed, layer by layer.
    pub flips: Option<Vec<Flips>>,
}

impl<R: SynapticRule, E: Engine> Trainer<R, E> {
    /// Learns an experience, for as many epochs as the config says.
    ///
    /// # Errors
    /// [`TrainError::Samples`] if they are not what the network takes; [`TrainError::NotFinite`]; [`TrainError::Stopped`]: the
    /// experience does not count then, and the steps that it did stay done.
    pub fn fit(&mut self, samples: impl Learnable) -> Result<(), TrainError> {
        self.fit_with(samples, FitOptions::experience(self.config.schedule.epochs))
    }

    /// Learns samples as a part of a stream that goes on: once, without a boundary.
    ///
    /// # Errors
    /// As [`Trainer::fit`].
    pub fn partial_fit(&mut self, samples: impl Learnable) -> Result<(), TrainError> {
        self.fit_with(samples, FitOptions::part())
    }

    /// Learns samples as `options` say, with batch norm at least two.
    ///
    /// # Errors
    /// As [`Trainer::fit`].
    pub fn fit_with(&mut self, samples: impl Learnable, options: FitOptions) -> Result<(), TrainError> {
        self.fit_epochs(samples, options, 0..options.epochs, |_| ControlFlow::Continue(())).map(|_| ())
    }

    /// The given epochs of an experience, counted from 0, with an observer that is called after every step and may stop.
    /// What is to be done in the first and after the last epoch of the experience is done there: whoever wants to look in
    /// between asks for its epochs one after the other, with the same samples, and gets the same bits. An experience of
    /// which the last epoch was not done does not count; the steps it did stay done.
    ///
    /// # Errors
    /// As [`Trainer::fit`].
    pub fn fit_epochs(
        &mut self,
        samples: impl Learnable,
        options: FitOptions,
        epochs: Range<usize>,
        observe: impl FnMut(StepReport) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TrainError> {
        self.accepts(samples.samples())?;
        let at = Position { experience: self.position.experience + 1, epoch: epochs.end, batch: 0 };
        let result = self.fit_range(&samples, options, epochs, observe);
        // The last step has no later one to show that it went wrong.
        let result = result.and_then(|flow| self.check_network(at).map(|()| flow));
        self.has_diverged |= matches!(result, Err(TrainError::NotFinite { .. }));
        result
    }

    fn fit_range(
        &mut self,
        experience: &impl Learnable,
        options: FitOptions,
        epochs: Range<usize>,
        mut observe: impl FnMut(StepReport) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TrainError> {
        let samples = experience.samples();
        self.check_steps(samples.len())?;
        self.position = Position { epoch: epochs.start, batch: 0, ..self.position };
        if options.has_boundaries {
            self.start_experience();
        }
        let mut batches = self.batches(samples, epochs.end);
        while let Some(loss) = self.step(samples, &mut batches)? {
            let Position { experience, epoch, .. } = self.position;
            // The epoch may just have ended.
            let is_last = self.position.batch == batches.per_epoch();
            let flips = is_last.then(|| self.end_epoch());
            let steps = self.history.steps;
            let report = StepReport { experience: experience + 1, epoch: epoch + 1, steps, loss, flips };
            let goes_on = observe(report);
            if goes_on.is_break() || self.engine.is_stopped() {
                self.position = Position { epoch: 0, batch: 0, ..self.position };
                return self.unless_stopped(goes_on);
            }
        }
        self.position = Position { epoch: 0, batch: 0, ..self.position };
        if epochs.end == options.epochs {
            self.end(experience, options)?;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// What follows from samples that are learned.
    fn end(&mut self, experience: &impl Learnable, options: FitOptions) -> Result<(), TrainError> {
        if options.has_boundaries {
            if self.network().norm_config().statistics == Statistics::Recalibrated {
                self.engine.recalibrate(experience.samples(), self.config.schedule.test_batch);
                self.unless_stopped(())?;
            }
            return self.end_experience(experience, true);
        }
        let at = Position { experience: self.position.experience + 1, epoch: options.epochs, batch: 0 };
        self.check_finite("a hidden weight", self.network().hidden_weights(), at)?;
        self.position = Position { experience: self.position.experience + 1, ..Position::default() };
        Ok(())
    }

    /// What an experience begins with: fresh moments, if the config says so, and its learning rate. In the middle of an
    /// experience, its learning rate.
    pub(super) fn start_experience(&mut self) {
        let fresh = self.position.is_start() && self.config.optimizer.reset_per_task;
        self.engine.start_experience(self.position.experience, fresh);
    }

    /// The batches that are left of the experience in training.
    pub(super) fn batches<'a>(&mut self, samples: &'a Subset, epochs: usize) -> Batches<'a> {
        self.engine.upload(samples);
        let encoding = self.network().config().input;
        Batches::new(samples, &self.config, encoding, self.position, epochs)
    }

    /// One step, if there is a batch; gives the loss before it.
    pub(super) fn step(
        &mut self,
        samples: &Subset,
        batches: &mut Batches<'_>,
    ) -> Result<Option<f32>, TrainError> {
        let Some(batch) = &batches.present else { return Ok(None) };
        let loss = self.engine.step(&self.rule, samples, batch, batches.next.as_ref());
        batches.advance();
        self.position.batch += 1;
        self.history.steps += 1;
        let Position { experience, epoch, .. } = self.position;
        self.check_finite(
            "the loss",
            [loss],
            Position { experience: experience + 1, epoch: epoch + 1, batch: 0 },
        )?;
        Ok(Some(loss))
    }

    /// The end of an epoch: the binary weights that it changed.
    pub(super) fn end_epoch(&mut self) -> Vec<Flips> {
        let Position { experience, epoch, .. } = self.position;
        self.position = Position { experience, epoch: epoch + 1, batch: 0 };
        self.signs.flips(self.engine.network(), (experience + 1, epoch + 1))
    }

    /// What is kept of the experience just learned: that it was, its norm state, and what the rule makes of its samples for
    /// those to come, if any does (`is_followed`).
    pub(super) fn end_experience(
        &mut self,
        experience: &impl Learnable,
        is_followed: bool,
    ) -> Result<(), TrainError> {
        let index = self.position.experience;
        let at = Position { experience: index + 1, epoch: self.config.schedule.epochs, batch: 0 };
        self.check_finite("a hidden weight", self.network().hidden_weights(), at)?;
        if is_followed {
            self.engine.end_experience(&self.rule, experience.samples(), index, self.config.seed);
            self.unless_stopped(())?;
        }
        self.check_finite("the rule's state of a synapse", self.network().memory(), at)?;
        let norms = (self.config.scenario == Scenario::Task).then(|| self.network().norm_states());
        remember(&mut self.learned, (experience.samples(), experience.name()), index + 1, norms);
        self.position = Position { experience: index + 1, ..Position::default() };
        Ok(())
    }
}
