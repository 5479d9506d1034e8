//! The folder of one run while it is worked on: its checkpoints, and how it becomes a finished run.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::ExperimentError;
use super::work::Done;
use crate::recipe::Run;
use crate::report::ReportError;
use crate::report::atomic::{ATTEMPTS, persistently, sweep, sweep_own};
use crate::report::export::Live;
use crate::report::folder::{PARTIAL, REPLACED, write_atomically, write_run};
use crate::report::manifest::{CHECKPOINT, LOCK, MODEL, is_of_run, remove_run};
use crate::report::summary::RunSummary;
use metabnn::model::checkpoint::Checkpoint;
use metabnn_data::own_file;

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
        let lock = lock(&partial, run)?;
        let begun = partial.join(CHECKPOINT);
        if fresh && begun.exists() {
            fs::remove_file(&begun).map_err(ReportError::file(&begun, "remove"))?;
        }
        // Without a lock another process may be at work here.
        if lock.is_some() {
            sweep_own(&partial)
        } else {
            sweep(&partial)
        }
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
            write_atomically(&self.partial.join(MODEL), model)?;
        }
        write_run(&self.partial, &done.results)?;
        let aside = self.move_aside().map_err(ReportError::file(&self.complete, "move aside"))?;
        let named = fs::rename(&self.partial, &self.complete).inspect_err(|_| {
            aside.iter().for_each(|aside| drop(fs::rename(aside, &self.complete)));
        });
        named.map_err(ReportError::file(&self.complete, "write"))?;
        // What is not of a run stays in it.
        aside.iter().for_each(|aside| remove_run(aside));
        Ok(())
    }

    /// Moves what has the name of the finished run, if anything, to `NAME.replaced`, `NAME.replaced-2`, ...
    fn move_aside(&self) -> io::Result<Option<PathBuf>> {
        if fs::symlink_metadata(&self.complete).is_err() {
            return Ok(None);
        }
        for number in 1.. {
            let mut aside = self.complete.clone().into_os_string();
            aside.push(REPLACED);
            if number > 1 {
                aside.push(format!("-{number}"));
            }
            let aside = PathBuf::from(aside);
            if fs::symlink_metadata(&aside).is_err() {
                return fs::rename(&self.complete, &aside).map(|()| Some(aside));
            }
        }
        Ok(None)
    }

    /// Goes away from a run that is not finished: half-written results are removed. What was seen so far stays as long as
    /// there is a checkpoint; without one, nothing of the run stays. An error came first and is being reported, or there is
    /// nothing to keep: one that prevents tidying up adds nothing.
    pub(super) fn leave(mut self) {
        let is_kept = |name: &str| name == CHECKPOINT || Live::FILES.contains(&name);
        let is_begun = self.checkpoint_file().exists();
        for entry in fs::read_dir(&self.partial).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_left = |name: &str| is_of_run(name) && name != LOCK && !(is_begun && is_kept(name));
            if name.to_str().is_some_and(is_left) {
                let _ = fs::remove_file(entry.path());
            }
        }
        self.unlock(&self.partial.clone());
        let _ = fs::remove_dir(&self.partial);
    }

    /// Removes all there is of the run.
    pub(super) fn discard(self) {
        let _ = fs::remove_file(self.checkpoint_file());
        self.leave();
    }

    fn unlock(&mut self, folder: &Path) {
        let _ = fs::remove_file(folder.join(LOCK));
        self.lock = None;
    }
}

/// Makes the folder of an unfinished run, if need be, and locks it; `None` on a file system without locks. The process that
/// had it may remove or rename it meanwhile: the lock is one of the folder that is there then.
fn lock(partial: &Path, run: &Run) -> Result<Option<File>, ExperimentError> {
    let path = partial.join(LOCK);
    for _ in 0..ATTEMPTS {
        let open = || {
            fs::create_dir_all(partial)?;
            own_file::check_folder(partial)?;
            own_file::open(&path)
        };
        let file = persistently(open).map_err(|error| {
            let is_folder = own_file::check_folder(partial).is_ok();
            ReportError::file(if is_folder { &path } else { partial }, "write")(error)
        })?;
        match file.try_lock() {
            Ok(()) if own_file::is_at(&file, &path) => return Ok(Some(file)),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ExperimentError::Busy { run: run.name.clone() }),
            Err(TryLockError::Error(_)) => return Ok(None),
        }
    }
    Err(ReportError::file(&path, "lock")(ErrorKind::ResourceBusy.into()).into())
}
