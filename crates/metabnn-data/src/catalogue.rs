//! The catalogue: which data sets there are, what they hold and where they come from.

use std::borrow::Cow;

use super::idx::Content;
use super::records::{Records, cifar_10, cifar_100};
use super::{DataError, Dataset, Shape, prototypes};
use crate::nearest::nearest;

/// How alike a name of the catalogue must be to be suggested.
const ALIKE: f64 = 0.5;

/// A data set of the catalogue.
///
/// The fields are public so that a set of one's own can be described, loaded, verified and fetched
/// like the built-in ones.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name in recipes and on the command line, and of its folder.
    pub name: Cow<'static, str>,
    /// What it is, in one line.
    pub title: Cow<'static, str>,
    /// Channels, rows and columns of a sample.
    pub shape: Shape,
    /// Number of classes.
    pub classes: usize,
    /// Number of training images.
    pub train: usize,
    /// Number of test images.
    pub test: usize,
    /// Where its images come from.
    pub source: Source,
}

/// Where the images of a data set come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// From four IDX files.
    Files(Box<Files>),
    /// From files of binary records, placed by hand.
    Records(Box<Records>),
    /// From the program itself: nothing to download.
    Drawn(fn() -> Dataset),
}

/// The four files of a data set and who publishes them.
#[derive(Clone, Debug)]
pub struct Files {
    /// Images trained on.
    pub train_images: SetFile,
    /// Their labels.
    pub train_labels: SetFile,
    /// Images tested on.
    pub test_images: SetFile,
    /// Their labels.
    pub test_labels: SetFile,
    /// Addresses of folders that hold all four, each with `.gz` at the end of its name; the first is
    /// asked first.
    pub mirrors: Vec<Cow<'static, str>>,
    /// Folders that other programs keep these files in, beside that of the set's name.
    pub folders: Vec<Cow<'static, str>>,
    /// Where the files come from, in a sentence or two.
    pub origin: Cow<'static, str>,
}

impl Files {
    /// The four files.
    pub fn iter(&self) -> impl Iterator<Item = &SetFile> {
        self.contents().map(|(file, _)| file)
    }

    /// The four files, each with what it is to hold.
    pub(super) fn contents(&self) -> impl Iterator<Item = (&SetFile, Content)> {
        [
            (&self.train_images, Content::Images),
            (&self.train_labels, Content::Labels),
            (&self.test_images, Content::Images),
            (&self.test_labels, Content::Labels),
        ]
        .into_iter()
    }
}

/// One file of a data set. Size and checksum are those of the unzipped bytes: the gzip wrapper around
/// them differs from mirror to mirror.
#[derive(Clone, Debug)]
pub struct SetFile {
    /// Its name, without `.gz`.
    pub name: Cow<'static, str>,
    /// Number of unzipped bytes.
    pub bytes: u64,
    /// SHA-256 of the unzipped bytes, in lower-case hexadecimal digits.
    pub sha256: Cow<'static, str>,
}

impl SetFile {
    const fn new(name: &'static str, bytes: u64, sha256: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), bytes, sha256: Cow::Borrowed(sha256) }
    }
}

const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";
const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";
const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";

/// Where torchvision keeps the files that it downloaded.
const TORCHVISION_MNIST: &str = "MNIST/raw";
const TORCHVISION_FASHION_MNIST: &str = "FashionMNIST/raw";

/// Every data set of the catalogue. A set that the program draws itself is one more entry here, with
/// [`Source::Drawn`].
pub fn entries() -> Vec<Entry> {
    let (few, many) = (features(&prototypes::TEN), features(&prototypes::HUNDRED));
    vec![mnist(), fashion_mnist(), usps(), glyphs_entry(), cifar_10(), cifar_100(), few, many]
}

/// The entry called `name`.
///
/// # Errors
/// [`DataError::UnknownSet`], with the name most like it; [`DataError::OwnFeatures`] for the path of an `.npz` file.
pub fn find(name: &str) -> Result<Entry, DataError> {
    if name.ends_with(".npz") {
        return Err(DataError::OwnFeatures { name: name.into() });
    }
    let mut entries = entries();
    if let Some(index) = entries.iter().position(|entry| entry.name == name) {
        return Ok(entries.swap_remove(index));
    }
    let known: Vec<String> = entries.into_iter().map(|entry| entry.name.into_owned()).collect();
    Err(DataError::UnknownSet {
        name: name.into(),
        nearest: nearest(name, known.iter().map(String::as_str), ALIKE),
        known,
    })
}

fn glyphs_entry() -> Entry {
    Entry {
        name: "glyphs".into(),
        title: "Glyphs: ten signs that the program draws itself".into(),
        shape: Shape::grey(28, 28),
        classes: 10,
        train: crate::glyphs::TRAINING_IMAGES,
        test: crate::glyphs::TEST_IMAGES,
        source: Source::Drawn(crate::glyphs),
    }
}

fn features(drawn: &'static prototypes::Prototypes) -> Entry {
    Entry {
        name: drawn.name.into(),
        title: drawn.title.into(),
        shape: Shape::features(prototypes::WIDTH),
        classes: drawn.classes,
        train: drawn.train,
        test: drawn.test,
        source: Source::Drawn(drawn.draw),
    }
}

