//! The update of a layer's synapses: gradient, then the rule, a tile at a time.

use metabnn_infer::{BitMatrix, WORD};

use super::conv::Patches;
use crate::kernels::{Kernels, LANES, Lanes, Left, Matrix, MatrixMut, Signs, SparseRows};
use crate::optim::{Moments, Tile, TileMoments};
use crate::tensor::Rows;

/// Lane groups whose gradients are computed, then used, while they are in the second-level cache: 128 KiB.
const GROUPS: usize = 2048;
/// Inputs whose synapses are updated at once: their hidden weights are still in the first-level cache when their signs
/// are taken.
const AT_ONCE: usize = 128;

/// A layer's input, (in, batch), in the form that the gradient of its weights wants.
#[derive(Clone, Copy, Debug)]
pub enum GradientInput<'a> {
    /// Signs.
    Signs(&'a BitMatrix),
    /// Real numbers, most of them zero.
    Sparse(&'a SparseRows),
    /// Real numbers.
    Real(&'a Rows),
    /// im2col of the maps of a convolution, (in, batch * positions).
    Patches(Patches<'a>),
}

/// The synapses of up to 64 outputs: what one thread updates at a time.
#[derive(Debug)]
pub struct Tiles<'a> {
    /// The first of the outputs.
    first: usize,
    outputs: usize,
    inputs: usize,
    /// (outputs / 16, in) lane groups.
    hidden: &'a mut [Lanes],
    /// (outputs / 16, in, numbers) lane groups.
    memory: &'a mut [Lanes],
    moments: TileMoments<'a>,
    /// Their signs, (outputs, in); empty in full precision.
    rows: &'a mut [u64],
    /// Their signs, one word per input; likewise.
    columns: &'a mut [u64],
}

impl<'a> Tiles<'a> {
    /// All synapses of a layer of `shape` (in, out), with what the rule keeps of them.
    pub(super) fn for_layer(
        kernels: Kernels,
        (hidden, memory): (&'a mut [Lanes], &'a mut [Lanes]),
        shape: (usize, usize),
        moments: &'a mut Moments,
        rows: &'a mut [u64],
        columns: &'a mut [u64],
    ) -> Vec<Self> {
        let (inputs, outputs) = shape;
        let groups = WORD / LANES * inputs;
        let numbers = memory.len() / hidden.len();
        let mut memory = memory.chunks_mut((groups * numbers).max(1));
        let mut rows = rows.chunks_mut(WORD * inputs.div_ceil(WORD));
        let mut columns = columns.chunks_mut(inputs);
        let tiles = hidden.chunks_mut(groups).zip(moments.tiles(kernels, groups)).enumerate();
        let tiles = tiles.map(|(index, (hidden, moments))| Self {
            first: index * WORD,
            outputs: (outputs - index * WORD).min(WORD),
            inputs,
            hidden,
            memory: memory.next().unwrap_or_default(),
            moments,
            rows: rows.next().unwrap_or_default(),
            columns: columns.next().unwrap_or_default(),
        });
        tiles.collect()
    }

    /// `dW[o, i] = sum_b dy[o, b] x[i, b]`, some synapses at a time, each with its gradient to `update`; then their
    /// signs are taken anew. Shapes: dy (out, batch), x (in, batch).
    ///
    /// The gradient is the one of the binary weights; the hidden weights take it as theirs (straight-through).
    pub fn update(mut self, kernels: Kernels, dy: &Rows, x: GradientInput<'_>, update: &impl Fn(Tile<'_>)) {
        let (inputs, tiles) = (self.inputs, self.outputs.div_ceil(LANES));
        let dy = side_by_side(dy, self.first, self.outputs, tiles);
        // Zeros are found once for all tiles; the tables of signs serve one.
        let (passes, at_once) = if let GradientInput::Sparse(_) = x { (1, tiles) } else { (tiles, 1) };
        let inputs_at_once = (GROUPS / at_once).min(inputs);
        let mut gradient = vec![Lanes::default(); inputs_at_once * at_once];
        for first in (0..inputs).step_by(inputs_at_once) {
            let count = inputs_at_once.min(inputs - first);
            for part in 0..passes {
                let gradient = &mut gradient[..count * at_once];
                let dy = Matrix { values: &Lanes::flat(&dy)[part * LANES..], stride: tiles * LANES };
                weight_gradient(kernels, x, first, dy, gradient, at_once);
                for (tile, gradient) in gradient.chunks_exact_mut(count).enumerate() {
                    self.update_tile(kernels, part + tile, first, gradient, update);
                }
            }
        }
        if !self.columns.is_empty() {
            (kernels.bits.transpose_samples)(self.columns, self.rows, inputs.div_ceil(WORD));
        }
    }

    /// The update of sixteen outputs' synapses from the inputs `first`.. on, and their signs.
    fn update_tile(
        &mut self,
        kernels: Kernels,
        tile: usize,
        first: usize,
        gradient: &mut [Lanes],
        update: &impl Fn(Tile<'_>),
    ) {
        let (binarized, numbers) = (!self.columns.is_empty(), self.memory.len() / self.hidden.len());
        let used = u16::MAX >> (LANES - (self.outputs - tile * LANES).min(LANES));
        for (part, gradient) in gradient.chunks_mut(AT_ONCE).enumerate() {
            let (input, count) = (first + part * AT_ONCE, gradient.len());
            let place = tile * self.inputs + input;
            let hidden = Lanes::flat_mut(&mut self.hidden[place..][..count]);
            let memory = &mut self.memory[place * numbers..][..count * numbers];
            self.moments.with(place, count, |mean, square| {
                let gradient = Lanes::flat_mut(gradient);
                update(Tile { binarized, gradient, hidden, mean, square, state: memory });
            });
            if binarized {
                (kernels.put_signs)(hidden, used, tile * LANES, &mut self.columns[input..][..count]);
            }
        }
    }
}

/// The gradients of the weights from the inputs `first`.. on to some tiles. Shapes: dy (batch, tiles, 16), g (tiles,
/// inputs, 16).
fn weight_gradient(
    kernels: Kernels,
    x: GradientInput<'_>,
    first: usize,
    dy: Matrix<'_>,
    g: &mut [Lanes],
    tiles: usize,
) {
    let g = MatrixMut { values: Lanes::flat_mut(g), stride: LANES };
    match x {
        GradientInput::Signs(bits) => {
            let (words, row) = (&bits.words()[first * bits.stride()..], bits.stride());
            (kernels.signed_product)(Signs { words, row, word: 1, depth: bits.columns() }, dy, g, LANES);
        }
        GradientInput::Sparse(rows) => (kernels.sparse_product)(rows, first, dy, g.values, tiles),
        GradientInput::Real(x) => {
            g.values.fill(0.0);
            let (row, depth) = (x.columns().stride, x.batch());
            let left = Left { values: &x.flat()[first * row..], row, step: 1, depth };
            (kernels.product)(left, dy, g, LANES);
        }
        GradientInput::Patches(patches) => patches.weight_gradient(kernels, first, dy, g),
    }
}

/// Columns of a gradient that are put side by side at a time: what is written of them stays in cache.
const COLUMNS: usize = 128;

/// Rows first..first + outputs of `dy`, side by side: (batch, tiles, 16), zeros where there are fewer.
pub(crate) fn side_by_side(dy: &Rows, first: usize, outputs: usize, tiles: usize) -> Vec<Lanes> {
    let mut groups = vec![Lanes::default(); dy.batch() * tiles];
    for (part, groups) in groups.chunks_mut(COLUMNS * tiles).enumerate() {
        for output in 0..outputs {
            let (tile, lane) = (output / LANES, output % LANES);
            let places = groups[tile..].iter_mut().step_by(tiles);
            let values = &dy.row(first + output)[part * COLUMNS..];
            places.zip(values).for_each(|(group, value)| group.0[lane] = *value);
        }
    }
    groups
}
