//! Bytes that a layer takes, from its shape alone. Each function here counts what stands beside its name in the file of the
//! layer's kind; a test compares them with what is allocated. Nothing overflows: what cannot be counted is `u64::MAX`.

use metabnn_infer::WORD;

use super::{Convolution, LayerShape, NormKind, Plan};
use crate::kernels::LANES;

/// Bytes of a real number, of a word and of the statistics of a norm.
const REAL: u64 = 4;
const WORD_BYTES: u64 = 8;
const STATISTICS: u64 = 12;
/// Columns of a matrix of signs in a row that start a new line of the cache.
const COLUMNS: u64 = 8;

/// Bytes of some arrays together.
pub(crate) fn sum(parts: impl IntoIterator<Item = u64>) -> u64 {
    parts.into_iter().fold(0, u64::saturating_add)
}

/// The product of some sizes.
pub(crate) fn product<const N: usize>(sizes: [u64; N]) -> u64 {
    sizes.into_iter().fold(1, u64::saturating_mul)
}

/// `n` rounded up to a multiple of `of`, in units of `of`.
fn units(n: u64, of: usize) -> u64 {
    n.div_ceil(of as u64)
}

/// [`Rows`](crate::tensor::Rows).
pub(crate) fn rows(features: u64, batch: u64) -> u64 {
    product([features, units(batch, LANES) | 1, LANES as u64 * REAL])
}

/// [`BitMatrix`](metabnn_infer::BitMatrix).
pub(crate) fn bits(rows: u64, columns: u64) -> u64 {
    product([rows, units(columns, WORD), WORD_BYTES])
}

/// [`Samples`](metabnn_infer::kernels::Samples).
pub(crate) fn samples(width: u64, batch: u64) -> u64 {
    product([units(width, WORD), batch.div_ceil(COLUMNS), COLUMNS * WORD_BYTES])
}

/// One number of `bytes` bytes per synapse, in tiles of sixteen outputs.
fn tiled(inputs: u64, outputs: u64, bytes: u64) -> u64 {
    product([units(outputs, LANES), inputs, LANES as u64 * bytes])
}

/// The same as it is kept: [`Lanes::zeros`](crate::kernels::Lanes::zeros) leaves room behind it.
fn kept(inputs: u64, outputs: u64, bytes: u64) -> u64 {
    const APART: u64 = 64 << 10;
    if inputs == 0 { 0 } else { tiled(inputs, outputs, bytes).saturating_add(APART) }
}

/// What is left from one pass to the next, and what is needed on the way alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PassMemory {
    pub kept: u64,
    pub passing: u64,
}

/// A pass: its samples, and the threads that share it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PassSize {
    pub batch: u64,
    pub threads: u64,
}

/// A layer among others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings {
    pub norm: NormKind,
    /// Whether weights are bits.
    pub is_binary: bool,
    /// Whether what comes in, and what goes out, is signs.
    pub takes_signs: bool,
    pub gives_signs: bool,
    /// Whether it is the first layer; its input takes no gradient.
    pub is_first: bool,
    /// Whether it is dense, on the maps of a convolution.
    pub flattens: bool,
}

impl Plan {
    /// Hidden weights, their signs in both orders, and the norm.
    pub fn parameters(&self, is_binary: bool) -> u64 {
        let (inputs, outputs) = self.widths();
        let signs = sum([bits(outputs, inputs), product([2, units(outputs, WORD), inputs, WORD_BYTES])]);
        let norm = product([4, outputs, REAL]);
        sum([kept(inputs, outputs, REAL), if is_binary { signs } else { 0 }, norm])
    }

    /// The binary weights of [`SignSnapshot`](crate::history::SignSnapshot).
    pub fn signs(&self) -> u64 {
        let (inputs, outputs) = self.widths();
        bits(outputs, inputs)
    }

    /// Both moments of every synapse, in numbers of `bytes` bytes, and of scales and shifts; `numbers` more of every synapse
    /// that a rule keeps.
    pub fn learning(&self, bytes: u64, numbers: u64) -> u64 {
        let (inputs, outputs) = self.widths();
        let moments = product([2, kept(inputs, outputs, bytes)]);
        let state = kept(inputs.saturating_mul(numbers), outputs, REAL);
        sum([moments, state, product([4, outputs, REAL])])
    }

    /// A training step.
    pub fn step(&self, size: PassSize, around: &Surroundings) -> PassMemory {
        let (inputs, outputs) = self.widths();
        let columns = size.batch.saturating_mul(self.positions());
        let statistics = match around.norm {
            NormKind::Batch => outputs,
            NormKind::Instance if self.positions() > 1 => outputs.saturating_mul(size.batch),
            NormKind::Instance | NormKind::Layer => size.batch,
        };
        let kept = sum([
            product([2, rows(outputs, columns)]),
            activations(outputs, columns, around.gives_signs),
            product([statistics, STATISTICS]),
            product([2, outputs, REAL]),
        ]);
        match &self.shape {
            LayerShape::Dense => {
                let gradient = rows(inputs, size.batch);
                let flat = sum([activations(inputs, size.batch, around.takes_signs), gradient]);
                let kept = kept.saturating_add(if around.flattens { flat } else { 0 });
                PassMemory { kept, passing: update(outputs, size.batch, size.threads) }
            }
            LayerShape::Convolution(convolution) => {
                let PassMemory { kept: also, passing } = convolution.step(size, around);
                PassMemory { kept: kept.saturating_add(also), passing }
            }
        }
    }

