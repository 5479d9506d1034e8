//! Batch norm: z = gamma (y - mean) / sqrt(variance + eps) + beta, feature by feature; or instance norm, the same with
//! each sample's own statistics (`instance.rs` has that of dense layers).

use serde::{Deserialize, Serialize};

use super::rows::Rows;
use crate::kernels::{Gate, Kernels, NormRow};
use crate::optim::PlainMoments;
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

/// A batch-norm or instance-norm layer.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    /// Parameters and kept statistics.
    pub state: NormState,
    kind: settings::NormKind,
    affine: bool,
    eps: f32,
    momentum: f32,
}

/// Gradients of scale and shift, (features).
#[derive(Clone, Debug, Default, PartialEq)]
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
    pub gamma: PlainMoments,
    /// Of beta.
    pub beta: PlainMoments,
}

/// What a batch says of one feature.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BatchStatistics {
    /// Mean.
    pub mean: f32,
    /// Biased variance.
    pub variance: f32,
    /// 1 / sqrt(variance + eps).
    pub inverse: f32,
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
        let &settings::Norm { kind, affine, eps, momentum, .. } = settings;
        Self { state, kind, affine, eps, momentum }
    }

    /// What is normalised together.
    pub fn kind(&self) -> settings::NormKind {
        self.kind
    }

    /// Whether scale and shift are learned.
    pub fn is_affine(&self) -> bool {
        self.affine
    }

    /// Normalises one row of pre-activations in place with its own statistics, which it gives.
    pub fn normalise(&self, kernels: Kernels, y: &mut [f32]) -> BatchStatistics {
        let (mean, variance) = (kernels.statistics)(y);
        let inverse = self.inverse_deviation(variance);
        (kernels.normalise)(y, mean, inverse);
        BatchStatistics { mean, variance, inverse }
    }

    /// Normalises one row of pre-activations in place, in as many equal pieces as there are places in `seen`, each with
    /// its own statistics, which go there.
    pub fn normalise_pieces(&self, kernels: Kernels, y: &mut [f32], seen: &mut [BatchStatistics]) {
        let size = y.len() / seen.len().max(1);
        let pieces = y.chunks_exact_mut(size.max(1));
        pieces.zip(seen).for_each(|(y, seen)| *seen = self.normalise(kernels, y));
    }

    /// Normalises the row of pre-activations of `feature` in place as a test does: with the statistics of `state`, or
    /// with its own.
    pub fn normalise_test(
        &self,
        kernels: Kernels,
        state: &NormState,
        feature: usize,
        y: &mut [f32],
        statistics: settings::Statistics,
    ) {
        match statistics {
            settings::Statistics::Batch => _ = self.normalise(kernels, y),
            settings::Statistics::Running | settings::Statistics::Recalibrated => {
                let inverse = self.inverse_deviation(state.variance[feature]);
                (kernels.normalise)(y, state.mean[feature], inverse);
            }
        }
    }

    /// Moves the running statistics towards those of `batch` values of every feature (unbiased variance, as PyTorch
    /// does). Instance norm keeps none.
    pub fn keep_running(&mut self, seen: &[BatchStatistics], batch: usize) {
        if self.kind == settings::NormKind::Instance {
            return;
        }
        let unbiased = batch as f32 / (batch as f32 - 1.0);
        let running = self.state.mean.iter_mut().zip(&mut self.state.variance);
        for ((mean, variance), seen) in running.zip(seen) {
            *mean += self.momentum * (seen.mean - *mean);
            *variance += self.momentum * (seen.variance * unbiased - *variance);
        }
    }

    /// Turns the gradient `d` of what stands after `gate` and batch norm, for features from `first` on, into that of the
    /// pre-activations, in place; `gradient` receives (dL/dgamma, dL/dbeta). Rows of `d` are as far apart as those of
    /// `normed`, and were normalised in as many pieces as each of them has in `seen`. See [`Kernels::norm_backward`].
    pub fn backward(
        &self,
        kernels: Kernels,
        gate: Gate,
        (normed, seen): (&Rows, &[BatchStatistics]),
        first: usize,
        d: &mut [f32],
        gradient: (&mut [f32], &mut [f32]),
    ) {
        let columns = normed.columns();
        let pieces = seen.len() / normed.features().max(1);
        let size = columns.count / pieces.max(1);
        let gradient = gradient.0.iter_mut().zip(gradient.1);
        for (row, (d, (of_gamma, of_beta))) in d.chunks_mut(columns.stride).zip(gradient).enumerate() {
            let feature = first + row;
            let (gamma, beta) = (self.state.gamma[feature], self.state.beta[feature]);
            (*of_gamma, *of_beta) = (0.0, 0.0);
            let d = d[..columns.count].chunks_exact_mut(size).zip(normed.row(feature).chunks_exact(size));
            for ((d, normed), seen) in d.zip(&seen[feature * pieces..]) {
                let row = NormRow { gamma, beta, inverse: seen.inverse };
                let (gamma, beta) = (kernels.norm_backward)(gate, row, normed, d);
                (*of_gamma, *of_beta) = (*of_gamma + gamma, *of_beta + beta);
            }
        }
    }

    /// Turns the gradient `d` of what stands after `gate` and batch norm into that of the pre-activations, in place, where
    /// the statistics were fixed, those of the state: dy = gamma / sqrt(variance + eps) d where the gate lets it pass, else
    /// 0. Shapes: `normed` and `d` (features, batch).
    pub fn backward_test(&self, gate: Gate, normed: &Rows, d: &mut Rows) {
        for (feature, (gamma, variance)) in self.state.gamma.iter().zip(&self.state.variance).enumerate() {
            let scale = gamma * self.inverse_deviation(*variance);
            for (d, normed) in d.row_mut(feature).iter_mut().zip(normed.row(feature)) {
                let z = self.state.scale_and_shift(feature, *normed);
                let passes = match gate {
                    Gate::Open => true,
                    Gate::Sign => z.abs() <= 1.0,
                    Gate::Relu => z > 0.0,
                };
                *d = if passes { scale * *d } else { 0.0 };
            }
        }
    }

    /// 1 / sqrt(variance + eps).
    pub(crate) fn inverse_deviation(&self, variance: f32) -> f32 {
        1.0 / (variance + self.eps).sqrt()
    }
}

impl NormState {
    /// z = gamma normed + beta.
    pub fn scale_and_shift(&self, feature: usize, normed: f32) -> f32 {
        self.gamma[feature] * normed + self.beta[feature]
    }
}

impl NormMoments {
    /// Zero moments for `features`.
    pub fn new(features: usize) -> Self {
        Self { gamma: PlainMoments::new(features), beta: PlainMoments::new(features) }
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

    /// Counts in a batch of which `sums` gives the sum and the sum of squares, feature by feature.
    pub fn add(&mut self, batch: usize, sums: &[(f64, f64)]) {
        self.count += batch as f64;
        for ((sum, squares), (of_batch, squares_of_batch)) in
            self.sum.iter_mut().zip(&mut self.squares).zip(sums)
        {
            *sum += of_batch;
            *squares += squares_of_batch;
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

/// The sum of a row and that of its squares, in double precision.
pub(super) fn exact_sums(y: &[f32]) -> (f64, f64) {
    let numbers = y.iter().copied().map(f64::from);
    numbers.fold((0.0, 0.0), |(sum, squares), y| (sum + y, squares + y * y))
}
