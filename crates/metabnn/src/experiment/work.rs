//! What a run does: it trains a network, or solves the quadratic binary task.

use std::ops::ControlFlow;
use std::time::Instant;

use super::grid::Sets;
use super::run_folder::RunFolder;
use super::{Event, ExperimentError, Options};
use crate::analysis::quadratic::solve;
use crate::analysis::sign_switching::{bins, switch_signs};
use crate::analysis::{Analysis, LossIncrease, Quadratic, SignSwitching};
use crate::checkpoint::{Checkpoint, Digests};
use crate::data::Dataset;
use crate::machine::Machine;
use crate::model::Model;
use crate::recipe::Run;
use crate::report::ReportError;
use crate::report::export::{Context, Format, JsonLines, Live, TensorBoard};
use crate::report::folder::RunResults;
use crate::report::summary::RunSummary;
use crate::tasks::TaskStream;
use crate::train::{Outcome, Training};

/// The work of one run.
pub(super) enum Work<'a> {
    /// Training on a stream of tasks, and what is looked at afterwards.
    Train(TaskStream, Option<&'a SignSwitching>),
    /// The quadratic binary task.
    Solve(&'a Quadratic),
}

/// What a run leaves in its folder.
pub(super) struct Done {
    pub(super) results: RunResults,
    /// `model.safetensors`, of a network.
    pub(super) model: Option<Vec<u8>>,
}

/// A run at work: what it is done with and who hears of it.
pub(super) struct Job<'a, O> {
    pub(super) run: &'a Run,
    pub(super) folder: &'a RunFolder,
    pub(super) options: &'a Options,
    pub(super) machine: &'a Machine,
    /// Of the data sets that the run trains on.
    pub(super) digests: Digests,
    pub(super) observe: O,
}

impl<'a> Work<'a> {
    /// The work that `run` asks for.
    pub(super) fn of(run: &'a Run, sets: &Sets) -> Result<Self, ExperimentError> {
        let switching = match &run.settings.analysis {
            Analysis::Quadratic(quadratic) => return Ok(Self::Solve(quadratic)),
            Analysis::SignSwitching(switching) => Some(switching),
            Analysis::None => None,
        };
        let used: Vec<Dataset> = run.settings.data.sets.iter().map(|name| sets[name].0.clone()).collect();
        let stream = TaskStream::new(&run.settings, &used)
            .map_err(|source| ExperimentError::Tasks { run: run.name.clone(), source })?;
        Ok(Self::Train(stream, switching))
    }

    /// Steps it will take: of training, then one per bin that signs are switched in.
    fn steps(&self, run: &Run) -> u64 {
        match self {
            Self::Train(stream, switching) => {
                let layers = run.settings.network.layers();
                stream.steps(&run.settings.schedule) + switching.map_or(0, |all| bins(all, layers) as u64)
            }
            Self::Solve(quadratic) => quadratic.steps,
        }
    }
}

