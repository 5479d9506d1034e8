//! Images: labelled samples of 8-bit pixels.

use std::sync::Arc;

use super::{SampleError, Shape};
use crate::digest::Cached;

/// Labelled 8-bit images of one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    shape: Shape,
    classes: usize,
    pixels: Vec<u8>,
    labels: Vec<u8>,
    digest: Cached,
}

impl Images {
    /// Images of one channel: `pixels` is (labels.len(), rows, columns), row-major; each label is below `classes`.
    ///
    /// # Errors
    /// As [`Images::of_shape`].
    pub fn new(
        rows: usize,
        columns: usize,
        classes: usize,
        pixels: Vec<u8>,
        labels: Vec<u8>,
    ) -> Result<Self, SampleError> {
        Self::of_shape(Shape::grey(rows, columns), classes, pixels, labels)
    }

    /// Images of any number of channels: `pixels` is (labels.len(), channels, rows, columns), row-major; each label is
    /// below `classes`.
    ///
    /// # Errors
    /// [`SampleError::Ragged`], [`SampleError::CountMismatch`], [`SampleError::LabelOutOfRange`].
    pub fn of_shape(
        shape: Shape,
        classes: usize,
        pixels: Vec<u8>,
        labels: Vec<u8>,
    ) -> Result<Self, SampleError> {
        let images = pixels.len() / shape.width().max(1);
        if images * shape.width() != pixels.len() {
            return Err(SampleError::Ragged { values: pixels.len(), width: shape.width() });
        }
        if images != labels.len() {
            return Err(SampleError::CountMismatch { images, labels: labels.len() });
        }
        if let Some(index) = labels.iter().position(|&label| usize::from(label) >= classes) {
            return Err(SampleError::LabelOutOfRange { label: labels[index], index, classes });
        }
        Ok(Self { shape, classes, pixels, labels, digest: Cached::default() })
    }

    pub(super) fn digest(&self) -> &Cached {
        &self.digest
    }

    /// The first `count` images, or all when there are fewer.
    #[must_use]
    pub fn take(&self, count: usize) -> Self {
        let count = count.min(self.len());
        let pixels = self.pixels[..count * self.width()].to_vec();
        Self { pixels, labels: self.labels[..count].to_vec(), digest: Cached::default(), ..*self }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Channels, rows and columns of an image.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Rows of an image.
    pub fn rows(&self) -> usize {
        self.shape.rows
    }

    /// Columns of an image.
    pub fn columns(&self) -> usize {
        self.shape.columns
    }

    /// Pixels of an image, all channels together: the input width of a network.
    pub fn width(&self) -> usize {
        self.shape.width()
    }

    /// Number of classes: the output width of a network.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Pixels of image `index`, (channels, rows, columns), 0 to 255.
    pub fn image(&self, index: usize) -> &[u8] {
        &self.pixels[index * self.width()..][..self.width()]
    }

    /// Pixels of all images, (images, channels, rows, columns).
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Label of image `index`.
    pub fn label(&self, index: usize) -> u8 {
        self.labels[index]
    }

    /// Labels of all images.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// Each image in the middle of a black one of (`rows`, `columns`), channel by channel.
    ///
    /// # Panics
    /// If that is smaller than the images are.
    pub fn pad(&self, rows: usize, columns: usize) -> Self {
        let (top, left) = ((rows - self.rows()) / 2, (columns - self.columns()) / 2);
        let mut pixels = vec![0; self.len() * self.shape.channels * rows * columns];
        let planes = self.pixels.chunks_exact(self.rows() * self.columns());
        for (plane, padded) in planes.zip(pixels.chunks_exact_mut(rows * columns)) {
            for (row, line) in plane.chunks_exact(self.columns()).enumerate() {
                padded[(top + row) * columns + left..][..self.columns()].copy_from_slice(line);
            }
        }
        let shape = Shape { rows, columns, ..self.shape };
        Self { shape, pixels, labels: self.labels.clone(), digest: Cached::default(), ..*self }
    }

    /// The first `limit` images (0: all), padded to (`rows`, `columns`); nothing is copied where nothing changes.
    #[must_use]
    pub fn fitted(self: Arc<Self>, limit: usize, rows: usize, columns: usize) -> Arc<Self> {
        let short = if (1..self.len()).contains(&limit) { Arc::new(self.take(limit)) } else { self };
        if (short.rows(), short.columns()) == (rows, columns) {
            short
        } else {
            Arc::new(short.pad(rows, columns))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_keeps_channels_apart() {
        let shape = Shape { channels: 3, rows: 1, columns: 2 };
        let images = Images::of_shape(shape, 2, (1..=12).collect(), vec![0, 1]).unwrap();
        assert_eq!((images.len(), images.width(), images.image(1)), (2, 6, &[7, 8, 9, 10, 11, 12][..]));
        let padded = images.pad(3, 4);
        assert_eq!(padded.shape(), Shape { channels: 3, rows: 3, columns: 4 });
        let blue = &padded.image(1)[24..];
        assert_eq!(blue, [0, 0, 0, 0, 0, 11, 12, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn pixels_that_do_not_make_whole_images_are_refused() {
        let shape = Shape { channels: 3, rows: 2, columns: 2 };
        let error = Images::of_shape(shape, 10, vec![0; 23], vec![0, 0]).unwrap_err();
        assert_eq!(error.to_string(), "23 values are no whole number of samples of 12");
        assert!(Images::of_shape(shape, 10, vec![0; 24], vec![0, 10]).is_err());
    }
}
