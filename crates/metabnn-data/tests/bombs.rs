//! Small files that say, or unzip to, far more than they are: refused without the memory for it.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write;
use std::path::Path;

use allocation_counter::measure;
use flate2::Compression;
use flate2::write::GzEncoder;
use metabnn_data::{DataError, load};
use tempfile::tempdir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Zeros that a bomb unzips to.
const BOMB: usize = 48 << 20;
/// What reading may take: buffers, and the tables of the decoder.
const ALLOWED: u64 = 2 << 20;

/// `start`, then so many zeros, zipped.
fn gzip(start: &[u8], zeros: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(start).unwrap();
    let block = vec![0; 1 << 20];
    (0..zeros >> 20).for_each(|_| encoder.write_all(&block).unwrap());
    encoder.write_all(&block[..zeros % (1 << 20)]).unwrap();
    encoder.finish().unwrap()
}

/// The header of an IDX file.
fn header(sizes: &[u32]) -> Vec<u8> {
    let start = [0, 0, 8, sizes.len() as u8];
    start.into_iter().chain(sizes.iter().flat_map(|size| size.to_be_bytes())).collect()
}

/// The error of `load`, after little memory.
fn refused(name: &str, folder: &Path) -> DataError {
    let mut error = None;
    let taken = measure(|| error = load(name, Some(folder)).err());
    let error = error.unwrap();
    assert!(taken.bytes_max < ALLOWED, "{} bytes for {error}", taken.bytes_max);
    error
}

#[test]
fn zipped_images_whose_header_lies_are_refused_unread() {
    let bomb = |start: &[u8]| gzip(start, BOMB);
    let small = |start: &[u8], bytes| gzip(start, bytes);
    let images = header(&[3, 28, 28]);
    let many = BOMB as u32;
    // Images, labels, and what is said.
    let cases = [
        // A shape that is not the set's.
        (bomb(&header(&[1, 4096, 4096])), small(&header(&[1]), 1), "28 x 28 pixels, got 4096 x 4096"),
        (bomb(&header(&[many / 784, 28, 28])), small(&header(&[3]), 3), "but"),
        // As many labels as the bomb has zeros, and images that cannot be there.
        (small(&header(&[many, 28, 28]), 784), bomb(&header(&[many])), "as the header says"),
        (small(&images, 3 * 784), bomb(&header(&[many])), "but"),
        // More than any file of that size unzips to.
        (small(&header(&[u32::MAX, 28, 28]), 784), small(&header(&[u32::MAX]), 3), "as the header says"),
        (small(&header(&[u32::MAX; 3]), 784), small(&header(&[3]), 3), "fit in memory"),
        // The header is right, and then there is no end.
        (bomb(&images), small(&header(&[3]), 3), "more bytes"),
        (small(&images, 3 * 784), bomb(&header(&[3])), "more bytes"),
    ];
    for (images, labels, says) in cases {
        let folder = tempdir().unwrap();
        let set = folder.path().join("mnist");
        fs::create_dir(&set).unwrap();
        for split in ["train", "t10k"] {
            fs::write(set.join(format!("{split}-images-idx3-ubyte.gz")), &images).unwrap();
            fs::write(set.join(format!("{split}-labels-idx1-ubyte.gz")), &labels).unwrap();
        }
        let error = refused("mnist", folder.path()).to_string();
        assert!(error.contains(says), "{says:?} is not in: {error}");
    }
}

/// The start of an array: its header.
fn npy(kind: &str, shape: &str) -> Vec<u8> {
    let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.bytes());
    bytes
}

#[test]
fn zipped_arrays_whose_header_lies_are_refused_unread() {
    let numbers = BOMB / 8;
    let many = format!("{numbers},");
    // Headers of train_x and train_y with the zeros behind them, and what is said.
    let cases = [
        (npy("<f8", &format!("{numbers}, 1")), BOMB, npy("<i8", "3,"), 24, "3 samples"),
        (npy("<f8", "3, 2"), 48, npy("<i8", &many), BOMB, "samples, one for each label"),
        (npy("<f8", &format!("{numbers}, 900")), 48, npy("<i8", &many), BOMB, "as its header says"),
        (npy("<f8", &format!("3, {}", 1_u64 << 50)), 48, npy("<i8", "3,"), 24, "as its header says"),
        (npy("<f8", &format!("3, {}", u64::MAX)), 48, npy("<i8", "3,"), 24, "fits in memory"),
        (npy("<f8", "3, 2"), BOMB, npy("<i8", "3,"), 24, "more bytes"),
    ];
    for (features, zeros, labels, of_labels, says) in cases {
        let folder = tempdir().unwrap();
        let mut archive = ZipWriter::new(fs::File::create(folder.path().join("mine.npz")).unwrap());
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        let arrays = [("train_x", &features, zeros), ("train_y", &labels, of_labels)];
        let tests = [("test_x", &npy("<f8", "3, 2"), 48), ("test_y", &npy("<i8", "3,"), 24)];
        for (name, start, zeros) in arrays.into_iter().chain(tests) {
            archive.start_file(format!("{name}.npy"), options).unwrap();
            archive.write_all(start).unwrap();
            let block = vec![0; 1 << 20];
            (0..zeros >> 20).for_each(|_| archive.write_all(&block).unwrap());
            archive.write_all(&block[..zeros % (1 << 20)]).unwrap();
        }
        archive.finish().unwrap();
        let error = refused("mine.npz", folder.path()).to_string();
        assert!(error.contains(says), "{says:?} is not in: {error}");
    }
}
