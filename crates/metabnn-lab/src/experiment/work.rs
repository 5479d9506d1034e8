//! What a run does: it trains a network, or does an analysis, or one after the other.

use std::ops::ControlFlow;
use std::time::Instant;

use super::grid::Sets;
use super::run_folder::RunFolder;
use super::{Event, ExperimentError, Options};
use crate::analysis::{Analyze, Context as AnalysisContext, Findings, Trained};
use crate::recipe::Run;
use crate::report::ReportError;
use crate::report::export::{Context, Encoder, JsonLines, Live, TensorBoard};
use crate::report::folder::RunResults;
use crate::report::summary::RunSummary;
use metabnn::data::Dataset;
use metabnn::machine::Machine;
use metabnn::model::Model;
use metabnn::model::checkpoint::{Checkpoint, Digests};
use metabnn::stream::TaskStream;
use metabnn::train::{Outcome, TrainError, Training};

/// The work of one run.
pub(super) struct Work<'a> {
    /// What a network is trained on, if one is.
    stream: Option<TaskStream>,
    /// What is looked at then.
    analysis: Option<&'a dyn Analyze>,
    /// What is to be said of them.
    notes: Vec<String>,
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
        let analysis = run.settings.analysis.get().map(|(_, analysis)| analysis);
        if !run.settings.analysis.trains() {
            return Ok(Self { stream: None, analysis, notes: Vec::new() });
        }
        let used: Vec<Dataset> = run.settings.data.sets.iter().map(|name| sets[name].0.clone()).collect();
        let stream = run
            .settings
            .stream(&used)
            .map_err(|problem| ExperimentError::Tasks { run: run.name.clone(), problem })?;
        let notes = run.settings.notes(&used, &stream);
        Ok(Self { stream: Some(stream), analysis, notes })
    }

    /// Steps it will take: of training, then of the analysis.
    fn steps(&self, run: &Run) -> u64 {
        let training = self
            .stream
            .as_ref()
            .map_or(0, |stream| stream.steps(run.settings.schedule.batch, run.settings.schedule.epochs));
        training + self.analysis.map_or(0, |analysis| analysis.steps(&run.settings))
    }
}

