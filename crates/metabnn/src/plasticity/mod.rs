//! Synaptic rules: what a synapse makes of an update, knowing only its own state. One file a rule.

mod beakers;
mod curve;
mod ewc;
mod metaplastic;
mod si;

pub use beakers::Beakers;
pub(crate) use curve::Points;
pub use curve::{Curve, CurveError};
pub use ewc::Ewc;
pub use metaplastic::Metaplastic;
pub use si::{Path, Si};

use serde::{Deserialize, Serialize};

use crate::kernels::{AdamStep, Kernels};
use crate::network::{Network, Tile};
use crate::random::{Purpose, Stream};
use crate::recipe::settings::Settings;
use crate::tasks::Split;

/// The synaptic rule of a recipe: `[rule] name = "metaplastic"`, with the rule's own settings beside the name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Rule {
    /// Updates that would shrink a hidden weight are attenuated the more, the larger it is; m = 0: an ordinary BNN.
    Metaplastic(Metaplastic),
    /// Elastic weight consolidation: weights that mattered to past tasks are held where they were.
    Ewc(Ewc),
    /// The control of [`Rule::Ewc`]: as many weights held as firmly, but at random.
    RandomConsolidation(Ewc),
    /// Synaptic intelligence: weights are held by what they contributed to the fall of the loss.
    Si(Si),
    /// A chain of beakers behind every hidden weight, the slower the further back.
    Beakers(Beakers),
    /// Plasticity as a measured function of the hidden weight, apart for updates that raise and that lower it.
    Curve(Curve),
}

impl Default for Rule {
    fn default() -> Self {
        Self::Metaplastic(Metaplastic::default())
    }
}

/// What a synapse makes of an update. It is local: it sees the gradient, the hidden weight and Adam's moments of each
/// synapse and what the rule itself keeps of it, nothing else; what it writes into them is kept.
///
/// A training step takes any rule, those of recipes ([`Rule`]) and one's own: see `examples/own_rule.rs`.
pub trait SynapticRule: Sync {
    /// What the rule keeps of every synapse beside the hidden weight: how many numbers, and what each starts as in a
    /// network's first step. They come in [`Tile::memory`], and stay when a task starts with fresh moments.
    fn memory(&self) -> &[Start] {
        &[]
    }

    /// Updates some synapses of `layer` (counted from 0), right after their gradient was computed.
    fn update(&self, kernels: Kernels, step: &AdamStep, layer: usize, tile: Tile<'_>);
}

/// What a number of a rule's memory starts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// 0.
    Zero,
    /// The synapse's hidden weight.
    HiddenWeight,
}

impl SynapticRule for Rule {
    fn memory(&self) -> &[Start] {
        match self {
            Self::Metaplastic(_) | Self::Curve(_) => &[],
            Self::Ewc(_) | Self::RandomConsolidation(_) => &Ewc::MEMORY,
            Self::Si(_) => &Si::MEMORY,
            Self::Beakers(rule) => rule.memory(),
        }
    }

    fn update(&self, kernels: Kernels, step: &AdamStep, layer: usize, tile: Tile<'_>) {
        match self {
            Self::Metaplastic(rule) => rule.update(kernels, step, layer, tile),
            Self::Ewc(rule) | Self::RandomConsolidation(rule) => rule.update(kernels, step, layer, tile),
            Self::Si(rule) => rule.update(kernels, step, tile),
            Self::Beakers(rule) => rule.update(kernels, step, layer, tile),
            Self::Curve(rule) => rule.update(kernels, step, tile),
        }
    }
}

impl Rule {
    /// Whether the rule does something at the end of a task, and so has to be told where tasks end.
    pub fn needs_boundaries(&self) -> bool {
        match self {
            Self::Metaplastic(_) | Self::Beakers(_) | Self::Curve(_) => false,
            Self::Ewc(_) | Self::RandomConsolidation(_) | Self::Si(_) => true,
        }
    }

    /// The end of `task`, counted from 0, learned from `images`: what the rule makes of it.
    pub fn end_of_task(&self, network: &mut Network, task: usize, images: &Split, settings: &Settings) {
        match self {
            Self::Metaplastic(_) | Self::Beakers(_) | Self::Curve(_) => {}
            Self::Ewc(rule) => rule.consolidate(network, &rule.fisher(network, images, settings)),
            Self::RandomConsolidation(rule) => {
                let mut fisher = rule.fisher(network, images, settings);
                for (layer, fisher) in fisher.iter_mut().enumerate() {
                    let index = (task << 8 | layer) as u32;
                    ewc::shuffle(fisher, &mut Stream::new(settings.seed, Purpose::Consolidation, index));
                }
                rule.consolidate(network, &fisher);
            }
            Self::Si(rule) => rule.consolidate(network),
        }
    }
}

/// The weight in use: the sign of the hidden one (of 0: +1), or itself.
fn in_use(binarized: bool, hidden: f32) -> f32 {
    match binarized {
        true if hidden >= 0.0 => 1.0,
        true => -1.0,
        false => hidden,
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
