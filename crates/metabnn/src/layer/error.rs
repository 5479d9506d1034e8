//! Why a layer's config makes no layer.

use super::NormKind;

/// Why a config makes no layer for its inputs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// The kernel is larger than the padded maps.
    #[error(
        "a kernel of {kernel}x{kernel} on maps of {rows}x{columns} with padding {padding} gives no output"
    )]
    Kernel {
        /// Rows and columns of the kernel.
        kernel: usize,
        /// Rows of its input.
        rows: usize,
        /// Columns of its input.
        columns: usize,
        /// Zero padding on each side.
        padding: usize,
    },
    /// The pooled squares are larger than what there is to pool.
    #[error(
        "pooling {size}x{size} of the {rows}x{columns} sums of a kernel of {kernel}x{kernel} leaves nothing"
    )]
    Pool {
        /// Rows and columns pooled into one.
        size: usize,
        /// Rows of the sums.
        rows: usize,
        /// Columns of the sums.
        columns: usize,
        /// Rows and columns of the kernel.
        kernel: usize,
    },
    /// A convolution behind a dense layer.
    #[error("a convolution takes maps, and a dense layer gives none; convolutions stand before dense layers")]
    NoMaps,
    /// A norm over one number of each sample.
    #[error(
        "{} norm over a single {of} of each sample gives 0 whatever it is; at least 2 are needed",
        kind.name()
    )]
    OneValue {
        /// Layer or instance norm.
        kind: NormKind,
        /// "position", "unit" or "value".
        of: &'static str,
    },
    /// A whole number out of its range.
    #[error(transparent)]
    Size(#[from] SizeError),
}

/// A whole number of a config that is out of its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {got}; it has to be {least} to {most}")]
pub struct SizeError {
    /// The field of the config, or "classes".
    pub field: &'static str,
    /// Its value.
    pub got: usize,
    /// The least it can be.
    pub least: usize,
    /// The most it can be.
    pub most: usize,
}

impl SizeError {
    /// An error if `got` is below `least` or above `most`.
    pub(crate) fn check(field: &'static str, got: usize, least: usize, most: usize) -> Result<(), Self> {
        if (least..=most).contains(&got) { Ok(()) } else { Err(Self { field, got, least, most }) }
    }
}
