//! What a data set holds: images or features, and the shape of one sample.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Features, Images};
use crate::digest::Digest;

/// Shape of a sample: its values are (channels, rows, columns), row-major. A sample of features is one row.
///
/// In files it is `[rows, columns]` where there is one channel, else `[channels, rows, columns]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<usize>", into = "Vec<usize>")]
pub struct Shape {
    /// Channels: 3 of a colour image (red, green, blue), 1 of everything else.
    pub channels: usize,
    /// Rows of an image.
    pub rows: usize,
    /// Columns of an image, or the number of features.
    pub columns: usize,
}

impl Shape {
    /// An image of one channel.
    pub const fn grey(rows: usize, columns: usize) -> Self {
        Self { channels: 1, rows, columns }
    }

    /// A sample of `width` features.
    pub const fn features(width: usize) -> Self {
        Self::grey(1, width)
    }

    /// Positions of a channel.
    pub const fn positions(self) -> usize {
        self.rows.saturating_mul(self.columns)
    }

    /// Values of a sample, channels * rows * columns: the input width of a network.
    pub const fn width(&self) -> usize {
        self.channels.saturating_mul(self.positions())
    }
}

impl fmt::Display for Shape {
    /// 28x28, or 3x32x32 where there are several channels.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { channels, rows, columns } = self;
        if *channels == 1 { write!(f, "{rows}x{columns}") } else { write!(f, "{channels}x{rows}x{columns}") }
    }
}

impl From<Shape> for Vec<usize> {
    fn from(Shape { channels, rows, columns }: Shape) -> Self {
        if channels == 1 { vec![rows, columns] } else { vec![channels, rows, columns] }
    }
}

impl TryFrom<Vec<usize>> for Shape {
    type Error = String;

    fn try_from(sizes: Vec<usize>) -> Result<Self, String> {
        match sizes[..] {
            [rows, columns] => Ok(Self::grey(rows, columns)),
            [channels, rows, columns] => Ok(Self { channels, rows, columns }),
            _ => Err(format!("a shape is [rows, columns] or [channels, rows, columns], not {sizes:?}")),
        }
    }
}

/// What is done with features before the network sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalize {
    /// Nothing.
    None,
    /// Each sample by itself: minus its mean over the features, divided by its standard deviation.
    Sample,
}

/// Labelled samples of one shape. Cheap to clone: the values are shared.
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// 8-bit pixels.
    Images(Arc<Images>),
    /// Real numbers.
    Features(Arc<Features>),
}

impl Samples {
    /// Number of samples.
    pub fn len(&self) -> usize {
        match self {
            Self::Images(images) => images.len(),
            Self::Features(features) => features.len(),
        }
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Channels, rows and columns of a sample.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Images(images) => images.shape(),
            Self::Features(features) => Shape::features(features.width()),
        }
    }

    /// Values of a sample: the input width of a network.
    pub fn width(&self) -> usize {
        self.shape().width()
    }

    /// Number of classes: the output width of a network.
    pub fn classes(&self) -> usize {
        match self {
            Self::Images(images) => images.classes(),
            Self::Features(features) => features.classes(),
        }
    }

    /// Label of sample `index`.
    pub fn label(&self, index: usize) -> u8 {
        match self {
            Self::Images(images) => images.label(index),
            Self::Features(features) => features.label(index),
        }
    }

    /// The images, if that is what they are.
    pub fn images(&self) -> Option<&Arc<Images>> {
        match self {
            Self::Images(images) => Some(images),
            Self::Features(_) => None,
        }
    }

    /// The features, if that is what they are.
    pub fn features(&self) -> Option<&Arc<Features>> {
        match self {
            Self::Images(_) => None,
            Self::Features(features) => Some(features),
        }
    }

    /// The first `limit` samples (0: all), images padded to the rows and columns of `shape`, features normalised;
    /// nothing is copied where nothing changes.
    ///
    /// # Panics
    /// If images are larger than `shape`.
    #[must_use]
    pub fn fitted(&self, limit: usize, shape: Shape, normalise: Normalize) -> Self {
        match self {
            Self::Images(images) => Self::Images(images.clone().fitted(limit, shape.rows, shape.columns)),
            Self::Features(features) => {
                let short = match (1..features.len()).contains(&limit) {
                    true => Arc::new(features.take(limit)),
                    false => features.clone(),
                };
                match normalise {
                    Normalize::None => Self::Features(short),
                    Normalize::Sample => Self::Features(Arc::new(short.normalised())),
                }
            }
        }
    }

    /// A name for the samples themselves: the first 32 hexadecimal digits of a SHA-256 over shape, values and labels.
    /// Computed once.
    pub fn digest(&self) -> &str {
        let digest = match self {
            Self::Images(images) => images.digest(),
            Self::Features(features) => features.digest(),
        };
        digest.get_or(|| self.add_to(Digest::default()).digits(32))
    }

    /// Adds shape, values and labels to a digest.
    pub(super) fn add_to(&self, digest: Digest) -> Digest {
        let (shape, count) = (self.shape(), self.len());
        let digest = digest.with(format!("{} {shape} {count} {}", self.describe(), self.classes()));
        let digest = match self {
            Self::Images(images) => digest.with(images.pixels()),
            Self::Features(features) => (0..count).fold(digest, |digest, index| {
                let values = features.sample(index).iter().flat_map(|value| value.to_le_bytes());
                digest.with(values.collect::<Vec<u8>>())
            }),
        };
        digest.with((0..count).map(|index| self.label(index)).collect::<Vec<u8>>())
    }

    /// "28x28 pixels", "3x32x32 pixels" or "512 features": what a sample is, in words.
    pub fn describe(&self) -> String {
        match self {
            Self::Images(images) => format!("{} pixels", images.shape()),
            Self::Features(features) => format!("{} features", features.width()),
        }
    }
}

impl From<Arc<Images>> for Samples {
    fn from(images: Arc<Images>) -> Self {
        Self::Images(images)
    }
}

impl From<Arc<Features>> for Samples {
    fn from(features: Arc<Features>) -> Self {
        Self::Features(features)
    }
}

impl From<Images> for Samples {
    fn from(images: Images) -> Self {
        Arc::new(images).into()
    }
}

impl From<Features> for Samples {
    fn from(features: Features) -> Self {
        Arc::new(features).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_of_one_channel_are_written_without_it() {
        for (shape, text, words) in [
            (Shape::grey(28, 28), "[28,28]", "28x28"),
            (Shape { channels: 3, rows: 32, columns: 30 }, "[3,32,30]", "3x32x30"),
        ] {
            assert_eq!(
                (serde_json::to_string(&shape).unwrap().as_str(), shape.to_string().as_str()),
                (text, words)
            );
            assert_eq!(serde_json::from_str::<Shape>(text).unwrap(), shape);
        }
        assert_eq!((Shape { channels: 3, rows: 4, columns: 5 }.width(), Shape::features(7).width()), (60, 7));
        let error = serde_json::from_str::<Shape>("[1]").unwrap_err().to_string();
        assert!(
            error.starts_with("a shape is [rows, columns] or [channels, rows, columns], not [1]"),
            "{error}"
        );
    }
}
