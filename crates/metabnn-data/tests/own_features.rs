//! Features of one's own, as NumPy writes them: what is read, and what is said of arrays that are not right.

// Helpers of tests may fail the test.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::path::Path;

use metabnn::data::{Dataset, Shape};
use metabnn_data::{find, load};
use ndarray::{Array1, Array2, ArrayD, Ix1, Ix2, ShapeBuilder};
use ndarray_npy::{NpzWriter, WritableElement, WriteNpyExt, write_npy};
use tempfile::TempDir;

/// Four training samples of three features; two test samples, of which one has the largest label.
fn train_x() -> Array2<f32> {
    Array2::from_shape_fn((4, 3), |(row, column)| row as f32 - 0.25 * column as f32)
}

fn test_x() -> Array2<f32> {
    Array2::from_shape_fn((2, 3), |(row, column)| 10.0 * row as f32 + column as f32)
}

fn labels<T: From<u8>>(labels: &[u8]) -> Array1<T> {
    labels.iter().map(|&label| T::from(label)).collect()
}

/// The bytes of an array as an `.npy` file.
fn npy<T: WritableElement, D: ndarray::Dimension>(array: &ndarray::Array<T, D>) -> Vec<u8> {
    let mut bytes = Vec::new();
    array.write_npy(&mut bytes).unwrap();
    bytes
}

