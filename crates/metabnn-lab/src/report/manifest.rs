//! What a finished run says of its files: `files` and `checksum` in its `summary.json`, so that nothing that was cut off,
//! changed or exchanged since is taken for a result.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::atomic::{is_temporary, write_atomically};
use super::error::ReportError;
use super::export::Live;
use super::folder::{FLIPS, HISTOGRAMS, MATRIX, METRICS, RECIPE, SUMMARY};
use super::summary::RunSummary;
use crate::analysis::RENDERERS;
use metabnn::digest::Digest;

/// The trained network of a run.
pub const MODEL: &str = "model.safetensors";
/// The checkpoint in the folder of an unfinished run.
pub(crate) const CHECKPOINT: &str = "checkpoint.safetensors";
/// Locked by the process that is at work on the run.
pub(crate) const LOCK: &str = "lock";
/// A model of more bytes is read when everything is verified, and then alone.
const LARGE: u64 = 8 << 20;
/// Hexadecimal digits of a SHA-256 that are kept.
const DIGITS: usize = 16;
const UNSEALED: &str = "\"checksum\": \"\"";

/// How much of a finished run is compared with what its `summary.json` says of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// Sizes, and the content of everything but models of more than 8 MiB.
    #[default]
    Quick,
    /// The content of every file.
    Everything,
}

/// A file of a run.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct RunFile {
    bytes: u64,
    /// The first 16 hexadecimal digits.
    sha256: String,
}

type Files = BTreeMap<String, RunFile>;

/// `summary.json` as it is written.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    summary: &'a RunSummary,
    files: Files,
    /// Of the file itself, this field left empty; the last one.
    checksum: &'static str,
}

/// What `summary.json` says of files, its own content included. Earlier versions said nothing.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Manifest {
    files: Files,
    checksum: Option<String>,
}

/// Whether a run leaves a file of this name in its folder, for good or while it is at work.
pub(crate) fn is_of_run(name: &str) -> bool {
    is_result(name) || [SUMMARY, CHECKPOINT, LOCK].contains(&name) || is_temporary(name)
}

/// Whether it is that of a file which summaries name.
fn is_result(name: &str) -> bool {
    [RECIPE, METRICS, MATRIX, HISTOGRAMS, FLIPS, MODEL].contains(&name)
        || Live::FILES.contains(&name)
        || RENDERERS.iter().any(|renderer| renderer.file() == name)
}

/// Removes the files that a run leaves in its folder, and the folder if nothing else is in it: what somebody else put there
/// stays, and a link is not followed.
pub(crate) fn remove_run(folder: &Path) {
    if !fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_dir()) {
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(is_of_run) {
            let _ = fs::remove_file(entry.path());
        }
    }
    let _ = fs::remove_dir(folder);
}

/// Writes `summary.json` of a run with size and digest of the files that it left in `folder`.
pub(super) fn write(folder: &Path, summary: &RunSummary) -> Result<(), ReportError> {
    let path = folder.join(SUMMARY);
    let text = || -> io::Result<String> {
        let written = Written { summary, files: files(folder)?, checksum: "" };
        let text = serde_json::to_string_pretty(&written)? + "\n";
        let checksum = Digest::default().with(&text).digits(DIGITS);
        let at = text.rfind(UNSEALED).ok_or(io::ErrorKind::InvalidData)?;
        let (before, after) = (&text[..at], &text[at + UNSEALED.len()..]);
        Ok(format!("{before}\"checksum\": \"{checksum}\"{after}"))
    };
    let text = text().map_err(ReportError::file(&path, "write"))?;
    write_atomically(&path, text.as_bytes())
}

/// Size and digest of the files of a run.
fn files(folder: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if is_result(&name) {
            let path = folder.join(&name);
            files.insert(name, RunFile { bytes: fs::metadata(&path)?.len(), sha256: digest(&path)? });
        }
    }
    Ok(files)
}

fn digest(path: &Path) -> io::Result<String> {
    let (mut file, mut digest, mut buffer) = (File::open(path)?, Digest::default(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(digest.digits(DIGITS)),
            count => digest = digest.with(&buffer[..count]),
        }
    }
}

/// Compares what lies in `folder` with what the text of its `summary.json` says.
///
/// # Errors
/// [`ReportError`] names the first file that is another one.
pub(super) fn verify(folder: &Path, text: &str, how: Verify) -> Result<(), ReportError> {
    let path = folder.join(SUMMARY);
    let manifest: Manifest = serde_json::from_str(text).map_err(|error| {
        ReportError::malformed(&path, error.line() as u64, "the files of a run", error.to_string())
    })?;
    check_text(&path, text, &manifest)?;
    for (name, RunFile { bytes, .. }) in &manifest.files {
        let path = folder.join(name);
        if !is_result(name) {
            return Err(ReportError::invalid(&path, "its name", "that of a file of a run", name));
        }
        let there = fs::metadata(&path).map_err(ReportError::file(&path, "read"))?.len();
        if there != *bytes {
            let expected = format!("{bytes} bytes, as {SUMMARY} says");
            return Err(ReportError::invalid(&path, "its size", expected, there));
        }
    }
    for (name, RunFile { bytes, sha256 }) in &manifest.files {
        if how == Verify::Quick && name == MODEL && *bytes > LARGE {
            continue;
        }
        let path = folder.join(name);
        let there = digest(&path).map_err(ReportError::file(&path, "read"))?;
        if there != *sha256 {
            let expected = format!("that of {SUMMARY} (SHA-256 {sha256}...)");
            return Err(ReportError::invalid(&path, "its content", expected, format!("{there}...")));
        }
    }
    Ok(())
}

/// Whether the text of `summary.json` is the one that was written.
fn check_text(path: &Path, text: &str, manifest: &Manifest) -> Result<(), ReportError> {
    let Some(expected) = &manifest.checksum else {
        let is_earlier = manifest.files.is_empty();
        let missing = || ReportError::invalid(path, "its checksum", "one of 16 digits", "none");
        return if is_earlier { Ok(()) } else { Err(missing()) };
    };
    let field = format!("\"checksum\": \"{expected}\"");
    let got = text.rfind(&field).map_or_else(String::new, |at| {
        let (before, after) = (&text[..at], &text[at + field.len()..]);
        Digest::default().with(before).with(UNSEALED).with(after).digits(DIGITS)
    });
    match got == *expected {
        true => Ok(()),
        false => Err(ReportError::invalid(path, "its checksum", expected, got)),
    }
}
