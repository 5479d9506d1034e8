//! Beginning anew where results of the same recipe lie that was changed since.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use super::ExperimentError;
use crate::recipe::name_in;
use crate::report::ReportError;
use crate::report::folder::{PARTIAL, REPORT_FILES, write_atomically};
use crate::report::manifest::remove_run;

/// Makes room in `out` for a recipe of the name that the one there has: removes what the program left of it and puts the new
/// recipe in its place. What it did not write stays: other files and folders, links, a recipe with comments. Where there is
/// nothing of this name, nothing is done.
pub(super) fn make_room(out: &Path, recipe_toml: &str) -> Result<(), ExperimentError> {
    let recipe = out.join("recipe.toml");
    let Ok(there) = fs::read_to_string(&recipe) else { return Ok(()) };
    let (old, new) = (name_in(&there), name_in(recipe_toml));
    let by_hand = there.lines().any(|line| line.trim_start().starts_with('#'));
    if there == recipe_toml || old.is_none() || old != new || by_hand {
        return Ok(());
    }
    let failed = ReportError::file(&recipe, "read");
    let held = File::open(&recipe).map_err(failed)?;
    if let Err(TryLockError::WouldBlock) = held.try_lock() {
        return Err(ExperimentError::Busy { run: out.display().to_string() });
    }
    let runs = out.join("runs");
    for run in folders(&runs).iter().filter(|run| is_run(run)) {
        remove_run(run);
    }
    let page = fs::read_to_string(out.join("report.html")).unwrap_or_default();
    remove_files(out, figures(&page).chain(REPORT_FILES.iter().copied()));
    Ok(write_atomically(&recipe, recipe_toml.as_bytes())?)
}

/// The files of the figures that a report shows.
fn figures(page: &str) -> impl Iterator<Item = &str> {
    let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split_once('"'));
    let is_figure = |name: &&str| name.ends_with(".svg") || name.ends_with(".png");
    links.map(|(name, _)| name).filter(is_figure).filter(|name| !name.contains(['/', '\\']))
}

/// The folders in a folder; links to folders are none.
fn folders(folder: &Path) -> Vec<std::path::PathBuf> {
    let is_folder = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    if !is_folder(folder) {
        return Vec::new();
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| is_folder(path)).collect()
}

/// Whether a folder is that of a run, finished or not.
fn is_run(folder: &Path) -> bool {
    folder.to_string_lossy().ends_with(PARTIAL) || folder.join("summary.json").is_file()
}

/// Removes these files of a folder; links stay, and what cannot be removed.
fn remove_files<'a>(folder: &Path, names: impl Iterator<Item = &'a str>) {
    let is_file = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    for path in names.map(|name| folder.join(name)).filter(|path| is_file(path)) {
        let _ = fs::remove_file(path);
    }
}
