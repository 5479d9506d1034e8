//! A whole experiment: the runs of a recipe, one after the other, into one folder of results.

mod claim;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use claim::Claim;

use crate::data::{self, DataError, Dataset};
use crate::model::{Model, ModelError};
use crate::recipe::{Recipe, RecipeErrors, Run};
use crate::report::folder::{read_run, write_atomically, write_run, write_summary};
use crate::report::summary::{RunSummary, Summary};
use crate::report::{self, ReportError};
use crate::tasks::{TaskError, TaskStream};
use crate::train::{Outcome, Progress, TrainError, train};

/// Where an experiment finds its data and leaves its results.
#[derive(Clone, Debug)]
pub struct Places {
    /// Folder of the data sets; `None`: see [`data::load`].
    pub data: Option<PathBuf>,
    /// Folder of the results, made if need be.
    pub out: PathBuf,
    /// Whether runs finished there earlier are run again, instead of being taken as they are.
    pub fresh: bool,
}

/// What an observer of an experiment hears.
#[derive(Debug)]
pub enum Event<'a> {
    /// A run begins.
    Started {
        /// The run.
        run: &'a Run,
        /// Position among the runs, counted from 0.
        index: usize,
        /// Number of runs.
        runs: usize,
        /// Training steps it will take.
        steps: u64,
    },
    /// A step or an epoch of the present run is done.
    Progress(Progress<'a>),
    /// A run is done, or was found done.
    Finished {
        /// What it says of itself.
        summary: &'a RunSummary,
        /// Whether it was done earlier.
        found: bool,
    },
}

/// Why an experiment failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExperimentError {
    /// The recipe does not hold together.
    #[error(transparent)]
    Recipe(#[from] RecipeErrors),
    /// A data set could not be loaded.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Data and settings make no task stream.
    #[error("{run}: {source}")]
    Tasks {
        /// The run.
        run: String,
        /// What is wrong.
        source: TaskError,
    },
    /// Training went wrong.
    #[error("{run}: {source}")]
    Train {
        /// The run.
        run: String,
        /// What went wrong.
        source: TrainError,
    },
    /// The model could not be put into a file.
    #[error("{run}: {source}")]
    Model {
        /// The run.
        run: String,
        /// What went wrong.
        source: ModelError,
    },
    /// Results could not be read or written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The folder of results belongs to another recipe.
    #[error(
        "{}: holds the results of another recipe ({difference}); \
         choose another folder for these, or remove that one",
        path.display()
    )]
    Occupied {
        /// The folder.
        path: PathBuf,
        /// The first setting that differs.
        difference: String,
    },
    /// The folder of results holds something that is no result.
    #[error("{}: is not empty and holds no results; choose another folder for them", path.display())]
    NotResults {
        /// The folder.
        path: PathBuf,
    },
}

