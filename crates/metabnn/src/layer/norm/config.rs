//! How norms normalize.

use serde::{Deserialize, Serialize};

use crate::rule::PerLayer;

/// The norm of all layers: z = gamma (x - mean) / sqrt(variance + eps) + beta.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NormConfig {
    /// What is normalized together.
    pub kind: NormKind,
    /// Whether scale gamma and shift beta are learned; if not they stay `gamma_scale` and 0, whatever `gamma_init` says.
    pub affine: bool,
    /// Initial scale gamma.
    pub gamma_init: GammaInit,
    /// What the initial scale is multiplied with, > 0.
    pub gamma_scale: PerLayer,
    /// Statistics used at test time. Layer and instance norm have no choice: each sample's own, in training and at test.
    pub statistics: Statistics,
    /// Added to the variance.
    pub eps: f32,
    /// Weight of the newest batch in the running statistics.
    pub momentum: f32,
}

impl Default for NormConfig {
    fn default() -> Self {
        Self {
            kind: NormKind::Batch,
            affine: true,
            gamma_init: GammaInit::Uniform,
            gamma_scale: PerLayer::Same(1.0),
            statistics: Statistics::Batch,
            eps: 1e-5,
            momentum: 0.1,
        }
    }
}

/// Which pre-activations have a mean and a variance in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NormKind {
    /// Batch norm: a unit's over the batch; a channel's of a convolution over the batch and all positions.
    Batch,
    /// Layer norm: a sample's over all units of a dense layer; over channels and positions of a convolution.
    Layer,
    /// Instance norm: a sample's in one channel of a convolution, over its positions. In a dense layer, whose units have one
    /// position each, layer norm.
    Instance,
}

/// What is wrong with a [`NormConfig`].
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NormError {
    /// A number out of its range.
    #[error("{field} is {got}; it has to be {expected}")]
    Real {
        /// The field.
        field: &'static str,
        /// Its value.
        got: f32,
        /// Its range.
        expected: &'static str,
    },
    /// `gamma_scale` has a number for each of some layers, but not of these.
    #[error("gamma_scale has {got} values; it takes one number, or one for each of the {layers} layers")]
    Layers {
        /// How many values it has.
        got: usize,
        /// How many layers there are.
        layers: usize,
    },
}

impl NormConfig {
    /// Checks it for a network of so many `layers`.
    ///
    /// # Errors
    /// [`NormError`] for the first field that is out of its range.
    pub fn validate(&self, layers: usize) -> Result<(), NormError> {
        let real = |field, got: f32, fits: bool, expected| {
            if fits { Ok(()) } else { Err(NormError::Real { field, got, expected }) }
        };
        let is_positive = |value: f32| value > 0.0 && value.is_finite();
        const POSITIVE: &str = "finite and > 0";
        real("eps", self.eps, is_positive(self.eps), POSITIVE)?;
        real("momentum", self.momentum, self.momentum > 0.0 && self.momentum <= 1.0, "> 0 and at most 1")?;
        match &self.gamma_scale {
            PerLayer::Same(scale) => real("gamma_scale", *scale, is_positive(*scale), POSITIVE),
            PerLayer::Each(scales) if scales.len() != layers => {
                Err(NormError::Layers { got: scales.len(), layers })
            }
            PerLayer::Each(scales) => {
                scales.iter().try_for_each(|&scale| real("gamma_scale", scale, is_positive(scale), POSITIVE))
            }
        }
    }
}

impl NormKind {
    /// "batch", "layer" or "instance".
    pub fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Layer => "layer",
            Self::Instance => "instance",
        }
    }
}

/// Initial scale gamma of batch norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GammaInit {
    /// 1, as PyTorch does since 1.2.
    Ones,
    /// Uniform in [0, 1), as PyTorch 1.1 did when the paper was made.
    Uniform,
}

/// Means and variances that batch norm uses at test time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Statistics {
    /// Exponential averages over training batches.
    Running,
    /// Of the test batch itself: the accuracy then depends on the size of the test batch.
    Batch,
    /// Exact, over the task's training images, taken whenever the task in training is evaluated.
    Recalibrated,
}
