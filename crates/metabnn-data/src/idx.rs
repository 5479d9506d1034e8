//! IDX, the format of MNIST and its kin, zipped or not.
//!
//! Four bytes (0, 0, element type, number of dimensions), one big-endian 32-bit size per dimension,
//! then the elements, last dimension fastest. Here elements are unsigned bytes: images have the
//! dimensions (count, rows, columns), labels have (count). A header is never believed: sizes are
//! checked against the file, and those of images and labels against each other, before anything of that size is
//! unzipped or allocated.

use std::io::Write;
use std::path::{Path, PathBuf};

use metabnn::memory;

use super::file_names::names;
use super::unzip::Unzipped;
use super::{DataError, Images, Shape};

/// Element type: unsigned bytes.
const UNSIGNED_BYTE: u8 = 0x08;

/// What a file should hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Counts, rows and columns of pixels.
    Images,
    /// A byte for each image.
    Labels,
}

impl Content {
    fn rank(self) -> u8 {
        match self {
            Self::Images => 3,
            Self::Labels => 1,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Labels => "labels",
        }
    }

    /// The names of the dimensions, slowest first.
    fn dimensions(self) -> &'static [&'static str] {
        match self {
            Self::Images => &["number of images", "number of rows", "number of columns"],
            Self::Labels => &["number of labels"],
        }
    }
}

/// A file whose header is read, and nothing behind it.
struct Opened {
    path: PathBuf,
    file: Unzipped,
    content: Content,
    dimensions: Vec<usize>,
    /// Where the elements begin.
    start: u64,
    /// How many there are to be.
    count: u64,
}

/// Images and their labels in two files whose headers are read, and fit each other and the files. No more than the headers
/// is unzipped yet: a small file can unzip to anything.
pub(super) struct Pair {
    images: Opened,
    labels: Opened,
}

/// Images and their labels, from two IDX files. Where `images` or `labels` is not there, the same name
/// with `.gz` at its end is read, or else one with a dot before `idx`, as some publish them: `train-images.idx3-ubyte`.
///
/// Offsets in errors count unzipped bytes.
///
/// # Errors
/// [`DataError::Missing`], [`DataError::File`], [`DataError::Gzip`], [`DataError::Malformed`] for a
/// file that is not right in itself; [`DataError::FilesDisagree`]; [`DataError::Memory`].
pub fn read_images(images: &Path, labels: &Path, classes: usize) -> Result<Images, DataError> {
    Pair::open(images, labels)?.read(classes)
}

impl Pair {
    /// # Errors
    /// As [`read_images`].
    pub(super) fn open(images: &Path, labels: &Path) -> Result<Self, DataError> {
        // The labels first: they are small, so what is wrong with them is known at once.
        let labels = Opened::new(labels, Content::Labels)?;
        let images = Opened::new(images, Content::Images)?;
        if images.dimensions[0] != labels.dimensions[0] {
            return Err(DataError::FilesDisagree {
                images: images.dimensions[0],
                images_path: images.path,
                labels: labels.dimensions[0],
                labels_path: labels.path,
            });
        }
        // Vectors grow by doubling.
        let takes = images.count.saturating_add(labels.count).saturating_mul(2);
        memory::check(takes, || format!("{}: what it holds", images.path.display()))?;
        Ok(Self { images, labels })
    }

    /// Shape of an image.
    pub(super) fn shape(&self) -> Shape {
        Shape::grey(self.images.dimensions[1], self.images.dimensions[2])
    }

    /// The file of the images.
    pub(super) fn images_path(&self) -> &Path {
        &self.images.path
    }

    /// # Errors
    /// As [`read_images`].
    pub(super) fn read(mut self, classes: usize) -> Result<Images, DataError> {
        let labels = self.labels.read()?;
        if let Some(index) = labels.iter().position(|&label| usize::from(label) >= classes) {
            return Err(DataError::Malformed {
                path: self.labels.path,
                what: "label",
                offset: self.labels.start + index as u64,
                expected: format!("a class from 0 to {}", classes.saturating_sub(1)),
                got: labels[index].to_string(),
            });
        }
        let Shape { rows, columns, .. } = self.shape();
        Ok(Images::new(rows, columns, classes, self.images.read()?, labels)?)
    }
}

/// Writes images and their labels as two plain IDX files, each whole or not at all: the way to bring
/// images of one's own.
///
/// # Errors
/// [`DataError::File`]; [`DataError::NotGrey`] for images of several channels.
pub fn write_images(set: &Images, images: &Path, labels: &Path) -> Result<(), DataError> {
    if set.shape().channels != 1 {
        return Err(DataError::NotGrey { path: images.into(), channels: set.shape().channels });
    }
    write(images, &[set.len(), set.rows(), set.columns()], set.pixels())?;
    write(labels, &[set.len()], set.labels())
}

/// The file at `path`, or else under another of its names.
///
/// # Errors
/// [`DataError::Missing`].
pub(super) fn locate(path: &Path) -> Result<PathBuf, DataError> {
    let mut names = names(path);
    match names.iter().position(|name| name.exists()) {
        Some(index) => Ok(names.swap_remove(index)),
        None => Err(DataError::Missing { looked: names }),
    }
}

