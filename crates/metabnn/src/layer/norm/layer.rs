//! Layer norm: the mean and variance of one sample over all its pre-activations: the units of a dense layer, the channels
//! and positions of a convolution. Inference is its forward pass: a sample's statistics are its own.
//!
//! The sums run over the features in order, for all samples side by side. Layers with this norm are small, and it is left
//! to one thread.

use super::{BatchStatistics, Norm, NormGradient};
use crate::kernels::Gate;
use crate::tensor::Rows;

/// What the backward pass of one sample needs.
struct SampleGradient {
    /// Sum, then mean, of dn.
    mean: f32,
    /// Sum, then mean, of dn normed.
    slope: f32,
    inv_std: f32,
}

impl Norm {
    /// Layer norm, forward and at inference: normalizes every sample of `y`, (features, samples * positions), in place with
    /// its own statistics, which go to `statistics`, (samples).
    pub fn layer_forward(&self, y: &mut Rows, statistics: &mut [BatchStatistics]) {
        let positions = y.batch() / statistics.len().max(1);
        let count = (y.features() * positions) as f32;
        statistics.fill(BatchStatistics::default());
        for feature in 0..y.features() {
            each_sample(y.row_mut(feature), positions, statistics, |y, of| of.mean += *y);
        }
        statistics.iter_mut().for_each(|of| of.mean /= count);
        for feature in 0..y.features() {
            each_sample(y.row_mut(feature), positions, statistics, |y, of| {
                of.variance += (*y - of.mean) * (*y - of.mean);
            });
        }
        for of in statistics.iter_mut() {
            of.variance /= count;
            of.inv_std = self.inv_std(of.variance);
        }
        for feature in 0..y.features() {
            each_sample(y.row_mut(feature), positions, statistics, |y, of| *y = (*y - of.mean) * of.inv_std);
        }
    }

    /// Layer norm, backward: the gradient `d` of what stands behind `gate` and norm becomes that of the pre-activations, in
    /// place; shapes as in [`Norm::layer_forward`].
    ///
    /// ```text
    /// dn = gamma d where the gate lets it pass, else 0
    /// dy = inv_std (dn - mean(dn) - normed mean(dn normed)), means over a sample
    /// ```
    pub fn layer_backward(
        &self,
        gate: Gate,
        (normed, statistics): (&Rows, &[BatchStatistics]),
        d: &mut Rows,
        gradient: &mut NormGradient,
    ) {
        let positions = d.batch() / statistics.len().max(1);
        let sample = |of: &BatchStatistics| SampleGradient { mean: 0.0, slope: 0.0, inv_std: of.inv_std };
        let mut samples: Vec<_> = statistics.iter().map(sample).collect();
        for feature in 0..d.features() {
            let (gamma, beta) = (self.state.gamma[feature], self.state.beta[feature]);
            let (mut of_gamma, mut of_beta) = (0.0, 0.0);
            let mut normed = normed.row(feature).iter();
            each_sample(d.row_mut(feature), positions, &mut samples, |d, sample| {
                let normed = normed.next().copied().unwrap_or_default();
                let passed = if gate.passes(gamma * normed + beta) { *d } else { 0.0 };
                of_gamma += passed * normed;
                of_beta += passed;
                *d = gamma * passed;
                sample.mean += *d;
                sample.slope += *d * normed;
            });
            (gradient.gamma[feature], gradient.beta[feature]) = (of_gamma, of_beta);
        }
        let count = (d.features() * positions) as f32;
        for sample in &mut samples {
            (sample.mean, sample.slope) = (sample.mean / count, sample.slope / count);
        }
        for feature in 0..d.features() {
            let mut normed = normed.row(feature).iter();
            each_sample(d.row_mut(feature), positions, &mut samples, |d, sample| {
                let normed = normed.next().copied().unwrap_or_default();
                *d = sample.inv_std * (*d - sample.mean - normed * sample.slope);
            });
        }
    }
}

/// Calls `each` with every value of a row, (samples * positions), and what belongs to its sample.
fn each_sample<S>(
    row: &mut [f32],
    positions: usize,
    samples: &mut [S],
    mut each: impl FnMut(&mut f32, &mut S),
) {
    // Dense layers: a loop without an inner one.
    if positions == 1 {
        return row.iter_mut().zip(samples).for_each(|(value, sample)| each(value, sample));
    }
    for (values, sample) in row.chunks_exact_mut(positions.max(1)).zip(samples) {
        values.iter_mut().for_each(|value| each(value, sample));
    }
}
