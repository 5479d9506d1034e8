//! What a packed network takes, in memory and in arithmetic.

use metabnn_infer::packed::{Kind, Model, Sizes};
use serde::Serialize;

/// What a packed network takes. The metrics of the same names are those of NeuroBench (Yik et al. 2025), as far as they
/// do not depend on data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Costs {
    /// Bytes of the weights, hidden units' thresholds and so on: what lies in flash.
    pub flash: Flash,
    /// Bytes of memory that an inference works in, beside the pixels.
    pub ram: Ram,
    /// Multiply-accumulates of one inference.
    pub operations: Operations,
    /// Bytes of flash: NeuroBench's memory footprint.
    pub footprint: u64,
    /// Share of weights that are zero: none of +-1.
    pub connection_sparsity: f64,
    /// Of one inference.
    pub synaptic_operations: SynapticOperations,
    /// Weights, and four numbers for every unit and norm: gamma, beta, mean, variance.
    pub parameters: u64,
    /// The same network with parameters of four bytes.
    pub float_bytes: u64,
}

/// Bytes in flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Flash {
    /// Header, tables and checksum.
    pub header: u64,
    /// Weights, one bit each, and what fills up their rows.
    pub weights: u64,
    /// Thresholds of the hidden units, of all norms.
    pub thresholds: u64,
    /// What the output layer multiplies and adds, of all norms.
    pub outputs: u64,
    /// Pixel orders.
    pub orders: u64,
}

/// Bytes of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Ram {
    /// Sums and signs.
    pub scratch: u64,
    /// Table of the sums of eight pixels; 0 where the first layer sees signs.
    pub table: u64,
}

/// Multiply-accumulates by what is multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Operations {
    /// Signs by signs: 32 of them are an XOR and a popcount.
    pub binary: u64,
    /// Pixels of 8 bits by signs: additions and subtractions, eight of them looked up at once.
    pub pixels: u64,
    /// Real numbers by real numbers: the batch norm of the classes, two for each.
    pub real: u64,
}

/// NeuroBench's synaptic operations of the weights: multiply-accumulates where what comes in is a number of several bits,
/// accumulates where it is a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SynapticOperations {
    /// Where the input is pixels: at most, for an image without a black pixel; black ones do not count.
    #[serde(rename = "effective_MACs")]
    pub effective_macs: u64,
    /// Where the input is signs. None of them is 0, so these are all.
    #[serde(rename = "effective_ACs")]
    pub effective_acs: u64,
    /// All weights, whatever the image is.
    pub dense: u64,
}

/// Bytes of the table of the sums of eight pixels.
const TABLE: u64 = 512;

impl Costs {
    /// Those of a packed model with so many norms.
    pub(super) fn new(model: &Model<'_>, norms: usize) -> Self {
        let Sizes { header, weights, thresholds, outputs, orders } = model.sizes();
        let (mut binary, mut pixels, mut units) = (0, 0, 0);
        for layer in model.layers() {
            let count = layer.inputs as u64 * layer.outputs as u64;
            match layer.kind {
                Kind::Pixels => pixels += count,
                Kind::Signs => binary += count,
            }
            units += layer.outputs as u64;
        }
        let table = if pixels > 0 { TABLE } else { 0 };
        let parameters = binary + pixels + 4 * units * norms as u64;
        Self {
            flash: Flash { header, weights, thresholds, outputs, orders },
            ram: Ram { scratch: 4 * model.scratch_len() as u64, table },
            operations: Operations { binary, pixels, real: 2 * model.classes() as u64 },
            footprint: model.sizes().total(),
            connection_sparsity: 0.0,
            synaptic_operations: SynapticOperations {
                effective_macs: pixels,
                effective_acs: binary,
                dense: pixels + binary,
            },
            parameters,
            float_bytes: 4 * parameters,
        }
    }
}