impl Opened {
    fn new(path: &Path, content: Content) -> Result<Self, DataError> {
        let path = locate(path)?;
        let mut file = Unzipped::open(&path)?;
        let (longest, length_of_plain) = (file.longest(), file.known_length());
        let header = file.read_at_most(4 + 4 * u64::from(content.rank()))?;
        let dimensions = parse_header(&path, &header, content)?;
        let count = length(&path, &dimensions, content)?;
        let start = header.len() as u64;
        // A plain file tells its length, a zipped one the most it can be: none is kept of what cannot be whole.
        if let Some(length) = length_of_plain {
            check_length(&path, content, start, count, length.saturating_sub(start))?;
        }
        if longest.is_some_and(|longest| longest.saturating_sub(start) < count) {
            let got = file.pass_over(count)?;
            check_length(&path, content, start, count, got)?;
        }
        Ok(Self { path, file, content, dimensions, start, count })
    }

    /// The elements.
    fn read(&mut self) -> Result<Vec<u8>, DataError> {
        // One byte more than there should be shows what is too long, and makes gzip check its checksum.
        let elements = self.file.read_at_most(self.count.saturating_add(1))?;
        check_length(&self.path, self.content, self.start, self.count, elements.len() as u64)?;
        Ok(elements)
    }
}

/// Whether a file is whole and holds what it should, whatever that says.
///
/// # Errors
/// As [`read_images`].
pub(super) fn check(path: &Path, content: Content) -> Result<(), DataError> {
    Opened::new(path, content)?.read().map(|_| ())
}

/// The sizes in a header, each at least 1.
fn parse_header(path: &Path, header: &[u8], content: Content) -> Result<Vec<usize>, DataError> {
    let malformed = |what, offset: usize, expected: String, got: String| {
        let offset = offset as u64;
        DataError::Malformed { path: path.into(), what, offset, expected, got }
    };
    let needed = 4 + 4 * usize::from(content.rank());
    let cut_short = || {
        let expected = format!("{needed} bytes ({})", content.name());
        malformed("header", 0, expected, format!("{} bytes", header.len()))
    };
    // The magic number is judged before the length: a file of labels may be shorter than the header of
    // images, and what is wrong with it is that it holds labels.
    let &[first, second, element, rank, ref sizes @ ..] = header else {
        return Err(cut_short());
    };
    if [first, second] != [0, 0] {
        let got = format!("{first:02x} {second:02x} (not an IDX file)");
        return Err(malformed("magic number", 0, "00 00".into(), got));
    }
    if element != UNSIGNED_BYTE {
        let expected = "0x08 (unsigned bytes)".into();
        return Err(malformed("element type", 2, expected, describe_element(element)));
    }
    if rank != content.rank() {
        let expected = format!("{} ({})", content.rank(), content.name());
        return Err(malformed("number of dimensions", 3, expected, describe_rank(rank)));
    }
    if header.len() < needed {
        return Err(cut_short());
    }
    let sizes = sizes.chunks_exact(4).map(|size| u32::from_be_bytes([size[0], size[1], size[2], size[3]]));
    let mut dimensions = Vec::with_capacity(3);
    for (index, (size, name)) in sizes.zip(content.dimensions()).enumerate() {
        match usize::try_from(size) {
            Ok(size) if size > 0 => dimensions.push(size),
            _ => return Err(malformed(name, 4 + 4 * index, "at least 1".into(), size.to_string())),
        }
    }
    Ok(dimensions)
}

fn describe_element(element: u8) -> String {
    let name = match element {
        0x09 => "signed bytes",
        0x0b => "16-bit integers",
        0x0c => "32-bit integers",
        0x0d => "32-bit floats",
        0x0e => "64-bit floats",
        _ => "no type of IDX",
    };
    format!("{element:#04x} ({name})")
}

fn describe_rank(rank: u8) -> String {
    match rank {
        1 => "1 (labels)".into(),
        3 => "3 (images)".into(),
        _ => rank.to_string(),
    }
}

/// Number of elements, where memory can have that many at all.
fn length(path: &Path, dimensions: &[usize], content: Content) -> Result<u64, DataError> {
    dimensions
        .iter()
        .try_fold(1_usize, |product, &size| product.checked_mul(size))
        .filter(|&product| product < isize::MAX as usize)
        .map(|product| product as u64)
        .ok_or_else(|| DataError::Malformed {
            path: path.into(),
            what: "sizes",
            offset: 4,
            expected: format!("{} that fit in memory", content.name()),
            got: dimensions.iter().map(usize::to_string).collect::<Vec<_>>().join(" x "),
        })
}

/// `start` is where the elements begin; `got` may be cut off at `expected + 1`.
fn check_length(path: &Path, content: Content, start: u64, expected: u64, got: u64) -> Result<(), DataError> {
    let malformed = |what, offset, expected, got| {
        Err(DataError::Malformed { path: path.into(), what, offset, expected, got })
    };
    match got.cmp(&expected) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Less => malformed(
            content.name(),
            start,
            format!("{expected} bytes, as the header says"),
            format!("{got} (the file is cut short, or not what its header says)"),
        ),
        std::cmp::Ordering::Greater => malformed(
            "surplus",
            start + expected,
            format!("the end of the file after {expected} bytes of {}", content.name()),
            "more bytes".into(),
        ),
    }
}

fn write(path: &Path, dimensions: &[usize], elements: &[u8]) -> Result<(), DataError> {
    let failed = |source| DataError::File { path: path.into(), source };
    let mut header = vec![0, 0, UNSIGNED_BYTE, dimensions.len() as u8];
    for &size in dimensions {
        let size = u32::try_from(size).map_err(|error| failed(std::io::Error::other(error)))?;
        header.extend(size.to_be_bytes());
    }
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    // A temporary file is for its owner alone; data is for whoever may read the folder.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(failed)?;
    file.write_all(&header).and_then(|()| file.write_all(elements)).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
