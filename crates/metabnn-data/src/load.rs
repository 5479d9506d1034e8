//! Finding data sets on disk, loading and verifying them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fmt};

use super::catalogue::{Entry, SetFile, Source, find};
use super::idx::{Content, Pair, check, locate};
use super::unzip::checksum;
use super::{DataError, Dataset, Images, arrays};

/// The data set called `name` in the catalogue, or the features at the path `name`.
///
/// A name that ends in `.npz`, or that is no name of the catalogue but a folder that holds `train_x.npy`, is a path.
/// It is taken relative to `data_dir`; without that, to the working folder, then to `$METABNN_DATA` and the user's
/// cache. It holds the arrays train_x (samples, width) and test_x, f32 or f64, and train_y (samples) and test_y, of
/// any integer type; the classes go from 0 to the largest label of both.
///
/// Its files are looked for in `data_dir/NAME`, and where torchvision keeps them (`data_dir/MNIST/raw`); without `data_dir`, in `$METABNN_DATA/NAME` and then in
/// the user's cache (`$XDG_CACHE_HOME/metabnn/NAME` or the platform's like). A folder that was named is
/// the only one looked in: falling back to other data would hide a misspelt path.
///
/// Nothing is hashed: [`verify`] does that. The number of images may differ from the catalogue's, so
/// that a subset or another split of one's own can stand in; the shape must hold, since the networks of
/// recipes are built for it.
///
/// # Errors
/// [`DataError::UnknownSet`], [`DataError::NotFetched`], [`DataError::ByHand`], [`DataError::Shape`] and those of
/// [`read_images`](super::idx::read_images); of features [`DataError::NoFeatures`], [`DataError::Archive`] and [`DataError::Array`].
pub fn load(name: &str, data_dir: Option<&Path>) -> Result<Dataset, DataError> {
    match own_features(name, data_dir)? {
        Some(path) => arrays::read(name, &path),
        None => find(name)?.load(data_dir),
    }
}

/// The path of the features called `name`, if that is a path; whether it is, [`load`] says.
///
/// # Errors
/// [`DataError::NoFeatures`].
pub(super) fn own_features(name: &str, data_dir: Option<&Path>) -> Result<Option<PathBuf>, DataError> {
    let archive = name.ends_with(".npz");
    if !archive && find(name).is_ok() {
        return Ok(None);
    }
    let looked: Vec<PathBuf> = match data_dir {
        Some(folder) => vec![folder.join(name)],
        // An absolute path stays what it is.
        None => [PathBuf::new()]
            .into_iter()
            .chain(places(None, |name| env::var_os(name)))
            .map(|place| place.join(name))
            .collect(),
    };
    let found = looked.iter().find(|path| if archive { path.exists() } else { arrays::holds_any(path) });
    match found {
        None if archive => Err(DataError::NoFeatures { name: name.into(), looked }),
        found => Ok(found.cloned()),
    }
}

/// Compares the files of the data set called `name` with the catalogue's checksums. The files are looked
/// for where [`load`] looks. A set that the program draws itself has no files to report on.
///
/// # Errors
/// [`DataError::UnknownSet`], [`DataError::NotFetched`], [`DataError::ByHand`].
pub fn verify(name: &str, data_dir: Option<&Path>) -> Result<Vec<FileReport>, DataError> {
    find(name)?.verify(data_dir)
}

/// The folder that downloads go to: `data_dir`, or `$METABNN_DATA`, or the user's cache.
///
/// # Errors
/// [`DataError::NoFolder`] when none is known.
pub fn default_folder(data_dir: Option<&Path>) -> Result<PathBuf, DataError> {
    places(data_dir, |name| env::var_os(name)).into_iter().next().ok_or(DataError::NoFolder)
}

/// What [`verify`] says of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// The file; where it is missing, its name without `.gz`.
    pub path: PathBuf,
    /// Whether it is the catalogue's.
    pub state: FileState,
}

/// Whether a file is the one of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    /// Its unzipped bytes are the catalogue's.
    Right,
    /// It is not there.
    Missing,
    /// It is whole and holds what such a file holds, but is not the catalogue's: somebody's own images or labels.
    Own {
        /// SHA-256 in the catalogue.
        expected: String,
        /// SHA-256 of its unzipped bytes, those after the expected size left out.
        got: String,
    },
    /// It is cut off, or holds something else: what is wrong.
    Damaged(String),
    /// It has as many bytes as it should; the catalogue has no checksum of it.
    NoChecksum,
    /// It has another number of bytes, and the catalogue has no checksum of it.
    Size {
        /// Unzipped bytes in the catalogue.
        expected: u64,
        /// Its unzipped bytes, those after the expected size left out.
        got: u64,
    },
    /// It cannot be read: the reason.
    Unreadable(String),
}