/// An `.npy` file of version 1 with this header and these bytes after it.
fn raw(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// A folder of the four files, some of them replaced by other bytes (or left out: none).
struct Folder(TempDir);

impl Folder {
    fn with(replaced: &[(&str, Option<Vec<u8>>)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::create_dir(folder.0.path().join("mine")).unwrap();
        for (array, bytes) in [
            ("train_x", npy(&train_x())),
            ("train_y", npy(&labels::<i64>(&[1, 0, 2, 1]))),
            ("test_x", npy(&test_x())),
            ("test_y", npy(&labels::<i64>(&[4, 0]))),
        ] {
            let bytes = match replaced.iter().find(|(name, _)| *name == array) {
                Some((_, bytes)) => bytes.clone(),
                None => Some(bytes),
            };
            if let Some(bytes) = bytes {
                fs::write(folder.0.path().join("mine").join(format!("{array}.npy")), bytes).unwrap();
            }
        }
        folder
    }

    fn load(&self) -> Result<Dataset, metabnn_data::DataError> {
        load("mine", Some(self.0.path()))
    }

    /// What is wrong with `array`, after the name of its file.
    fn error(&self, array: &str) -> String {
        let path = self.0.path().join("mine").join(format!("{array}.npy"));
        let message = self.load().unwrap_err().to_string();
        let start = format!("{}: array {array}: expected ", path.display());
        message.strip_prefix(&start).unwrap_or_else(|| panic!("{message}")).to_owned()
    }
}

/// What is wrong with `array` where it has these bytes.
fn error(array: &str, bytes: Vec<u8>) -> String {
    Folder::with(&[(array, Some(bytes))]).error(array)
}

fn sample(samples: &metabnn::data::Samples, index: usize) -> &[f32] {
    samples.features().unwrap().sample(index)
}

fn assert_is_the_set(set: &Dataset) {
    assert_eq!((set.train.len(), set.test.len(), set.train.classes(), set.test.classes()), (4, 2, 5, 5));
    assert_eq!(set.train.shape(), Shape::features(3));
    assert_eq!([0, 1, 2, 3].map(|index| set.train.label(index)), [1, 0, 2, 1]);
    assert_eq!(sample(&set.train, 2), [2.0, 1.75, 1.5]);
    assert_eq!(sample(&set.test, 1), [10.0, 11.0, 12.0]);
    assert_eq!(set.test.label(0), 4);
}

#[test]
fn a_folder_of_arrays_is_a_data_set() {
    let set = Folder::with(&[]).load().unwrap();
    assert_eq!(set.name, "mine");
    assert_is_the_set(&set);
}

fn write_archive<T: From<u8> + WritableElement>(path: &Path, compressed: bool) {
    let file = File::create(path).unwrap();
    let mut archive = if compressed { NpzWriter::new_compressed(file) } else { NpzWriter::new(file) };
    archive.add_array("train_x", &train_x().mapv(f64::from)).unwrap();
    archive.add_array("train_y", &labels::<T>(&[1, 0, 2, 1])).unwrap();
    archive.add_array("test_x", &test_x()).unwrap();
    archive.add_array("test_y", &labels::<T>(&[4, 0])).unwrap();
    archive.finish().unwrap();
}

#[test]
fn an_archive_is_a_data_set_with_labels_of_any_integer_type() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.npz");
    for compressed in [false, true] {
        for write in [
            write_archive::<u8>,
            write_archive::<u16>,
            write_archive::<u32>,
            write_archive::<u64>,
            write_archive::<i16>,
            write_archive::<i32>,
            write_archive::<i64>,
        ] {
            write(&path, compressed);
            assert_is_the_set(&load("mine.npz", Some(folder.path())).unwrap());
        }
    }
    // An absolute path needs no folder.
    assert_is_the_set(&load(path.to_str().unwrap(), None).unwrap());
    let signed: Array1<i8> = Array1::from_vec(vec![4, 0]);
    assert_is_the_set(&Folder::with(&[("test_y", Some(npy(&signed)))]).load().unwrap());
}

#[test]
fn columns_first_and_big_endian_are_read_as_what_they_are() {
    let mut columns_first = Array2::<f32>::zeros((4, 3).f());
    columns_first.assign(&train_x());
    let bytes = npy(&columns_first);
    assert!(String::from_utf8_lossy(&bytes).contains("'fortran_order': True"));
    let header = "{'descr': '>f8', 'fortran_order': False, 'shape': (2, 3), }";
    let data: Vec<u8> = test_x().iter().flat_map(|value| f64::from(*value).to_be_bytes()).collect();
    let folder = Folder::with(&[("train_x", Some(bytes)), ("test_x", Some(raw(header, &data)))]);
    assert_is_the_set(&folder.load().unwrap());
}

#[test]
fn the_wrong_type_or_number_of_dimensions_is_told() {
    assert_eq!(
        error("train_x", npy(&train_x().mapv(|x| x as i32))),
        "numbers of type float32 or float64, got '<i4'"
    );
    assert_eq!(
        error("train_y", npy(&train_x().column(0).to_owned())),
        "whole numbers, such as int64, got '<f4'"
    );
    let cube = ArrayD::<f32>::zeros(vec![4, 3, 1]);
    assert_eq!(error("train_x", npy(&cube)), "2 dimensions (samples, features), got 3 (4 x 3 x 1)");
    let flat = train_x().into_shape_with_order(12).unwrap();
    assert_eq!(error("train_x", npy::<f32, Ix1>(&flat)), "2 dimensions (samples, features), got 1 (12)");
    assert_eq!(error("train_y", npy::<f32, Ix2>(&train_x())), "1 dimension (samples), got 2 (4 x 3)");
    let scalar = raw("{'descr': '<i8', 'fortran_order': False, 'shape': (), }", &[0; 8]);
    assert_eq!(error("test_y", scalar), "1 dimension (samples), got a single number");
    assert_eq!(
        error("train_x", npy(&Array2::<f32>::zeros((4, 0)))),
        "at least 1 of everything, got 2 (4 x 0)"
    );
    let text = raw("{'descr': '|S3', 'fortran_order': False, 'shape': (4,), }", &[0; 12]);
    assert_eq!(error("train_y", text), "whole numbers, such as int64, got '|S3'");
    let objects = raw("{'descr': '|O', 'fortran_order': False, 'shape': (4,), }", &[0; 12]);
    assert_eq!(error("train_y", objects), "whole numbers, such as int64, got '|O'");
}

#[test]
fn arrays_that_do_not_fit_each_other_are_told() {
    assert_eq!(error("train_x", npy(&test_x())), "4 samples, one for each label of train_y, got 2");
    let wide = Array2::<f32>::zeros((2, 5));
    assert_eq!(error("test_x", npy(&wide)), "3 features, as in train_x, got 5");
}

#[test]
fn values_that_no_network_can_take_are_told_with_their_place() {
    for (value, got) in [(f64::NAN, "NaN"), (f64::NEG_INFINITY, "-inf"), (1e300, "inf")] {
        for columns_first in [false, true] {
            let mut values = Array2::<f64>::zeros((4, 3).set_f(columns_first));
            values[[2, 1]] = value;
            let message = format!("finite numbers, as f32, got {got} in row 2, column 1 (counting from 0)");
            assert_eq!(error("train_x", npy(&values)), message);
        }
    }
    for (value, got) in [(-1, "-1"), (256, "256"), (i64::MAX, "9223372036854775807")] {
        let labels: Array1<i64> = Array1::from_vec(vec![0, 255, 3, value]);
        let message = format!("labels from 0 to 255, got {got} in row 3 (counting from 0)");
        assert_eq!(error("train_y", npy(&labels)), message);
    }
    let all = Folder::with(&[("train_y", Some(npy(&labels::<u8>(&[0, 255, 3, 1]))))]).load().unwrap();
    assert_eq!(all.train.classes(), 256, "a label may be any byte");
}

#[test]
fn a_missing_array_is_named() {
    for array in ["train_x", "train_y", "test_x", "test_y"] {
        let says = Folder::with(&[(array, None)]).error(array);
        assert!(says.starts_with("a file of this name, got "), "{says}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.npz");
    let mut archive = NpzWriter::new(File::create(&path).unwrap());
    archive.add_array("train_y", &labels::<u8>(&[0, 1])).unwrap();
    archive.finish().unwrap();
    let message = load("mine.npz", Some(folder.path())).unwrap_err().to_string();
    let path = path.display();
    assert_eq!(message, format!("{path}: array test_y: expected to be in the archive, got train_y.npy"));
}

#[test]
fn a_header_is_not_believed() {
    let header = |shape: &str| format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    // A terabyte of numbers, in a file of twelve.
    let says = error("train_x", raw(&header("(4, 99999999999)"), &[0; 48]));
    assert_eq!(says, "399999999996 numbers of 4 bytes, as its header says, got a file of 127 bytes");
    for shape in [
        "(-4, 3)",
        "4",
        "(4, 3",
        "(4; 3)",
        "(4, 4611686018427387904)",
        "(4294967296, 4294967296, 4)",
        &format!("({})", "(".repeat(500)),
    ] {
        let says = error("train_x", raw(&header(shape), &[0; 48]));
        assert!(
            says.starts_with("the header of an array of plain numbers that fits in memory, got {'descr'"),
            "{says}"
        );
    }
    for length in [0, 5, 11, 60, 130] {
        let bytes = npy(&train_x())[..length].to_vec();
        let says = error("train_x", bytes);
        assert!(says.contains(", got "), "{says}");
    }
    let longer = [npy(&train_x()), vec![0]].concat();
    assert_eq!(error("train_x", longer), "the end after 12 numbers, got more bytes");
    assert_eq!(
        error("train_x", b"PK\x03\x04 this is no array".to_vec()),
        "an array in NumPy's format, got a file that begins with [50, 4b, 03, 04, 20, 74]"
    );
    let mut huge = b"\x93NUMPY\x02\x00".to_vec();
    huge.extend(u32::MAX.to_le_bytes());
    assert_eq!(error("train_x", huge), "a header of at most 4096 bytes, got 4294967295 bytes");
}

#[test]
fn a_file_that_is_no_archive_or_a_damaged_one_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.npz");
    let says = || load("mine.npz", Some(folder.path())).unwrap_err().to_string();
    fs::write(&path, b"no zip file at all").unwrap();
    let start = format!(
        "{}: expected an .npz archive of NumPy arrays, got another or a damaged file: ",
        path.display()
    );
    assert!(says().starts_with(&start), "{}", says());
    write_archive::<u8>(&path, false);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(says().starts_with(&start), "{}", says());
    // One bit of the last training label: the archive's checksum does not hold.
    let mut damaged = whole.clone();
    let at = whole.windows(4).position(|bytes| bytes == [1, 0, 2, 1]).unwrap();
    damaged[at + 3] ^= 2;
    fs::write(&path, damaged).unwrap();
    let start = format!("{}: array train_y: expected an array that can be read, got ", path.display());
    assert!(says().starts_with(&start), "{}", says());
}

#[test]
fn a_path_is_looked_for_where_it_should_be() {
    let folder = tempfile::tempdir().unwrap();
    let message = load("sub/none.npz", Some(folder.path())).unwrap_err().to_string();
    let looked = folder.path().join("sub/none.npz");
    assert_eq!(message, format!("features `sub/none.npz` are not here: looked for {}", looked.display()));
    let message = load("no-such-folder", Some(folder.path())).unwrap_err().to_string();
    assert!(message.starts_with("no data set `no-such-folder`; there are: mnist, "), "{message}");
    assert!(
        message.ends_with("a folder with train_x.npy, train_y.npy, test_x.npy and test_y.npy"),
        "{message}"
    );
    assert!(find("mine.npz").unwrap_err().to_string().starts_with("`mine.npz` is not of the catalogue"));
    // A name of the catalogue is the catalogue's, whatever lies about.
    let glyphs = folder.path().join("glyphs");
    fs::create_dir(&glyphs).unwrap();
    write_npy(glyphs.join("train_x.npy"), &train_x()).unwrap();
    assert!(load("glyphs", Some(folder.path())).unwrap().train.images().is_some());
}
