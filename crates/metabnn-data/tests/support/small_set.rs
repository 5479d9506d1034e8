//! A small data set, a catalogue entry for it, and a folder to download it into.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use metabnn::data::Shape;
use metabnn_data::catalogue::{Files, SetFile};
use metabnn_data::fetch::{FetchOptions, fetch};
use metabnn_data::{DataError, Entry, FileState, Source};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::server::Server;

pub const TRAIN_IMAGES: &str = "train-images";

/// The files of a small set: 40 training and 10 test images of 20 x 20 pixels that do not compress.
pub fn content(name: &str) -> Option<Vec<u8>> {
    let (count, images) = match name {
        "train-images" => (40_u32, true),
        "train-labels" => (40, false),
        "test-images" => (10, true),
        "test-labels" => (10, false),
        _ => return None,
    };
    let mut bytes = vec![0, 0, 8, if images { 3 } else { 1 }];
    bytes.extend(count.to_be_bytes());
    if images {
        bytes.extend([0, 0, 0, 20, 0, 0, 0, 20]);
    }
    let mut state = count;
    for index in 0..count * if images { 400 } else { 1 } {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.push(if images { (state >> 24) as u8 } else { (index % 10) as u8 });
    }
    Some(bytes)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// What a server of the set has at a path: its last part is the file.
pub fn zipped(path: &str) -> Option<Vec<u8>> {
    let name = path.rsplit('/').next()?.strip_suffix(".gz")?;
    content(name).map(|bytes| gzip(&bytes))
}

fn set_file(name: &'static str) -> SetFile {
    let bytes = content(name).unwrap();
    let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    SetFile { name: name.into(), bytes: bytes.len() as u64, sha256: sha256.into() }
}

pub fn entry(mirrors: &[&Server]) -> Entry {
    Entry {
        name: "small".into(),
        title: "A small set".into(),
        shape: Shape::grey(20, 20),
        classes: 10,
        train: 40,
        test: 10,
        source: Source::Files(Box::new(Files {
            train_images: set_file(TRAIN_IMAGES),
            train_labels: set_file("train-labels"),
            test_images: set_file("test-images"),
            test_labels: set_file("test-labels"),
            mirrors: mirrors.iter().map(|server| server.url().into()).collect(),
            folders: Vec::new(),
            origin: "It was made up.".into(),
        })),
    }
}

pub fn impatient() -> FetchOptions {
    FetchOptions {
        connect_timeout: Duration::from_secs(5),
        stall_timeout: Duration::from_secs(1),
        ..FetchOptions::default()
    }
}

/// A folder for data and what a download into it told.
pub struct Run {
    pub data: TempDir,
    pub told: Vec<String>,
}

impl Run {
    pub fn new() -> Self {
        Self { data: tempfile::tempdir().unwrap(), told: Vec::new() }
    }

    pub fn fetch(&mut self, entry: &Entry) -> Result<Vec<PathBuf>, DataError> {
        let told = &mut self.told;
        fetch(entry, self.data.path(), &impatient(), &mut |progress| told.push(format!("{progress:?}")))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.data.path().join("small").join(name)
    }

    /// The names in the folder of the set, but for the lock.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.path(""))
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != ".lock")
            .collect();
        names.sort();
        names
    }

    /// The set is there, right, loads, and nothing else lies beside it.
    pub fn assert_complete(&self, entry: &Entry) {
        assert_eq!(
            self.names(),
            ["test-images.gz", "test-labels.gz", "train-images.gz", "train-labels.gz"],
            "{:#?}",
            self.told
        );
        let reports = entry.verify(Some(self.data.path())).unwrap();
        assert!(reports.iter().all(|report| report.state == FileState::Right), "{reports:?}");
        let set = entry.load(Some(self.data.path())).unwrap();
        assert_eq!((set.train.len(), set.test.len()), (40, 10));
        assert_eq!(set.train.images().unwrap().image(39), &content(TRAIN_IMAGES).unwrap()[16 + 39 * 400..]);
    }
}