impl FileState {
    /// Whether the file is as it should be, as far as the catalogue can tell.
    pub fn is_right(&self) -> bool {
        matches!(self, Self::Right | Self::NoChecksum)
    }
}

impl fmt::Display for FileState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right => f.write_str("right"),
            Self::Missing => f.write_str("missing"),
            Self::Own { expected, got } => {
                write!(
                    f,
                    "own file, not the catalogue's: SHA-256 of the unzipped bytes is {got}, not {expected}"
                )
            }
            Self::Damaged(reason) => write!(f, "damaged: {reason}"),
            Self::NoChecksum => f.write_str("of the right size; the catalogue has no checksum of it"),
            Self::Size { expected, got } if got > expected => {
                write!(f, "different: more than {expected} unzipped bytes")
            }
            Self::Size { expected, got } => write!(f, "different: {got} unzipped bytes, not {expected}"),
            Self::Unreadable(reason) => write!(f, "unreadable: {reason}"),
        }
    }
}

impl Entry {
    /// Loads this data set: [`load`] for an entry at hand.
    ///
    /// # Errors
    /// As [`load`], but for the name.
    pub fn load(&self, data_dir: Option<&Path>) -> Result<Dataset, DataError> {
        let folder = || self.folder(data_dir);
        let (train, test) = match &self.source {
            Source::Drawn(draw) => return Ok(draw()),
            Source::Files(files) => {
                let folder = folder()?;
                (
                    self.read(&folder, &files.train_images, &files.train_labels)?,
                    self.read(&folder, &files.test_images, &files.test_labels)?,
                )
            }
            Source::Records(records) => records.read(&folder()?, self.shape)?,
        };
        Ok(Dataset { name: self.name.clone().into_owned(), train: train.into(), test: test.into() })
    }

    /// Compares the files of this data set with its checksums: [`verify`] for an entry at hand.
    ///
    /// # Errors
    /// [`DataError::NotFetched`], [`DataError::ByHand`].
    pub fn verify(&self, data_dir: Option<&Path>) -> Result<Vec<FileReport>, DataError> {
        let folder = || self.folder(data_dir);
        match &self.source {
            Source::Drawn(_) => Ok(Vec::new()),
            Source::Files(files) => {
                let report = |folder: PathBuf| {
                    files.contents().map(|(file, content)| file.report(&folder, content)).collect()
                };
                folder().map(report)
            }
            Source::Records(records) => {
                folder().map(|folder| records.iter().map(|file| file.report(&folder)).collect())
            }
        }
    }

    /// Names of its files, without `.gz`; none of a set that the program draws itself.
    pub fn files(&self) -> Vec<&str> {
        match &self.source {
            Source::Drawn(_) => Vec::new(),
            Source::Files(files) => files.iter().map(|file| &*file.name).collect(),
            Source::Records(records) => records.iter().map(|file| &*file.name).collect(),
        }
    }

    fn read(&self, folder: &Path, images: &SetFile, labels: &SetFile) -> Result<Images, DataError> {
        let path = folder.join(&*images.name);
        let pair = Pair::open(&path, &folder.join(&*labels.name))?;
        let (expected, got) = (self.shape, pair.shape());
        if expected != got {
            let set = self.name.clone().into_owned();
            return Err(DataError::Shape { set, path: pair.images_path().into(), expected, got });
        }
        pair.read(self.classes)
    }

    /// The first folder that holds any file of this set. All are then read from there: images of one place and
    /// labels of another need not belong together.
    pub(super) fn folder(&self, data_dir: Option<&Path>) -> Result<PathBuf, DataError> {
        let looked = self.folders(&places(data_dir, |name| env::var_os(name)));
        let holds_any =
            |folder: &&PathBuf| self.files().iter().any(|file| locate(&folder.join(file)).is_ok());
        if let Some(folder) = looked.iter().find(holds_any) {
            return Ok(folder.clone());
        }
        if looked.is_empty() {
            return Err(DataError::NoFolder);
        }
        Err(self.not_here(looked, data_dir))
    }

    /// What is said of this set where none of the folders `looked` in has it.
    pub(super) fn not_here(&self, looked: Vec<PathBuf>, data_dir: Option<&Path>) -> DataError {
        let (set, folder) = (self.name.clone().into_owned(), data_dir.map(Path::to_owned));
        let files = self.files().into_iter().map(str::to_owned).collect();
        match self.origin_by_hand() {
            Some(origin) => DataError::ByHand { set, looked, origin, files },
            None => DataError::NotFetched { set, looked, files, folder },
        }
    }

