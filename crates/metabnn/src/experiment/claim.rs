//! Taking a folder for the results of one recipe.

use std::fs;
use std::path::{Path, PathBuf};

use super::ExperimentError;
use crate::report::folder::write_atomically;

/// A folder of results taken for a recipe. Unless kept, what was made for it is removed again, as long as no run
/// is finished in it.
pub(super) struct Claim {
    /// The recipe, then the folders that were not there before, innermost first.
    made: Vec<PathBuf>,
}

impl Claim {
    /// Takes `out`: new, empty, or holding results of the same recipe.
    pub(super) fn new(out: &Path, recipe_toml: &str) -> Result<Self, ExperimentError> {
        let recipe = out.join("recipe.toml");
        match fs::read_to_string(&recipe) {
            Ok(there) if there == recipe_toml => return Ok(Self { made: Vec::new() }),
            Ok(there) => {
                let difference = difference(&there, recipe_toml);
                return Err(ExperimentError::Occupied { path: out.into(), difference });
            }
            Err(_) if fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some()) => {
                return Err(ExperimentError::NotResults { path: out.into() });
            }
            Err(_) => {}
        }
        let named = |folder: &&Path| !folder.as_os_str().is_empty();
        let new_folders =
            out.ancestors().filter(named).take_while(|folder| !folder.exists()).map(PathBuf::from);
        let made = [recipe.clone(), out.join("runs")].into_iter().chain(new_folders).collect();
        let claim = Self { made };
        write_atomically(&recipe, recipe_toml.as_bytes())?;
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
        let has_runs = fs::read_dir(&folders[0]).is_ok_and(|mut runs| runs.next().is_some());
        if !has_runs {
            // An error came first and is being reported; one that prevents tidying up adds nothing to it.
            let _ = fs::remove_file(recipe);
            for folder in folders {
                let _ = fs::remove_dir(folder);
            }
        }
    }
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