impl<O: FnMut(Event<'_>)> Job<'_, O> {
    /// Does the work, from the run's checkpoint on if there is one; `None` if it was asked to stop, and what it has come
    /// to is kept.
    pub(super) fn work(mut self, work: Work<'_>) -> Result<Option<Done>, ExperimentError> {
        let steps = work.steps(self.run);
        match work {
            Work::Train(stream, switching) => self.train(&stream, switching, steps),
            Work::Solve(quadratic) => {
                (self.observe)(Event::Started { run: self.run, done: 0, steps });
                Ok(Some(self.solve(quadratic)))
            }
        }
    }

    fn train(
        &mut self,
        stream: &TaskStream,
        switching: Option<&SignSwitching>,
        steps: u64,
    ) -> Result<Option<Done>, ExperimentError> {
        let (run, settings) = (self.run, &self.run.settings);
        let failed = |source| ExperimentError::Train { run: run.name.clone(), source };
        let mut training = match self.folder.checkpoint()? {
            Some(checkpoint) => {
                let resumed = checkpoint.resume(self.machine, settings, stream, &self.digests);
                let path = self.folder.checkpoint_file();
                resumed.map_err(|source| ExperimentError::Checkpoint { path, source })?
            }
            None => Training::new(self.machine, settings, stream).map_err(failed)?,
        };
        let done = training.state().record.steps;
        (self.observe)(Event::Started { run: self.run, done, steps });
        let mut live = self.live(stream, &training)?;
        let mut saved = Instant::now();
        while let Some(progress) = training.advance().map_err(failed)? {
            let is_last = progress.steps == progress.total_steps;
            live.append(progress.evaluations)?;
            (self.observe)(Event::Progress(progress));
            let stops = self.options.stop.is_requested();
            if stops || (is_last && switching.is_some()) || saved.elapsed() >= self.options.checkpoint_every {
                self.folder.save(&Checkpoint::of(&training, &self.digests).map_err(failed)?)?;
                saved = Instant::now();
            }
            if stops {
                return Ok(None);
            }
        }
        let outcome = training.finish();
        let start = Instant::now();
        let found = switching.map(|choice| self.switch(stream, &outcome, choice));
        if found.is_some() && self.options.stop.is_requested() {
            return Ok(None);
        }
        let mut done = self.trained(stream, outcome, found.unwrap_or_default())?;
        done.results.summary.seconds += start.elapsed().as_secs_f64();
        Ok(Some(done))
    }

    /// The files that grow while the run goes on, with what it has come to so far.
    fn live(&self, stream: &TaskStream, training: &Training<'_>) -> Result<Live, ReportError> {
        let mut formats: Vec<Box<dyn Format>> = vec![Box::new(JsonLines)];
        if self.options.tensorboard {
            formats.push(Box::new(TensorBoard::live()));
        }
        let tests = stream.tests.iter().map(|test| test.name.clone()).collect();
        let context = Context { tests, epochs: self.run.settings.schedule.epochs };
        Live::open(self.folder.path(), formats, context, &training.state().record.evaluations)
    }

    /// Switches signs of the trained network, on the images that it was trained on last.
    fn switch(
        &mut self,
        stream: &TaskStream,
        outcome: &Outcome,
        choice: &SignSwitching,
    ) -> Vec<LossIncrease> {
        let Some(images) = stream.phases.last() else { return Vec::new() };
        let mut steps = outcome.steps;
        switch_signs(&outcome.knowledge, images, &self.run.settings, choice, |row| {
            steps += 1;
            (self.observe)(Event::Analysed { steps, row });
            if self.options.stop.is_requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    }

    fn trained(
        &self,
        stream: &TaskStream,
        outcome: Outcome,
        loss_increase: Vec<LossIncrease>,
    ) -> Result<Done, ExperimentError> {
        let Outcome { knowledge, evaluations, matrix, unlabelled, histograms, flips, steps, seconds } =
            outcome;
        let run = self.run;
        let summary = RunSummary {
            tests: stream.tests.iter().map(|test| test.name.clone()).collect(),
            epochs: run.settings.schedule.epochs,
            unlabelled_accuracy: unlabelled,
            loss_increase,
            steps,
            seconds,
            data: self.digests.clone(),
            ..summary_of(run)
        }
        .scored(matrix);
        let model = Model::new(knowledge, &run.settings, stream);
        let model =
            model.to_bytes().map_err(|source| ExperimentError::Model { run: run.name.clone(), source })?;
        let results = RunResults { summary, recipe_toml: run.to_toml(), evaluations, histograms, flips };
        Ok(Done::of(results, Some(model)))
    }

    fn solve(&mut self, quadratic: &Quadratic) -> Done {
        let (start, run) = (Instant::now(), self.run);
        let lr = f64::from(run.settings.optimizer.lr);
        let solved = solve(quadratic, lr, run.settings.seed, &self.machine.pool, |steps| {
            (self.observe)(Event::Analysed { steps, row: None });
        });
        let summary = RunSummary {
            loss_increase: solved.loss_increase,
            correlation: solved.correlation,
            trajectory: solved.trajectory,
            steps: quadratic.steps,
            seconds: start.elapsed().as_secs_f64(),
            ..summary_of(run)
        };
        Done::of(RunResults { summary, recipe_toml: run.to_toml(), ..RunResults::default() }, None)
    }
}

impl Done {
    /// With a name for all that was found.
    fn of(mut results: RunResults, model: Option<Vec<u8>>) -> Self {
        results.summary.results = results.digest(model.as_deref());
        Self { results, model }
    }
}

/// What every run says of itself.
fn summary_of(run: &Run) -> RunSummary {
    RunSummary {
        name: run.name.clone(),
        arm: run.arm.clone(),
        settings: run.varied.clone(),
        seed: run.settings.seed,
        hash: run.hash.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
        folder: super::folder(run),
        ..RunSummary::default()
    }
}