    /// Where it comes from, if no server is known to have it.
    fn origin_by_hand(&self) -> Option<String> {
        let origin = match &self.source {
            Source::Drawn(_) => return None,
            Source::Records(records) => &records.origin,
            Source::Files(files) => {
                let has_server = env::var_os("METABNN_MIRROR").is_some_and(|url| !url.is_empty());
                (!has_server && files.mirrors.is_empty()).then_some(&files.origin)?
            }
        };
        Some(origin.trim_end_matches('.').to_owned())
    }

    /// Where its files may be: the folder of its name in each of `places`, and in there the folder that its archive
    /// unpacks to; or where other programs keep them.
    pub(super) fn folders(&self, places: &[PathBuf]) -> Vec<PathBuf> {
        let own = places.iter().map(|place| place.join(&*self.name));
        match &self.source {
            Source::Records(records) => {
                own.flat_map(|folder| [folder.clone(), folder.join(&*records.folder)]).collect()
            }
            Source::Files(files) => places
                .iter()
                .flat_map(|place| {
                    let others = files.folders.iter().map(|folder| place.join(&**folder));
                    [place.join(&*self.name)].into_iter().chain(others)
                })
                .collect(),
            Source::Drawn(_) => own.collect(),
        }
    }
}

impl SetFile {
    /// Whether this file in `folder` is the catalogue's. Of a plain and a zipped one, the plain one is
    /// judged: it is the one that is loaded.
    pub(super) fn report(&self, folder: &Path, content: Content) -> FileReport {
        let plain = folder.join(&*self.name);
        let Ok(path) = locate(&plain) else {
            return FileReport { path: plain, state: FileState::Missing };
        };
        let state = match checksum(&path, self.bytes) {
            Ok(found) if found.sha256 == self.sha256 && found.bytes == self.bytes => FileState::Right,
            Ok(found) => match check(&path, content) {
                Ok(()) => FileState::Own { expected: self.sha256.clone().into_owned(), got: found.sha256 },
                Err(error) => {
                    let (reason, path) = (error.to_string(), format!("{}: ", path.display()));
                    FileState::Damaged(reason.strip_prefix(&path).unwrap_or(&reason).into())
                }
            },
            Err(error) => FileState::Unreadable(error.to_string()),
        };
        FileReport { path, state }
    }
}

/// The folders to look in, in order; `variable` reads an environment variable.
fn places(data_dir: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    if let Some(folder) = data_dir {
        return vec![folder.into()];
    }
    let named = variable("METABNN_DATA").filter(|value| !value.is_empty()).map(PathBuf::from);
    named.into_iter().chain(cache_folder(variable)).collect()
}

/// The user's cache folder of this program, where the environment tells one.
fn cache_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // A relative path would be another folder in every working directory: it counts as none.
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| {
        if cfg!(windows) {
            absolute("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            absolute("HOME").map(|home| home.join("Library/Caches"))
        } else {
            absolute("HOME").map(|home| home.join(".cache"))
        }
    });
    Some(base?.join("metabnn"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        let variables: Vec<(String, OsString)> =
            variables.iter().map(|(name, value)| (name.to_string(), value.into())).collect();
        move |name| variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }

    #[test]
    fn a_named_folder_is_the_only_place() {
        let all = with(&[("METABNN_DATA", "/data"), ("XDG_CACHE_HOME", "/cache")]);
        assert_eq!(places(Some(Path::new("mine")), all), [PathBuf::from("mine")]);
    }

    #[cfg(unix)]
    #[test]
    fn the_variable_comes_before_the_cache() {
        let all = with(&[("METABNN_DATA", "/data"), ("XDG_CACHE_HOME", "/cache"), ("HOME", "/home/me")]);
        assert_eq!(places(None, all), [PathBuf::from("/data"), PathBuf::from("/cache/metabnn")]);
        let empty = with(&[("METABNN_DATA", ""), ("XDG_CACHE_HOME", "cache")]);
        assert_eq!(places(None, empty), Vec::<PathBuf>::new());
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn the_cache_is_in_the_home_folder_by_default() {
        let home = with(&[("XDG_CACHE_HOME", "relative/is/ignored"), ("HOME", "/home/me")]);
        assert_eq!(places(None, home), [PathBuf::from("/home/me/.cache/metabnn")]);
    }

    #[test]
    fn a_missing_set_says_where_it_was_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let message = load("mnist", Some(folder.path())).unwrap_err().to_string();
        let folder = folder.path().display();
        let files = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, \
                     t10k-labels-idx1-ubyte (or with .gz at the end or named like train-images.idx3-ubyte)";
        let looked = format!("looked in {folder}/mnist, {folder}/MNIST/raw for {files}");
        assert_eq!(message, format!("data set `mnist` is not here: {looked}"));
    }
}
