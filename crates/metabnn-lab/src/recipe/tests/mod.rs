//! Tests of recipes: what they expand to, what they refuse and how they say it, and properties of both.

mod analysis;
mod conflicts;
mod curve;
mod errors;
mod expansion;
mod hostile;
mod keys;
mod presets;
mod properties;
mod same;
mod spread;

use super::{Recipe, Run};

/// The recipe of a text that has to be right.
fn recipe(text: &str) -> Recipe {
    with(text, &[])
}

/// The same, with overrides.
fn with(text: &str, overrides: &[(&str, &str)]) -> Recipe {
    match Recipe::from_toml(text, "x.toml", &owned(overrides), None) {
        Ok(recipe) => recipe,
        Err(errors) => panic!("unexpected errors:\n{errors}"),
    }
}

/// All errors of a text, one per line.
fn errors(text: &str) -> String {
    errors_with(text, &[])
}

/// The same, with overrides.
fn errors_with(text: &str, overrides: &[(&str, &str)]) -> String {
    match Recipe::from_toml(text, "x.toml", &owned(overrides), None) {
        Ok(recipe) => panic!("accepted:\n{}", recipe.to_toml()),
        Err(errors) => errors.to_string(),
    }
}

fn owned(overrides: &[(&str, &str)]) -> Vec<(String, String)> {
    overrides.iter().map(|(key, text)| (key.to_string(), text.to_string())).collect()
}

fn names(runs: &[Run]) -> Vec<&str> {
    runs.iter().map(|run| run.name.as_str()).collect()
}

/// Errors of settings that start at line 2 of the file.
fn of(settings: &str) -> String {
    errors(&format!("name = \"x\"\n{settings}"))
}
