//! Batch norm: z = gamma (y - mean) / sqrt(variance + eps) + beta, feature by feature.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::optim::Moments;
use crate::recipe::settings;

/// Features that a thread takes at least: fewer are not worth handing over.
const FEATURES: usize = 32;

/// What batch norm knows: its learned scale and shift, and the statistics kept for the test. All (features).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NormState {
    /// Scale gamma.
    pub gamma: Vec<f32>,
    /// Shift beta.
    pub beta: Vec<f32>,
    /// Mean of the pre-activations: exponential average, or exact after a recalibration.
    pub mean: Vec<f32>,
    /// Variance of the pre-activations, likewise.
    pub variance: Vec<f32>,
}

/// A batch-norm layer.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    /// Parameters and kept statistics.
    pub state: NormState,
    eps: f32,
    momentum: f32,
}

/// What the backward pass needs of the forward pass.
#[derive(Clone, Debug, PartialEq)]
pub struct NormCache {
    /// (y - mean) / sqrt(variance + eps), (features, batch).
    normed: Vec<f32>,
    /// 1 / sqrt(variance + eps), (features).
    inverse: Vec<f32>,
}

/// Gradients of scale and shift, (features).
#[derive(Clone, Debug, PartialEq)]
pub struct NormGradient {
    /// dL/dgamma.
    pub gamma: Vec<f32>,
    /// dL/dbeta.
    pub beta: Vec<f32>,
}

/// Adam's moments of scale and shift.
#[derive(Clone, Debug, PartialEq)]
pub struct NormMoments {
    /// Of gamma.
    pub gamma: Moments,
    /// Of beta.
    pub beta: Moments,
}

impl BatchNorm {
    /// Batch norm with scale `gamma`, shift 0, and statistics of mean 0 and variance 1 until some are seen.
    pub fn new(gamma: Vec<f32>, settings: &settings::Norm) -> Self {
        let features = gamma.len();
        let state = NormState {
            gamma,
            beta: vec![0.0; features],
            mean: vec![0.0; features],
            variance: vec![1.0; features],
        };
        Self::with_state(state, settings)
    }

    /// Batch norm in a known `state`.
    pub fn with_state(state: NormState, settings: &settings::Norm) -> Self {
        Self { state, eps: settings.eps, momentum: settings.momentum }
    }

    /// Training: normalises `y`, (features, batch), in place with its own statistics (biased variance) and moves
    /// the running statistics towards them (unbiased variance, as PyTorch does).
    pub fn forward(&mut self, y: &mut [f32], batch: usize) -> NormCache {
        let statistics = batch_statistics(y, batch);
        let unbiased = batch as f32 / (batch as f32 - 1.0);
        let NormState { mean, variance, .. } = &mut self.state;
        for (running, (now, _)) in mean.iter_mut().zip(&statistics) {
            *running += self.momentum * (now - *running);
        }
        for (running, (_, now)) in variance.iter_mut().zip(&statistics) {
            *running += self.momentum * (now * unbiased - *running);
        }
        self.normalise(y, batch, |feature| statistics[feature]);
        let inverse = statistics.iter().map(|(_, variance)| self.inverse_deviation(*variance)).collect();
        let cache = NormCache { normed: y.to_vec(), inverse };
        scale_and_shift(&self.state, y, batch);
        cache
    }

    /// Test: normalises `y`, (features, batch), in place with the statistics of `state`, or with its own.
    pub fn forward_test(
        &self,
        state: &NormState,
        y: &mut [f32],
        batch: usize,
        statistics: settings::Statistics,
    ) {
        match statistics {
            settings::Statistics::Batch => {
                let statistics = batch_statistics(y, batch);
                self.normalise(y, batch, |feature| statistics[feature]);
            }
            settings::Statistics::Running | settings::Statistics::Recalibrated => {
                self.normalise(y, batch, |feature| (state.mean[feature], state.variance[feature]));
            }
        }
        scale_and_shift(state, y, batch);
    }

