//! IDX files, whole and broken: what is wrong is told with the file, the place and what would be right.

// Helpers of tests may fail the test.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use metabnn::data::Images;
use metabnn_data::idx::{read_images, write_images};
use metabnn_data::{DataError, FileState, find};
use proptest::prelude::*;
use tempfile::TempDir;

/// Three images of 2 x 2 pixels.
const IMAGES: &[u8] =
    &[0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2, 10, 11, 12, 13, 20, 21, 22, 23, 30, 31, 32, 33];
/// Their labels.
const LABELS: &[u8] = &[0, 0, 8, 1, 0, 0, 0, 3, 2, 0, 1];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A folder with a file of images and one of labels.
struct Pair {
    folder: TempDir,
}

impl Pair {
    fn new(images: &[u8], labels: &[u8]) -> Self {
        let pair = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(pair.images(), images).unwrap();
        fs::write(pair.labels(), labels).unwrap();
        pair
    }

    fn images(&self) -> PathBuf {
        self.folder.path().join("images")
    }

    fn labels(&self) -> PathBuf {
        self.folder.path().join("labels")
    }

    fn read(&self) -> Result<Images, DataError> {
        read_images(&self.images(), &self.labels(), 3)
    }

    /// What is said of the pair, without the name of the folder.
    fn message(&self) -> String {
        let folder = format!("{}{}", self.folder.path().display(), std::path::MAIN_SEPARATOR);
        self.read().unwrap_err().to_string().replace(&folder, "")
    }
}

/// What is said when the images are `images`, plain; that a zipped file gets the same is checked as well.
fn of_images(images: &[u8]) -> String {
    let plain = Pair::new(images, LABELS).message();
    assert_eq!(Pair::new(&gzip(images), LABELS).message(), plain);
    plain
}

fn of_labels(labels: &[u8]) -> String {
    let plain = Pair::new(IMAGES, labels).message();
    assert_eq!(Pair::new(IMAGES, &gzip(labels)).message(), plain);
    plain
}

fn changed(bytes: &[u8], index: usize, byte: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[index] = byte;
    bytes
}

#[test]
fn plain_and_zipped_files_are_read() {
    for (images, labels) in [(IMAGES.to_vec(), LABELS.to_vec()), (gzip(IMAGES), gzip(LABELS))] {
        let read = Pair::new(&images, &labels).read().unwrap();
        assert_eq!((read.len(), read.rows(), read.columns(), read.classes()), (3, 2, 2, 3));
        assert_eq!(read.image(1), [20, 21, 22, 23]);
        assert_eq!([read.label(0), read.label(1), read.label(2)], [2, 0, 1]);
    }
}

#[test]
fn gzip_is_known_by_its_bytes_and_found_by_its_name() {
    let pair = Pair::new(IMAGES, &gzip(LABELS));
    fs::rename(pair.images(), pair.folder.path().join("images.gz")).unwrap();
    assert_eq!(pair.read().unwrap().len(), 3);
}

#[test]
fn a_gzip_file_of_several_streams_is_one_file() {
    let streams = [gzip(&IMAGES[..10]), gzip(&[]), gzip(&IMAGES[10..])].concat();
    assert_eq!(Pair::new(&streams, LABELS).read().unwrap().image(2), [30, 31, 32, 33]);
}

#[test]
fn a_missing_file_is_told_with_both_names() {
    let pair = Pair::new(IMAGES, LABELS);
    fs::remove_file(pair.labels()).unwrap();
    assert_eq!(pair.message(), "found neither labels nor labels.gz");
    let folder = pair.folder.path();
    assert!(matches!(read_images(folder, &folder.join("images"), 3), Err(DataError::Malformed { .. })));
    assert!(matches!(read_images(&pair.images(), folder, 3), Err(DataError::File { .. })));
}

