//! What can be wrong with a data set, its files or its download.

use std::fmt;
use std::path::PathBuf;

use metabnn::data::{SampleError, Shape};
use metabnn::memory::Shortage;

use crate::file_names::dotted;

/// What can be wrong with a data set, its files or its download.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// Values and labels make no samples.
    #[error(transparent)]
    Samples(#[from] SampleError),
    /// More memory than this process may take.
    #[error(transparent)]
    Memory(#[from] Shortage),
    /// An array of features or labels is not what it must be.
    #[error("{}: array {array}: expected {expected}, got {got}", path.display())]
    Array {
        /// The `.npz` file, or the `.npy` file.
        path: PathBuf,
        /// Name of the array.
        array: &'static str,
        /// What would be right.
        expected: String,
        /// What is there.
        got: String,
    },
    /// A file is no archive of arrays.
    #[error("{}: expected an .npz archive of NumPy arrays, got another or a damaged file: {reason}", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// There is no such file of features.
    #[error("features `{name}` are not here: looked for {}", list(looked))]
    NoFeatures {
        /// The path that was asked for.
        name: String,
        /// Where it was looked for.
        looked: Vec<PathBuf>,
    },
    /// A path of one's own features was given where a name of the catalogue is needed.
    #[error(
        "`{name}` is not of the catalogue, which has no checksums for it and nothing to download; it is checked whenever it is loaded"
    )]
    OwnFeatures {
        /// The path.
        name: String,
    },
    /// A set that is not here and has to be placed by hand.
    #[error(
        "data set `{set}` is not here: looked in {}; it has to be placed there by hand: {origin}; \
         its files are {}",
        list(looked),
        described(files)
    )]
    ByHand {
        /// Name of the data set.
        set: String,
        /// The folders looked in.
        looked: Vec<PathBuf>,
        /// Where it is published and what to do with it.
        origin: String,
        /// Its files.
        files: Vec<String>,
    },
    /// Some files of a set are somebody's own, others are damaged or not there: with those of the catalogue they would make
    /// no set.
    #[error(
        "data set `{set}`: {} {} own, not the catalogue's, and nothing is downloaded beside {}; damaged or missing: {}",
        list(own),
        if own.len() == 1 { "is a file of one's" } else { "are files of one's" },
        if own.len() == 1 { "it" } else { "them" },
        list(others)
    )]
    OwnFiles {
        /// Name of the data set.
        set: String,
        /// Files that are whole, but not the catalogue's.
        own: Vec<PathBuf>,
        /// The others that are not the catalogue's.
        others: Vec<PathBuf>,
    },
    /// An IDX file has no room for colours.
    #[error("{}: an IDX file holds images of one channel, these have {channels}", path.display())]
    NotGrey {
        /// The file to be written.
        path: PathBuf,
        /// Channels of the images.
        channels: usize,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file is there under none of its names.
    #[error("found neither {}", list_with(looked, " nor "))]
    Missing {
        /// The names looked for, plain and zipped.
        looked: Vec<PathBuf>,
    },
    /// A gzip file is cut short, damaged or followed by something else.
    #[error("{}: broken gzip file, after {offset} unzipped bytes: {reason}", path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// Unzipped bytes that could be read.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// An IDX file does not say or hold what it should.
    #[error("{}: {what} at byte {offset}: expected {expected}, got {got}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The part that is wrong.
        what: &'static str,
        /// Where it begins, in unzipped bytes.
        offset: u64,
        /// What would be right.
        expected: String,
        /// What is there.
        got: String,
    },
    /// A file of images and its file of labels do not belong together.
    #[error("{} holds {images} images but {} holds {labels} labels", images_path.display(), labels_path.display())]
    FilesDisagree {
        /// The file of images.
        images_path: PathBuf,
        /// Number of images.
        images: usize,
        /// The file of labels.
        labels_path: PathBuf,
        /// Number of labels.
        labels: usize,
    },
    /// The images are not of the shape that the catalogue gives for the set.
    #[error(
        "{}: images of data set `{set}` are {} x {} pixels, got {} x {}",
        path.display(), expected.rows, expected.columns, got.rows, got.columns
    )]
    Shape {
        /// Name of the data set.
        set: String,
        /// The file of images.
        path: PathBuf,
        /// Shape in the catalogue.
        expected: Shape,
        /// Shape in the file.
        got: Shape,
    },
    /// The catalogue has no such data set.
    #[error("no data set `{name}`{}; there are: {}; and features of one's own, \
         the path of an .npz file or of a folder with {}", did_you_mean(nearest.as_deref()), known.join(", "), crate::arrays::FILES)]
    UnknownSet {
        /// The name asked for.
        name: String,
        /// The name most like it, when one is.
        nearest: Option<String>,
        /// All names.
        known: Vec<String>,
    },
    /// None of the folders looked in has the data set.
    #[error("data set `{set}` is not here: looked in {} for {}", list(looked), described(files))]
    NotFetched {
        /// Name of the data set.
        set: String,
        /// The folders looked in.
        looked: Vec<PathBuf>,
        /// Its files, without `.gz`.
        files: Vec<String>,
        /// The folder of data sets that was named, if any.
        folder: Option<PathBuf>,
    },
    /// No folder for data can be derived from the environment.
    #[error("no folder to keep data sets in: name one, or set METABNN_DATA, XDG_CACHE_HOME or HOME")]
    NoFolder,
    /// No public mirror has the files of this set.
    #[error(
        "data set `{set}` cannot be downloaded: {origin} Place its files ({}) in {}, \
         or name a server that has them (METABNN_MIRROR, as URL/{set}/FILE.gz)",
        files.join(", "), folder.display()
    )]
    NoMirror {
        /// Name of the data set.
        set: String,
        /// Where the set comes from, in a sentence or two.
        origin: String,
        /// Its files.
        files: Vec<String>,
        /// Where they are looked for.
        folder: PathBuf,
    },
    /// A file could not be downloaded from any mirror.
    #[error("could not download {file} of data set `{set}`:{}", lines(attempts))]
    Download {
        /// Name of the data set.
        set: String,
        /// The file.
        file: String,
        /// What was tried, in order.
        attempts: Vec<Attempt>,
    },
}

/// One failed attempt at downloading a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The address.
    pub url: String,
    /// What went wrong.
    pub reason: String,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.url, self.reason)
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

fn list(paths: &[PathBuf]) -> String {
    list_with(paths, ", ")
}

fn list_with(paths: &[PathBuf], separator: &str) -> String {
    let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    paths.join(separator)
}

/// The files of a set, with the other names that they may have.
fn described(files: &[String]) -> String {
    let dotted = files.iter().find_map(|file| dotted(file));
    let dotted = dotted.map(|name| format!(" or named like {name}"));
    format!("{} (or with .gz at the end{})", files.join(", "), dotted.unwrap_or_default())
}

fn lines(attempts: &[Attempt]) -> String {
    attempts.iter().map(|attempt| format!("\n  {attempt}")).collect()
}
