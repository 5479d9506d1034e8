//! Synaptic rules: what a synapse makes of an update, knowing only its own state. One file a rule.

mod metaplastic;

pub use metaplastic::Metaplastic;

use serde::{Deserialize, Serialize};

use crate::kernels::{AdamStep, Kernels};
use crate::network::Tile;

/// The synaptic rule of a recipe: `[rule] name = "metaplastic"`, with the rule's own settings beside the name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Rule {
    /// Updates that would shrink a hidden weight are attenuated the more, the larger it is; m = 0: an ordinary BNN.
    Metaplastic(Metaplastic),
}

impl Default for Rule {
    fn default() -> Self {
        Self::Metaplastic(Metaplastic::default())
    }
}

/// What a synapse makes of an update. It is local: it sees the gradient, the hidden weight and Adam's moments of each
/// synapse, nothing else; what it writes into them is kept.
///
/// A training step takes any rule, those of recipes ([`Rule`]) and one's own: see `examples/own_rule.rs`.
pub trait SynapticRule: Sync {
    /// Updates some synapses of `layer` (counted from 0), right after their gradient was computed.
    fn update(&self, kernels: Kernels, step: &AdamStep, layer: usize, tile: Tile<'_>);
}

impl SynapticRule for Rule {
    fn update(&self, kernels: Kernels, step: &AdamStep, layer: usize, tile: Tile<'_>) {
        match self {
            Self::Metaplastic(rule) => rule.update(kernels, step, layer, tile),
        }
    }
}

/// A setting that is the same in every layer, or given layer by layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PerLayer {
    /// The same value in every layer.
    Same(f32),
    /// One value per layer, the first hidden layer first, the output layer last.
    Each(Vec<f32>),
}

impl PerLayer {
    /// The value in `layer`, counted from 0. Lengths are checked when a recipe is validated.
    pub fn layer(&self, layer: usize) -> f32 {
        match self {
            Self::Same(value) => *value,
            Self::Each(values) => values[layer],
        }
    }
}
