//! Where tests find the real data sets.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The folder of the real data sets: `METABNN_DATA`, or `../shared/data` beside the workspace.
///
/// Where there is none, a developer's test has nothing to check and says so: `None`. Where the
/// environment variable `CI` is set, a check that silently checks nothing would be worse than none.
///
/// # Panics
/// Without data when `CI` is set; without data where `METABNN_DATA` says it is.
pub fn data_dir() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let named = env::var_os("METABNN_DATA").filter(|folder| !folder.is_empty());
    let must_exist = named.is_some() || is_ci(env::var_os("CI").as_deref());
    let folder = named.map_or_else(|| workspace.join("../shared/data"), PathBuf::from);
    choose(folder, must_exist)
}

/// Whether the value of the variable `CI` says yes.
pub fn is_ci(value: Option<&OsStr>) -> bool {
    value.is_some_and(|value| !value.is_empty() && value != "0" && value != "false")
}

/// `folder` where it is there.
///
/// # Panics
/// Where it is not but must be.
pub fn choose(folder: PathBuf, must_exist: bool) -> Option<PathBuf> {
    if folder.is_dir() {
        return Some(folder);
    }
    let looked = format!("no real data: looked in {} (METABNN_DATA names another folder)", folder.display());
    assert!(!must_exist, "{looked}");
    println!("SKIPPED, {looked}");
    None
}
