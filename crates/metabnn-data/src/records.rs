//! Files of binary records, the format of CIFAR-10 and CIFAR-100: the bytes of the labels, then the pixels of one
//! image, channel by channel, again and again until the file ends.

use std::borrow::Cow;
use std::path::Path;

use super::catalogue::{Entry, Source};
use super::idx::locate;
use super::load::{FileReport, FileState};
use super::unzip::{Unzipped, checksum};
use super::{DataError, Images, Shape};

/// A data set in files of records.
///
/// The files are not downloaded: they are published together, in one archive.
#[derive(Clone, Debug)]
pub struct Records {
    /// The bytes before an image: what each says and how many classes it tells apart. The last one is the label.
    pub labels: &'static [(&'static str, usize)],
    /// Files of the training images, in order.
    pub train: Vec<RecordFile>,
    /// Files of the test images, in order.
    pub test: Vec<RecordFile>,
    /// The folder that the published archive unpacks to.
    pub folder: Cow<'static, str>,
    /// Where the archive is published and what to do with it.
    pub origin: Cow<'static, str>,
}

/// How many times larger than the published file one of one's own may be if it is zipped.
const LARGER: u64 = 16;

/// One file of records.
#[derive(Clone, Debug)]
pub struct RecordFile {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Bytes of the published file.
    pub bytes: u64,
}

impl Records {
    /// All files, those of the training images first.
    pub fn iter(&self) -> impl Iterator<Item = &RecordFile> {
        self.train.iter().chain(&self.test)
    }

    /// Training and test images of `shape`, from the files in `folder`.
    ///
    /// # Errors
    /// [`DataError::Missing`], [`DataError::File`], [`DataError::Gzip`]; [`DataError::Malformed`] for a file that is no
    /// whole number of records, or has a label that is no class.
    pub(super) fn read(&self, folder: &Path, shape: Shape) -> Result<(Images, Images), DataError> {
        Ok((self.read_split(&self.train, folder, shape)?, self.read_split(&self.test, folder, shape)?))
    }

    fn read_split(&self, files: &[RecordFile], folder: &Path, shape: Shape) -> Result<Images, DataError> {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for file in files {
            let path = locate(&folder.join(&*file.name))?;
            let bytes = self.read_file(&path, file.bytes, self.labels.len() + shape.width())?;
            for (index, record) in bytes.chunks_exact(self.labels.len() + shape.width()).enumerate() {
                let (before, image) = record.split_at(self.labels.len());
                self.check(&path, index * record.len(), before)?;
                labels.extend(before.last());
                pixels.extend_from_slice(image);
            }
        }
        Ok(Images::of_shape(shape, self.classes(), pixels, labels)?)
    }

    /// Number of classes.
    fn classes(&self) -> usize {
        self.labels.last().map_or(0, |(_, classes)| *classes)
    }

    /// The bytes of a file, if they are at least one record and no part of one; `published` is their usual number.
    fn read_file(&self, path: &Path, published: u64, record: usize) -> Result<Vec<u8>, DataError> {
        let mut file = Unzipped::open(path)?;
        let whole = |length: u64| {
            let left = length % record as u64;
            if length > 0 && left == 0 {
                return Ok(());
            }
            let kinds: Vec<&str> = self.labels.iter().map(|(kind, _)| *kind).collect();
            Err(DataError::Malformed {
                path: path.into(),
                what: "record",
                offset: length - left,
                expected: format!("{record} bytes ({}, {} pixels)", kinds.join(", "), record - kinds.len()),
                got: format!("{left} bytes (the file is cut short, or not of this format)"),
            })
        };
        // A plain file tells its length: nothing is read when that is wrong.
        file.known_length().map_or(Ok(()), whole)?;
        // A small zipped file may unzip to anything.
        let most = file.known_length().unwrap_or_else(|| published.saturating_mul(LARGER));
        let bytes = file.read_at_most(most.saturating_add(1))?;
        if bytes.len() as u64 > most {
            return Err(DataError::Malformed {
                path: path.into(),
                what: "surplus",
                offset: most,
                expected: format!("the end of the file after at most {most} bytes of records"),
                got: "more bytes".into(),
            });
        }
        whole(bytes.len() as u64)?;
        Ok(bytes)
    }

