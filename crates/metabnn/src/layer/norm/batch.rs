//! Batch norm: a feature's mean and variance over the batch (in a convolution: a channel's, over batch and positions).

use super::{BatchStatistics, Norm, NormState, Statistics};
use crate::kernels::{Gate, Kernels, NormRow};
use crate::tensor::Rows;

impl Norm {
    /// Batch norm, forward: normalizes one feature's pre-activations, (columns), in place with their own statistics, which
    /// it gives.
    pub fn batch_forward(&self, kernels: Kernels, y: &mut [f32]) -> BatchStatistics {
        let (mean, variance) = (kernels.statistics)(y);
        let inv_std = self.inv_std(variance);
        (kernels.normalise)(y, mean, inv_std);
        BatchStatistics { mean, variance, inv_std }
    }

    /// Batch norm, backward: the gradient `d` of what stands behind `gate` and norm becomes that of the pre-activations, in
    /// place, for the features from `first` on; `gradient` receives (dL/dgamma, dL/dbeta). Rows of `d` are as far apart as
    /// those of `normed`; `statistics` has one entry per feature.
    ///
    /// ```text
    /// dz = d where the gate lets it pass, else 0
    /// dy = gamma inv_std (dz - mean(dz) - normed mean(dz normed)), means over the batch
    /// ```
    ///
    /// Instance norm is the same over a part of the row: where a feature has several statistics, (features, samples), as
    /// many equal pieces of its row were normalized each by itself, and means are over a piece. See
    /// [`Kernels::norm_backward`].
    pub fn batch_backward(
        &self,
        kernels: Kernels,
        gate: Gate,
        (normed, statistics): (&Rows, &[BatchStatistics]),
        first: usize,
        d: &mut [f32],
        gradient: (&mut [f32], &mut [f32]),
    ) {
        let columns = normed.columns();
        let pieces = statistics.len() / normed.features().max(1);
        let size = columns.count / pieces.max(1);
        let gradient = gradient.0.iter_mut().zip(gradient.1);
        for (row, (d, (of_gamma, of_beta))) in d.chunks_mut(columns.stride).zip(gradient).enumerate() {
            let feature = first + row;
            let (gamma, beta) = (self.state.gamma[feature], self.state.beta[feature]);
            (*of_gamma, *of_beta) = (0.0, 0.0);
            let d = d[..columns.count].chunks_exact_mut(size).zip(normed.row(feature).chunks_exact(size));
            for ((d, normed), statistics) in d.zip(&statistics[feature * pieces..]) {
                let row = NormRow { gamma, beta, inverse: statistics.inv_std };
                let (gamma, beta) = (kernels.norm_backward)(gate, row, normed, d);
                (*of_gamma, *of_beta) = (*of_gamma + gamma, *of_beta + beta);
            }
        }
    }

    /// Batch norm, inference: normalizes one feature's pre-activations in place with the statistics kept in `state`, or
    /// with those of this batch.
    pub fn batch_infer(
        &self,
        kernels: Kernels,
        state: &NormState,
        feature: usize,
        y: &mut [f32],
        statistics: Statistics,
    ) {
        match statistics {
            Statistics::Batch => _ = self.batch_forward(kernels, y),
            Statistics::Running | Statistics::Recalibrated => {
                let inv_std = self.inv_std(state.variance[feature]);
                (kernels.normalise)(y, state.mean[feature], inv_std);
            }
        }
    }

    /// The backward pass of [`Norm::batch_infer`] with the statistics of the norm's own state, which do not depend on the
    /// batch: dy = gamma / sqrt(variance + eps) d where the gate lets it pass, else 0. Shapes: `normed` and `d` (features,
    /// columns).
    pub fn batch_infer_backward(&self, gate: Gate, normed: &Rows, d: &mut Rows) {
        for (feature, (gamma, variance)) in self.state.gamma.iter().zip(&self.state.variance).enumerate() {
            let scale = gamma * self.inv_std(*variance);
            for (d, normed) in d.row_mut(feature).iter_mut().zip(normed.row(feature)) {
                let z = self.state.scale_and_shift(feature, *normed);
                *d = if gate.passes(z) { scale * *d } else { 0.0 };
            }
        }
    }

    /// Moves the running statistics towards those of a batch with `count` values of every feature (unbiased variance, as
    /// in PyTorch).
    pub(crate) fn update_running(&mut self, statistics: &[BatchStatistics], count: usize) {
        let unbiased = count as f32 / (count as f32 - 1.0);
        let running = self.state.mean.iter_mut().zip(&mut self.state.variance);
        for ((mean, variance), of_batch) in running.zip(statistics) {
            *mean += self.momentum * (of_batch.mean - *mean);
            *variance += self.momentum * (of_batch.variance * unbiased - *variance);
        }
    }
}

/// Exact mean and variance of each feature over any number of batches, summed in double precision.
#[derive(Clone, Debug)]
pub struct ExactStatistics {
    count: f64,
    sum: Vec<f64>,
    squares: Vec<f64>,
}

impl ExactStatistics {
    /// No batches yet.
    pub fn new(features: usize) -> Self {
        Self { count: 0.0, sum: vec![0.0; features], squares: vec![0.0; features] }
    }

    /// Adds a batch of `count` values of every feature, of which `sums` has the sum and the sum of squares.
    pub fn add(&mut self, count: usize, sums: &[(f64, f64)]) {
        self.count += count as f64;
        for ((sum, squares), (of_batch, squares_of_batch)) in
            self.sum.iter_mut().zip(&mut self.squares).zip(sums)
        {
            *sum += of_batch;
            *squares += squares_of_batch;
        }
    }

    /// Writes mean and biased variance, the ones that normalize the whole set as one batch, into `state`.
    pub fn store(&self, state: &mut NormState) {
        for (j, (sum, squares)) in self.sum.iter().zip(&self.squares).enumerate() {
            let mean = sum / self.count;
            state.mean[j] = mean as f32;
            state.variance[j] = (squares / self.count - mean * mean).max(0.0) as f32;
        }
    }
}

/// The sum of a row and that of its squares, in double precision.
pub(crate) fn exact_sums(y: &[f32]) -> (f64, f64) {
    let numbers = y.iter().copied().map(f64::from);
    numbers.fold((0.0, 0.0), |(sum, squares), y| (sum + y, squares + y * y))
}
