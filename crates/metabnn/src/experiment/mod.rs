//! A whole experiment: the runs of a recipe, one after the other, into one folder of results.

mod claim;
mod work;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use claim::Claim;
use work::{Done, Work};

use crate::analysis::LossIncrease;
use crate::data::{self, DataError, Dataset};
use crate::model::ModelError;
use crate::recipe::{Recipe, RecipeErrors, Run};
use crate::report::folder::{read_run, write_atomically, write_run, write_summary};
use crate::report::summary::{RunSummary, Summary};
use crate::report::{self, ReportError};
use crate::tasks::TaskError;
use crate::train::{Progress, TrainError};

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
        /// Steps it will take: of training, then of its analysis.
        steps: u64,
    },
    /// A step or an epoch of the present run is done.
    Progress(Progress<'a>),
    /// A step of the present run's analysis is done.
    Analysed {
        /// Steps done so far, those of training included.
        steps: u64,
        /// What was found, if it is told step by step and not in the end.
        row: Option<&'a LossIncrease>,
    },
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
                let work = Work::of(run, &sets)?;
                observe(Event::Started { run, index, runs: runs.len(), steps: work.steps(run) });
                (keep(&places.out, run, work.run(run, &mut observe)?)?, false)
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

/// Every data set that any run trains on, loaded once.
fn load_sets(runs: &[Run], folder: Option<&Path>) -> Result<BTreeMap<String, Dataset>, DataError> {
    let mut sets = BTreeMap::new();
    let trained = runs.iter().filter(|run| run.settings.analysis.trains());
    for name in trained.flat_map(|run| &run.settings.data.sets) {
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
fn keep(out: &Path, run: &Run, done: Done) -> Result<RunSummary, ExperimentError> {
    let (complete, partial) = (out.join(folder(run)), out.join(folder(run) + ".partial"));
    let failed = |path: &Path, action| {
        let path = path.to_path_buf();
        move |source| ReportError::File { path, action, source }
    };
    let write = || -> Result<(), ReportError> {
        remove_if_there(&partial).map_err(failed(&partial, "remove"))?;
        if let Some(model) = &done.model {
            write_atomically(&partial.join("model.safetensors"), model)?;
        }
        write_run(&partial, &done.results)?;
        remove_if_there(&complete).map_err(failed(&complete, "remove"))?;
        fs::rename(&partial, &complete).map_err(failed(&complete, "write"))
    };
    let written = write();
    if written.is_err() {
        // The first error is the one to report; a folder that cannot be removed either adds nothing to it.
        let _ = remove_if_there(&partial);
    }
    written?;
    Ok(done.results.summary)
}

fn remove_if_there(folder: &Path) -> std::io::Result<()> {
    if folder.exists() { fs::remove_dir_all(folder) } else { Ok(()) }
}
