//! What can go wrong with results on disk.

use std::path::{Path, PathBuf};

use crate::recipe::RecipeErrors;

/// Why results could not be written, read or drawn. Every message names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The file system refused.
    #[error("{}: cannot {action}: {source}", path.display())]
    File {
        /// File or folder.
        path: PathBuf,
        /// What was tried: "read", "write".
        action: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A line of a file does not say what it should.
    #[error("{}, line {line}: expected {expected}, got {got}", path.display())]
    Malformed {
        /// File.
        path: PathBuf,
        /// Line, counted from 1.
        line: u64,
        /// What the line should hold.
        expected: String,
        /// What it holds.
        got: String,
    },
    /// A value contradicts another one or its range.
    #[error("{}: {what}: expected {expected}, got {got}", path.display())]
    Invalid {
        /// File it was read from or should go to.
        path: PathBuf,
        /// Name of the value.
        what: String,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },
    /// A recipe that this version does not understand, where its settings are needed.
    #[error(transparent)]
    Recipe(#[from] RecipeErrors),
    /// Nothing to report.
    #[error("{}: expected at least one finished run (runs/NAME/summary.json), found none", path.display())]
    NoRuns {
        /// Folder of the results.
        path: PathBuf,
    },
    /// No results to list.
    #[error("{}: expected a folder of results, or folders of results in it; found none", path.display())]
    NoResults {
        /// The folder.
        path: PathBuf,
    },
    /// No run is whole.
    #[error("{}: no run is whole{}", path.display(), list(damaged))]
    NoneWhole {
        /// Folder of the results.
        path: PathBuf,
        /// What is wrong with each.
        damaged: Vec<ReportError>,
    },
    /// A figure could not be rasterised.
    #[error("{}: cannot draw: {reason}", path.display())]
    Figure {
        /// File of the figure.
        path: PathBuf,
        /// What the plotting library says.
        reason: String,
    },
}

impl ReportError {
    pub(crate) fn file(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { path, action, source }
    }

    pub(super) fn malformed(
        path: &Path,
        line: u64,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) -> Self {
        Self::Malformed { path: path.into(), line, expected: short(expected.into()), got: short(got.into()) }
    }

    pub(super) fn invalid(
        path: &Path,
        what: impl Into<String>,
        expected: impl Into<String>,
        got: impl ToString,
    ) -> Self {
        Self::Invalid {
            path: path.into(),
            what: short(what.into()),
            expected: short(expected.into()),
            got: short(got.to_string()),
        }
    }
}

/// One line each.
fn list(damaged: &[ReportError]) -> String {
    damaged.iter().map(|error| format!("\n  {error}")).collect()
}

/// The beginning of a text that may be a whole file.
fn short(mut text: String) -> String {
    const LONGEST: usize = 300;
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push_str("...");
        text.shrink_to_fit();
    }
    text
}
