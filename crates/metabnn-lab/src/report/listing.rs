//! What lies in a folder of folders of results.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::error::ReportError;
use super::gather::{read_finished, recipe_text};
use super::view::settings;
use crate::recipe::{Recipe, builtin, differences, name_in};
use metabnn::metrics::mean;

/// A folder of results, in short.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listed {
    /// The folder.
    pub folder: PathBuf,
    /// Name of its recipe.
    pub recipe: String,
    /// What was set: where it differs from the built-in recipe of this name, or else from the others in the list.
    pub set: String,
    /// Runs that are done.
    pub done: usize,
    /// Runs of the recipe; `null` where this version does not understand it.
    pub planned: Option<usize>,
    /// Mean of the average accuracies of the runs that are done, in [0, 1]; `null` where no network was trained.
    pub average_accuracy: Option<f64>,
}

/// Whether a folder is one of results: it has a recipe, or finished runs.
pub fn is_results(folder: &Path) -> bool {
    recipe_text(folder).is_ok_and(|text| name_in(&text).is_some()) || folder.join("runs").is_dir()
}

/// The folders of results in a folder, by name; the folder itself, if it is one.
///
/// # Errors
/// [`ReportError`] if it cannot be read, or holds none.
pub fn list(folder: &Path) -> Result<Vec<Listed>, ReportError> {
    let found = fs::read_dir(folder).map_err(ReportError::file(folder, "read"))?;
    let mut folders: Vec<PathBuf> = match is_results(folder) {
        true => vec![folder.to_path_buf()],
        false => found.flatten().map(|entry| entry.path()).filter(|path| is_results(path)).collect(),
    };
    if folders.is_empty() {
        return Err(ReportError::NoResults { path: folder.into() });
    }
    folders.sort();
    let texts: Vec<String> = folders.iter().map(|folder| recipe_text(folder).unwrap_or_default()).collect();
    let one = |(folder, text): (&PathBuf, &String)| {
        let finished = read_finished(folder);
        let averages: Vec<f64> = finished.iter().filter_map(|run| run.average_accuracy).collect();
        let recipe = name_in(text).unwrap_or_else(|| "?".into());
        Listed {
            set: set(text, &recipe, &texts),
            recipe,
            done: finished.len(),
            planned: Recipe::from_toml(text, "", &[], None)
                .and_then(|recipe| recipe.runs())
                .ok()
                .map(|runs| runs.len()),
            average_accuracy: mean(averages.into_iter()),
            folder: folder.clone(),
        }
    };
    Ok(folders.iter().zip(&texts).map(one).collect())
}

/// What tells a recipe from the built-in one of its name, or else from others of its name.
fn set(text: &str, name: &str, others: &[String]) -> String {
    let built_in = builtin::builtin().iter().find(|(known, _)| *known == name);
    let built_in = built_in.and_then(|(name, text)| Recipe::from_toml(text, name, &[], None).ok());
    let built_in = built_in.map(|recipe| recipe.to_toml());
    let same_name =
        others.iter().filter(|other| built_in.is_none() && name_in(other).as_deref() == Some(name));
    let all: Vec<&str> =
        [text].into_iter().chain(built_in.as_deref()).chain(same_name.map(String::as_str)).collect();
    let own =
        differences(&all).into_iter().filter_map(|(key, values)| Some((key, values.into_iter().next()??)));
    settings(&own.collect())
}