#[test]
fn a_broken_gzip_file_is_told() {
    let zipped = gzip(IMAGES);
    let message = |images: &[u8]| Pair::new(images, LABELS).message();
    let cut =
        "images: broken gzip file, after 28 unzipped bytes: it ends early (was the download cut short?)";
    assert_eq!(message(&zipped[..zipped.len() - 1]), cut);
    for length in 2..zipped.len() {
        let message = message(&zipped[..length]);
        assert!(message.ends_with("it ends early (was the download cut short?)"), "{length}: {message}");
    }
    let garbage = [&zipped, &b"garbage"[..]].concat();
    assert_eq!(
        message(&garbage),
        "images: broken gzip file, after 28 unzipped bytes: the stream has ended but more bytes follow, \
         the first is 0x67"
    );
    let checksum = changed(&zipped, zipped.len() - 8, !zipped[zipped.len() - 8]);
    let message = message(&checksum);
    assert!(message.starts_with("images: broken gzip file, after 28 unzipped bytes: "), "{message}");
    assert!(message.contains("checksum"), "{message}");
}

#[test]
fn a_wrong_header_is_told() {
    assert_eq!(
        of_images(b"PK\x03\x04 and so on"),
        "images: magic number at byte 0: expected 00 00, got 50 4b (not an IDX file)"
    );
    assert_eq!(
        of_images(&changed(IMAGES, 2, 0x0d)),
        "images: element type at byte 2: expected 0x08 (unsigned bytes), got 0x0d (32-bit floats)"
    );
    assert_eq!(
        of_images(&changed(IMAGES, 2, 0x00)),
        "images: element type at byte 2: expected 0x08 (unsigned bytes), got 0x00 (no type of IDX)"
    );
    assert_eq!(
        of_images(LABELS),
        "images: number of dimensions at byte 3: expected 3 (images), got 1 (labels)"
    );
    assert_eq!(
        of_labels(IMAGES),
        "labels: number of dimensions at byte 3: expected 1 (labels), got 3 (images)"
    );
    assert_eq!(
        of_images(&changed(IMAGES, 3, 4)),
        "images: number of dimensions at byte 3: expected 3 (images), got 4"
    );
    for length in [0, 3, 15] {
        let expected = format!("images: header at byte 0: expected 16 bytes (images), got {length} bytes");
        assert_eq!(of_images(&IMAGES[..length]), expected);
    }
}

#[test]
fn nothing_of_size_zero_is_an_image() {
    for (index, name) in [(7, "images"), (11, "rows"), (15, "columns")] {
        let expected = format!("images: number of {name} at byte {}: expected at least 1, got 0", index - 3);
        assert_eq!(of_images(&changed(IMAGES, index, 0)), expected);
    }
    assert_eq!(
        of_labels(&changed(LABELS, 7, 0)),
        "labels: number of labels at byte 4: expected at least 1, got 0"
    );
}

#[test]
fn a_wrong_length_is_told() {
    assert_eq!(
        of_images(&IMAGES[..27]),
        "images: images at byte 16: expected 12 bytes, as the header says, got 11 (the file is cut short, or \
         not what its header says)"
    );
    let longer = [IMAGES, &[0][..]].concat();
    assert_eq!(
        of_images(&longer),
        "images: surplus at byte 28: expected the end of the file after 12 bytes of images, got more bytes"
    );
}

/// A header alone must not cost memory: these would be 16 GiB, and more than any machine has.
#[test]
fn a_header_that_claims_too_much_is_told() {
    let mut header = IMAGES[..16].to_vec();
    header[4..16].copy_from_slice(&[0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 2, 0]);
    let mut labels = LABELS.to_vec();
    labels[4..8].copy_from_slice(&header[4..8]);
    labels.resize(8 + (1 << 16), 0);
    for images in [header.clone(), gzip(&header)] {
        assert_eq!(
            Pair::new(&images, &labels).message(),
            "images: images at byte 16: expected 17179869184 bytes, as the header says, got 0 (the file is cut \
             short, or not what its header says)"
        );
    }
    header[4..].fill(0xff);
    assert_eq!(
        of_images(&header),
        "images: sizes at byte 4: expected images that fit in memory, got 4294967295 x 4294967295 x 4294967295"
    );
}

#[test]
fn images_and_labels_must_belong_together() {
    let two = [0, 0, 8, 1, 0, 0, 0, 2, 0, 1];
    assert_eq!(of_labels(&two), "images holds 3 images but labels holds 2 labels");
    assert_eq!(
        of_labels(&changed(LABELS, 9, 3)),
        "labels: label at byte 9: expected a class from 0 to 2, got 3"
    );
}

