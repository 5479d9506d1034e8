//! Features from NumPy arrays: an `.npz` archive, or a folder of `.npy` files.
//!
//! A header is never believed: sizes are checked against the file, and against those of the other arrays, before anything
//! of that size is unzipped or allocated. It is a
//! Python dictionary of three keys, of which plain numbers need so little that it is read here: the crates for it parse
//! all of Python's literals, which takes compiled C and a way to grow the stack.

use std::fmt::Display;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use metabnn::{memory, text};
use zip::ZipArchive;
use zip::result::ZipError;

use super::unzip::MOST_OF_A_BYTE;
use super::{DataError, Dataset, Features};

/// The files of a folder, in words.
pub(super) const FILES: &str = "train_x.npy, train_y.npy, test_x.npy and test_y.npy";

/// Longest header, in bytes: that of an array of plain numbers has 128.
const MAX_HEADER: usize = 1 << 12;

/// What is wrong with an array.
struct Fault {
    expected: String,
    got: String,
}

fn fault<T>(expected: impl Into<String>, got: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { expected: expected.into(), got: got.into() })
}

/// Whether `folder` holds any of the four files.
pub(super) fn holds_any(folder: &Path) -> bool {
    ["train_x", "train_y", "test_x", "test_y"].iter().any(|array| npy(folder, array).is_file())
}

/// The features at `path`, an archive or a folder, as a data set called `name`.
///
/// # Errors
/// [`DataError::File`], [`DataError::Archive`], [`DataError::Array`].
pub(super) fn read(name: &str, path: &Path) -> Result<Dataset, DataError> {
    let mut place = Place::open(path)?;
    // A small archive can unzip to anything: all headers come first.
    let (train, test) = (place.count("train_y")?, place.count("test_y")?);
    let width = place.width("train_x", train, "train_y", None)?;
    place.width("test_x", test, "test_y", Some(width))?;
    // The labels first: they are small, so what is wrong with them is known at once.
    let (train_y, test_y) = (place.labels("train_y")?, place.labels("test_y")?);
    let classes = train_y.iter().chain(&test_y).max().map_or(0, |label| usize::from(*label) + 1);
    let (train_x, width) = place.matrix("train_x", train_y.len(), "train_y", None)?;
    let (test_x, _) = place.matrix("test_x", test_y.len(), "test_y", Some(width))?;
    let train = place.features("train_x", width, classes, train_x, train_y)?;
    let test = place.features("test_x", width, classes, test_x, test_y)?;
    Ok(Dataset { name: name.into(), train: train.into(), test: test.into() })
}

/// Where arrays are.
enum Place {
    Archive(PathBuf, ZipArchive<BufReader<File>>),
    Folder(PathBuf),
}

impl Place {
    fn open(path: &Path) -> Result<Self, DataError> {
        if path.is_dir() {
            return Ok(Self::Folder(path.into()));
        }
        let file = File::open(path).map_err(|source| DataError::File { path: path.into(), source })?;
        match ZipArchive::new(BufReader::new(file)) {
            Ok(archive) => Ok(Self::Archive(path.into(), archive)),
            Err(ZipError::Io(source)) => Err(DataError::File { path: path.into(), source }),
            Err(error) => Err(DataError::Archive { path: path.into(), reason: error.to_string() }),
        }
    }

    /// What `read` makes of the bytes of `array`, and of how many there should be.
    fn array<T>(
        &mut self,
        array: &'static str,
        read: impl FnOnce(&mut dyn Read, u64) -> Result<T, Fault>,
    ) -> Result<T, DataError> {
        let outcome = match self {
            Self::Folder(folder) => File::open(npy(folder, array))
                .and_then(|file| {
                    let size = file.metadata()?.len();
                    Ok(read(&mut BufReader::new(file), size))
                })
                .unwrap_or_else(|error| fault("a file of this name", error.to_string())),
            Self::Archive(path, archive) => {
                let length = path.metadata().map_or(u64::MAX, |metadata| metadata.len());
                let names: Vec<&str> = archive.file_names().collect();
                let there = if names.is_empty() { "an empty archive".into() } else { text::list(names) };
                match archive.by_name(&format!("{array}.npy")) {
                    Ok(mut file) => {
                        // What it says of itself, as far as what is there can be unzipped to that.
                        let there = file.compressed_size().min(length);
                        let size = file.size().min(there.saturating_mul(MOST_OF_A_BYTE));
                        read(&mut BufReader::new(&mut file), size)
                    }
                    Err(ZipError::FileNotFound) => fault("to be in the archive", there),
                    Err(error) => fault("an array that can be read", error.to_string()),
                }
            }
        };
        outcome.map_err(|fault| self.error(array, fault))
    }

