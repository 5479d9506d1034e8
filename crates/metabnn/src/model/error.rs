//! Why bytes are no model.

use std::io;
use std::path::PathBuf;

use super::ContainerError;

/// Why bytes are no model, or a model does not take some images.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file is not one, or not whole.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// The file cannot be read.
    #[error("{}: cannot read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("{}: cannot write: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A network with such a number is of no use, and nothing would read it.
    #[error("the network has diverged: a hidden weight or a number of its norms is {0}; it is not saved")]
    NotFinite(f32),
}
