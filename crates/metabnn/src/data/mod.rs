//! Data sets: labelled images of one shape, read from IDX files or drawn by the program itself.

pub mod glyphs;

use std::path::PathBuf;
use std::sync::Arc;

/// Labelled 8-bit images of one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    rows: usize,
    columns: usize,
    classes: usize,
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

/// What can be wrong with a data set or its files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// There are not as many labels as images.
    #[error("{images} images but {labels} labels")]
    CountMismatch {
        /// Number of images.
        images: usize,
        /// Number of labels.
        labels: usize,
    },
    /// A label is not below the number of classes.
    #[error("label {label} of image {index} (counting from 0) is out of range: labels go from 0 to {}", classes - 1)]
    LabelOutOfRange {
        /// The label found.
        label: u8,
        /// Position of the image.
        index: usize,
        /// Number of classes.
        classes: usize,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl Images {
    /// `pixels` is (labels.len(), rows, columns), row-major; each label is below `classes`.
    ///
    /// # Errors
    /// [`DataError::CountMismatch`], [`DataError::LabelOutOfRange`].
    pub fn new(
        rows: usize,
        columns: usize,
        classes: usize,
        pixels: Vec<u8>,
        labels: Vec<u8>,
    ) -> Result<Self, DataError> {
        let images = pixels.len() / (rows * columns).max(1);
        if images * rows * columns != pixels.len() || images != labels.len() {
            return Err(DataError::CountMismatch { images, labels: labels.len() });
        }
        if let Some(index) = labels.iter().position(|&label| usize::from(label) >= classes) {
            return Err(DataError::LabelOutOfRange { label: labels[index], index, classes });
        }
        Ok(Self { rows, columns, classes, pixels, labels })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Rows of an image.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of an image.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Pixels of an image: the input width of a network.
    pub fn width(&self) -> usize {
        self.rows * self.columns
    }

    /// Number of classes: the output width of a network.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Pixels of image `index`, (rows, columns), 0 to 255.
    pub fn image(&self, index: usize) -> &[u8] {
        &self.pixels[index * self.width()..][..self.width()]
    }

    /// Label of image `index`.
    pub fn label(&self, index: usize) -> u8 {
        self.labels[index]
    }
}

/// A named data set: training and test images of one shape.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Name in the catalogue, as `metabnn data list` shows it.
    pub name: String,
    /// Training images.
    pub train: Arc<Images>,
    /// Test images.
    pub test: Arc<Images>,
}
