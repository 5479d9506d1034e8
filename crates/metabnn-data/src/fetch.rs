//! Downloading data sets: mirrors in turn, interrupted downloads continued, checksums before anything
//! takes its final name.

use std::env;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use metabnn::text;
use ureq::Agent;

use super::catalogue::{Entry, Files, SetFile, Source};
use super::file_names::with_gz;
use super::idx::Content;
use super::load::{FileReport, FileState};
use super::own_file;
use super::transfer::{self, Failure};
use super::unzip::checksum;
use super::{Attempt, DataError};

/// Attempts at one file from one mirror, each continuing the one before. Only an attempt that got
/// further than the one before it is followed by another.
const ATTEMPTS_PER_MIRROR: usize = 10;

/// The names that a file of a set has in `folder`: plain and zipped.
fn names(file: &SetFile, folder: &Path) -> [PathBuf; 2] {
    let plain = folder.join(&*file.name);
    let zipped = with_gz(&plain);
    [plain, zipped]
}

/// How to download.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Addresses asked before the catalogue's mirrors; each has every set in a folder of its own:
    /// `ADDRESS/SET/FILE.gz`.
    pub mirrors: Vec<String>,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for the next bytes.
    pub stall_timeout: Duration,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            mirrors: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(30),
        }
    }
}

impl FetchOptions {
    /// The default, with the mirror that the environment variable `METABNN_MIRROR` names, if it does.
    pub fn from_env() -> Self {
        let mirrors = env::var("METABNN_MIRROR").into_iter().filter(|url| !url.is_empty()).collect();
        Self { mirrors, ..Self::default() }
    }
}

/// What a download tells while it goes on. Files are given by their name in the catalogue.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// The file is there and right.
    Present {
        /// The file.
        file: &'a str,
    },
    /// The file is there, and is somebody's own: it stays as it is.
    Own {
        /// The file.
        file: &'a str,
        /// Where it is.
        path: &'a Path,
    },
    /// Another process is downloading the same set: its end is waited for.
    Waiting {
        /// Folder of the set.
        folder: &'a Path,
    },
    /// A download begins or continues.
    Started {
        /// The file.
        file: &'a str,
        /// Where it comes from.
        url: &'a str,
    },
    /// Bytes have come.
    Bytes {
        /// The file.
        file: &'a str,
        /// Bytes there, those of earlier attempts included.
        done: u64,
        /// Bytes there will be, when the server tells.
        total: Option<u64>,
    },
    /// An attempt failed; the next mirror or attempt follows.
    Failed {
        /// The file.
        file: &'a str,
        /// What was tried and what went wrong.
        attempt: &'a Attempt,
    },
    /// A file that was there but not the right one got another name.
    MovedAside {
        /// Its name before.
        from: &'a Path,
        /// Its name now.
        to: &'a Path,
    },
    /// The file is downloaded and right.
    Done {
        /// The file.
        file: &'a str,
        /// Where it is.
        path: &'a Path,
    },
}

