//! What data sets are made of: labelled samples of one shape, images or features.

mod error;
mod features;
mod images;
mod samples;

pub use error::SampleError;
pub use features::Features;
pub use images::Images;
pub use samples::{Normalize, Samples, Shape};

use crate::digest::Digest;

/// A named data set: training and test samples of one shape.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Name in the catalogue, as `metabnn data list` shows it, or the path it was asked for by.
    pub name: String,
    /// Training samples.
    pub train: Samples,
    /// Test samples.
    pub test: Samples,
}

impl Dataset {
    /// A name for the samples themselves: the first 16 hexadecimal digits of a SHA-256 over shapes, values and labels.
    pub fn digest(&self) -> String {
        let digest = Digest::default();
        [&self.train, &self.test]
            .into_iter()
            .fold(digest, |digest, samples| samples.add_to(digest))
            .digits(16)
    }
}
