//! Files that appear whole or not at all, whoever else is at work in the same folder.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::time::Duration;

use tempfile::NamedTempFile;

use super::error::ReportError;

/// Beginning of the names of temporary files.
const TEMPORARY: &str = ".metabnn-";
/// A temporary file that was not written to for so long has been left by a process that is no more. Between its creation and
/// its lock a file looks abandoned as well, for a moment; on file systems without locks, for as long as it is written.
const ABANDONED: Duration = Duration::from_secs(600);
/// How often something is tried that another process may undo midway, such as writing into a folder that it removes.
pub(crate) const ATTEMPTS: usize = 20;

/// Writes `bytes` to `path` so that a reader sees the old file or the new one, never half of it: into a temporary
/// file of the same folder, synchronised with the disk, then renamed. The folder is made if need be; on failure the
/// temporary file is removed. A link at `path` is replaced, not followed.
///
/// # Errors
/// [`ReportError::File`] if the file system refuses.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    let write = || persisted(temporary(path, bytes)?.persist(path));
    persistently(write).map_err(ReportError::file(path, "write"))
}

/// [`write_atomically`] where there is no file of this name yet; says whether there was none. Of several processes that
/// try at once, one succeeds.
pub(crate) fn create_atomically(path: &Path, bytes: &[u8]) -> Result<bool, ReportError> {
    let create = || match persisted(temporary(path, bytes)?.persist_noclobber(path)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(error),
        // Not every file system can tell.
        Err(_) if !path.exists() => persisted(temporary(path, bytes)?.persist(path)).map(|()| true),
        Err(error) => Err(error),
    };
    persistently(create).map_err(ReportError::file(path, "write"))
}

fn persisted<T>(result: Result<T, tempfile::PersistError>) -> io::Result<()> {
    result.map(|_| ()).map_err(|error| error.error)
}

/// A temporary file beside `path` that holds `bytes`, on the disk.
fn temporary(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    // Temporary files are private by default; results are as readable as any other file (umask applies).
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    // Tells the file from one that a killed process left; a file system without locks has no such leftovers told.
    let _ = file.as_file().try_lock();
    file.as_file_mut().write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Tries again where another process removed a folder between two steps.
pub(crate) fn persistently<T>(mut step: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 1..ATTEMPTS {
        match step() {
            Err(error) if error.kind() == ErrorKind::NotFound => std::thread::yield_now(),
            result => return result,
        }
    }
    step()
}

/// Whether a file of this name is a temporary one of this program.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY)
}

/// Removes temporary files that processes killed in [`write_atomically`] left in `folder`, where any process may be at
/// work. What cannot be removed stays: it is in nobody's way.
pub(crate) fn sweep(folder: &Path) {
    sweep_older(folder, ABANDONED);
}

/// [`sweep`] in a folder that this process alone writes to.
pub(crate) fn sweep_own(folder: &Path) {
    sweep_older(folder, Duration::ZERO);
}

fn sweep_older(folder: &Path, age: Duration) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        // Of links nothing but themselves is looked at.
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let is_old = || {
            let written = entry.metadata().and_then(|metadata| metadata.modified());
            age.is_zero() || written.is_ok_and(|written| written.elapsed().is_ok_and(|past| past >= age))
        };
        let is_free = || File::open(&path).is_ok_and(|file| file.try_lock().is_ok());
        if is_temporary(&entry.file_name().to_string_lossy()) && is_file && is_old() && is_free() {
            let _ = fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_another_process_may_be_writing_is_not_swept() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, age: Duration| {
            let path = folder.path().join(name);
            fs::write(&path, "half").unwrap();
            let file = File::options().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
            (path, file)
        };
        let (young, _) = write(".metabnn-young", Duration::ZERO);
        let (locked, file) = write(".metabnn-locked", 2 * ABANDONED);
        file.lock().unwrap();
        let (abandoned, _) = write(".metabnn-abandoned", 2 * ABANDONED);
        let (of_others, _) = write(".other", 2 * ABANDONED);
        fs::create_dir(folder.path().join(".metabnn-folder")).unwrap();
        sweep(folder.path());
        assert!(young.exists() && locked.exists() && of_others.exists() && !abandoned.exists());
        assert!(folder.path().join(".metabnn-folder").exists());
        sweep_own(folder.path());
        assert!(!young.exists() && locked.exists() && of_others.exists());
    }

    #[test]
    fn of_many_that_create_a_file_one_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/file");
        let created = std::thread::scope(|scope| {
            let create = |text: usize| create_atomically(&path, text.to_string().as_bytes()).unwrap();
            let threads: Vec<_> = (0..8).map(|text| scope.spawn(move || create(text))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).filter(|created| *created).count()
        });
        assert_eq!(created, 1);
    }

    /// Another process removes the folder again and again, as one does that takes back an empty folder of results.
    #[test]
    fn a_folder_that_is_removed_between_two_steps_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out/file");
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let _ = fs::remove_file(&path);
                    let _ = fs::remove_dir(folder.path().join("out"));
                }
            });
            let written = (0..50).map(|_| write_atomically(&path, b"whole")).collect::<Result<Vec<_>, _>>();
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            written.unwrap();
        });
    }
}
