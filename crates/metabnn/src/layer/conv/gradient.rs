//! The gradient of a convolution's weights, from im2col of its input.

use super::{ConvChunk, Convolution};
use crate::kernels::{Kernels, LANES, Left, Matrix, MatrixMut, Signs};
use crate::tensor::Rows;

/// The input of a convolution as the gradient of its weights takes it: im2col on the fly.
#[derive(Clone, Copy, Debug)]
pub struct Patches<'a> {
    convolution: &'a Convolution,
    batch: usize,
    source: Source<'a>,
}

/// Where patches come from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    /// Real maps.
    Real(&'a Rows),
    /// Signs that the forward pass has gathered, with [`Convolution::edges`].
    Signs { chunks: &'a [ConvChunk], edges: &'a [(usize, Vec<usize>)] },
}

impl<'a> Patches<'a> {
    pub(super) fn new(convolution: &'a Convolution, batch: usize, source: Source<'a>) -> Self {
        Self { convolution, batch, source }
    }

    /// `g[r, j] = sum_k x[first + r, k] dy[k, j]` over all samples and positions k of the sums in order. Shapes: dy (batch
    /// * positions, 16), g (inputs, 16).
    pub(in crate::layer) fn weight_gradient(
        &self,
        kernels: Kernels,
        first: usize,
        dy: Matrix<'_>,
        g: MatrixMut<'_>,
    ) {
        let Self { convolution, batch, source } = *self;
        let positions = convolution.positions();
        let from_sample = |start: usize| Matrix { values: &dy.values[start * positions * dy.stride..], ..dy };
        match source {
            Source::Real(maps) => {
                g.values.fill(0.0);
                let inputs = g.values.len() / LANES;
                let mut patches = Vec::new();
                for samples in convolution.chunks(batch) {
                    let depth = samples.len() * positions;
                    patches.resize(inputs * depth, 0.0);
                    convolution.im2col(maps, first, samples.clone(), &mut patches, depth);
                    let left = Left { values: &patches, row: depth, step: 1, depth };
                    let g = MatrixMut { values: &mut *g.values, stride: LANES };
                    (kernels.product)(left, from_sample(samples.start), g, LANES);
                }
            }
            Source::Signs { chunks, edges } => {
                self.add_edges(edges, first, dy, g.values);
                let mut sums = vec![0.0; g.values.len()];
                for ConvChunk { samples, across, .. } in chunks {
                    let depth = samples.len() * positions;
                    let words = &across[first..];
                    let signs = Signs { words, row: 1, word: convolution.inputs(), depth };
                    let y = MatrixMut { values: &mut sums, stride: LANES };
                    let m = from_sample(samples.start);
                    let m = Matrix { values: &m.values[..(depth - 1) * m.stride + LANES], ..m };
                    (kernels.signed_product)(signs, m, y, LANES);
                    g.values.iter_mut().zip(&sums).for_each(|(g, sum)| *g += sum);
                }
            }
        }
    }

    /// What makes up for inputs of -1 beyond the edges: the sum of `dy` where a weight lay there.
    fn add_edges(&self, edges: &[(usize, Vec<usize>)], first: usize, dy: Matrix<'_>, g: &mut [f32]) {
        let Convolution { input, .. } = self.convolution;
        let mut of_taps = vec![[0.0; LANES]; self.convolution.taps()];
        for (position, taps) in edges {
            let mut sum = [0.0; LANES];
            for sample in 0..self.batch {
                let dy = &dy.values[(sample * self.convolution.positions() + position) * dy.stride..];
                sum.iter_mut().zip(dy).for_each(|(sum, dy)| *sum += dy);
            }
            for &tap in taps {
                of_taps[tap].iter_mut().zip(sum).for_each(|(of_tap, sum)| *of_tap += sum);
            }
        }
        for (input_of_kernel, g) in (first..).zip(g.chunks_exact_mut(LANES)) {
            g.copy_from_slice(&of_taps[input_of_kernel / input.channels]);
        }
    }
}