/// Runs every run of `recipe` that is not yet done in `places.out` (or all, if `fresh`), then makes the report.
///
/// A run's folder appears when the run is complete. If the experiment fails before any run is, it leaves nothing
/// behind.
///
/// # Errors
/// [`ExperimentError`]. Runs finished before the failure stay, and are not repeated next time.
pub fn run(
    recipe: &Recipe,
    places: &Places,
    mut observe: impl FnMut(Event<'_>),
) -> Result<Summary, ExperimentError> {
    let runs = recipe.runs()?;
    let sets = load_sets(&runs, places.data.as_deref())?;
    let recipe_toml = recipe.to_toml();
    let claim = Claim::new(&places.out, &recipe_toml)?;
    let mut summaries = Vec::with_capacity(runs.len());
    for (index, run) in runs.iter().enumerate() {
        let (summary, found) = match finished(&places.out, run).filter(|_| !places.fresh) {
            Some(summary) => (summary, true),
            None => {
                let used: Vec<Dataset> =
                    run.settings.data.sets.iter().map(|name| sets[name].clone()).collect();
                let stream = TaskStream::new(&run.settings, &used)
                    .map_err(|source| ExperimentError::Tasks { run: run.name.clone(), source })?;
                let steps = stream.steps(&run.settings.schedule);
                observe(Event::Started { run, index, runs: runs.len(), steps });
                let outcome = train(&run.settings, &stream, |progress| observe(Event::Progress(progress)))
                    .map_err(|source| ExperimentError::Train { run: run.name.clone(), source })?;
                (keep(&places.out, run, &stream, outcome)?, false)
            }
        };
        observe(Event::Finished { summary: &summary, found });
        summaries.push(summary);
    }
    let summary = Summary::new(&recipe.name, summaries);
    write_summary(&places.out, &recipe_toml, &summary)?;
    report::write_report(&places.out)?;
    claim.keep();
    Ok(summary)
}

/// Every data set that any run names, loaded once.
fn load_sets(runs: &[Run], folder: Option<&Path>) -> Result<BTreeMap<String, Dataset>, DataError> {
    let mut sets = BTreeMap::new();
    for name in runs.iter().flat_map(|run| &run.settings.data.sets) {
        if !sets.contains_key(name) {
            sets.insert(name.clone(), data::load(name, folder)?);
        }
    }
    Ok(sets)
}

/// The summary of `run` if it was done here before, by this version and with these settings.
fn finished(out: &Path, run: &Run) -> Option<RunSummary> {
    let results = read_run(&out.join(folder(run))).ok()?;
    (results.summary.hash == run.hash).then_some(results.summary)
}

/// Folder of a run, relative to that of the results.
fn folder(run: &Run) -> String {
    format!("runs/{}", run.name)
}

/// Writes a finished run into a folder of its own, which gets its name when all is in it.
fn keep(out: &Path, run: &Run, stream: &TaskStream, outcome: Outcome) -> Result<RunSummary, ExperimentError> {
    let summary = summarise(run, stream, &outcome);
    let model = Model::new(outcome.knowledge, &run.settings, stream);
    let model =
        model.to_bytes().map_err(|source| ExperimentError::Model { run: run.name.clone(), source })?;
    let (complete, partial) = (out.join(folder(run)), out.join(folder(run) + ".partial"));
    let failed = |path: &Path, action| {
        let path = path.to_path_buf();
        move |source| ReportError::File { path, action, source }
    };
    let write = || -> Result<(), ReportError> {
        remove_if_there(&partial).map_err(failed(&partial, "remove"))?;
        write_atomically(&partial.join("model.safetensors"), &model)?;
        write_run(&partial, &run.to_toml(), &summary, &outcome.evaluations, &outcome.histograms)?;
        remove_if_there(&complete).map_err(failed(&complete, "remove"))?;
        fs::rename(&partial, &complete).map_err(failed(&complete, "write"))
    };
    let written = write();
    if written.is_err() {
        // The first error is the one to report; a folder that cannot be removed either adds nothing to it.
        let _ = remove_if_there(&partial);
    }
    written?;
    Ok(summary)
}

fn remove_if_there(folder: &Path) -> std::io::Result<()> {
    if folder.exists() { fs::remove_dir_all(folder) } else { Ok(()) }
}

fn summarise(run: &Run, stream: &TaskStream, outcome: &Outcome) -> RunSummary {
    let matrix = &outcome.matrix;
    RunSummary {
        name: run.name.clone(),
        arm: run.arm.clone(),
        settings: run.varied.clone(),
        seed: run.settings.seed,
        hash: run.hash.clone(),
        tests: stream.tests.iter().map(|test| test.name.clone()).collect(),
        epochs: run.settings.schedule.epochs,
        average_accuracy: matrix.average_accuracy().unwrap_or_default(),
        forgetting: matrix.forgetting(),
        backward_transfer: matrix.backward_transfer(),
        forward_transfer: matrix.forward_transfer(),
        accuracy_matrix: matrix.rows.clone(),
        untrained_accuracy: matrix.untrained.clone(),
        steps: outcome.steps,
        seconds: outcome.seconds,
        version: env!("CARGO_PKG_VERSION").into(),
        folder: folder(run),
    }
}
