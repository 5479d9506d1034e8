//! The squares of a convolution's per-sample gradients, for the Fisher information.

use super::{Convolution, unpooled};
use crate::kernels::{Kernels, LANES, Lanes, Left, Matrix, MatrixMut};
use crate::layer::cache::LayerCache;
use crate::layer::flatten::signs_to_rows;
use crate::layer::update::side_by_side;
use crate::layer::{Input, Layer};
use crate::machine::Machine;
use crate::tensor::Rows;

/// What the squared gradients of a batch need: the gradient of sample b for the weight (o, k) is the sum over positions p
/// of dy[o, b, p] x[k, b, p], so it has to be squared sample by sample.
pub(crate) struct ConvSquares {
    convolution: Convolution,
    batch: usize,
    /// (channels, batch * positions of the input).
    maps: Rows,
    /// (out, batch * positions of the sums).
    gradient: Rows,
}

impl ConvSquares {
    /// From the `cache` of a pass over `input`, with the gradient of the pooled sums in it; and the gradient of the input.
    pub fn new(
        layer: &Layer,
        convolution: &Convolution,
        machine: &Machine,
        input: Input<'_>,
        cache: &LayerCache,
        batch: usize,
        below: Option<&mut Rows>,
    ) -> Self {
        let gradient = unpooled(convolution, cache, machine, batch);
        if let Some(below) = below {
            let dx = super::gradient_below(&layer.linear, convolution, machine, &gradient, batch);
            let stride = below.columns().stride;
            super::side_by_side(dx.iter(), 0, below.flat_mut(), stride);
        }
        let maps = match input {
            Input::Real(maps) => maps.clone(),
            Input::Signs(samples) => signs_to_rows(samples),
            Input::Pixels(_) => unreachable!("a convolution takes maps"),
        };
        Self { convolution: *convolution, batch, maps, gradient }
    }

    /// Adds `sum_b (sum_p dy[o, b, p] x[i, b, p])^2` of the sixteen outputs of `tile` to `sums`, (in) lane groups.
    pub fn add_to(&self, kernels: Kernels, tile: usize, sums: &mut [Lanes]) {
        let (first, positions) = (tile * LANES, self.convolution.positions());
        let dy = side_by_side(&self.gradient, first, LANES.min(self.gradient.features() - first), 1);
        let mut patches = vec![0.0; self.convolution.inputs() * positions];
        let mut gradient = vec![Lanes::default(); self.convolution.inputs()];
        for sample in 0..self.batch {
            self.convolution.im2col(&self.maps, 0, sample..sample + 1, &mut patches, positions);
            let left = Left { values: &patches, row: positions, step: 1, depth: positions };
            let dy = Matrix { values: Lanes::flat(&dy[sample * positions..]), stride: LANES };
            gradient.fill(Lanes::default());
            let g = MatrixMut { values: Lanes::flat_mut(&mut gradient), stride: LANES };
            (kernels.product)(left, dy, g, LANES);
            for (sums, gradient) in sums.iter_mut().zip(&gradient) {
                sums.0.iter_mut().zip(gradient.0).for_each(|(sum, g)| *sum += g * g);
            }
        }
    }

    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.batch
    }
}
