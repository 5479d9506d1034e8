//! Data sets: IDX files, binary records, NumPy arrays.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use metabnn::data::{Dataset, Images, Shape};
use metabnn_data::idx::{read_images, write_images};
use metabnn_data::{Entry, RecordFile, Records, Source, load};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::Allowance;
use crate::files::{Folder, split};

/// Classes of the labels in IDX files.
const CLASSES: usize = 10;

/// Number of bytes before an image of [`record_set`], and of its pixels.
pub(crate) const RECORD: (usize, usize) = (2, 12);

/// The four arrays of a set of features.
pub(crate) const ARRAYS: [&str; 4] = ["train_x", "train_y", "test_x", "test_y"];

thread_local! {
    static FOLDER: Folder = Folder::new();
}

/// `bytes` as a gzip file.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes what is written")
}

/// First bytes of a gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Labels and images in plain files; zipped, they are read, or refused, as well.
pub(crate) fn idx(allowance: &Allowance, input: &[u8]) -> bool {
    let [labels, images] = split(input);
    if labels.starts_with(&GZIP) || images.starts_with(&GZIP) {
        return false;
    }
    let plain = read_idx(allowance, input.len(), labels, images);
    let (labels, images) = (gzip(labels), gzip(images));
    let zipped = read_idx(&Allowance { constant: ZIPPED, ..*allowance }, input.len(), &labels, &images);
    // Where both files are wrong, either may be told: how long a zipped one is is known when it is read.
    assert_eq!(
        plain.as_ref().ok(),
        zipped.as_ref().ok(),
        "plain and zipped files are read in different ways"
    );
    plain.is_ok()
}

/// Memory for unzipping.
const ZIPPED: u64 = 512 << 10;

/// Labels and images in files that are zipped, or not, as their first bytes say.
pub(crate) fn idx_gzip(allowance: &Allowance, input: &[u8]) -> bool {
    let [labels, images] = split(input);
    read_idx(allowance, input.len(), labels, images).is_ok()
}

/// The images in two files. What is accepted is written and read back.
fn read_idx(allowance: &Allowance, bytes: usize, labels: &[u8], images: &[u8]) -> Result<Images, String> {
    FOLDER.with(|folder| {
        let (images, labels) = (folder.write("images", images), folder.write("labels", labels));
        let read = allowance.within(bytes, || {
            let read = read_images(&images, &labels, CLASSES);
            read.map_err(|error| error.to_string())
        })?;
        assert_eq!(read.pixels().len(), read.len() * read.width());
        assert!(read.labels().iter().all(|label| usize::from(*label) < CLASSES));
        write_images(&read, &images, &labels).expect("what was read can be written");
        let again = read_images(&images, &labels, CLASSES).expect("what was written can be read");
        assert!(again == read, "what was written reads back as other images");
        Ok(read)
    })
}

/// A set of records in two files, with two labels before each image of 3 x 2 x 2 pixels.
fn record_set() -> Entry {
    let file = |name: &'static str| RecordFile { name: name.into(), bytes: 1 << 10 };
    Entry {
        name: "records".into(),
        title: "".into(),
        shape: Shape { channels: 3, rows: 2, columns: 2 },
        classes: 100,
        train: 0,
        test: 0,
        source: Source::Records(Box::new(Records {
            labels: &[("coarse label", 20), ("label", 100)],
            train: vec![file("train.bin")],
            test: vec![file("test.bin")],
            folder: "unpacked".into(),
            origin: "".into(),
        })),
    }
}

