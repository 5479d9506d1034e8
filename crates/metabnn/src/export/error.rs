//! Why a network cannot be exported.

use metabnn_infer::packed::PackedError;

/// Why a network cannot be exported, or what was exported is not that network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The network has something that a packed model cannot hold.
    #[error(
        "it {has}, which cannot be packed; what can be is a binary network of dense layers that sees pixels or signs, \
         with batch norm"
    )]
    Unpackable {
        /// What it has.
        has: Unpackable,
    },
    /// Batch norm that looks at the test batch has no thresholds.
    #[error(
        "it is tested with the statistics of the test batch, so the sign of a hidden unit depends on the other images \
         and no threshold is right"
    )]
    BatchStatistics,
    /// The batch norm of a unit gives no number, or none that is finite.
    #[error("{state}: the batch norm of unit {unit} in layer {layer} gives no finite number")]
    Norm {
        /// What the state is for.
        state: String,
        /// The layer, counted from 1.
        layer: usize,
        /// The unit, counted from 1.
        unit: usize,
    },
    /// The format does not hold it, or the bytes are no packed model.
    #[error("packed model: {0}")]
    Packed(#[from] PackedError),
    /// Images of another shape than the network takes.
    #[error("the images have {got} pixels, the network takes {expected}")]
    Images {
        /// Pixels of an image.
        got: usize,
        /// Pixels that the network takes.
        expected: usize,
    },
    /// The packed model is not the one of this network.
    #[error("{state}: the packed model says class {packed} of image {image}, the network {network}")]
    Differs {
        /// What the state is for.
        state: String,
        /// The image, counted from 0.
        image: usize,
        /// The packed model's class, counted from 0.
        packed: usize,
        /// The network's.
        network: usize,
    },
    /// The library that writes archives refused.
    #[error("cannot write the archive: {0}")]
    Archive(#[from] zip::result::ZipError),
}

/// What keeps a network from being packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unpackable {
    /// Weights in full precision.
    #[error("has real weights")]
    RealWeights,
    /// Layers that are not dense.
    #[error("has convolutions")]
    Convolutions,
    /// Statistics of every sample by itself.
    #[error("has layer norm")]
    LayerNorm,
    /// Statistics of the positions of a channel.
    #[error("has instance norm")]
    InstanceNorm,
    /// Inputs that are neither pixels nor signs.
    #[error("sees features, real numbers")]
    RealInputs,
}
