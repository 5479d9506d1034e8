//! What a run does: it trains a network, or solves the quadratic binary task.

use std::collections::BTreeMap;
use std::time::Instant;

use super::{Event, ExperimentError};
use crate::analysis::quadratic::solve;
use crate::analysis::sign_switching::{bins, switch_signs};
use crate::analysis::{Analysis, LossIncrease, Quadratic, SignSwitching};
use crate::data::Dataset;
use crate::machine::Machine;
use crate::model::Model;
use crate::recipe::Run;
use crate::report::folder::RunResults;
use crate::report::summary::RunSummary;
use crate::tasks::TaskStream;
use crate::train::{Outcome, train};

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

impl<'a> Work<'a> {
    /// The work that `run` asks for.
    pub(super) fn of(run: &'a Run, sets: &BTreeMap<String, Dataset>) -> Result<Self, ExperimentError> {
        let switching = match &run.settings.analysis {
            Analysis::Quadratic(quadratic) => return Ok(Self::Solve(quadratic)),
            Analysis::SignSwitching(switching) => Some(switching),
            Analysis::None => None,
        };
        let used: Vec<Dataset> = run.settings.data.sets.iter().map(|name| sets[name].clone()).collect();
        let stream = TaskStream::new(&run.settings, &used)
            .map_err(|source| ExperimentError::Tasks { run: run.name.clone(), source })?;
        Ok(Self::Train(stream, switching))
    }

    /// Steps it will take: of training, then one per bin that signs are switched in.
    pub(super) fn steps(&self, run: &Run) -> u64 {
        match self {
            Self::Train(stream, switching) => {
                let layers = run.settings.network.layers();
                stream.steps(&run.settings.schedule) + switching.map_or(0, |all| bins(all, layers) as u64)
            }
            Self::Solve(quadratic) => quadratic.steps,
        }
    }

    /// Does it; `observe` hears how it goes.
    pub(super) fn run(self, run: &Run, observe: &mut impl FnMut(Event<'_>)) -> Result<Done, ExperimentError> {
        let start = Instant::now();
        let mut done = match self {
            Self::Train(stream, switching) => {
                let outcome = train(&run.settings, &stream, |progress| observe(Event::Progress(progress)))
                    .map_err(|source| ExperimentError::Train { run: run.name.clone(), source })?;
                let loss_increase =
                    switching.map(|choice| look_into(run, &stream, &outcome, choice, observe));
                trained(run, &stream, outcome, loss_increase.unwrap_or_default())?
            }
            Self::Solve(quadratic) => solved(run, quadratic, observe),
        };
        done.results.summary.seconds = start.elapsed().as_secs_f64();
        Ok(done)
    }
}

/// Switches signs of the trained network, on the images that it was trained on last.
fn look_into(
    run: &Run,
    stream: &TaskStream,
    outcome: &Outcome,
    choice: &SignSwitching,
    observe: &mut impl FnMut(Event<'_>),
) -> Vec<LossIncrease> {
    let Some(images) = stream.phases.last() else { return Vec::new() };
    let mut steps = outcome.steps;
    switch_signs(&outcome.knowledge, images, &run.settings, choice, |row| {
        steps += 1;
        observe(Event::Analysed { steps, row });
    })
}

fn trained(
    run: &Run,
    stream: &TaskStream,
    outcome: Outcome,
    loss_increase: Vec<LossIncrease>,
) -> Result<Done, ExperimentError> {
    let Outcome { knowledge, evaluations, matrix, unlabelled, histograms, flips, steps, .. } = outcome;
    let summary = RunSummary {
        tests: stream.tests.iter().map(|test| test.name.clone()).collect(),
        epochs: run.settings.schedule.epochs,
        unlabelled_accuracy: unlabelled,
        loss_increase,
        steps,
        ..summary_of(run)
    }
    .scored(matrix);
    let model = Model::new(knowledge, &run.settings, stream);
    let model =
        model.to_bytes().map_err(|source| ExperimentError::Model { run: run.name.clone(), source })?;
    let results = RunResults { summary, recipe_toml: run.to_toml(), evaluations, histograms, flips };
    Ok(Done { results, model: Some(model) })
}

fn solved(run: &Run, quadratic: &Quadratic, observe: &mut impl FnMut(Event<'_>)) -> Done {
    let pool = &Machine::get().pool;
    let lr = f64::from(run.settings.optimizer.lr);
    let solved = solve(quadratic, lr, run.settings.seed, pool, |steps| {
        observe(Event::Analysed { steps, row: None });
    });
    let summary = RunSummary {
        loss_increase: solved.loss_increase,
        correlation: solved.correlation,
        trajectory: solved.trajectory,
        steps: quadratic.steps,
        ..summary_of(run)
    };
    let results = RunResults { summary, recipe_toml: run.to_toml(), ..RunResults::default() };
    Done { results, model: None }
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
