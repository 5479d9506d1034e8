//! Data sets: labelled samples of one shape, images or features, read from files or drawn by the program itself.
//!
//! [`load`] takes a name of the catalogue and finds the files, or the path of an `.npz` file of one's own;
//! [`fetch`](fetch::fetch) downloads them; [`verify`] compares them with the catalogue's checksums; [`idx`] reads and
//! writes files of images of one's own.

mod arrays;
pub mod catalogue;
mod error;
mod features;
pub mod fetch;
pub mod glyphs;
pub mod idx;
mod images;
mod load;
pub mod prototypes;
mod records;
mod samples;
mod transfer;
mod unzip;

pub use catalogue::{Entry, Source, entries, find};
pub use error::{Attempt, DataError};
pub use features::Features;
pub use images::Images;
pub use load::{FileReport, FileState, default_folder, load, verify};
pub use records::{RecordFile, Records};
pub use samples::{Samples, Shape};

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