/// Downloads what is missing of a data set into `data_dir/NAME` and returns the paths of its files; none
/// for a set that the program draws itself.
///
/// A file takes its name only once the SHA-256 of its unzipped bytes is the catalogue's. Until then it is
/// called `FILE.partial`, which a later call continues; a link or folder of that name is left alone. A file that is there
/// but damaged is renamed to `FILE.replaced`, not deleted. Files of somebody's own, whole but not the catalogue's, are as
/// good as fetched. Two processes may fetch the same set: one waits for the other
/// (an empty file `.lock` stays in the folder), or, on a file system without locks, each downloads for
/// itself.
///
/// # Errors
/// [`DataError::NoMirror`], [`DataError::ByHand`], [`DataError::OwnFiles`] where some files are somebody's own and others
/// would have to be downloaded, [`DataError::Download`] with what went wrong at each mirror,
/// [`DataError::File`] when the folder cannot be written to.
pub fn fetch(
    set: &Entry,
    data_dir: &Path,
    options: &FetchOptions,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<PathBuf>, DataError> {
    let files = match &set.source {
        Source::Drawn(_) => return Ok(Vec::new()),
        Source::Files(files) => files,
        // Nothing is downloaded; files that are there are as good as fetched.
        Source::Records(_) => {
            let reports = set.verify(Some(data_dir))?;
            return match reports.iter().all(|report| report.state == FileState::NoChecksum) {
                true => Ok(reports.into_iter().map(|report| report.path).collect()),
                false => Err(set.not_here(set.folders(&[data_dir.to_path_buf()]), Some(data_dir))),
            };
        }
    };
    let folder = data_dir.join(&*set.name);
    // It may be there as another program keeps it, which is left as it is.
    let found = set.folder(Some(data_dir)).unwrap_or_else(|_| folder.clone());
    if let Some(paths) = all_present(set, files, &found, progress)? {
        return Ok(paths);
    }
    let mirrors = mirrors(set, files, options);
    if mirrors.is_empty() {
        return Err(DataError::NoMirror {
            set: set.name.clone().into_owned(),
            origin: files.origin.clone().into_owned(),
            files: files.iter().map(|file| file.name.clone().into_owned()).collect(),
            folder,
        });
    }
    fs::create_dir_all(&folder).map_err(|source| DataError::File { path: folder.clone(), source })?;
    let lock = lock(&folder, progress)?;
    let agent = transfer::agent(options.connect_timeout, options.stall_timeout);
    let mut fetcher = Fetcher { set, folder: &folder, agent, mirrors, locked: lock.is_some(), progress };
    files.contents().map(|(file, content)| fetcher.fetch(file, content)).collect()
}

/// The paths of all files, when all are there and right, or somebody's own.
fn all_present(
    set: &Entry,
    files: &Files,
    folder: &Path,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Option<Vec<PathBuf>>, DataError> {
    let reports: Vec<FileReport> =
        files.contents().map(|(file, content)| file.report(folder, content)).collect();
    let is_own = |report: &&FileReport| matches!(report.state, FileState::Own { .. });
    let is_here = |report: &&FileReport| report.state == FileState::Right || is_own(report);
    if !reports.iter().all(|report| is_here(&report)) {
        let paths =
            |reports: Vec<&FileReport>| reports.into_iter().map(|report| report.path.clone()).collect();
        let own: Vec<PathBuf> = paths(reports.iter().filter(is_own).collect());
        if own.is_empty() {
            return Ok(None);
        }
        // Images of one place and labels of another need not belong together.
        let others = paths(reports.iter().filter(|report| !is_here(report)).collect());
        return Err(DataError::OwnFiles { set: set.name.clone().into_owned(), own, others });
    }
    for (file, report) in files.iter().zip(&reports) {
        let (file, path) = (&*file.name, &*report.path);
        progress(if is_own(&report) { Progress::Own { file, path } } else { Progress::Present { file } });
    }
    Ok(Some(reports.into_iter().map(|report| report.path).collect()))
}

/// Addresses of the folders that hold the set's files, the user's own before the catalogue's.
fn mirrors(set: &Entry, files: &Files, options: &FetchOptions) -> Vec<String> {
    let own = options.mirrors.iter().map(|url| format!("{}/{}", url.trim_end_matches('/'), set.name));
    own.chain(files.mirrors.iter().map(|url| url.trim_end_matches('/').to_owned())).collect()
}

/// Waits until no other process downloads into `folder`. `None` where the file system has no locks.
/// The lock file stays: another process may just have opened it.
fn lock(folder: &Path, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Option<File>, DataError> {
    let path = folder.join(".lock");
    let file = own_file::open(&path).map_err(|source| DataError::File { path, source })?;
    let locked = match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            progress(Progress::Waiting { folder });
            file.lock().is_ok()
        }
        outcome => outcome.is_ok(),
    };
    Ok(locked.then_some(file))
}

/// The download of one set.
struct Fetcher<'a> {
    set: &'a Entry,
    folder: &'a Path,
    agent: Agent,
    mirrors: Vec<String>,
    locked: bool,
    progress: &'a mut dyn FnMut(Progress<'_>),
}

