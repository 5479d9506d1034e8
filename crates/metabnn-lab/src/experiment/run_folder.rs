//! The folder of one run while it is worked on: its checkpoints, and how it becomes a finished run.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::ExperimentError;
use super::work::Done;
use crate::recipe::Run;
use crate::report::ReportError;
use crate::report::export::Live;
use crate::report::folder::{PARTIAL, sweep, write_atomically, write_run};
use crate::report::summary::RunSummary;
use metabnn::model::checkpoint::Checkpoint;

/// The checkpoint in the folder of an unfinished run.
pub(super) const CHECKPOINT: &str = "checkpoint.safetensors";
/// Locked by the process that is at work on the run.
pub(super) const LOCK: &str = "lock";

/// `runs/NAME.partial`, which becomes `runs/NAME` when all is in it.
pub(super) struct RunFolder {
    complete: PathBuf,
    partial: PathBuf,
    lock: Option<File>,
}

impl RunFolder {
    /// Takes the folder of `run` under `out`, with what an earlier session left of it unless `fresh`.
    pub(super) fn take(out: &Path, run: &Run, fresh: bool) -> Result<Self, ExperimentError> {
        let folder = super::folder(run);
        let (complete, partial) = (out.join(&folder), out.join(folder + PARTIAL));
        let failed = |source| ReportError::file(&partial, "write")(source);
        fs::create_dir_all(&partial).map_err(failed)?;
        let file = File::create(partial.join(LOCK)).map_err(failed)?;
        let lock = match file.try_lock() {
            Ok(()) => Some(file),
            Err(TryLockError::WouldBlock) => return Err(ExperimentError::Busy { run: run.name.clone() }),
            // A file system without locks.
            Err(TryLockError::Error(_)) => None,
        };
        let begun = partial.join(CHECKPOINT);
        if fresh && begun.exists() {
            fs::remove_file(&begun).map_err(ReportError::file(&begun, "remove"))?;
        }
        sweep(&partial);
        Ok(Self { complete, partial, lock })
    }

    /// The folder as it is called now.
    pub(super) fn path(&self) -> &Path {
        &self.partial
    }

    /// The file that the run goes on from.
    pub(super) fn checkpoint_file(&self) -> PathBuf {
        self.partial.join(CHECKPOINT)
    }

    /// What the run has come to, if it was begun.
    pub(super) fn checkpoint(&self) -> Result<Option<Checkpoint>, ExperimentError> {
        let path = self.checkpoint_file();
        if !path.exists() {
            return Ok(None);
        }
        let bytes = fs::read(&path).map_err(ReportError::file(&path, "read"))?;
        let failed = |source| ExperimentError::Checkpoint { path: path.clone(), source };
        Checkpoint::from_bytes(&bytes).map(Some).map_err(|error| failed(error.into()))
    }

    /// Keeps a checkpoint in place of the one before, which stays as it is until the new one is whole.
    pub(super) fn save(&self, bytes: &[u8]) -> Result<(), ReportError> {
        write_atomically(&self.checkpoint_file(), bytes)
    }

    /// Writes what the run came to, and gives the folder its name. Should that fail, the checkpoint stays.
    pub(super) fn complete(mut self, done: Done) -> Result<RunSummary, ReportError> {
        if let Err(error) = self.write(&done) {
            self.leave();
            return Err(error);
        }
        // Only now: all that the checkpoint holds is in the results, and who looked for the unfinished run while it was
        // being renamed found it locked. Should the file not go away, it is in nobody's way.
        let _ = fs::remove_file(self.complete.join(CHECKPOINT));
        self.unlock(&self.complete.clone());
        Ok(done.results.summary)
    }

    fn write(&self, done: &Done) -> Result<(), ReportError> {
        if let Some(model) = &done.model {
            write_atomically(&self.partial.join("model.safetensors"), model)?;
        }
        write_run(&self.partial, &done.results)?;
        if self.complete.exists() {
            fs::remove_dir_all(&self.complete).map_err(ReportError::file(&self.complete, "remove"))?;
        }
        fs::rename(&self.partial, &self.complete).map_err(ReportError::file(&self.complete, "write"))
    }

    /// Goes away from a run that is not finished: half-written results are removed. What was seen so far stays as long as
    /// there is a checkpoint; without one, nothing stays. An error came first and is being reported, or there is nothing to
    /// keep: one that prevents tidying up adds nothing.
    pub(super) fn leave(mut self) {
        let is_kept = |name: &str| name == LOCK || name == CHECKPOINT || Live::FILES.contains(&name);
        let is_begun = self.checkpoint_file().exists();
        for entry in fs::read_dir(&self.partial).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if !(is_begun && name.to_str().is_some_and(is_kept)) && name != LOCK {
                let _ = fs::remove_file(entry.path());
            }
        }
        self.unlock(&self.partial.clone());
        let _ = fs::remove_dir(&self.partial);
    }

    /// Removes all there is.
    pub(super) fn discard(self) {
        let _ = fs::remove_file(self.checkpoint_file());
        self.leave();
    }

    fn unlock(&mut self, folder: &Path) {
        let _ = fs::remove_file(folder.join(LOCK));
        self.lock = None;
    }
}