#[test]
fn another_shape_than_the_catalogue_s_is_told() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("mnist");
    fs::create_dir(&folder).unwrap();
    for (images, labels) in [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
    ] {
        let small = Images::new(28, 28, 10, vec![7; 784], vec![9]).unwrap();
        write_images(&small, &folder.join(images), &folder.join(labels)).unwrap();
    }
    let entry = find("mnist").unwrap();
    let set = entry.load(Some(data.path())).unwrap();
    assert_eq!((set.train.len(), set.test.len()), (1, 1), "fewer images of the right shape are welcome");
    let reports = entry.verify(Some(data.path())).unwrap();
    assert!(reports.iter().all(|report| matches!(report.state, FileState::Own { .. })), "{reports:?}");

    let path = folder.join("train-images-idx3-ubyte");
    fs::write(&path, IMAGES).unwrap();
    fs::write(folder.join("train-labels-idx1-ubyte"), LABELS).unwrap();
    let message = entry.load(Some(data.path())).unwrap_err().to_string();
    let expected = format!("{}: images of data set `mnist` are 28 x 28 pixels, got 2 x 2", path.display());
    assert_eq!(message, expected);

    fs::write(&path, &gzip(IMAGES)[..20]).unwrap();
    fs::remove_file(folder.join("train-labels-idx1-ubyte")).unwrap();
    let states: Vec<_> =
        entry.verify(Some(data.path())).unwrap().into_iter().map(|report| report.state).collect();
    assert!(
        matches!(&states[0], FileState::Unreadable(reason) if reason.contains("it ends early")),
        "{states:?}"
    );
    assert_eq!(states[1], FileState::Missing);
}

#[test]
fn images_that_cannot_be_written_are_told() {
    let set = Images::new(1, 1, 1, vec![0], vec![0]).unwrap();
    let nowhere = Path::new("no/such/folder/images");
    let error = write_images(&set, nowhere, nowhere).unwrap_err();
    assert!(matches!(error, DataError::File { ref path, .. } if path == nowhere), "{error}");
}

#[test]
fn the_first_images_can_be_taken() {
    let all = Pair::new(IMAGES, LABELS).read().unwrap();
    let two = all.take(2);
    assert_eq!((two.len(), two.image(1), two.label(1), two.classes()), (2, all.image(1), all.label(1), 3));
    assert_eq!(all.take(9), all);
    assert!(all.take(0).is_empty());
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        (rows, columns, labels) in (1_usize..8, 1_usize..8, prop::collection::vec(0_u8..10, 1..20)),
        zip: bool,
        seed: u8,
    ) {
        let pixels = (0..rows * columns * labels.len()).map(|index| (index as u8).wrapping_mul(31) ^ seed).collect();
        let set = Images::new(rows, columns, 10, pixels, labels).unwrap();
        let pair = Pair::new(&[], &[]);
        write_images(&set, &pair.images(), &pair.labels()).unwrap();
        if zip {
            fs::write(pair.images(), gzip(&fs::read(pair.images()).unwrap())).unwrap();
        }
        prop_assert_eq!(read_images(&pair.images(), &pair.labels(), 10).unwrap(), set);
    }

    /// Nothing that a file holds makes the reader panic, and what it accepts is what the bytes say.
    #[test]
    fn no_bytes_make_it_panic(
        magic in prop::sample::select(vec![&[][..], &[0, 0, 8, 1], &[0, 0, 8, 3], &[0x1f, 0x8b, 8, 0]]),
        sizes in prop::collection::vec(0_u8..3, 0..13),
        rest in prop::collection::vec(any::<u8>(), 0..40),
        zip: bool,
    ) {
        let mut bytes = magic.to_vec();
        for size in sizes {
            bytes.extend([0, 0, 0, size]);
        }
        bytes.extend(&rest);
        let stored = if zip { gzip(&bytes) } else { bytes.clone() };
        for pair in [Pair::new(&stored, LABELS), Pair::new(IMAGES, &stored), Pair::new(&stored, &stored)] {
            match pair.read() {
                Ok(read) => prop_assert!(bytes.starts_with(&[0, 0, 8]) && read.len() == 3),
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }
}
