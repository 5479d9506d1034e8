//! Data sets: labelled images of one shape, read from IDX files or drawn by the program itself.
//!
//! [`load`] takes a name of the catalogue and finds the files; [`fetch`](fetch::fetch) downloads them;
//! [`verify`] compares them with the catalogue's checksums; [`idx`] reads and writes files of one's own.

pub mod catalogue;
mod error;
pub mod fetch;
pub mod glyphs;
pub mod idx;
mod load;
mod transfer;
mod unzip;

use std::sync::Arc;

pub use catalogue::{Entry, Source, entries, find};
pub use error::{Attempt, DataError};
pub use load::{FileReport, FileState, default_folder, load, verify};

/// Labelled 8-bit images of one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    rows: usize,
    columns: usize,
    classes: usize,
    pixels: Vec<u8>,
    labels: Vec<u8>,
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

    /// The first `count` images, or all when there are fewer.
    #[must_use]
    pub fn take(&self, count: usize) -> Self {
        let count = count.min(self.len());
        let pixels = self.pixels[..count * self.width()].to_vec();
        Self { pixels, labels: self.labels[..count].to_vec(), ..*self }
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

    /// Each image in the middle of a black one of (`rows`, `columns`).
    ///
    /// # Panics
    /// If that is smaller than the images are.
    pub fn pad(&self, rows: usize, columns: usize) -> Self {
        let (top, left) = ((rows - self.rows) / 2, (columns - self.columns) / 2);
        let mut pixels = vec![0; self.len() * rows * columns];
        for (index, padded) in pixels.chunks_exact_mut(rows * columns).enumerate() {
            for (row, line) in self.image(index).chunks_exact(self.columns).enumerate() {
                padded[(top + row) * columns + left..][..self.columns].copy_from_slice(line);
            }
        }
        Self { rows, columns, pixels, labels: self.labels.clone(), ..*self }
    }

    /// The first `limit` images (0: all), padded to (`rows`, `columns`); nothing is copied where nothing changes.
    #[must_use]
    pub fn fitted(self: Arc<Self>, limit: usize, rows: usize, columns: usize) -> Arc<Self> {
        let short = if (1..self.len()).contains(&limit) { Arc::new(self.take(limit)) } else { self };
        if (short.rows, short.columns) == (rows, columns) {
            short
        } else {
            Arc::new(short.pad(rows, columns))
        }
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
