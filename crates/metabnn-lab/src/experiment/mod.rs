//! A whole experiment: the runs of a recipe, into one folder of results.
//!
//! Nothing that was computed is lost. A run that is stopped, however it is stopped, goes on from its last checkpoint, to
//! the same bits; a run that is done is not repeated; a run that fails does not keep the others from being done.

mod anew;
mod claim;
mod error;
mod grid;
mod run_folder;
pub mod slurm;
mod work;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use claim::Claim;
pub use error::ExperimentError;
use grid::{Grid, Sets};

use crate::needs;
use crate::recipe::{Recipe, Run};
use crate::report;
use crate::report::folder::{PARTIAL, read_run, write_summary};
use crate::report::manifest::CHECKPOINT;
use crate::report::summary::{RunSummary, Summary};
use metabnn::machine::Machine;
pub use metabnn::stop::Stop;
use metabnn::train::Progress;
use metabnn_data::DataError;

/// Where an experiment finds its data and leaves its results, and how it goes about it.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of the data sets; `None`: see [`metabnn_data::load`].
    pub data: Option<PathBuf>,
    /// Folder of the results, made if need be.
    pub out: PathBuf,
    /// Whether runs finished or begun there earlier are run again from the start, instead of being taken as they are. Those of
    /// a recipe of the same name with other settings are removed.
    pub fresh: bool,
    /// Whether to refuse to begin where no run of the recipe was begun yet.
    pub resume: bool,
    /// The one run to do, counted from 0, without summary and report: for one process of many.
    pub only: Option<usize>,
    /// Runs at work at the same time, at least one; they share the threads.
    pub jobs: usize,
    /// Time between two checkpoints of a run; none is written sooner after the one before.
    pub checkpoint_every: Duration,
    /// Whether a file of events for TensorBoard grows in each run's folder, beside `metrics.jsonl`.
    pub tensorboard: bool,
    /// Threads and kernels, shared by the jobs; they change no result.
    pub machine: Machine,
    /// Asks the experiment to stop: every run at work writes a checkpoint. Runs heed it ([`Stop::heed`]) from the moment
    /// they are at work until their results are complete; before and after, nothing is lost that is not done again in no
    /// time.
    pub stop: Stop,
}

impl Options {
    /// Results to `out`, one run after the other, a checkpoint every minute.
    pub fn new(out: impl Into<PathBuf>) -> Self {
        Self {
            data: None,
            out: out.into(),
            fresh: false,
            resume: false,
            only: None,
            jobs: 1,
            checkpoint_every: Duration::from_secs(60),
            tensorboard: false,
            machine: Machine::get().clone(),
            stop: Stop::default(),
        }
    }
}

/// What an observer of an experiment hears of one of its runs.
#[derive(Debug)]
pub enum Event<'a> {
    /// A run begins, or goes on.
    Started {
        /// The run.
        run: &'a Run,
        /// Steps done of it in earlier sessions.
        done: u64,
        /// Steps it takes: of training, then of its analysis.
        steps: u64,
    },
    /// The run makes something else of its settings than they seem to say: see [`crate::notes`].
    Note {
        /// What, in a line.
        note: &'a str,
    },
    /// A step of the run is done.
    Progress(Progress<'a>),
    /// A step of the run's analysis is done.
    Analyzed {
        /// Steps done so far, those of training included.
        steps: u64,
        /// What was found, in a line, if there is something to say step by step.
        message: Option<String>,
    },
    /// The run is done, or was found done.
    Finished {
        /// What it says of itself.
        summary: &'a RunSummary,
        /// Whether it was done earlier.
        found: bool,
    },
    /// The run failed; the others go on.
    Failed {
        /// Why.
        error: &'a ExperimentError,
    },
}

