//! Reading a file that may be zipped, and its checksum.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;
use sha2::{Digest, Sha256};

use super::DataError;

/// The first two bytes of every gzip file.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Bytes that deflate makes of one: 258 for two bits, at most.
pub(super) const MOST_OF_A_BYTE: u64 = 1032;

/// The bytes of a file, unzipped when its first bytes say gzip: the name says nothing.
pub(super) struct Unzipped {
    path: PathBuf,
    source: Source,
    /// Unzipped bytes handed out so far.
    offset: u64,
    zipped: bool,
}

enum Source {
    Plain(BufReader<File>),
    Zipped(Box<GzDecoder<BufReader<File>>>),
    Ended,
}

impl Unzipped {
    /// # Errors
    /// [`DataError::File`].
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(|source| DataError::File { path: path.into(), source })?;
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let start = reader.fill_buf().map_err(|source| DataError::File { path: path.into(), source })?;
        let zipped = start.starts_with(&GZIP_MAGIC);
        let source = match zipped {
            true => Source::Zipped(Box::new(GzDecoder::new(reader))),
            false => Source::Plain(reader),
        };
        Ok(Self { path: path.into(), source, offset: 0, zipped })
    }

    /// The most that the content can be long, unread: that of a plain file, or what deflate can make of a zipped one.
    pub(super) fn longest(&self) -> Option<u64> {
        let file = match &self.source {
            Source::Plain(reader) => reader.get_ref(),
            Source::Zipped(decoder) => decoder.get_ref().get_ref(),
            Source::Ended => return None,
        };
        let length = file.metadata().ok().filter(std::fs::Metadata::is_file)?.len();
        Some(if self.zipped { length.saturating_mul(MOST_OF_A_BYTE) } else { length })
    }

    /// Length of the content when it is known without reading it: of a plain file.
    pub(super) fn known_length(&self) -> Option<u64> {
        match &self.source {
            Source::Plain(reader) => reader.get_ref().metadata().ok().map(|metadata| metadata.len()),
            Source::Zipped(_) | Source::Ended => None,
        }
    }

    /// At most `limit` bytes. Memory grows with what the file really holds, never by `limit`.
    ///
    /// # Errors
    /// [`DataError::File`], [`DataError::Gzip`].
    pub(super) fn read_at_most(&mut self, limit: u64) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        self.by_ref().take(limit).read_to_end(&mut bytes).map_err(|source| self.explain(source))?;
        Ok(bytes)
    }

    /// Counts the bytes that are left, up to `limit`, and keeps none.
    ///
    /// # Errors
    /// As [`Unzipped::read_at_most`].
    pub(super) fn pass_over(&mut self, limit: u64) -> Result<u64, DataError> {
        io::copy(&mut self.by_ref().take(limit), &mut io::sink()).map_err(|source| self.explain(source))
    }

    fn explain(&self, source: io::Error) -> DataError {
        let path = self.path.clone();
        let reason = match source.kind() {
            _ if !self.zipped => return DataError::File { path, source },
            ErrorKind::UnexpectedEof => "it ends early (was the download cut short?)".into(),
            ErrorKind::InvalidInput | ErrorKind::InvalidData => source.to_string(),
            _ => return DataError::File { path, source },
        };
        DataError::Gzip { path, offset: self.offset, reason }
    }

    /// What comes after a gzip stream: the end, or another stream (which the format allows).
    fn next_stream(&mut self) -> io::Result<()> {
        let Source::Zipped(decoder) = std::mem::replace(&mut self.source, Source::Ended) else {
            return Ok(());
        };
        let mut rest = decoder.into_inner();
        match rest.fill_buf()?.first() {
            None => {}
            Some(first) if *first == GZIP_MAGIC[0] => {
                self.source = Source::Zipped(Box::new(GzDecoder::new(rest)));
            }
            Some(first) => {
                let reason = format!("the stream has ended but more bytes follow, the first is {first:#04x}");
                return Err(io::Error::new(ErrorKind::InvalidData, reason));
            }
        }
        Ok(())
    }
}

impl Read for Unzipped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let count = match &mut self.source {
                Source::Plain(reader) => reader.read(buffer)?,
                Source::Zipped(decoder) => match decoder.read(buffer)? {
                    0 => {
                        self.next_stream()?;
                        continue;
                    }
                    count => count,
                },
                Source::Ended => 0,
            };
            self.offset += count as u64;
            return Ok(count);
        }
    }
}

/// Checksum and length of a file's unzipped bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Checksum {
    /// SHA-256, in lower-case hexadecimal digits.
    pub(super) sha256: String,
    /// Number of bytes.
    pub(super) bytes: u64,
    /// Whether the file is zipped.
    pub(super) zipped: bool,
}

/// Checksum of a file's unzipped bytes. It stops right after `expected_bytes`, so that a small file
/// that unzips to a huge one costs no more than the right file does.
///
/// # Errors
/// [`DataError::File`], [`DataError::Gzip`].
pub(super) fn checksum(path: &Path, expected_bytes: u64) -> Result<Checksum, DataError> {
    let mut file = Unzipped::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    while file.offset <= expected_bytes {
        let count = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(source) => return Err(file.explain(source)),
        };
        hash.update(&buffer[..count]);
    }
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Checksum { sha256, bytes: file.offset, zipped: file.zipped })
}
