//! The linear layer without bias: y = x W^T, with W = sign(W^h) or, in the full-precision control, W = W^h.

use std::borrow::Cow;

use metabnn_infer::{BitMatrix, WORD};
use rayon::prelude::*;

use crate::kernels::Kernels;
use crate::optim::Moments;

/// Columns of a product that one task computes: whole words of bits, and a whole number of any kernel's lanes.
const TILE: usize = 2 * WORD;
/// Rows of weights whose gradient is computed, then used, while it is in cache.
const UPDATE_TILE: usize = 16;

/// What a layer receives, (batch, width): real numbers or signs.
#[derive(Clone, Debug, PartialEq)]
pub enum Activations {
    /// Real numbers: pixels, or the outputs of a ReLU.
    Real {
        /// Values of one row.
        width: usize,
        /// (batch, width), row-major.
        values: Vec<f32>,
    },
    /// Signs, one bit each.
    Signs(BitMatrix),
}

impl Activations {
    /// Number of rows.
    pub fn batch(&self) -> usize {
        match self {
            Self::Real { width, values } => values.len() / (*width).max(1),
            Self::Signs(bits) => bits.rows(),
        }
    }

    /// Values in a row.
    pub fn width(&self) -> usize {
        match self {
            Self::Real { width, .. } => *width,
            Self::Signs(bits) => bits.columns(),
        }
    }

    /// All values as real numbers, (batch, width).
    pub fn to_real(&self) -> Cow<'_, [f32]> {
        match self {
            Self::Real { values, .. } => Cow::Borrowed(values),
            Self::Signs(bits) => {
                let mut values = vec![0.0; bits.rows() * bits.columns()];
                for (row, values) in values.chunks_exact_mut(bits.columns()).enumerate() {
                    metabnn_infer::unpack(bits.row(row), values);
                }
                Cow::Owned(values)
            }
        }
    }
}

/// A linear layer: hidden weights and, where binarized, their signs.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    inputs: usize,
    hidden: Vec<f32>,
    binary: Option<BitMatrix>,
}

/// A few rows of a layer's synapses with the gradient just computed for them: all that a local rule sees.
#[derive(Debug)]
pub struct Tile<'a> {
    /// Gradient of the loss with respect to the weights in use, (rows, in).
    pub gradient: &'a [f32],
    /// Hidden weights, (rows, in).
    pub hidden: &'a mut [f32],
    /// Adam's first moment, (rows, in).
    pub mean: &'a mut [f32],
    /// Adam's second moment, (rows, in).
    pub square: &'a mut [f32],
}

impl Linear {
    /// A layer with the given `hidden` weights, (out, in) row-major.
    ///
    /// # Panics
    /// If `hidden` is no whole number of rows.
    pub fn new(inputs: usize, hidden: Vec<f32>, binarized: bool) -> Self {
        assert!(inputs > 0 && hidden.len().is_multiple_of(inputs), "whole rows of {inputs} weights");
        let binary = binarized.then(|| BitMatrix::from_signs(hidden.len() / inputs, inputs, &hidden));
        Self { inputs, hidden, binary }
    }

    /// Width of the input.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Width of the output.
    pub fn outputs(&self) -> usize {
        self.hidden.len() / self.inputs
    }

    /// Hidden weights W^h, (out, in).
    pub fn hidden(&self) -> &[f32] {
        &self.hidden
    }

    /// Binary weights W^b = sign(W^h), (out, in), one bit each; `None` in the full-precision control.
    pub fn binary(&self) -> Option<&BitMatrix> {
        self.binary.as_ref()
    }

    /// `y[b, o] = sum_i x[b, i] W[o, i]`. Shapes: x (batch, in), y (batch, out).
    pub fn forward(&self, kernels: Kernels, x: &Activations) -> Vec<f32> {
        let outputs = self.outputs();
        let mut y = vec![0.0; x.batch() * outputs];
        if let (Activations::Signs(x), Some(weights)) = (x, &self.binary) {
            let rows = y.par_chunks_exact_mut(outputs).enumerate();
            rows.for_each(|(b, y)| (kernels.xnor_product)(x, b, weights, y));
        } else {
            let tile = |start, width| self.transposed_tile(start, width);
            multiply(kernels, &x.to_real(), self.inputs, tile, &mut y);
        }
        y
    }

    /// `dx[b, i] = sum_o dy[b, o] W[o, i]`. Shapes: dy (batch, out), dx (batch, in).
    pub fn backward_input(&self, kernels: Kernels, dy: &[f32]) -> Vec<f32> {
        let mut dx = vec![0.0; dy.len() / self.outputs() * self.inputs];
        multiply(kernels, dy, self.outputs(), |start, width| self.tile(start, width), &mut dx);
        dx
    }

