//! Files that this program makes beside the user's, such as locks: nothing else is ever written through their names.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Error, ErrorKind};
use std::path::Path;

/// Opens a file of this program's own to be written, with what it holds, or makes it. A link in its place is not followed,
/// a pipe or a device not opened.
///
/// # Errors
/// What the file system says; [`ErrorKind::InvalidInput`] if something else has the name.
pub fn open(path: &Path) -> io::Result<File> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => return Err(other("a link")),
        Ok(metadata) if !metadata.is_file() => return Err(other("no plain file")),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    // Whoever puts a link there right now does not succeed, either.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options.open(path)
}

/// Whether `path` is a folder itself, no link to one.
///
/// # Errors
/// What the file system says; [`ErrorKind::InvalidInput`] if it is none.
pub fn check_folder(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path)? {
        metadata if metadata.is_dir() => Ok(()),
        metadata if metadata.is_symlink() => Err(other("a link")),
        _ => Err(other("no folder")),
    }
}

/// Whether the file at `path` is still this one: another process may have removed it since it was opened, or put another one
/// in its place. Where files have no numbers, whether there is a file.
pub fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(opened), Ok(there)) = (file.metadata(), fs::symlink_metadata(path)) else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        (opened.dev(), opened.ino()) == (there.dev(), there.ino())
    }
    #[cfg(not(unix))]
    {
        opened.is_file() && there.is_file()
    }
}

fn other(what: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("{what} has its name; it is not touched"))
}
