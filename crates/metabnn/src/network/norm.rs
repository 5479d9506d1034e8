//! Batch norm: z = gamma (y - mean) / sqrt(variance + eps) + beta, feature by feature.

use serde::{Deserialize, Serialize};

use crate::optim::Moments;
use crate::recipe::settings;

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
    /// (y - mean) / sqrt(variance + eps), (batch, features).
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

    /// Training: normalises `y`, (batch, features), in place with its own statistics (biased variance) and moves
    /// the running statistics towards them (unbiased variance, as PyTorch does).
    pub fn forward(&mut self, y: &mut [f32]) -> NormCache {
        let (mean, variance) = batch_statistics(y, self.state.gamma.len());
        let batch = (y.len() / mean.len()) as f32;
        let NormState { mean: running_mean, variance: running_variance, .. } = &mut self.state;
        for (running, value) in running_mean.iter_mut().zip(&mean) {
            *running += self.momentum * (value - *running);
        }
        for (running, value) in running_variance.iter_mut().zip(&variance) {
            *running += self.momentum * (value * (batch / (batch - 1.0)) - *running);
        }
        let inverse = inverse_deviation(&variance, self.eps);
        normalise(y, &mean, &inverse);
        let cache = NormCache { normed: y.to_vec(), inverse };
        self.scale_and_shift(y);
        cache
    }

    /// Test: normalises `y`, (batch, features), in place with the statistics of `state`, or with its own.
    pub fn forward_test(&self, state: &NormState, y: &mut [f32], statistics: settings::Statistics) {
        match statistics {
            settings::Statistics::Batch => {
                let (mean, variance) = batch_statistics(y, state.gamma.len());
                normalise(y, &mean, &inverse_deviation(&variance, self.eps));
            }
            settings::Statistics::Running | settings::Statistics::Recalibrated => {
                normalise(y, &state.mean, &inverse_deviation(&state.variance, self.eps));
            }
        }
        scale_and_shift(state, y);
    }

    /// Turns the gradient of z, (batch, features), into that of y, in place.
    ///
    /// dy = gamma / sqrt(variance + eps) (dz - mean(dz) - normed mean(dz normed)), means over the batch.
    pub fn backward(&self, cache: &NormCache, dz: &mut [f32]) -> NormGradient {
        let features = self.state.gamma.len();
        let mut gradient = NormGradient { gamma: vec![0.0; features], beta: vec![0.0; features] };
        for (dz, normed) in dz.chunks_exact(features).zip(cache.normed.chunks_exact(features)) {
            for j in 0..features {
                gradient.beta[j] += dz[j];
                gradient.gamma[j] += dz[j] * normed[j];
            }
        }
        let share = 1.0 / (dz.len() / features) as f32;
        let scale: Vec<f32> =
            self.state.gamma.iter().zip(&cache.inverse).map(|(g, inverse)| g * inverse).collect();
        for (dz, normed) in dz.chunks_exact_mut(features).zip(cache.normed.chunks_exact(features)) {
            for j in 0..features {
                let centred = dz[j] - gradient.beta[j] * share - normed[j] * (gradient.gamma[j] * share);
                dz[j] = scale[j] * centred;
            }
        }
        gradient
    }

    fn scale_and_shift(&self, z: &mut [f32]) {
        scale_and_shift(&self.state, z);
    }
}

impl NormMoments {
    /// Zero moments for `features`.
    pub fn new(features: usize) -> Self {
        Self { gamma: Moments::new(features), beta: Moments::new(features) }
    }
}

/// Mean and biased variance of each column of `y`, (batch, features).
fn batch_statistics(y: &[f32], features: usize) -> (Vec<f32>, Vec<f32>) {
    let share = 1.0 / (y.len() / features) as f32;
    let (mut mean, mut variance) = (vec![0.0; features], vec![0.0; features]);
    for y in y.chunks_exact(features) {
        mean.iter_mut().zip(y).for_each(|(mean, y)| *mean += y);
    }
    mean.iter_mut().for_each(|mean| *mean *= share);
    for y in y.chunks_exact(features) {
        for ((variance, mean), y) in variance.iter_mut().zip(&mean).zip(y) {
            *variance += (y - mean) * (y - mean);
        }
    }
    variance.iter_mut().for_each(|variance| *variance *= share);
    (mean, variance)
}

/// 1 / sqrt(variance + eps).
fn inverse_deviation(variance: &[f32], eps: f32) -> Vec<f32> {
    variance.iter().map(|variance| 1.0 / (variance + eps).sqrt()).collect()
}

/// y <- (y - mean) * inverse, row by row.
fn normalise(y: &mut [f32], mean: &[f32], inverse: &[f32]) {
    for y in y.chunks_exact_mut(mean.len()) {
        for ((y, mean), inverse) in y.iter_mut().zip(mean).zip(inverse) {
            *y = (*y - mean) * inverse;
        }
    }
}

/// z <- gamma z + beta, row by row.
fn scale_and_shift(state: &NormState, z: &mut [f32]) {
    for z in z.chunks_exact_mut(state.gamma.len()) {
        for ((z, gamma), beta) in z.iter_mut().zip(&state.gamma).zip(&state.beta) {
            *z = gamma * *z + beta;
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
    /// Nothing seen yet.
    pub fn new(features: usize) -> Self {
        Self { count: 0.0, sum: vec![0.0; features], squares: vec![0.0; features] }
    }

    /// Counts in the rows of `y`, (batch, features).
    pub fn add(&mut self, y: &[f32]) {
        for y in y.chunks_exact(self.sum.len()) {
            self.count += 1.0;
            for ((sum, squares), &y) in self.sum.iter_mut().zip(&mut self.squares).zip(y) {
                *sum += f64::from(y);
                *squares += f64::from(y) * f64::from(y);
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