    /// `dW[o, i] = sum_b dy[b, o] x[b, i]`, a few rows at a time, each handed to `update` with the synapses it
    /// belongs to; then those rows' signs are taken anew. Shapes: dy (batch, out), x (batch, in).
    ///
    /// The gradient is the one of the binary weights; the hidden weights take it as theirs (straight-through).
    pub fn backward_weights(
        &mut self,
        kernels: Kernels,
        dy: &[f32],
        x: &Activations,
        moments: &mut Moments,
        update: impl Fn(Tile<'_>) + Sync,
    ) {
        let (inputs, outputs, batch) = (self.inputs, self.outputs(), x.batch());
        let x = x.to_real();
        let synapses = UPDATE_TILE * inputs;
        let tiles = (self.hidden.par_chunks_mut(synapses))
            .zip(moments.mean.par_chunks_mut(synapses))
            .zip(moments.square.par_chunks_mut(synapses));
        let update_tile = |tile: usize, hidden: &mut [f32], mean: &mut [f32], square: &mut [f32]| {
            let rows = hidden.len() / inputs;
            let of_row = |row: usize| (0..batch).map(move |b| dy[b * outputs + tile * UPDATE_TILE + row]);
            let dy: Vec<f32> = (0..rows).flat_map(of_row).collect();
            let mut gradient = vec![0.0; hidden.len()];
            (kernels.product)(&dy, &x, batch, &mut gradient);
            update(Tile { gradient: &gradient, hidden, mean, square });
        };
        match &mut self.binary {
            None => tiles
                .enumerate()
                .for_each(|(t, ((hidden, mean), square))| update_tile(t, hidden, mean, square)),
            Some(binary) => {
                let stride = binary.stride();
                let words = binary.words_mut().par_chunks_mut(UPDATE_TILE * stride);
                tiles.zip(words).enumerate().for_each(|(t, (((hidden, mean), square), words))| {
                    update_tile(t, hidden, mean, square);
                    for (hidden, words) in hidden.chunks_exact(inputs).zip(words.chunks_exact_mut(stride)) {
                        metabnn_infer::pack(hidden, words);
                    }
                });
            }
        }
    }

    /// Columns start..start + width of W as real numbers, (out, width); `start` is a whole number of words.
    fn tile(&self, start: usize, width: usize) -> Vec<f32> {
        let mut tile = vec![0.0; self.outputs() * width];
        for (output, tile) in tile.chunks_exact_mut(width).enumerate() {
            match &self.binary {
                None => tile.copy_from_slice(&self.hidden[output * self.inputs + start..][..width]),
                Some(binary) => metabnn_infer::unpack(&binary.row(output)[start / WORD..], tile),
            }
        }
        tile
    }

    /// Rows start..start + width of W as columns, (in, width).
    fn transposed_tile(&self, start: usize, width: usize) -> Vec<f32> {
        let mut tile = vec![0.0; self.inputs * width];
        let mut row = vec![0.0; self.inputs];
        for column in 0..width {
            let output = start + column;
            match &self.binary {
                None => row.copy_from_slice(&self.hidden[output * self.inputs..][..self.inputs]),
                Some(binary) => metabnn_infer::unpack(binary.row(output), &mut row),
            }
            for (tile, &value) in tile.chunks_exact_mut(width).zip(&row) {
                tile[column] = value;
            }
        }
        tile
    }
}

/// `y[b, j] = sum_k x[b, k] M[k, j]`, where `tile(start, width)` gives columns start..start + width of M as
/// (k, width). Shapes: x (batch, depth), y (batch, n). Tiles run in parallel; the sums do not depend on it.
fn multiply(
    kernels: Kernels,
    x: &[f32],
    depth: usize,
    tile: impl Fn(usize, usize) -> Vec<f32> + Sync,
    y: &mut [f32],
) {
    let batch = x.len() / depth;
    let outputs = y.len() / batch.max(1);
    let tiles: Vec<(usize, Vec<f32>)> = (0..outputs.div_ceil(TILE))
        .into_par_iter()
        .map(|index| {
            let start = index * TILE;
            let width = TILE.min(outputs - start);
            let columns = tile(start, width);
            let mut product = vec![0.0; batch * width];
            (kernels.product)(x, &columns, depth, &mut product);
            (start, product)
        })
        .collect();
    for (start, product) in tiles {
        let width = product.len() / batch;
        for (y, product) in y.chunks_exact_mut(outputs).zip(product.chunks_exact(width)) {
            y[start..start + width].copy_from_slice(product);
        }
    }
}
