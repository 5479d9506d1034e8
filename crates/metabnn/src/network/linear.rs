//! The linear layer without bias: y = x W^T, with W = sign(W^h) or, in the full-precision control, W = W^h.

use std::borrow::Cow;

use metabnn_infer::BitMatrix;
use rayon::prelude::*;

use super::product::{Left, multiply, transpose};
use crate::kernels::{Kernels, SparseRows};
use crate::optim::Moments;

/// Outputs whose gradients are computed together: the lanes of a kernel.
const OUTPUTS: usize = 32;
/// Inputs whose gradients are computed, then used, while they are in cache.
const INPUTS: usize = 512;

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

/// Some synapses of one output, with the gradient just computed for them: all that a local rule sees. All (n).
#[derive(Debug)]
pub struct Tile<'a> {
    /// Gradient of the loss with respect to the weights in use.
    pub gradient: &'a [f32],
    /// Hidden weights.
    pub hidden: &'a mut [f32],
    /// Adam's first moment.
    pub mean: &'a mut [f32],
    /// Adam's second moment.
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
        let (batch, outputs) = (x.batch(), self.outputs());
        if let (Activations::Signs(x), Some(weights)) = (x, &self.binary) {
            let mut y = vec![0.0; batch * outputs];
            let rows = y.par_chunks_exact_mut(outputs).enumerate();
            rows.for_each(|(b, y)| (kernels.xnor_product)(x, b, weights, y));
            return y;
        }
        // y' = W x'
        let weights = self.binary.as_ref().map_or(Left::Real(&self.hidden), Left::Signs);
        transpose(&multiply(kernels, weights, &transpose(&x.to_real(), self.inputs), batch), batch)
    }

    /// `dx[b, i] = sum_o dy[b, o] W[o, i]`. Shapes: dy (batch, out), dx (batch, in).
    pub fn backward_input(&self, kernels: Kernels, dy: &[f32]) -> Vec<f32> {
        let outputs = self.outputs();
        let (batch, dy) = (dy.len() / outputs, transpose(dy, outputs));
        // dx' = W' dy'
        let dx = match &self.binary {
            Some(binary) => multiply(kernels, Left::Signs(&binary.transposed()), &dy, batch),
            None => multiply(kernels, Left::Real(&transpose(&self.hidden, self.inputs)), &dy, batch),
        };
        transpose(&dx, batch)
    }

    /// `dW[o, i] = sum_b dy[b, o] x[b, i]`, some synapses at a time, each lot handed to `update` with the synapses it
    /// belongs to; then their signs are taken anew. Shapes: dy (batch, out), x (batch, in).
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
        let (inputs, outputs) = (self.inputs, self.outputs());
        let x = match x {
            Activations::Signs(bits) => Gathered::Signs(bits.transposed()),
            Activations::Real { width, values } => Gathered::Sparse(SparseRows::transpose_of(values, *width)),
        };
        let synapses = OUTPUTS * inputs;
        let tiles = (self.hidden.par_chunks_mut(synapses))
            .zip(moments.mean.par_chunks_mut(synapses))
            .zip(moments.square.par_chunks_mut(synapses))
            .enumerate();
        let update_tile =
            |(index, ((hidden, mean), square)): (usize, ((&mut [f32], &mut [f32]), &mut [f32]))| {
                let dy = columns(dy, outputs, index * OUTPUTS, hidden.len() / inputs);
                backward_tile(kernels, &x, &dy, inputs, (hidden, mean, square), &update);
            };
        match &mut self.binary {
            None => tiles.for_each(update_tile),
            Some(binary) => {
                let stride = binary.stride();
                let words = binary.words_mut().par_chunks_mut(OUTPUTS * stride);
                tiles.zip(words).for_each(|((index, ((hidden, mean), square)), words)| {
                    update_tile((index, ((&mut *hidden, mean), square)));
                    for (hidden, words) in hidden.chunks_exact(inputs).zip(words.chunks_exact_mut(stride)) {
                        metabnn_infer::pack(hidden, words);
                    }
                });
            }
        }
    }
}

/// A layer's input with the batch innermost: (in, batch).
enum Gathered {
    Signs(BitMatrix),
    Sparse(SparseRows),
}

/// Gradient of a few outputs, `dy` (batch, outputs), and right after it their update: `synapses` are hidden weights
/// and moments, (outputs, in) each.
fn backward_tile(
    kernels: Kernels,
    x: &Gathered,
    dy: &[f32],
    inputs: usize,
    synapses: (&mut [f32], &mut [f32], &mut [f32]),
    update: &impl Fn(Tile<'_>),
) {
    let (hidden, mean, square) = synapses;
    let outputs = hidden.len() / inputs;
    let mut gradient = vec![0.0; INPUTS.min(inputs) * outputs];
    for first in (0..inputs).step_by(INPUTS) {
        let count = INPUTS.min(inputs - first);
        let gradient = &mut gradient[..count * outputs];
        match x {
            Gathered::Signs(bits) => (kernels.signed_product)(bits, first, dy, outputs, gradient),
            Gathered::Sparse(rows) => (kernels.sparse_product)(rows, first, dy, outputs, gradient),
        }
        for (output, gradient) in transpose(gradient, outputs).chunks_exact(count).enumerate() {
            let here = output * inputs + first..output * inputs + first + count;
            let (mean, square) = (&mut mean[here.clone()], &mut square[here.clone()]);
            update(Tile { gradient, hidden: &mut hidden[here], mean, square });
        }
    }
}

/// Columns start..start + count of `y`, (batch, width), as (batch, count).
fn columns(y: &[f32], width: usize, start: usize, count: usize) -> Vec<f32> {
    y.chunks_exact(width).flat_map(|row| &row[start..start + count]).copied().collect()
}
