//! What can be wrong with a recipe: every error says where, which key, what was given and what the key takes.

use std::fmt;

use thiserror::Error;

/// One thing wrong with a recipe. `at` is `FILE:LINE`, or the command-line option that was given.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// The text is not TOML.
    #[error("{at}: not TOML: {reason}")]
    Syntax {
        /// File, line and column.
        at: String,
        /// What the TOML parser says.
        reason: String,
    },
    /// No such key, or no such section.
    #[error("{at}: {key}: no such key; {}", advice(nearest.as_deref(), known))]
    UnknownKey {
        /// Where.
        at: String,
        /// The key as given, with the table it was found in.
        key: String,
        /// The key that was probably meant.
        nearest: Option<String>,
        /// The keys that could stand there.
        known: Vec<String>,
    },
    /// A value of the wrong type, out of range, or at odds with other settings.
    #[error("{at}: {key}: takes {takes}, got {got}")]
    Value {
        /// Where.
        at: String,
        /// The key.
        key: String,
        /// The value as given.
        got: String,
        /// What the key takes.
        takes: String,
    },
    /// A key that has to be there is not.
    #[error("{at}: {key}: missing; takes {takes}")]
    Missing {
        /// Where it belongs.
        at: String,
        /// The key.
        key: String,
        /// What the key takes.
        takes: String,
    },
    /// The same key, arm, value or run twice.
    #[error("{at}: {key}: {got} was given before; give it once")]
    Twice {
        /// Where the second one is.
        at: String,
        /// The key.
        key: String,
        /// What is there twice.
        got: String,
    },
    /// Two parts of the recipe claim the same setting.
    #[error("{at}: {key}: {got}; {remedy}")]
    Conflict {
        /// Where.
        at: String,
        /// The key.
        key: String,
        /// What claims it.
        got: String,
        /// What would be right.
        remedy: String,
    },
    /// No built-in recipe of this name.
    #[error(
        "{name}: no such recipe{}; `metabnn list` shows all ({}); one of your own takes a path, such as ./{name}.toml",
        nearest.as_ref().map(|nearest| format!(" (did you mean {nearest}?)")).unwrap_or_default(), known.join(", ")
    )]
    UnknownRecipe {
        /// The name as given.
        name: String,
        /// The recipe that was probably meant.
        nearest: Option<String>,
        /// Names of the built-in recipes.
        known: Vec<String>,
    },
    /// A text too long to be a recipe.
    #[error("{at}: a recipe has at most {most} bytes, got {bytes}")]
    TooLong {
        /// Where.
        at: String,
        /// Length of the text in bytes.
        bytes: u64,
        /// Most bytes that are read.
        most: u64,
    },
    /// The file cannot be read.
    #[error("{path}: cannot be read as a recipe: {reason}")]
    Unreadable {
        /// The path as given.
        path: String,
        /// What the system says.
        reason: String,
    },
}

fn advice(nearest: Option<&str>, known: &[String]) -> String {
    nearest
        .map_or_else(|| format!("takes {}", known.join(", ")), |nearest| format!("did you mean {nearest}?"))
}

/// All that is wrong with a recipe, printed one error per line. Never empty when returned as an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipeErrors(pub Vec<RecipeError>);

impl fmt::Display for RecipeErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for RecipeErrors {}

impl From<RecipeError> for RecipeErrors {
    fn from(error: RecipeError) -> Self {
        Self(vec![error])
    }
}

/// The key or recipe that was probably meant by `given`, if one is alike enough to be suggested.
pub(super) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    const ALIKE: f64 = 0.6;
    metabnn_data::nearest(given, known, ALIKE)
}
