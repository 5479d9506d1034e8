//! Runs of a recipe as a job array of Slurm, the scheduler of most clusters: one element per run that is not yet done.
//!
//! Every element is the command `metabnn run` with `--index`, at work in one folder of results on a file system that
//! all machines share. The job script is text made from a [`Job`]; handing it to Slurm is up to the caller.

mod jobs;
mod resources;
mod script;

use std::fs;
use std::path::{Path, PathBuf};

pub use jobs::{Earlier, JobNumber, earlier_jobs};
pub use resources::{Memory, Partition, Resources, TimeLimit};
pub use script::{Job, Piece, pieces, quoted};

use jobs::remember;

use super::claim::Claim;
use super::grid::{digests, finished};
use super::{ExperimentError, Stop, load_sets};
use crate::recipe::{Recipe, Run};
use crate::report::ReportError;
use crate::report::folder::write_atomically;

/// The runs that were submitted last.
const LIST: &str = "slurm/runs.txt";

/// Why a job array could not be submitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SlurmError {
    /// A value is none that Slurm takes, or not a harmless one.
    #[error("{what}: expected {expected}, got {got:?}")]
    Value {
        /// What it is.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What was given.
        got: String,
    },
    /// A path cannot be written into a job script.
    #[error("{}: cannot stand in a job script; expected {reason}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// What the path should be.
        reason: &'static str,
    },
    /// The folder, the recipe or the data are not right.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// Slurm did not take the job.
    #[error("{}: not submitted: {message}{}", script.display(), before(submitted))]
    Refused {
        /// The job script.
        script: PathBuf,
        /// What Slurm says.
        message: String,
        /// Numbers of the jobs that it had taken before.
        submitted: Vec<JobNumber>,
    },
}

impl SlurmError {
    fn value(what: &'static str, expected: impl Into<String>, got: &str) -> Self {
        Self::Value { what, expected: expected.into(), got: got.into() }
    }
}

fn before(submitted: &[JobNumber]) -> String {
    let numbers: Vec<String> = submitted.iter().map(ToString::to_string).collect();
    if numbers.is_empty() {
        String::new()
    } else {
        format!("; submitted before that: {}", numbers.join(", "))
    }
}

/// A job that Slurm took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The job; `None` if Slurm did not say which number it has.
    pub job: Option<JobNumber>,
    /// Its runs.
    pub piece: Piece,
}

/// The runs of `recipe` that are not done in `out` with the data sets in the folder `data`, each with its position among
/// all runs, counted from 0.
///
/// # Errors
/// [`ExperimentError::Recipe`], [`ExperimentError::Data`] if a data set is not there, and [`ExperimentError::Damaged`] if a
/// finished run is not whole.
pub fn unfinished(
    recipe: &Recipe,
    out: &Path,
    data: Option<&Path>,
) -> Result<Vec<(usize, Run)>, ExperimentError> {
    let runs = recipe.runs()?;
    let sets = load_sets(&runs, data, &Stop::default())?;
    let mut unfinished = Vec::new();
    for (index, run) in runs.into_iter().enumerate() {
        if finished(out, &run, &digests(&run, &sets))?.is_none() {
            unfinished.push((index, run));
        }
    }
    Ok(unfinished)
}

/// Where the script of the piece at `position` goes in the folder of results: `slurm/job.sh`, `slurm/job-2.sh`, ...
pub fn script_path(out: &Path, position: usize) -> PathBuf {
    let name = if position == 0 { "job.sh".into() } else { format!("job-{}.sh", position + 1) };
    out.join("slurm").join(name)
}

/// Takes `job.out` as the folder of results of `recipe` and writes job scripts for `runs` and a list of these,
/// `slurm/runs.txt`. Each script goes to `submit`, in turn, with the jobs submitted so far; it gives the number of the
/// job, as far as it is known, or says why there is no job.
///
/// # Errors
/// [`SlurmError`]. If no job was submitted, what was made in `job.out` is removed again.
pub fn submit(
    recipe: &Recipe,
    job: &Job,
    runs: &[(usize, Run)],
    max_array_size: usize,
    mut submit: impl FnMut(&Path, &[Submitted]) -> Result<Option<JobNumber>, String>,
) -> Result<Vec<Submitted>, SlurmError> {
    let indices: Vec<usize> = runs.iter().map(|(index, _)| *index).collect();
    let pieces = pieces(&indices, max_array_size);
    let scripts = pieces.iter().map(|piece| job.script(piece)).collect::<Result<Vec<_>, _>>()?;
    let claim = Claim::new(&job.out, &recipe.to_toml())?;
    let folder = job.out.join("slurm");
    let new = !folder.exists();
    let mut submitted: Vec<Submitted> = Vec::new();
    let all = || -> Result<(), SlurmError> {
        write_scripts(&job.out, &scripts, runs).map_err(ExperimentError::from)?;
        for (position, piece) in pieces.into_iter().enumerate() {
            let script = script_path(&job.out, position);
            let taken = submit(&script, &submitted).map_err(|message| {
                let submitted = submitted.iter().filter_map(|one| one.job.clone()).collect();
                SlurmError::Refused { script, message, submitted }
            })?;
            submitted.push(Submitted { job: taken.clone(), piece: piece.clone() });
            if let Some(job_number) = taken {
                remember(&job.out, &job_number, piece.first).map_err(ExperimentError::from)?;
            }
        }
        Ok(())
    };
    let result = all();
    if submitted.is_empty() && new {
        remove_scripts(&job.out);
    }
    if !submitted.is_empty() {
        claim.keep();
    }
    result.map(|()| submitted)
}

/// Removes what [`submit`] wrote. An error is being reported, if there is one; a file that stays over adds nothing to it.
fn remove_scripts(out: &Path) {
    let scripts = (0..).map(|position| script_path(out, position)).take_while(|script| script.exists());
    for file in scripts.chain([out.join(LIST), out.join(jobs::FILE)]) {
        let _ = fs::remove_file(file);
    }
    let _ = fs::remove_dir(out.join("slurm"));
}

/// The scripts and the list of runs; scripts of an earlier submission go.
fn write_scripts(out: &Path, scripts: &[String], runs: &[(usize, Run)]) -> Result<(), ReportError> {
    let list: String = runs.iter().map(|(index, run)| format!("{index}\t{}\n", run.name)).collect();
    write_atomically(&out.join(LIST), list.as_bytes())?;
    for (position, script) in scripts.iter().enumerate() {
        write_atomically(&script_path(out, position), script.as_bytes())?;
    }
    let later = (scripts.len()..).map(|position| script_path(out, position));
    for old in later.take_while(|script| script.exists()) {
        let failed = |source| ReportError::File { path: old.clone(), action: "remove", source };
        fs::remove_file(&old).map_err(failed)?;
    }
    Ok(())
}
