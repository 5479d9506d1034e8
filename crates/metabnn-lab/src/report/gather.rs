//! The finished runs in a folder of results: those that are whole, each once, and what is said of the others.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use super::error::ReportError;
use super::folder::{
    PARTIAL, RECIPE, REPLACED, RUNS, RunResults, SUMMARY, read, read_run_verified, read_summary,
};
use super::manifest::{Verify, is_of_run};
use super::summary::{RunSummary, Summary};
use crate::recipe::{Recipe, name_in};

/// How often a run is read that another process replaces meanwhile.
const READINGS: usize = 10;
/// Time that it is given for that.
const PAUSE: Duration = Duration::from_millis(20);

/// All finished runs of a recipe, read back from the folder of results.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// The runs and their groups.
    pub summary: Summary,
    /// `recipe.toml`
    pub recipe_toml: String,
    /// The runs, in the order of `summary.runs`.
    pub runs: Vec<RunResults>,
    /// What is there and does not count, a line each: runs that are damaged, with the file that is, and copies of others.
    pub left_out: Vec<String>,
}

/// Reads every finished run under `out/runs`, in the order of the recipe; those that are not in it, and all where this
/// version does not understand it, in the order of `out/summary.json` where it is there, then by name.
/// The summary is made anew from what is found: runs may have been added one by one, by several processes,
/// and more of them may be at work. A run that is not whole, and a second folder of the same run, are left out.
///
/// # Errors
/// [`ReportError::NoRuns`] if none is finished; [`ReportError::Invalid`] if runs that differ in their seed alone had
/// different tasks (leftovers of another recipe); if none is whole, as [`read_run`](super::folder::read_run).
pub fn read_results(out: &Path) -> Result<Results, ReportError> {
    read_results_verified(out, Verify::Quick)
}

/// [`read_results`], with as much of the files read as `verify` says.
///
/// # Errors
/// As [`read_results`].
pub fn read_results_verified(out: &Path, verify: Verify) -> Result<Results, ReportError> {
    fs::read_dir(out).map_err(ReportError::file(out, "read"))?;
    let folders = finished(&out.join(RUNS))?;
    if folders.is_empty() {
        return Err(ReportError::NoRuns { path: out.into() });
    }
    let recipe_toml = read(&out.join(RECIPE))?;
    let (mut found, mut damaged) = (Vec::new(), Vec::new());
    for folder in folders {
        match read_settled(&folder, verify) {
            Some(Ok(run)) => found.push((folder, run)),
            Some(Err(error)) => damaged.push(error),
            // Another process removed it.
            None => {}
        }
    }
    if found.is_empty() {
        return Err(match damaged.len() {
            0 => ReportError::NoRuns { path: out.into() },
            1 => damaged.remove(0),
            _ => ReportError::NoneWhole { path: out.into(), damaged },
        });
    }
    let mut left_out: Vec<String> = damaged.iter().map(|error| format!("{error}; not counted")).collect();
    let mut runs = each_once(found, &mut left_out);
    // Made from the runs, and nothing but the order is taken from it.
    let known = if out.join(SUMMARY).exists() { read_summary(out) } else { Ok(Summary::new("", Vec::new())) };
    let known = known.inspect_err(|error| left_out.push(format!("{error}; made anew from the runs"))).ok();
    let known = known.filter(|known| !known.runs.is_empty());
    order(&mut runs, &recipe_toml, known.as_ref());
    check_groups(out, &runs)?;
    let name = known.as_ref().map_or_else(|| recipe_name(out, &recipe_toml), |known| known.recipe.clone());
    let summary = Summary::new(&name, runs.iter().map(|run| run.summary.clone()).collect());
    Ok(Results { summary, recipe_toml, runs, left_out })
}

/// Reads a run which another process may be replacing; `None` if it is gone.
pub(crate) fn read_settled(folder: &Path, verify: Verify) -> Option<Result<RunResults, ReportError>> {
    for _ in 1..READINGS {
        let before = stamp(folder);
        match read_run_verified(folder, verify) {
            // What is wrong with it does not come from being replaced.
            Err(error) if before.is_some() && stamp(folder) == before => return Some(Err(error)),
            Err(_) => thread::sleep(PAUSE),
            read => return Some(read),
        }
    }
    folder.exists().then(|| read_run_verified(folder, verify))
}

/// Tells a folder from another one of its name.
fn stamp(folder: &Path) -> Option<(SystemTime, u64)> {
    let metadata = fs::metadata(folder).ok()?;
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let number = 0;
    Some((metadata.modified().ok()?, number))
}