impl Fetcher<'_> {
    fn fetch(&mut self, file: &SetFile, content: Content) -> Result<PathBuf, DataError> {
        // Looked at again under the lock: another process may have downloaded it meanwhile.
        let report = file.report(self.folder, content);
        if report.state == FileState::Right {
            (self.progress)(Progress::Present { file: &file.name });
            return Ok(report.path);
        }
        let partial = self.partial(file);
        let outcome = self.try_mirrors(file, &partial);
        let there = fs::symlink_metadata(&partial).ok().filter(|metadata| metadata.is_file());
        let failed = matches!(outcome, Err(DataError::File { .. }));
        if there.is_some_and(|metadata| metadata.len() == 0 || failed) {
            // Nothing to continue, or no room for it. It may also never have been there.
            let _ = fs::remove_file(&partial);
        }
        outcome
    }

    /// Where a file is until it is complete. Without a lock, each process has its own.
    fn partial(&self, file: &SetFile) -> PathBuf {
        match self.locked {
            true => self.folder.join(format!("{}.partial", file.name)),
            false => self.folder.join(format!("{}.{}.partial", file.name, std::process::id())),
        }
    }

    fn try_mirrors(&mut self, file: &SetFile, partial: &Path) -> Result<PathBuf, DataError> {
        let mut attempts = Vec::new();
        for mirror in self.mirrors.clone() {
            let url = format!("{mirror}/{}.gz", file.name);
            for _ in 0..ATTEMPTS_PER_MIRROR {
                let held = length(partial);
                let reason = match self.attempt(file, &url, partial)? {
                    Ok(path) => return Ok(path),
                    Err(reason) => reason,
                };
                let attempt = Attempt {
                    url: text::without_user(&url).into(),
                    reason: text::without_user(&reason).into(),
                };
                (self.progress)(Progress::Failed { file: &file.name, attempt: &attempt });
                attempts.push(attempt);
                // Again from this mirror when it sent something, or when what was held beforehand, maybe
                // from another mirror with another gzip wrapper, was the fault and is now gone.
                let now = length(partial);
                if now <= held && !(held > 0 && now == 0) {
                    break;
                }
            }
        }
        let (set, file) = (self.set.name.clone().into_owned(), file.name.clone().into_owned());
        Err(DataError::Download { set, file, attempts })
    }

    /// One download, checked and put in its place. The inner error is the mirror's fault, the outer one
    /// is not.
    fn attempt(
        &mut self,
        file: &SetFile,
        url: &str,
        partial: &Path,
    ) -> Result<Result<PathBuf, String>, DataError> {
        let disk = |source| DataError::File { path: partial.into(), source };
        let mut handle = own_file::open(partial).map_err(disk)?;
        // Zipped or not, the right file is hardly longer than its content.
        let limit = file.bytes + file.bytes / 100 + (1 << 16);
        let progress = &mut *self.progress;
        progress(Progress::Started { file: &file.name, url: &text::without_user(url) });
        let mut moved = |done, total| progress(Progress::Bytes { file: &file.name, done, total });
        match transfer::download(&self.agent, url, &mut handle, limit, &mut moved) {
            Ok(()) => {}
            Err(Failure::Server(reason)) => return Ok(Err(reason)),
            Err(Failure::Disk(source)) => return Err(disk(source)),
        }
        let reason = match checksum(partial, file.bytes) {
            Ok(found) if found.sha256 == file.sha256 && found.bytes == file.bytes => {
                handle.sync_all().map_err(disk)?;
                drop(handle);
                return self.install(file, partial, found.zipped).map(Ok);
            }
            Ok(found) if found.bytes != file.bytes => {
                let got = if found.bytes > file.bytes { "more".into() } else { found.bytes.to_string() };
                format!("wrong file: expected {} unzipped bytes, got {got}", file.bytes)
            }
            Ok(found) => format!("wrong file: expected SHA-256 {}, got {}", file.sha256, found.sha256),
            Err(DataError::Gzip { reason, .. }) => format!("wrong file: broken gzip: {reason}"),
            Err(error) => return Err(error),
        };
        handle.set_len(0).map_err(disk)?;
        Ok(Err(reason))
    }

    /// Gives the file its name, in one step.
    fn install(&mut self, file: &SetFile, partial: &Path, zipped: bool) -> Result<PathBuf, DataError> {
        let rename = |from: &Path, to: &Path| {
            fs::rename(from, to).map_err(|source| DataError::File { path: from.into(), source })
        };
        let names = names(file, self.folder);
        for from in names.iter().filter(|name| name.exists()) {
            let mut to = from.clone().into_os_string();
            to.push(".replaced");
            let to = PathBuf::from(to);
            rename(from, &to)?;
            (self.progress)(Progress::MovedAside { from, to: &to });
        }
        let [plain, gz] = names;
        let path = if zipped { gz } else { plain };
        rename(partial, &path)?;
        sync_folder(self.folder).map_err(|source| DataError::File { path: self.folder.into(), source })?;
        (self.progress)(Progress::Done { file: &file.name, path: &path });
        Ok(path)
    }
}

fn length(path: &Path) -> u64 {
    fs::symlink_metadata(path).map_or(0, |metadata| metadata.len())
}

/// Makes the new name survive a power cut.
fn sync_folder(folder: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened as a file.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
