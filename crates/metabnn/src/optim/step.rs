//! One step of the optimizer, as a synaptic rule sees it.

use super::Tile;
use crate::kernels::{AdamStep, CurveTable, Kernels, moments};

/// What the updates of all synapses have in common in one step.
#[derive(Clone, Copy, Debug)]
pub struct OptimizerStep {
    kernels: Kernels,
    adam: AdamStep,
}

impl OptimizerStep {
    /// A step of Adam.
    pub fn new(kernels: Kernels, adam: AdamStep) -> Self {
        Self { kernels, adam }
    }

    /// The numbers of Adam's step: decays, step size, weight decay.
    pub fn adam(&self) -> &AdamStep {
        &self.adam
    }

    /// L2 penalty: g + weight_decay W is the gradient that the step goes down.
    pub fn weight_decay(&self) -> f32 {
        self.adam.weight_decay
    }

    /// Adam whose shrinking updates are scaled by f_meta(m, W), in one kernel; m = 0: plain Adam.
    ///
    /// ```text
    /// g <- g + weight_decay W;   M <- beta1 M + (1 - beta1) g;   V <- beta2 V + (1 - beta2) g^2
    /// U  = size M / (sqrt(V) + eps)
    /// W <- W - U f_meta(m, W)   where sign(W) M > 0: the step would shrink |W|
    /// W <- W - U                elsewhere
    /// ```
    pub fn metaplastic(&self, m: f32, tile: &mut Tile<'_>) {
        let Tile { gradient, hidden, mean, square, .. } = tile;
        (self.kernels.adam_tile)(&self.adam, m, gradient, hidden, mean, square);
    }

    /// Adam whose updates are scaled by a table of curves, in one kernel.
    pub(crate) fn curved(&self, table: &CurveTable, tile: &mut Tile<'_>) {
        let Tile { gradient, hidden, mean, square, .. } = tile;
        (self.kernels.adam_curve_tile)(&self.adam, table, gradient, hidden, mean, square);
    }

    /// Adam's step, each change of a weight multiplied by `scale(hidden weight, change)`.
    pub fn scaled(&self, tile: Tile<'_>, scale: impl Fn(f32, f32) -> f32) {
        let synapses = tile.gradient.iter().zip(tile.hidden).zip(tile.mean.iter_mut().zip(tile.square));
        for ((gradient, hidden), (mean, square)) in synapses {
            (*mean, *square) = moments(self.adam, *gradient, *hidden, *mean, *square);
            let change = -self.adam.size * *mean / (square.sqrt() + self.adam.eps);
            *hidden += scale(*hidden, change) * change;
        }
    }
}
