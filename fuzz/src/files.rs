//! Input for parsers that read files.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Where files in memory are, on Linux.
const MEMORY: &str = "/dev/shm";

/// A folder that is used again and again, and removed when the thread ends.
pub(crate) struct Folder(TempDir);

impl Folder {
    /// An empty folder, in memory where there is such a place: results are synchronised with the disk. The variable
    /// `TMPDIR` goes before.
    pub(crate) fn new() -> Self {
        let mut builder = tempfile::Builder::new();
        builder.prefix("metabnn-fuzz-");
        let folder = match std::env::var_os("TMPDIR") {
            Some(_) => builder.tempdir(),
            None => builder.tempdir_in(MEMORY).or_else(|_| builder.tempdir()),
        };
        Self(folder.expect("a folder for temporary files"))
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes the file `name` in it, in folders that are made if need be.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
            fs::create_dir_all(folder).expect("a folder in the temporary one");
        }
        fs::write(&path, bytes).expect("a file in the temporary folder");
        path
    }
}

/// Several files as one input: before each but the last one, its length as a little-endian 16-bit number.
///
/// # Panics
/// If one of those has 64 KiB or more.
pub fn join<const N: usize>(parts: [&[u8]; N]) -> Vec<u8> {
    let mut input = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        if index + 1 < N {
            let length = u16::try_from(part.len()).expect("a seed of less than 64 KiB");
            input.extend(length.to_le_bytes());
        }
        input.extend_from_slice(part);
    }
    input
}

/// The files of an input; a length beyond its end means: to the end.
pub(crate) fn split<const N: usize>(mut input: &[u8]) -> [&[u8]; N] {
    let mut parts = [&[][..]; N];
    for part in &mut parts[..N - 1] {
        let Some((length, rest)) = input.split_first_chunk::<2>() else { return parts };
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        (*part, input) = rest.split_at(length);
    }
    parts[N - 1] = input;
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_apart_as_they_were_put_together() {
        let parts = [&b"one"[..], b"", b"three"];
        assert_eq!(split(&join(parts)), parts);
        assert_eq!(split(&[3, 0, 7, 8]), [&[7, 8][..], &[]]);
        assert_eq!(split(&[3]), [&[0_u8; 0][..], &[]]);
    }
}
