//! Taking a folder for the results of one recipe.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::ExperimentError;
use crate::recipe::Recipe;
use crate::report::ReportError;
use crate::report::atomic::{ATTEMPTS, create_atomically, is_temporary, sweep};
use crate::report::folder::{PARTIAL, write_atomically};
use crate::report::manifest::{CHECKPOINT, is_of_run, remove_run};
use metabnn_data::own_file;

/// Time that another process is given to take the folder or to leave it.
const PAUSE: Duration = Duration::from_millis(10);

/// A folder of results taken for a recipe. Unless kept, what was made for it is removed again, as long as no run
/// is finished in it.
pub(super) struct Claim {
    /// The recipe, then the folders that were not there before, innermost first.
    made: Vec<PathBuf>,
    /// The recipe, with a shared lock: other processes may add runs of it, none may take the folder for another.
    held: Option<File>,
}

impl Claim {
    /// Takes `out`: new, empty, or holding results of the same recipe. What a run of another recipe left that was
    /// stopped before it had any result or checkpoint gives way. Other processes may take it or leave it at the same time.
    pub(super) fn new(out: &Path, recipe_toml: &str) -> Result<Self, ExperimentError> {
        if out.exists() && !out.is_dir() {
            let (path, source) = (out.to_path_buf(), io::ErrorKind::NotADirectory.into());
            return Err(ReportError::File { path, action: "use as the folder of results", source }.into());
        }
        sweep(out);
        let recipe = out.join("recipe.toml");
        let named = |folder: &&Path| !folder.as_os_str().is_empty();
        let new_folders =
            out.ancestors().filter(named).take_while(|folder| !folder.exists()).map(PathBuf::from);
        let mut made: Vec<PathBuf> =
            [recipe.clone(), out.join("runs")].into_iter().chain(new_folders).collect();
        let mut is_made = false;
        for _ in 0..ATTEMPTS {
            match fs::read_to_string(&recipe) {
                Ok(there) if there == recipe_toml => match Hold::new(&recipe) {
                    Hold::Gone => thread::sleep(PAUSE),
                    Hold::Held(held) => {
                        if !is_made {
                            made.clear();
                        }
                        return Ok(Self { made, held });
                    }
                },
                Ok(there) => match abandoned(out, &there)? {
                    // Should a folder not go away, it is in nobody's way.
                    Some(_lock) => {
                        runs(out).iter().for_each(|run| remove_run(run));
                        write_atomically(&recipe, recipe_toml.as_bytes())?;
                        is_made = true;
                    }
                    None => {
                        let difference = difference(&there, recipe_toml);
                        return Err(ExperimentError::Occupied { path: out.into(), difference });
                    }
                },
                Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                    return Err(ReportError::file(&recipe, "read")(error).into());
                }
                // Unless another process just made it.
                Err(_) if !is_vacant(out) && !recipe.exists() => {
                    return Err(ExperimentError::NotResults { path: out.into() });
                }
                Err(_) => is_made |= create_atomically(&recipe, recipe_toml.as_bytes())?,
            }
        }
        let busy = io::ErrorKind::ResourceBusy.into();
        Err(ReportError::file(&recipe, "lock")(busy).into())
    }

    /// The results are complete: what was made stays.
    pub(super) fn keep(mut self) {
        self.made.clear();
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let Some((recipe, folders)) = self.made.split_first() else { return };
        // A process that is at work there holds the recipe.
        self.held = None;
        let alone = File::open(recipe).ok().filter(|file| !is_locked(file.try_lock()));
        if alone.is_some() && entries(&folders[0]).is_empty() {
            // An error came first and is being reported; one that prevents tidying up adds nothing to it.
            let _ = fs::remove_file(recipe);
            for folder in folders {
                let _ = fs::remove_dir(folder);
            }
        }
    }
}

/// What became of taking the recipe's file.
enum Hold {
    /// It has a shared lock, where the file system has locks.
    Held(Option<File>),
    /// Another process is removing it, or has put another one in its place.
    Gone,
}

impl Hold {
    fn new(recipe: &Path) -> Self {
        let Ok(file) = File::open(recipe) else { return Self::Gone };
        match file.try_lock_shared() {
            Ok(()) if own_file::is_at(&file, recipe) => Self::Held(Some(file)),
            Err(TryLockError::Error(_)) => Self::Held(None),
            Ok(()) | Err(TryLockError::WouldBlock) => Self::Gone,
        }
    }
}

/// Whether another process has the lock; a file system without locks tells of none.
fn is_locked(attempt: Result<(), TryLockError>) -> bool {
    matches!(attempt, Err(TryLockError::WouldBlock))
}

/// The lock of a folder that holds nothing but a recipe as this program writes it (one by hand would lose its comments) and
/// runs that never came to a checkpoint, where no process is at work; `None` if there is more.
///
/// # Errors
/// [`ExperimentError::Foreign`] if somebody put something into the folder of such a run.
fn abandoned(out: &Path, recipe_toml: &str) -> Result<Option<File>, ExperimentError> {
    let written =
        Recipe::from_toml(recipe_toml, "", &[], None).is_ok_and(|recipe| recipe.to_toml() == recipe_toml);
    let is_lost = |run: &PathBuf| {
        run.to_string_lossy().ends_with(PARTIAL) && fs::symlink_metadata(run.join(CHECKPOINT)).is_err()
    };
    let runs = runs(out);
    let nothing_else = entries(out).iter().all(|name| name == "recipe.toml" || name == "runs");
    if !(written && nothing_else && runs.iter().all(is_lost)) {
        return Ok(None);
    }
    let Ok(file) = File::open(out.join("recipe.toml")) else { return Ok(None) };
    // Without locks nobody can tell.
    if file.try_lock().is_err() {
        return Ok(None);
    }
    for run in &runs {
        let foreign = |path: PathBuf| Err(ExperimentError::Foreign { path });
        if own_file::check_folder(run).is_err() {
            return foreign(run.clone());
        }
        if let Some(name) = entries(run).iter().find(|name| !is_of_run(name)) {
            return foreign(run.join(name));
        }
    }
    Ok(Some(file))
}

/// Whether there is nothing in `out`, or what is left of it while another process removes it.
fn is_vacant(out: &Path) -> bool {
    entries(out).iter().all(|name| name == "runs") && entries(&out.join("runs")).is_empty()
}

/// What lies under `out/runs`.
fn runs(out: &Path) -> Vec<PathBuf> {
    let runs = out.join("runs");
    entries(&runs).iter().map(|name| runs.join(name)).collect()
}

/// Names in a folder; none where there is no folder. A file that another process is just writing has no name yet.
fn entries(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| !is_temporary(name)).collect()
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