/// Training and test records.
pub(crate) fn records(allowance: &Allowance, input: &[u8]) -> bool {
    let [train, test] = split(input);
    FOLDER.with(|folder| {
        folder.write("records/train.bin", train);
        folder.write("records/test.bin", test);
        let entry = record_set();
        let set = allowance.within(input.len(), || entry.load(Some(folder.path())));
        let Ok(set) = set.map_err(|error| assert!(!error.to_string().is_empty())) else { return false };
        for (file, samples) in [(train, &set.train), (test, &set.test)] {
            let images = samples.images().expect("records are images");
            assert_eq!(images.pixels().len(), images.len() * RECORD.1);
            if !file.starts_with(&GZIP) {
                let pixels: Vec<u8> = file
                    .chunks_exact(RECORD.0 + RECORD.1)
                    .flat_map(|record| &record[RECORD.0..])
                    .copied()
                    .collect();
                assert!(images.pixels() == pixels, "other pixels than those of the file");
            }
        }
        true
    })
}

/// Whether both are the same to the bit, names aside.
fn same(one: &Dataset, other: &Dataset) -> bool {
    one.train == other.train && one.test == other.test
}

fn check_features(set: &Dataset) {
    for samples in [&set.train, &set.test] {
        let features = samples.features().expect("arrays are features");
        for index in 0..features.len() {
            assert!(features.sample(index).iter().all(|value| value.is_finite()));
            assert!(usize::from(features.label(index)) < features.classes());
        }
    }
    assert_eq!(set.train.shape(), set.test.shape());
}

/// `arrays` as an `.npz` archive.
pub(crate) fn npz_of(arrays: [&[u8]; 4], method: CompressionMethod) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in ARRAYS.iter().zip(arrays) {
        let options = SimpleFileOptions::default().compression_method(method);
        archive.start_file(format!("{name}.npy"), options).expect("an archive in memory");
        archive.write_all(bytes).expect("an archive in memory");
    }
    archive.finish().expect("an archive in memory").into_inner()
}

/// The four arrays as files of a folder. What is accepted is the same in an archive.
pub(crate) fn npy(allowance: &Allowance, input: &[u8]) -> bool {
    let arrays: [&[u8]; 4] = split(input);
    FOLDER.with(|folder| {
        for (name, bytes) in ARRAYS.iter().zip(arrays) {
            folder.write(&format!("arrays/{name}.npy"), bytes);
        }
        let set = allowance.within(input.len(), || load("arrays", Some(folder.path())));
        let Ok(set) = set.map_err(|error| assert!(!error.to_string().is_empty())) else { return false };
        check_features(&set);
        folder.write("same.npz", &npz_of(arrays, CompressionMethod::Deflated));
        let zipped = load("same.npz", Some(folder.path())).expect("in an archive, it can be read as well");
        assert!(same(&set, &zipped), "in an archive, it reads as other features");
        true
    })
}

/// An archive of arrays.
pub(crate) fn npz(allowance: &Allowance, input: &[u8]) -> bool {
    FOLDER.with(|folder| {
        folder.write("arrays.npz", input);
        let set = allowance.within(input.len(), || load("arrays.npz", Some(folder.path())));
        let Ok(set) = set.map_err(|error| assert!(!error.to_string().is_empty())) else { return false };
        check_features(&set);
        true
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: &[u8] = &[0, 0, 8, 1, 0, 0, 0, 1, 7];

    #[test]
    fn a_zipped_file_costs_what_its_header_says_however_much_it_unzips_to() {
        let one_image = [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2];
        let bomb = gzip(&[&one_image[..], &vec![0; 64 << 20]].concat());
        let allowance = Allowance { factor: 6, constant: ZIPPED };
        let error =
            read_idx(&allowance, LABELS.len() + one_image.len(), LABELS, &bomb).expect_err("too long");
        assert!(error.contains("the end of the file after 4 bytes of images, got more bytes"), "{error}");
    }

    #[test]
    fn zipped_records_cost_a_multiple_of_the_published_file_at_most() {
        let allowance = Allowance { factor: 0, constant: 1 << 20 };
        let bomb = gzip(&vec![0; 4 << 20]);
        assert!(!records(&allowance, &crate::files::join([&bomb, &[0; 14]])));
    }
}