    /// Refuses a byte before an image that tells none of its classes; `offset` is that of the first of them.
    fn check(&self, path: &Path, offset: usize, before: &[u8]) -> Result<(), DataError> {
        let kinds = before.iter().zip(self.labels).enumerate();
        match kinds.into_iter().find(|(_, (byte, (_, classes)))| usize::from(**byte) >= *classes) {
            None => Ok(()),
            Some((place, (byte, (what, classes)))) => Err(DataError::Malformed {
                path: path.into(),
                what,
                offset: (offset + place) as u64,
                expected: format!("a class from 0 to {}", classes - 1),
                got: byte.to_string(),
            }),
        }
    }
}

impl RecordFile {
    const fn new(name: &'static str, bytes: u64) -> Self {
        Self { name: Cow::Borrowed(name), bytes }
    }

    /// Whether this file in `folder` has the published size.
    pub(super) fn report(&self, folder: &Path) -> FileReport {
        let plain = folder.join(&*self.name);
        let Ok(path) = locate(&plain) else {
            return FileReport { path: plain, state: FileState::Missing };
        };
        let state = match checksum(&path, self.bytes) {
            Ok(found) if found.bytes == self.bytes => FileState::NoChecksum,
            Ok(found) => FileState::Size { expected: self.bytes, got: found.bytes },
            Err(error) => FileState::Unreadable(error.to_string()),
        };
        FileReport { path, state }
    }
}

/// Colour images of 32 x 32 pixels.
const COLOUR: Shape = Shape { channels: 3, rows: 32, columns: 32 };

pub(super) fn cifar_10() -> Entry {
    const BATCH: u64 = 10_000 * 3_073;
    Entry {
        name: "cifar-10".into(),
        title: "CIFAR-10: small photographs of vehicles and animals".into(),
        shape: COLOUR,
        classes: 10,
        train: 50_000,
        test: 10_000,
        source: Source::Records(Box::new(Records {
            labels: &[("label", 10)],
            train: vec![
                RecordFile::new("data_batch_1.bin", BATCH),
                RecordFile::new("data_batch_2.bin", BATCH),
                RecordFile::new("data_batch_3.bin", BATCH),
                RecordFile::new("data_batch_4.bin", BATCH),
                RecordFile::new("data_batch_5.bin", BATCH),
            ],
            test: vec![RecordFile::new("test_batch.bin", BATCH)],
            folder: "cifar-10-batches-bin".into(),
            origin: "unpack the archive cifar-10-binary.tar.gz (MD5 c32a1d4ab5d03f1284b67883e8d87530) that Krizhevsky, \
                     Nair and Hinton publish at https://www.cs.toronto.edu/~kriz/cifar.html"
                .into(),
        })),
    }
}

pub(super) fn cifar_100() -> Entry {
    const IMAGE: u64 = 3_074;
    Entry {
        name: "cifar-100".into(),
        title: "CIFAR-100: small photographs of a hundred kinds of things".into(),
        shape: COLOUR,
        classes: 100,
        train: 50_000,
        test: 10_000,
        source: Source::Records(Box::new(Records {
            labels: &[("coarse label", 20), ("label", 100)],
            train: vec![RecordFile::new("train.bin", 50_000 * IMAGE)],
            test: vec![RecordFile::new("test.bin", 10_000 * IMAGE)],
            folder: "cifar-100-binary".into(),
            origin: "unpack the archive cifar-100-binary.tar.gz (MD5 03b5dce01913d631647c71ecec9e9cb8) that Krizhevsky, \
                     Nair and Hinton publish at https://www.cs.toronto.edu/~kriz/cifar.html"
                .into(),
        })),
    }
}
