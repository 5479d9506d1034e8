//! Norms: z = gamma (y - mean) / sqrt(variance + eps) + beta. `batch.rs` and `layer.rs` have the forward,
//! backward and inference pass of their kind, `instance.rs` its forward pass (the backward one is that of batch norm); they
//! differ in which pre-activations y share a mean and a variance.

mod batch;
mod config;
mod instance;
mod layer;

pub use batch::ExactStatistics;
pub(crate) use batch::exact_sums;
pub use config::{GammaInit, NormConfig, NormError, NormKind, Statistics};
use serde::{Deserialize, Serialize};

/// Parameters and kept statistics of a norm: learned scale and shift, and what batch norm normalizes with at test time.
/// All (features).
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

/// The norm of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Norm {
    /// Parameters and kept statistics.
    pub state: NormState,
    kind: NormKind,
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

/// Statistics of the values that are normalized together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BatchStatistics {
    /// Mean.
    pub mean: f32,
    /// Biased variance.
    pub variance: f32,
    /// 1 / sqrt(variance + eps).
    pub inv_std: f32,
}

impl Norm {
    /// A norm with scale `gamma`, shift 0, and kept statistics of mean 0 and variance 1 until it is trained.
    pub fn new(gamma: Vec<f32>, config: &NormConfig) -> Self {
        let features = gamma.len();
        let state = NormState {
            gamma,
            beta: vec![0.0; features],
            mean: vec![0.0; features],
            variance: vec![1.0; features],
        };
        Self::with_state(state, config)
    }

    /// A norm in a known `state`.
    pub fn with_state(state: NormState, config: &NormConfig) -> Self {
        let &NormConfig { kind, affine, eps, momentum, .. } = config;
        Self { state, kind, affine, eps, momentum }
    }

    /// What its config says is normalized together. In a dense layer, instance norm is layer norm.
    pub fn kind(&self) -> NormKind {
        self.kind
    }

    /// Whether scale and shift are learned.
    pub fn is_affine(&self) -> bool {
        self.affine
    }

    /// Its config, with the defaults of what it no longer knows: initial scales and the statistics of tests.
    pub(crate) fn config(&self) -> NormConfig {
        let &Self { kind, affine, eps, momentum, .. } = self;
        NormConfig { kind, affine, eps, momentum, ..NormConfig::default() }
    }

    /// 1 / sqrt(variance + eps).
    pub(crate) fn inv_std(&self, variance: f32) -> f32 {
        1.0 / (variance + self.eps).sqrt()
    }
}

impl NormState {
    /// z = gamma normed + beta.
    pub fn scale_and_shift(&self, feature: usize, normed: f32) -> f32 {
        self.gamma[feature] * normed + self.beta[feature]
    }
}
