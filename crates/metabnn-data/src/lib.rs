//! Data sets for `metabnn`: labelled samples of one shape, images or features, read from files or drawn by the program
//! itself.
//!
//! [`load`] takes a name of the catalogue and finds the files, or the path of an `.npz` file of one's own;
//! [`fetch`](fetch::fetch) downloads them; [`verify`] compares them with the catalogue's checksums; [`idx`] reads and
//! writes files of images of one's own; [`glyphs()`] needs no file at all.

mod arrays;
pub mod catalogue;
mod error;
#[cfg(feature = "download")]
pub mod fetch;
mod file_names;
pub mod glyphs;
pub mod idx;
mod load;
mod nearest;
pub mod own_file;
pub mod prototypes;
mod records;
#[cfg(feature = "download")]
mod transfer;
mod unzip;

pub use catalogue::{Entry, Source, entries, find};
pub use error::{Attempt, DataError};
pub use load::{FileReport, FileState, default_folder, load, verify};
use metabnn::data::{Dataset, Features, Images, Shape};
pub use nearest::nearest;
pub use records::{RecordFile, Records};

/// The built-in data set of ten signs of an invented alphabet: see [`mod@glyphs`].
pub fn glyphs() -> Dataset {
    glyphs::glyphs(glyphs::TRAINING_IMAGES, glyphs::TEST_IMAGES)
}