fn mnist() -> Entry {
    Entry {
        name: "mnist".into(),
        title: "MNIST: handwritten digits".into(),
        shape: Shape::grey(28, 28),
        classes: 10,
        train: 60_000,
        test: 10_000,
        source: Source::Files(Box::new(Files {
            train_images: SetFile::new(
                TRAIN_IMAGES,
                47_040_016,
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            train_labels: SetFile::new(
                TRAIN_LABELS,
                60_008,
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
            test_images: SetFile::new(
                TEST_IMAGES,
                7_840_016,
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            test_labels: SetFile::new(
                TEST_LABELS,
                10_008,
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
            mirrors: vec![
                "https://ossci-datasets.s3.amazonaws.com/mnist".into(),
                "https://storage.googleapis.com/cvdf-datasets/mnist".into(),
            ],
            folders: vec![TORCHVISION_MNIST.into()],
            origin: "The files that LeCun, Cortes and Burges published.".into(),
        })),
    }
}

fn fashion_mnist() -> Entry {
    Entry {
        name: "fashion-mnist".into(),
        title: "Fashion-MNIST: articles of clothing".into(),
        shape: Shape::grey(28, 28),
        classes: 10,
        train: 60_000,
        test: 10_000,
        source: Source::Files(Box::new(Files {
            train_images: SetFile::new(
                TRAIN_IMAGES,
                47_040_016,
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            ),
            train_labels: SetFile::new(
                TRAIN_LABELS,
                60_008,
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            ),
            test_images: SetFile::new(
                TEST_IMAGES,
                7_840_016,
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            ),
            test_labels: SetFile::new(
                TEST_LABELS,
                10_008,
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
            mirrors: vec![
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion".into(),
                "https://storage.googleapis.com/tensorflow/tf-keras-datasets".into(),
            ],
            folders: vec![TORCHVISION_FASHION_MNIST.into()],
            origin: "The files that Xiao, Rasul and Vollgraf (Zalando Research) published.".into(),
        })),
    }
}

/// No mirror of these bytes is public: the published copies of USPS come in other formats, as floats.
fn usps() -> Entry {
    Entry {
        name: "usps".into(),
        title: "USPS: handwritten digits of zip codes, the catalogue's own split".into(),
        shape: Shape::grey(16, 16),
        classes: 10,
        train: 7_291,
        test: 2_007,
        source: Source::Files(Box::new(Files {
            train_images: SetFile::new(
                TRAIN_IMAGES,
                1_866_512,
                "0696bd1d6e2f78ad5516416acec10614dd8bf9d7775894e4c1da5c661556936f",
            ),
            train_labels: SetFile::new(
                TRAIN_LABELS,
                7_299,
                "2f096a8f2d9d17943bcd91412d7ef31a4187a6e37a5c246f14d54cdff05ee5a5",
            ),
            test_images: SetFile::new(
                TEST_IMAGES,
                513_808,
                "c1673b593962c9614124321dffeeb6e3644c019e03660465906d6fd9ad2ad203",
            ),
            test_labels: SetFile::new(
                TEST_LABELS,
                2_015,
                "63638c09daf936d9aef9c9501c8da0b8f932fddb809cece10ad868f0a561d313",
            ),
            mirrors: Vec::new(),
            folders: Vec::new(),
            origin: "No public server has it as IDX files of bytes; these were made from a shuffled copy of \
                     its 9,298 images, so which ones are for testing differs from the official split. Any \
                     USPS as IDX files of 16 x 16 pixels loads, the official split included."
                .into(),
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_every_file_is_what_shape_and_count_make_it() {
        for entry in entries() {
            let Source::Files(files) = &entry.source else { continue };
            for (images, labels, count) in [
                (&files.train_images, &files.train_labels, entry.train),
                (&files.test_images, &files.test_labels, entry.test),
            ] {
                assert_eq!(images.bytes, (16 + count * entry.shape.width()) as u64, "{}", entry.name);
                assert_eq!(labels.bytes, (8 + count) as u64, "{}", entry.name);
            }
            for file in files.iter() {
                let digits = file.sha256.bytes().filter(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
                assert_eq!((digits.count(), file.sha256.len()), (64, 64), "{} of {}", file.name, entry.name);
            }
        }
    }

    #[test]
    fn published_sets_have_two_mirrors_over_https() {
        for name in ["mnist", "fashion-mnist"] {
            let Source::Files(files) = find(name).unwrap().source else { panic!("{name} has no files") };
            assert!(files.mirrors.len() >= 2, "{name}");
            assert!(files.mirrors.iter().all(|url| url.starts_with("https://") && !url.ends_with('/')));
        }
    }

    #[test]
    fn the_size_of_every_file_of_records_is_what_its_images_make_it() {
        for (name, labels) in [("cifar-10", 1), ("cifar-100", 2)] {
            let entry = find(name).unwrap();
            let Source::Records(records) = &entry.source else { panic!("{name} has no records") };
            let bytes = |files: &[super::super::records::RecordFile]| {
                files.iter().map(|file| file.bytes).sum::<u64>()
            };
            let of = |images: usize| (images * (labels + 3 * 32 * 32)) as u64;
            assert_eq!((bytes(&records.train), bytes(&records.test)), (of(entry.train), of(entry.test)));
            assert_eq!(entry.files().len(), records.iter().count());
        }
    }

    #[test]
    fn every_entry_is_found_by_its_name() {
        for entry in entries() {
            assert_eq!(find(&entry.name).unwrap().title, entry.title);
        }
    }

    #[test]
    fn an_unknown_name_gets_the_nearest() {
        let message = find("fashion_mnist").unwrap_err().to_string();
        assert!(
            message.starts_with(
                "no data set `fashion_mnist` (did you mean `fashion-mnist`?); there are: mnist, fashion-mnist, usps"
            ),
            "{message}"
        );
        assert!(find("MNIST").unwrap_err().to_string().contains("did you mean `mnist`?"));
        assert!(!find("imagenet-22k").unwrap_err().to_string().contains("did you mean"));
    }
}