    /// Turns the gradient of z, (features, batch), into that of y, in place.
    ///
    /// dy = gamma / sqrt(variance + eps) (dz - mean(dz) - normed mean(dz normed)), means over the batch.
    pub fn backward(&self, cache: &NormCache, dz: &mut [f32]) -> NormGradient {
        let features = self.state.gamma.len();
        let batch = dz.len() / features;
        let share = 1.0 / batch as f32;
        let rows = dz.par_chunks_exact_mut(batch).zip(cache.normed.par_chunks_exact(batch)).enumerate();
        let backward = |(feature, (dz, normed)): (usize, (&mut [f32], &[f32]))| {
            let beta = sum(dz.iter().copied());
            let gamma = sum(dz.iter().zip(normed).map(|(dz, normed)| dz * normed));
            let scale = self.state.gamma[feature] * cache.inverse[feature];
            let (mean, slope) = (beta * share, gamma * share);
            for (dz, normed) in dz.iter_mut().zip(normed) {
                *dz = scale * (*dz - mean - normed * slope);
            }
            (gamma, beta)
        };
        let (gamma, beta) = rows.with_min_len(FEATURES).map(backward).unzip();
        NormGradient { gamma, beta }
    }

    /// 1 / sqrt(variance + eps).
    fn inverse_deviation(&self, variance: f32) -> f32 {
        1.0 / (variance + self.eps).sqrt()
    }

    /// y <- (y - mean) / sqrt(variance + eps), feature by feature.
    fn normalise(&self, y: &mut [f32], batch: usize, statistics: impl Fn(usize) -> (f32, f32) + Sync) {
        let rows = y.par_chunks_exact_mut(batch).enumerate().with_min_len(FEATURES);
        rows.for_each(|(feature, y)| {
            let (mean, variance) = statistics(feature);
            let inverse = self.inverse_deviation(variance);
            y.iter_mut().for_each(|y| *y = (*y - mean) * inverse);
        });
    }
}

impl NormMoments {
    /// Zero moments for `features`.
    pub fn new(features: usize) -> Self {
        Self { gamma: Moments::new(features), beta: Moments::new(features) }
    }
}

/// Mean and biased variance of each row of `y`, (features, batch).
fn batch_statistics(y: &[f32], batch: usize) -> Vec<(f32, f32)> {
    let share = 1.0 / batch as f32;
    let statistics = |y: &[f32]| {
        let mean = sum(y.iter().copied()) * share;
        (mean, sum(y.iter().map(|y| (y - mean) * (y - mean))) * share)
    };
    y.par_chunks_exact(batch).with_min_len(FEATURES).map(statistics).collect()
}

/// z <- gamma z + beta, feature by feature.
fn scale_and_shift(state: &NormState, z: &mut [f32], batch: usize) {
    let rows = z.par_chunks_exact_mut(batch).zip(&state.gamma).zip(&state.beta).with_min_len(FEATURES);
    rows.for_each(|((z, gamma), beta)| z.iter_mut().for_each(|z| *z = gamma * *z + beta));
}

/// The sum of `values`, added up in sixteen interleaved sums: an order that vector instructions of any width can keep.
fn sum(values: impl Iterator<Item = f32>) -> f32 {
    let mut lanes = [0.0; 16];
    values.enumerate().for_each(|(index, value)| lanes[index % 16] += value);
    lanes.iter().sum()
}

/// Exact mean and variance of each feature over any number of batches, summed in double precision.
#[derive(Clone, Debug)]
pub struct ExactStatistics {
    count: f64,
    sum: Vec<f64>,
    squares: Vec<f64>,
}

impl ExactStatistics {
    /// Nothing seen yet.
    pub fn new(features: usize) -> Self {
        Self { count: 0.0, sum: vec![0.0; features], squares: vec![0.0; features] }
    }

    /// Counts in the columns of `y`, (features, batch).
    pub fn add(&mut self, y: &[f32], batch: usize) {
        self.count += batch as f64;
        for ((sum, squares), y) in self.sum.iter_mut().zip(&mut self.squares).zip(y.chunks_exact(batch)) {
            for y in y.iter().copied().map(f64::from) {
                *sum += y;
                *squares += y * y;
            }
        }
    }

    /// Writes mean and biased variance, the ones that normalise the whole set as one batch, into `state`.
    pub fn store(&self, state: &mut NormState) {
        for (j, (sum, squares)) in self.sum.iter().zip(&self.squares).enumerate() {
            let mean = sum / self.count;
            state.mean[j] = mean as f32;
            state.variance[j] = (squares / self.count - mean * mean).max(0.0) as f32;
        }
    }
}
