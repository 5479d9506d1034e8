//! Why an experiment failed.

use std::path::PathBuf;

use crate::recipe::RecipeErrors;
use crate::report::ReportError;
use crate::words;
use metabnn::memory::Shortage;
use metabnn::model::ModelError;
use metabnn::model::checkpoint::CheckpointError;
use metabnn::stream::StreamError;
use metabnn::train::TrainError;
use metabnn_data::DataError;

/// Why an experiment failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExperimentError {
    /// The recipe does not hold together.
    #[error(transparent)]
    Recipe(#[from] RecipeErrors),
    /// More memory than this process may take.
    #[error(transparent)]
    Memory(#[from] Shortage),
    /// A data set could not be loaded.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Data and settings make no task stream.
    #[error("{run}: {}", words::of_stream_error(problem))]
    Tasks {
        /// The run.
        run: String,
        /// What is wrong. All of it is said, in other words: it is no source that would be said again.
        problem: StreamError,
    },
    /// Training went wrong.
    #[error("{run}: {}", words::of_train_error(problem))]
    Train {
        /// The run.
        run: String,
        /// What went wrong. All of it is said, in other words: it is no source that would be said again.
        problem: TrainError,
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
    /// A run does not go on from its checkpoint.
    #[error("{}: the run cannot go on from it (--fresh begins it anew): {source}", path.display())]
    Checkpoint {
        /// The checkpoint.
        path: PathBuf,
        /// What is wrong.
        source: CheckpointError,
    },
    /// Another process is at work on a run.
    #[error("{run}: another process is at work on it")]
    Busy {
        /// The run.
        run: String,
    },
    /// The threads of several jobs do not start.
    #[error("{jobs} runs at a time: their threads cannot be started: {source}")]
    Threads {
        /// Runs that were to be done at a time.
        jobs: usize,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is no run of this number.
    #[error("there is no run {index}: the recipe has {runs} runs, counted from 0")]
    NoSuchRun {
        /// What was asked for.
        index: usize,
        /// Number of runs.
        runs: usize,
    },
    /// A run was to be resumed, and there is none.
    #[error("{}: nothing to resume: no run of this recipe was begun there", path.display())]
    NothingToResume {
        /// The folder.
        path: PathBuf,
    },
    /// The experiment was asked to stop, and did.
    #[error("stopped; runs done: {done} of {runs}; what the others have come to is kept")]
    Stopped {
        /// Runs that are done.
        done: usize,
        /// Runs in all.
        runs: usize,
    },
    /// Some of several runs failed.
    #[error("{} of {runs} runs failed; done: {done}{}", failures.len(), list(failures))]
    Failed {
        /// Why, one by one.
        failures: Vec<ExperimentError>,
        /// Runs that are done.
        done: usize,
        /// Runs in all.
        runs: usize,
    },
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
    /// A run that was finished is not what it was then.
    #[error(
        "{problem}; this finished run is damaged: move {} away, and the same command does it again \
         (--fresh does all runs again)",
        folder.display()
    )]
    Damaged {
        /// Folder of the run.
        folder: PathBuf,
        /// What is wrong. All of it is said: it is no source that would be said again.
        problem: ReportError,
    },
    /// Something that this program did not write lies where it would have to be removed.
    #[error("{}: was not left by a run, and would have to go; move it away", path.display())]
    Foreign {
        /// File, folder or link.
        path: PathBuf,
    },
    /// The folder of results holds something that is no result.
    #[error("{}: is not empty and holds no results; choose another folder for them", path.display())]
    NotResults {
        /// The folder.
        path: PathBuf,
    },
}

impl ExperimentError {
    /// Whether every other run would meet it as well: a full disk, say.
    pub(super) fn is_everywhere(&self) -> bool {
        matches!(self, Self::Report(_))
    }
}

/// One line each.
fn list(failures: &[ExperimentError]) -> String {
    failures.iter().map(|failure| format!("\n  {failure}")).collect()
}