    fn error(&self, array: &'static str, Fault { expected, got }: Fault) -> DataError {
        let path = match self {
            Self::Archive(path, _) => path.clone(),
            Self::Folder(folder) => npy(folder, array),
        };
        DataError::Array { path, array, expected, got }
    }

    /// How many labels the header of `array` says there are, if its file can have as many.
    fn count(&mut self, array: &'static str) -> Result<usize, DataError> {
        self.array(array, |source, size| {
            let header = Header::read(source)?;
            let [count] = header.sizes(["samples"])?;
            header.fits(size).map(|()| count)
        })
    }

    /// How many features the header of `array` says a sample has; see [`Place::matrix`].
    fn width(
        &mut self,
        array: &'static str,
        count: usize,
        labels: &str,
        expected: Option<usize>,
    ) -> Result<usize, DataError> {
        self.array(array, |source, size| {
            let header = Header::read(source)?;
            let width = header.width(count, labels, expected)?;
            header.fits(size).map(|()| width)
        })
    }

    /// The labels in `array`, (samples).
    fn labels(&mut self, array: &'static str) -> Result<Vec<u8>, DataError> {
        self.array(array, |source, size| {
            let header = Header::read(source)?;
            let [_] = header.sizes(["samples"])?;
            integers(&header, source, size)
        })
    }

    /// The numbers in `array`, (samples, width) row-major, one sample for each of the `count` labels of `labels`; and
    /// the width, which is to be `expected` if that is given.
    fn matrix(
        &mut self,
        array: &'static str,
        count: usize,
        labels: &str,
        expected: Option<usize>,
    ) -> Result<(Vec<f32>, usize), DataError> {
        self.array(array, |source, size| {
            let header = Header::read(source)?;
            let (samples, width) = (count, header.width(count, labels, expected)?);
            let values = reals(&header, source, size)?;
            let place = |index: usize| match header.columns_first {
                false => (index / width, index % width),
                true => (index % samples, index / samples),
            };
            if let Some(index) = values.iter().position(|value| !value.is_finite()) {
                let ((row, column), value) = (place(index), values[index]);
                let got = format!("{value} in row {row}, column {column} (counting from 0)");
                return fault("finite numbers, as f32", got);
            }
            if !header.columns_first {
                return Ok((values, width));
            }
            let mut rows = vec![0.0; values.len()];
            for (index, value) in values.into_iter().enumerate() {
                let (row, column) = place(index);
                rows[row * width + column] = value;
            }
            Ok((rows, width))
        })
    }

    fn features(
        &self,
        array: &'static str,
        width: usize,
        classes: usize,
        values: Vec<f32>,
        labels: Vec<u8>,
    ) -> Result<Features, DataError> {
        Features::new(width, classes, values, labels)
            .map_err(|error| self.error(array, Fault { expected: "features".into(), got: error.to_string() }))
    }
}

fn npy(folder: &Path, array: &str) -> PathBuf {
    folder.join(format!("{array}.npy"))
}

/// What the header of an array says.
struct Header {
    /// Type of the numbers, as NumPy writes it: `<f4`.
    kind: String,
    /// Whether the first index runs fastest.
    columns_first: bool,
    shape: Vec<usize>,
}