/// The runs, without folders that hold the same run as another one: the copy that lies where the run says is kept.
fn each_once(found: Vec<(PathBuf, RunResults)>, left_out: &mut Vec<String>) -> Vec<RunResults> {
    let is_at_home = |(folder, run): &(PathBuf, RunResults)| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        run.summary.folder == format!("{RUNS}/{name}")
    };
    let (at_home, elsewhere): (Vec<_>, Vec<_>) = found.into_iter().partition(is_at_home);
    let mut kept = at_home;
    for (folder, run) in elsewhere {
        let RunSummary { hash, seed, .. } = &run.summary;
        let same = |(_, other): &&(PathBuf, RunResults)| {
            !hash.is_empty() && (hash, seed) == (&other.summary.hash, &other.summary.seed)
        };
        match kept.iter().find(same) {
            Some((first, _)) => {
                let (copy, first) = (folder.display(), first.display());
                left_out.push(format!("{copy}: the same run as {first}; counted once"));
            }
            None => kept.push((folder, run)),
        }
    }
    kept.sort_by(|(one, _), (other, _)| one.cmp(other));
    kept.into_iter().map(|(_, run)| run).collect()
}

/// Puts runs in the order of the recipe, then of the summary that was there.
fn order(runs: &mut [RunResults], recipe_toml: &str, known: Option<&Summary>) {
    let recipe = Recipe::from_toml(recipe_toml, RECIPE, &[], None).and_then(|recipe| recipe.runs());
    let planned: Vec<String> = recipe.unwrap_or_default().into_iter().map(|run| run.name).collect();
    let planned = places(planned.iter());
    let summarised = places(known.iter().flat_map(|summary| &summary.runs).map(|run| &run.name));
    runs.sort_by_key(|run| {
        let name = run.summary.name.as_str();
        [&planned, &summarised].map(|places| places.get(name).copied().unwrap_or(usize::MAX))
    });
}

/// The position of each name.
fn places<'a>(names: impl Iterator<Item = &'a String>) -> BTreeMap<&'a str, usize> {
    names.enumerate().map(|(index, name)| (name.as_str(), index)).collect()
}

/// Folders that runs have finished in, by name; without those that runs are still being written into, and without those
/// that hold nothing of a run.
fn finished(runs: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let folders =
        || -> std::io::Result<Vec<PathBuf>> { fs::read_dir(runs)?.map(|entry| Ok(entry?.path())).collect() };
    let mut folders = match folders() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        folders => folders.map_err(ReportError::file(runs, "read"))?,
    };
    let holds_any = |folder: &PathBuf| {
        let mut entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.any(|entry| entry.file_name().to_str().is_some_and(is_of_run))
    };
    let is_complete = |folder: &PathBuf| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        !name.ends_with(PARTIAL) && !name.contains(REPLACED)
    };
    folders.retain(|folder| is_complete(folder) && holds_any(folder));
    folders.sort();
    Ok(folders)
}

/// What the recipe calls itself, else the name of the folder.
fn recipe_name(out: &Path, recipe_toml: &str) -> String {
    let folder = || out.file_name().map_or("results".into(), |name| name.to_string_lossy().into_owned());
    name_in(recipe_toml).unwrap_or_else(folder)
}

/// The text of the recipe in a folder of results.
pub(super) fn recipe_text(out: &Path) -> Result<String, ReportError> {
    read(&out.join(RECIPE))
}

/// What the finished runs in a folder of results say of themselves; those that are not whole are left out.
pub(super) fn read_finished(out: &Path) -> Vec<RunSummary> {
    let folders = finished(&out.join(RUNS)).unwrap_or_default();
    let read = |folder: &PathBuf| Some(read_settled(folder, Verify::Quick)?.ok()?.summary);
    folders.iter().filter_map(read).collect()
}

/// Averages over seeds need runs of one shape.
fn check_groups(out: &Path, runs: &[RunResults]) -> Result<(), ReportError> {
    let shape = |run: &RunSummary| (run.tests.clone(), run.matrix().trained);
    for (index, RunResults { summary: run, .. }) in runs.iter().enumerate() {
        let same = |other: &&RunSummary| other.arm == run.arm && other.settings == run.settings;
        let first = runs[..index].iter().map(|run| &run.summary).find(same);
        if let Some(first) = first.filter(|first| shape(first) != shape(run)) {
            let got = format!("{} and {}", first.name, run.name);
            let what = "runs that differ in their seed alone";
            return Err(ReportError::invalid(out, what, "the same tests and training phases", got));
        }
    }
    Ok(())
}