/// Runs every run of `recipe` that is not yet done in `options.out` (or all, if fresh), then makes the report. `observe`
/// hears what happens, with the position among the runs, counted from 0, of the run that it happens to.
///
/// A run's folder appears when the run is complete; until then, `runs/NAME.partial` holds its checkpoint. If the
/// experiment fails before any run has a result or a checkpoint, it leaves nothing behind.
///
/// # Errors
/// [`ExperimentError`]. Runs that are finished stay, and are not repeated next time; runs that were begun go on from
/// their checkpoints.
pub fn run(
    recipe: &Recipe,
    options: &Options,
    observe: impl FnMut(usize, Event<'_>) + Send,
) -> Result<Summary, ExperimentError> {
    let runs = recipe.runs()?;
    let chosen = match options.only {
        None => 0..runs.len(),
        Some(index) if index < runs.len() => index..index + 1,
        Some(index) => return Err(ExperimentError::NoSuchRun { index, runs: runs.len() }),
    };
    needs::check(&runs[chosen.clone()], options.jobs, options.machine.pool.threads())?;
    let sets = load_sets(&runs[chosen.clone()], options.data.as_deref(), &options.stop)?;
    if options.stop.is_requested() {
        return Err(ExperimentError::Stopped { done: 0, runs: chosen.len() });
    }
    if options.resume && !chosen.clone().any(|index| is_begun(&options.out, &runs[index])) {
        return Err(ExperimentError::NothingToResume { path: options.out.clone() });
    }
    let recipe_toml = recipe.to_toml();
    if options.fresh {
        anew::make_room(&options.out, &recipe_toml)?;
    }
    let claim = Claim::new(&options.out, &recipe_toml)?;
    let count = chosen.len();
    let results = Grid { runs: &runs, sets: &sets, options }.work(chosen, observe)?;
    let stopped = options.stop.is_requested();
    let (mut summaries, mut failures) = (Vec::new(), Vec::new());
    for result in results.into_values() {
        match result {
            Ok(summary) => summaries.push(summary),
            Err(error) => failures.push(error),
        }
    }
    let done = summaries.len();
    let summary = Summary::new(&recipe.name, summaries);
    let hopeless = failures.iter().any(ExperimentError::is_everywhere);
    let reported = match stopped || hopeless || options.only.is_some() || done == 0 {
        true => Ok(()),
        false => write_summary(&options.out, &recipe_toml, &summary)
            .and_then(|()| report::write_report(&options.out).map(|_| ())),
    };
    match failures.len() {
        0 if stopped && (done < count || options.only.is_none()) => {
            return Err(ExperimentError::Stopped { done, runs: count });
        }
        0 => reported?,
        1 if count == 1 => return Err(failures.remove(0)),
        _ => return Err(ExperimentError::Failed { failures, done, runs: count }),
    }
    claim.keep();
    Ok(summary)
}

/// Takes the folder `out` for the results of `recipe`, whose runs are done elsewhere and brought there, and tells which of
/// them are finished there.
///
/// # Errors
/// [`ExperimentError`] if it holds something else, or cannot be written.
pub fn claim(recipe: &Recipe, out: &Path) -> Result<Vec<bool>, ExperimentError> {
    let runs = recipe.runs()?;
    Claim::new(out, &recipe.to_toml())?.keep();
    let is_finished =
        |run: &Run| read_run(&out.join(folder(run))).is_ok_and(|found| found.summary.hash == run.hash);
    Ok(runs.iter().map(is_finished).collect())
}

/// Every data set that any run trains on, loaded once, with its digest; not all of them if it is stopped.
fn load_sets(runs: &[Run], folder: Option<&Path>, stop: &Stop) -> Result<Sets, DataError> {
    let mut sets = BTreeMap::new();
    let trained = runs.iter().filter(|run| run.settings.analysis.trains());
    for name in trained.flat_map(|run| &run.settings.data.sets) {
        if !sets.contains_key(name) && !stop.is_requested() {
            let set = metabnn_data::load(name, folder)?;
            let digest = set.digest();
            sets.insert(name.clone(), (set, digest));
        }
    }
    Ok(sets)
}

/// Whether `run` is finished or has a checkpoint.
fn is_begun(out: &Path, run: &Run) -> bool {
    let partial = out.join(folder(run) + PARTIAL);
    partial.join(CHECKPOINT).exists() || read_run(&out.join(folder(run))).is_ok()
}

/// Folder of a run, relative to that of the results.
fn folder(run: &Run) -> String {
    format!("runs/{}", run.name)
}
