//! The recipes that come with the program: the paper's experiments, and a first one to try.

use std::borrow::Cow;
use std::path::{MAIN_SEPARATOR, Path};

use super::RecipeError;
use super::draft::MAX_TEXT;
use super::error::nearest;

macro_rules! experiments {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../experiments/", $name, ".toml")))),*]
    };
}

/// Name and text of every built-in recipe, the one to start with first.
pub fn builtin() -> &'static [(&'static str, &'static str)] {
    experiments![
        "quickstart",
        "pmnist",
        "fig1a",
        "fig2",
        "fig2f",
        "fig2gh",
        "table1",
        "fig3ab",
        "fig3cd",
        "fig4ab",
        "s6cd",
        "fig4cd",
        "fig4ef",
        "fig4gh",
        "stream-fmnist",
        "stream-cifar10",
        "fig5a",
        "fig5b",
        "fig5cde",
        "retention",
        "boundary-free",
    ]
}

/// Text and origin of a recipe, for [`super::Recipe::from_toml`]. `name_or_path` is the name of a built-in recipe,
/// or else a path: whatever has a separator, ends in `.toml`, or exists.
///
/// # Errors
/// No recipe of this name, with the nearest one; a file that cannot be read as UTF-8 text.
pub fn find(name_or_path: &str) -> Result<(Cow<'static, str>, String), RecipeError> {
    if let Some((name, text)) = builtin().iter().find(|(name, _)| *name == name_or_path) {
        return Ok((Cow::Borrowed(text), format!("{name}.toml")));
    }
    let path = Path::new(name_or_path);
    let has_separator = name_or_path.contains(['/', MAIN_SEPARATOR]);
    if has_separator || name_or_path.to_lowercase().ends_with(".toml") || path.exists() {
        let unreadable = |error: std::io::Error| RecipeError::Unreadable {
            path: name_or_path.to_owned(),
            reason: error.to_string(),
        };
        // What is too long is not read at all.
        let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
        if bytes > MAX_TEXT as u64 {
            let at = name_or_path.to_owned();
            return Err(RecipeError::TooLong { at, bytes, most: MAX_TEXT as u64 });
        }
        return Ok((Cow::Owned(std::fs::read_to_string(path).map_err(unreadable)?), name_or_path.to_owned()));
    }
    let names = || builtin().iter().map(|(name, _)| *name);
    Err(RecipeError::UnknownRecipe {
        name: name_or_path.to_owned(),
        nearest: nearest(name_or_path, names()),
        known: names().map(str::to_owned).collect(),
    })
}