impl<O: FnMut(Event<'_>)> Job<'_, O> {
    /// Does the work, from the run's checkpoint on if there is one; `None` if it was asked to stop, and what it has come
    /// to is kept.
    pub(super) fn work(mut self, work: Work<'_>) -> Result<Option<Done>, ExperimentError> {
        let steps = work.steps(self.run);
        if let Some(stream) = work.stream {
            let done = self.train(&stream, work.analysis, steps, &work.notes)?;
            return Ok(done.map(|mut done| {
                done.results.summary.notes = work.notes;
                done
            }));
        }
        (self.observe)(Event::Started { run: self.run, done: 0, steps });
        let start = Instant::now();
        let findings = work.analysis.map(|analysis| self.analyze(analysis, None, 0)).unwrap_or_default();
        if self.options.stop.is_requested() {
            return Ok(None);
        }
        let seconds = start.elapsed().as_secs_f64();
        let summary = RunSummary { findings, steps, seconds, ..summary_of(self.run) };
        let recipe_toml = self.run.to_toml();
        Ok(Some(Done::of(RunResults { summary, recipe_toml, ..RunResults::default() }, None)))
    }

    fn train(
        &mut self,
        stream: &TaskStream,
        analysis: Option<&dyn Analyze>,
        steps: u64,
        notes: &[String],
    ) -> Result<Option<Done>, ExperimentError> {
        let (run, settings) = (self.run, &self.run.settings);
        let failed = |problem| ExperimentError::Train { run: run.name.clone(), problem };
        let mut training = match self.folder.checkpoint()? {
            Some(checkpoint) => {
                let resumed = settings.resume(checkpoint, self.machine, stream, &self.digests);
                let path = self.folder.checkpoint_file();
                resumed.map_err(|source| ExperimentError::Checkpoint { path, source })?
            }
            None => match settings.training(self.machine, stream) {
                Err(TrainError::Stopped) => return Ok(None),
                training => training.map_err(failed)?,
            },
        };
        let done = training.trainer().history().steps;
        (self.observe)(Event::Started { run: self.run, done, steps });
        notes.iter().for_each(|note| (self.observe)(Event::Note { note }));
        let mut live = self.live(stream, &training)?;
        let mut saved = Instant::now();
        loop {
            let progress = match training.advance() {
                Ok(Some(progress)) => progress,
                Ok(None) => break,
                Err(TrainError::Stopped) => return self.keep(&training).map(|()| None),
                Err(problem) => return Err(failed(problem)),
            };
            let is_last = progress.steps == progress.total_steps;
            live.append(progress.evaluations)?;
            (self.observe)(Event::Progress(progress));
            let stops = self.options.stop.is_requested();
            if stops || (is_last && analysis.is_some()) || saved.elapsed() >= self.options.checkpoint_every {
                self.keep(&training)?;
                saved = Instant::now();
            }
            if stops {
                return Ok(None);
            }
        }
        let outcome = match training.outcome() {
            Err(TrainError::Stopped) => return self.keep(&training).map(|()| None),
            outcome => outcome.map_err(failed)?,
        };
        drop(training);
        let start = Instant::now();
        let trained = stream
            .experiences
            .last()
            .map(|last| Trained { network: &outcome.trained, samples: &last.samples });
        let found = analysis.map(|analysis| self.analyze(analysis, trained, outcome.steps));
        if found.is_some() && self.options.stop.is_requested() {
            return Ok(None);
        }
        let mut done = self.trained(stream, outcome, found.unwrap_or_default())?;
        done.results.summary.seconds += start.elapsed().as_secs_f64();
        Ok(Some(done))
    }

    /// Writes a checkpoint of what the training has come to.
    fn keep(&self, training: &Training<'_>) -> Result<(), ExperimentError> {
        let checkpoint = Checkpoint::write(training, &self.digests);
        let checkpoint =
            checkpoint.map_err(|problem| ExperimentError::Train { run: self.run.name.clone(), problem })?;
        Ok(self.folder.save(&checkpoint)?)
    }

    /// The files that grow while the run goes on, with what it has come to so far.
    fn live(&self, stream: &TaskStream, training: &Training<'_>) -> Result<Live, ReportError> {
        let mut encoders: Vec<Box<dyn Encoder>> = vec![Box::new(JsonLines)];
        if self.options.tensorboard {
            encoders.push(Box::new(TensorBoard::live()));
        }
        let tests = stream.tests.iter().map(|test| test.name.clone()).collect();
        let context = Context { tests, epochs: self.run.settings.schedule.epochs };
        Live::open(self.folder.path(), encoders, context, &training.trainer().history().evaluations)
    }

    /// Does an analysis after so many steps of training; of no meaning if it is stopped.
    fn analyze(&mut self, analysis: &dyn Analyze, trained: Option<Trained<'_>>, mut steps: u64) -> Findings {
        let (observe, stop) = (&mut self.observe, &self.options.stop);
        let mut observe = |message| {
            // What was found by then is of no meaning.
            if stop.is_requested() {
                return ControlFlow::Break(());
            }
            steps += 1;
            observe(Event::Analyzed { steps, message });
            ControlFlow::Continue(())
        };
        let (settings, machine) = (&self.run.settings, self.machine);
        analysis.run(&mut AnalysisContext { settings, machine, trained, observe: &mut observe })
    }

    fn trained(
        &self,
        stream: &TaskStream,
        outcome: Outcome,
        findings: Findings,
    ) -> Result<Done, ExperimentError> {
        let Outcome { trained, evaluations, matrix, unlabelled, histograms, flips, steps, seconds } = outcome;
        let run = self.run;
        let summary = RunSummary {
            tests: stream.tests.iter().map(|test| test.name.clone()).collect(),
            epochs: run.settings.schedule.epochs,
            unlabelled_accuracy: unlabelled,
            findings,
            steps,
            seconds,
            data: self.digests.clone(),
            ..summary_of(run)
        }
        .scored(matrix);
        let model = Model::new(trained, run.settings.to_json(), stream);
        let model =
            model.to_bytes().map_err(|source| ExperimentError::Model { run: run.name.clone(), source })?;
        let results = RunResults { summary, recipe_toml: run.to_toml(), evaluations, histograms, flips };
        Ok(Done::of(results, Some(model)))
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
