//! The names that a file of a data set may have.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The names that the file at `path` may have, best first: its own, with `.gz` at its end, and both [`dotted`].
pub(super) fn names(path: &Path) -> Vec<PathBuf> {
    let dotted = path.file_name().and_then(OsStr::to_str).and_then(dotted);
    let dotted = dotted.map(|name| path.with_file_name(name));
    [path.to_path_buf()].into_iter().chain(dotted).flat_map(|path| [path.clone(), with_gz(&path)]).collect()
}

/// The name of an IDX file with a dot where others have a dash: `train-images.idx3-ubyte`.
pub(super) fn dotted(name: &str) -> Option<String> {
    name.contains("-idx").then(|| name.replacen("-idx", ".idx", 1))
}

/// `path` with `.gz` at its end.
pub(super) fn with_gz(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".gz");
    name.into()
}