impl Header {
    /// Reads the header, up to the first number.
    fn read(source: &mut dyn Read) -> Result<Self, Fault> {
        const EXPECTED: &str = "an array in NumPy's format";
        let broken = |error: std::io::Error| Fault { expected: EXPECTED.into(), got: error.to_string() };
        let mut start = vec![0; 10];
        source.read_exact(&mut start).map_err(broken)?;
        if !start.starts_with(b"\x93NUMPY") {
            return fault(EXPECTED, format!("a file that begins with {:02x?}", &start[..6]));
        }
        // The length has two bytes in version 1, four in later ones.
        if start[6] > 1 {
            start.resize(12, 0);
            source.read_exact(&mut start[10..]).map_err(broken)?;
        }
        let length = start[8..].iter().rev().fold(0, |length, byte| length << 8 | usize::from(*byte));
        if length > MAX_HEADER {
            return fault(format!("a header of at most {MAX_HEADER} bytes"), format!("{length} bytes"));
        }
        let mut text = vec![0; length];
        source.read_exact(&mut text).map_err(broken)?;
        let text = String::from_utf8_lossy(&text);
        let told = || {
            fault("the header of an array of plain numbers that fits in memory", text::name(text.trim_end()))
        };
        Self::parse(&text).map_or_else(told, Ok)
    }

    /// `{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3), }`; `None` for anything that is not like it.
    fn parse(text: &str) -> Option<Self> {
        let value = |key: &str| Some(text.split_once(&format!("'{key}':"))?.1.trim_start());
        let kind = value("descr")?.strip_prefix('\'')?.split_once('\'')?.0.to_owned();
        let order = value("fortran_order")?;
        let columns_first = order.starts_with("True");
        let sizes = value("shape")?.strip_prefix('(')?.split_once(')')?.0.split(',').map(str::trim);
        let sizes = sizes.filter(|size| !size.is_empty());
        let shape = sizes.map(|size| size.parse().ok()).collect::<Option<Vec<usize>>>()?;
        shape.iter().try_fold(8_usize, |bytes, size| bytes.checked_mul(*size))?;
        (columns_first || order.starts_with("False")).then_some(Self { kind, columns_first, shape })
    }

    /// The features of a sample, of which there are to be `count`, and as many features as `expected`.
    fn width(&self, count: usize, labels: &str, expected: Option<usize>) -> Result<usize, Fault> {
        let [samples, width] = self.sizes(["samples", "features"])?;
        if samples != count {
            return fault(format!("{count} samples, one for each label of {labels}"), samples.to_string());
        }
        match expected {
            Some(expected) if expected != width => {
                fault(format!("{expected} features, as in train_x"), width.to_string())
            }
            _ => Ok(width),
        }
    }

    /// Whether a file of `size` bytes can hold its numbers, and memory can.
    fn fits(&self, size: u64) -> Result<(), Fault> {
        // What is of no type that is taken is refused by name when it is read.
        let Some(each) = self.kind.get(2..).and_then(|bytes| bytes.parse::<u64>().ok()) else {
            return Ok(());
        };
        let count = self.shape.iter().fold(1, |count: u64, &size| count.saturating_mul(size as u64));
        let needed = count.saturating_mul(each);
        if needed > size {
            let expected = format!("{count} numbers of {each} bytes, as its header says");
            return fault(expected, format!("a file of {size} bytes"));
        }
        // As bytes, in a vector that grows by doubling, and as numbers, perhaps in another order.
        let takes = needed.saturating_mul(2).saturating_add(count.saturating_mul(8));
        memory::check(takes, || "the array".into()).map_err(|shortage| Fault {
            expected: "an array that fits in memory".into(),
            got: shortage.to_string(),
        })
    }

    /// The sizes of an array of as many dimensions as there are `names`, each at least 1.
    fn sizes<const N: usize>(&self, names: [&str; N]) -> Result<[usize; N], Fault> {
        let expected = || match N {
            1 => format!("1 dimension ({})", names[0]),
            _ => format!("{N} dimensions ({})", names.join(", ")),
        };
        let got = || match self.shape.len() {
            0 => "a single number".into(),
            count => {
                let sizes: Vec<String> = self.shape.iter().map(usize::to_string).collect();
                format!("{count} ({})", sizes.join(" x "))
            }
        };
        match <[usize; N]>::try_from(self.shape.as_slice()) {
            Ok(sizes) if sizes.contains(&0) => fault("at least 1 of everything", got()),
            Ok(sizes) => Ok(sizes),
            Err(_) => fault(expected(), got()),
        }
    }
}