    /// The output of a layer at inference, and what is needed to compute it.
    pub fn inference(&self, batch: u64, around: &Surroundings) -> PassMemory {
        /// Units that are computed at a time: `FEATURES` in `dense.rs` and `conv/mod.rs`, and `FEATURES_OF_TABLES`.
        const AT_ONCE: [u64; 2] = [64, 1024];
        let (inputs, outputs) = self.widths();
        let columns = batch.saturating_mul(self.positions());
        let kept = match around.gives_signs {
            true => samples(outputs, columns),
            false => rows(outputs, columns),
        };
        let makes_tables = matches!(self.shape, LayerShape::Dense) && !around.takes_signs;
        let at_once = match around.norm {
            // Of a sample together.
            NormKind::Layer | NormKind::Instance => outputs,
            NormKind::Batch => outputs.min(AT_ONCE[usize::from(makes_tables)]),
        };
        let flat = if around.flattens { activations(inputs, batch, around.takes_signs) } else { 0 };
        let pooled = match &self.shape {
            LayerShape::Dense => 0,
            LayerShape::Convolution(convolution) => {
                sum([rows(at_once, columns), convolution.of_chunk(batch, at_once, around.takes_signs)])
            }
        };
        PassMemory { kept, passing: sum([rows(at_once, columns), flat, pooled]) }
    }

    fn widths(&self) -> (u64, u64) {
        (self.inputs as u64, self.outputs as u64)
    }

    fn positions(&self) -> u64 {
        self.shape.positions() as u64
    }
}

/// [`Activations`](super::Activations) in training: signs are kept in both orders.
fn activations(features: u64, columns: u64, are_signs: bool) -> u64 {
    match are_signs {
        true => sum([bits(features, columns), samples(features, columns)]),
        false => rows(features, columns),
    }
}

/// What every thread needs for the gradients of 64 outputs' synapses: `side_by_side` in `update.rs`.
fn update(outputs: u64, columns: u64, threads: u64) -> u64 {
    let at_work = threads.min(units(outputs, WORD));
    tiled(columns, outputs.min(WORD as u64), REAL).saturating_mul(at_work)
}

impl Convolution {
    /// Samples of a chunk, and chunks of a batch.
    fn chunk(&self, batch: u64) -> (u64, u64) {
        let of_chunk = self.chunk_size() as u64;
        (of_chunk.min(batch), batch.div_ceil(of_chunk))
    }

    /// Sums of a chunk, and the inputs under the kernel that they are made of.
    fn of_chunk(&self, batch: u64, features: u64, takes_signs: bool) -> u64 {
        let inputs = self.inputs() as u64;
        let columns = self.chunk(batch).0.saturating_mul(self.positions() as u64);
        let under = if takes_signs { samples(inputs, columns) } else { rows(inputs, columns) };
        sum([rows(features, columns), under])
    }

    /// What a training step takes beside what every layer does.
    fn step(&self, size: PassSize, around: &Surroundings) -> PassMemory {
        let (inputs, outputs) = (self.inputs() as u64, self.output.channels as u64);
        let (of_chunk, chunks) = self.chunk(size.batch);
        let (positions, pooled) = (self.positions() as u64, self.output.positions() as u64);
        let (columns, at_work) = (size.batch.saturating_mul(positions), size.threads.min(chunks));
        let winners = product([outputs, size.batch, pooled]);
        let across = product([chunks, units(of_chunk.saturating_mul(positions), WORD), inputs, WORD_BYTES]);
        let kept = sum([winners, if around.takes_signs { across } else { 0 }]);
        let under = around.takes_signs && around.is_binary;
        let forward = sum([
            product([chunks, rows(outputs, of_chunk.saturating_mul(pooled))]),
            product([at_work, self.of_chunk(size.batch, outputs, under)]),
        ]);
        let dy = rows(outputs, columns);
        let maps = self.input.rows.saturating_mul(self.input.columns) as u64;
        let below = match around.is_first {
            true => 0,
            false => product([chunks, rows(self.input.channels as u64, of_chunk.saturating_mul(maps))]),
        };
        let of_columns = of_chunk.saturating_mul(positions);
        let on_the_way =
            if around.is_first { 0 } else { sum([rows(outputs, of_columns), rows(inputs, of_columns)]) };
        let backward =
            sum([dy, below, on_the_way.saturating_mul(at_work).max(update(outputs, columns, size.threads))]);
        PassMemory { kept, passing: forward.max(backward) }
    }
}
