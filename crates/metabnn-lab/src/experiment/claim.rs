//! Taking a folder for the results of one recipe.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::ExperimentError;
use super::run_folder::CHECKPOINT;
use crate::recipe::Recipe;
use crate::report::ReportError;
use crate::report::folder::{PARTIAL, sweep, write_atomically};

/// A folder of results taken for a recipe. Unless kept, what was made for it is removed again, as long as no run
/// is finished in it.
pub(super) struct Claim {
    /// The recipe, then the folders that were not there before, innermost first.
    made: Vec<PathBuf>,
    /// The recipe, with a shared lock: other processes may add runs of it, none may take the folder for another.
    _held: Option<File>,
}

impl Claim {
    /// Takes `out`: new, empty, or holding results of the same recipe. What a run of another recipe left that was
    /// stopped before it had any result or checkpoint gives way.
    pub(super) fn new(out: &Path, recipe_toml: &str) -> Result<Self, ExperimentError> {
        if out.exists() && !out.is_dir() {
            let (path, source) = (out.to_path_buf(), io::ErrorKind::NotADirectory.into());
            return Err(ReportError::File { path, action: "use as the folder of results", source }.into());
        }
        sweep(out);
        let recipe = out.join("recipe.toml");
        match fs::read_to_string(&recipe) {
            Ok(there) if there == recipe_toml => return Ok(Self { made: Vec::new(), _held: hold(&recipe) }),
            Ok(there) if !is_abandoned(out, &there) => {
                let difference = difference(&there, recipe_toml);
                return Err(ExperimentError::Occupied { path: out.into(), difference });
            }
            // Should it not go away, it is in nobody's way.
            Ok(_) => drop(fs::remove_dir_all(out.join("runs"))),
            Err(_) if !entries(out).is_empty() => {
                return Err(ExperimentError::NotResults { path: out.into() });
            }
            Err(_) => {}
        }
        let named = |folder: &&Path| !folder.as_os_str().is_empty();
        let new_folders =
            out.ancestors().filter(named).take_while(|folder| !folder.exists()).map(PathBuf::from);
        let made = [recipe.clone(), out.join("runs")].into_iter().chain(new_folders).collect();
        let mut claim = Self { made, _held: None };
        write_atomically(&recipe, recipe_toml.as_bytes())?;
        claim._held = hold(&recipe);
        Ok(claim)
    }

    /// The results are complete: what was made stays.
    pub(super) fn keep(mut self) {
        self.made.clear();
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let Some((recipe, folders)) = self.made.split_first() else { return };
        if entries(&folders[0]).is_empty() {
            // An error came first and is being reported; one that prevents tidying up adds nothing to it.
            let _ = fs::remove_file(recipe);
            for folder in folders {
                let _ = fs::remove_dir(folder);
            }
        }
    }
}

/// The recipe's file with a shared lock, where the file system has locks.
fn hold(recipe: &Path) -> Option<File> {
    let file = File::open(recipe).ok()?;
    file.try_lock_shared().ok()?;
    Some(file)
}

/// Whether `out` holds nothing but a recipe as this program writes it (one by hand would lose its comments) and runs
/// that never came to a checkpoint, and no process is at work there.
fn is_abandoned(out: &Path, recipe_toml: &str) -> bool {
    let written =
        Recipe::from_toml(recipe_toml, "", &[], None).is_ok_and(|recipe| recipe.to_toml() == recipe_toml);
    let runs = out.join("runs");
    let lost = |run: &String| run.ends_with(PARTIAL) && !runs.join(run).join(CHECKPOINT).exists();
    let unfinished = entries(&runs).iter().all(lost);
    let free = || File::open(out.join("recipe.toml")).is_ok_and(|file| file.try_lock().is_ok());
    written && unfinished && entries(out).iter().all(|name| name == "recipe.toml" || name == "runs") && free()
}

/// Names in a folder; none where there is no folder.
fn entries(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// The first line in which two recipes differ, in words.
fn difference(there: &str, here: &str) -> String {
    let (mut there, mut here) = (there.lines(), here.lines());
    loop {
        match (there.next(), here.next()) {
            (Some(old), Some(new)) if old == new => {}
            (None, None) => return "no line differs".into(),
            (old, new) => {
                let [old, new] = [old, new].map(|line| line.unwrap_or("nothing more"));
                return format!("`{old}` there, `{new}` here");
            }
        }
    }
}
