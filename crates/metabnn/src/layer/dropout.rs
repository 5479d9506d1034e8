//! Dropout: some activations of a dense hidden layer become 0 in a training step.

use crate::random::{Purpose, hash};

/// Dropout: an activation becomes 0 with probability `rate`, else it is divided by 1 - `rate`.
///
/// In a binary network what is kept is +-1 / (1 - rate). The authors keep +-1 instead; the next norm undoes the factor (up
/// to its eps), in the backward pass as well, but for the running statistics, which with it have the mean that a test
/// finds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// Probability in [0, 1).
    pub rate: f32,
    /// Seed of what is dropped.
    pub seed: u64,
}

/// The activations that one layer drops in one training step: the same in the forward and in the backward pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DropoutMask {
    pub dropout: Dropout,
    /// Training steps done before.
    pub step: u64,
    /// The layer, counted from 0.
    pub layer: usize,
}

impl DropoutMask {
    /// Drops and scales values of `unit`, one per sample.
    pub fn apply(&self, unit: usize, values: &mut [f32]) {
        self.dropout.drop(self.step, self.layer, unit, values);
    }
}

impl Dropout {
    /// Drops some of the activations of `unit` in layer `layer` (from 0) in step `step`, one per sample, and scales the
    /// others; and so it does with their gradients.
    pub fn drop(&self, step: u64, layer: usize, unit: usize, values: &mut [f32]) {
        let scale = 1.0 / (1.0 - self.rate);
        for (sample, value) in values.iter_mut().enumerate() {
            let place = [step, layer as u64, (unit as u64) << 32 | sample as u64];
            // Uniform in [0, 1), as `Stream::unit`.
            let unit = (hash(self.seed, Purpose::Dropout, place) >> 40) as f32 * (1.0 / (1 << 24) as f32);
            *value = if unit < self.rate { 0.0 } else { *value * scale };
        }
    }
}