/// The real numbers of an array, in the order of the file.
fn reals(header: &Header, source: &mut dyn Read, size: u64) -> Result<Vec<f32>, Fault> {
    match &*header.kind {
        "<f4" => numbers(header, source, size, |_, bytes| Ok(f32::from_le_bytes(bytes))),
        ">f4" => numbers(header, source, size, |_, bytes| Ok(f32::from_be_bytes(bytes))),
        "<f8" => numbers(header, source, size, |_, bytes| Ok(f64::from_le_bytes(bytes) as f32)),
        ">f8" => numbers(header, source, size, |_, bytes| Ok(f64::from_be_bytes(bytes) as f32)),
        kind => fault("numbers of type float32 or float64", format!("'{kind}'")),
    }
}

/// The whole numbers of an array, in the order of the file, as labels.
fn integers(header: &Header, source: &mut dyn Read, size: u64) -> Result<Vec<u8>, Fault> {
    match &*header.kind {
        "|i1" => numbers(header, source, size, |row, bytes| label(row, i8::from_le_bytes(bytes))),
        "|u1" => numbers(header, source, size, |row, bytes| label(row, u8::from_le_bytes(bytes))),
        "<i2" => numbers(header, source, size, |row, bytes| label(row, i16::from_le_bytes(bytes))),
        ">i2" => numbers(header, source, size, |row, bytes| label(row, i16::from_be_bytes(bytes))),
        "<u2" => numbers(header, source, size, |row, bytes| label(row, u16::from_le_bytes(bytes))),
        ">u2" => numbers(header, source, size, |row, bytes| label(row, u16::from_be_bytes(bytes))),
        "<i4" => numbers(header, source, size, |row, bytes| label(row, i32::from_le_bytes(bytes))),
        ">i4" => numbers(header, source, size, |row, bytes| label(row, i32::from_be_bytes(bytes))),
        "<u4" => numbers(header, source, size, |row, bytes| label(row, u32::from_le_bytes(bytes))),
        ">u4" => numbers(header, source, size, |row, bytes| label(row, u32::from_be_bytes(bytes))),
        "<i8" => numbers(header, source, size, |row, bytes| label(row, i64::from_le_bytes(bytes))),
        ">i8" => numbers(header, source, size, |row, bytes| label(row, i64::from_be_bytes(bytes))),
        "<u8" => numbers(header, source, size, |row, bytes| label(row, u64::from_le_bytes(bytes))),
        ">u8" => numbers(header, source, size, |row, bytes| label(row, u64::from_be_bytes(bytes))),
        kind => fault("whole numbers, such as int64", format!("'{kind}'")),
    }
}

fn label(row: usize, number: impl Copy + Display + TryInto<u8>) -> Result<u8, Fault> {
    match number.try_into() {
        Ok(label) => Ok(label),
        Err(_) => fault("labels from 0 to 255", format!("{number} in row {row} (counting from 0)")),
    }
}

/// All numbers of an array, `EACH` bytes long, which are to end where the file ends.
fn numbers<const EACH: usize, T>(
    header: &Header,
    source: &mut dyn Read,
    size: u64,
    convert: fn(usize, [u8; EACH]) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let count: usize = header.shape.iter().product();
    let needed = (count * EACH) as u64;
    let expected = || format!("{count} numbers of {EACH} bytes, as its header says");
    if needed > size {
        return fault(expected(), format!("a file of {size} bytes"));
    }
    // One byte more shows what is too long, and makes an archive check its checksum. Memory grows with what is there.
    let mut bytes = Vec::new();
    if let Err(error) = source.take(needed + 1).read_to_end(&mut bytes) {
        return fault("an array that can be read", error.to_string());
    }
    match bytes.len() as u64 {
        got if got < needed => fault(expected(), format!("{got} bytes of numbers")),
        got if got > needed => fault(format!("the end after {count} numbers"), "more bytes"),
        _ => bytes
            .as_chunks::<EACH>()
            .0
            .iter()
            .enumerate()
            .map(|(index, number)| convert(index, *number))
            .collect(),
    }
}
