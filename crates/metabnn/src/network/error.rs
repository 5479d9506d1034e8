//! Why a config makes no network.

use crate::layer::{LayerError, NormError, SizeError};
use crate::memory::Shortage;

/// Why a config makes no network for these samples.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// A layer that cannot be made.
    #[error("layer {layer}: {error}")]
    Layer {
        /// The layer, counted from 1.
        layer: usize,
        /// What is wrong with it.
        error: LayerError,
    },
    /// A whole number out of its range.
    #[error(transparent)]
    Size(#[from] SizeError),
    /// A real number out of its range.
    #[error("{field} is {got}; it has to be {expected}")]
    Real {
        /// The field of the config.
        field: &'static str,
        /// Its value.
        got: f32,
        /// Its range.
        expected: &'static str,
    },
    /// A convolution that is to be pooled but does not exist, or is named twice.
    #[error(
        "pool_after has {got}; it takes each of the {convolutions} convolutions of channels once at most"
    )]
    PoolAfter {
        /// The convolution, counted from 1.
        got: usize,
        /// Number of convolutions.
        convolutions: usize,
    },
    /// A sample without numbers.
    #[error("a sample of shape {channels}x{rows}x{columns} has no numbers")]
    EmptySample {
        /// Channels of a sample.
        channels: usize,
        /// Rows of a sample.
        rows: usize,
        /// Columns of a sample.
        columns: usize,
    },
    /// A layer with more weights, or more numbers for one sample, than a network may have.
    #[error("layer {layer} has {got} {what}; a network has at most {most}")]
    TooLarge {
        /// The layer, counted from 1.
        layer: usize,
        /// "weights, with those below" or "numbers per sample".
        what: &'static str,
        /// How many there are, or as many as can be counted.
        got: u64,
        /// The most there can be.
        most: u64,
    },
    /// More memory than this process may take.
    #[error(transparent)]
    Memory(#[from] Shortage),
    /// The norm's config.
    #[error(transparent)]
    Norm(#[from] NormError),
}
