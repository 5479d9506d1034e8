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

/// What a layer receives, one row per feature: (width, batch). Real numbers or signs.
#[derive(Clone, Debug, PartialEq)]
pub enum Activations {
    /// Real numbers: pixels, or the outputs of a ReLU.
    Real {
        /// Number of columns.
        batch: usize,
        /// (width, batch), row-major.
        values: Vec<f32>,
    },
    /// Signs, one bit each, (width, batch).
    Signs(BitMatrix),
}

impl Activations {
    /// From samples in rows: `values` is (batch, width).
    pub fn from_samples(values: &[f32], width: usize) -> Self {
        Self::Real { batch: values.len() / width, values: transpose(values, width) }
    }

    /// Number of samples.
    pub fn batch(&self) -> usize {
        match self {
            Self::Real { batch, .. } => *batch,
            Self::Signs(bits) => bits.columns(),
        }
    }

    /// The signs of all values, (width, batch); sign(0) = +1.
    pub fn to_signs(&self) -> BitMatrix {
        match self {
            Self::Real { batch, values } => BitMatrix::from_signs(values.len() / batch, *batch, values),
            Self::Signs(bits) => bits.clone(),
        }
    }

    /// All values as real numbers, (width, batch).
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

    /// `y[o, b] = sum_i W[o, i] x[i, b]`. Shapes: x (in, batch), y (out, batch).
    pub fn forward(&self, kernels: Kernels, x: &Activations) -> Vec<f32> {
        let batch = x.batch();
        match (x, &self.binary) {
            (Activations::Signs(x), Some(weights)) => {
                let (samples, mut y) = (x.transposed(), vec![0.0; self.outputs() * batch]);
                let rows = y.par_chunks_exact_mut(batch).enumerate().with_min_len(OUTPUTS);
                rows.for_each(|(output, y)| (kernels.xnor_product)(weights, output, &samples, y));
                y
            }
            (x, Some(weights)) => multiply(kernels, Left::Signs(weights), &x.to_real(), batch),
            (x, None) => multiply(kernels, Left::Real(&self.hidden), &x.to_real(), batch),
        }
    }

    /// `dx[i, b] = sum_o W[o, i] dy[o, b]`. Shapes: dy (out, batch), dx (in, batch).
    pub fn backward_input(&self, kernels: Kernels, dy: &[f32]) -> Vec<f32> {
        let batch = dy.len() / self.outputs();
        match &self.binary {
            Some(binary) => multiply(kernels, Left::Signs(&binary.transposed()), dy, batch),
            None => multiply(kernels, Left::Real(&transpose(&self.hidden, self.inputs)), dy, batch),
        }
    }

    /// `dW[o, i] = sum_b dy[o, b] x[i, b]`, some synapses at a time, each lot handed to `update` with the synapses it
    /// belongs to; then their signs are taken anew. Shapes: dy (out, batch), x (in, batch).
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
        let (inputs, batch) = (self.inputs, x.batch());
        let x = match x {
            Activations::Signs(bits) => Input::Signs(bits),
            Activations::Real { values, .. } => Input::Sparse(SparseRows::new(values, batch)),
        };
        let synapses = OUTPUTS * inputs;
        let rows = (self.hidden.par_chunks_mut(synapses))
            .zip(moments.mean.par_chunks_mut(synapses))
            .zip(moments.square.par_chunks_mut(synapses))
            .map(|((hidden, mean), square)| Rows { hidden, mean, square });
        let update_rows = |index: usize, rows: &mut Rows<'_>| {
            let dy = &dy[index * OUTPUTS * batch..][..rows.hidden.len() / inputs * batch];
            rows.update(kernels, &x, &transpose(dy, batch), inputs, &update);
        };
        match &mut self.binary {
            None => rows.enumerate().for_each(|(index, mut rows)| update_rows(index, &mut rows)),
            Some(binary) => {
                let stride = binary.stride();
                let words = binary.words_mut().par_chunks_mut(OUTPUTS * stride);
                rows.zip(words).enumerate().for_each(|(index, (mut rows, words))| {
                    update_rows(index, &mut rows);
                    for (hidden, words) in
                        rows.hidden.chunks_exact(inputs).zip(words.chunks_exact_mut(stride))
                    {
                        (kernels.pack)(hidden, words);
                    }
                });
            }
        }
    }
}

/// A layer's input, (in, batch), in the form that its gradient wants.
enum Input<'a> {
    Signs(&'a BitMatrix),
    Sparse(SparseRows),
}

/// All synapses of a few outputs: hidden weights and moments, (outputs, in) each.
struct Rows<'a> {
    hidden: &'a mut [f32],
    mean: &'a mut [f32],
    square: &'a mut [f32],
}

impl Rows<'_> {
    /// Their gradient and, right after it, their update, some inputs at a time. Shapes: x (in, batch),
    /// dy (batch, outputs).
    fn update(
        &mut self,
        kernels: Kernels,
        x: &Input<'_>,
        dy: &[f32],
        inputs: usize,
        update: &impl Fn(Tile<'_>),
    ) {
        let outputs = self.hidden.len() / inputs;
        let mut gradient = vec![0.0; INPUTS.min(inputs) * outputs];
        for first in (0..inputs).step_by(INPUTS) {
            let count = INPUTS.min(inputs - first);
            let gradient = &mut gradient[..count * outputs];
            match x {
                Input::Signs(bits) => (kernels.signed_product)(bits, first, dy, outputs, gradient),
                Input::Sparse(rows) => (kernels.sparse_product)(rows, first, dy, outputs, gradient),
            }
            for (output, gradient) in transpose(gradient, outputs).chunks_exact(count).enumerate() {
                let start = output * inputs + first;
                update(Tile {
                    gradient,
                    hidden: &mut self.hidden[start..start + count],
                    mean: &mut self.mean[start..start + count],
                    square: &mut self.square[start..start + count],
                });
            }
        }
    }
}
