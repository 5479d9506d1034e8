//! The paper's rule: the further a hidden weight is from zero, the harder it is to pull back.

use serde::{Deserialize, Serialize};

use super::PerLayer;
use crate::kernels::{AdamStep, Kernels};
use crate::network::Tile;

/// Metaplasticity: f_meta(m, W) = 1 - tanh^2(m |W|) scales an update that would shrink |W| (paper, eq. 1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metaplastic {
    /// Strength m >= 0, in 1/(unit of hidden weight); 0 switches the rule off.
    pub m: PerLayer,
}

impl Default for Metaplastic {
    fn default() -> Self {
        Self { m: PerLayer::Same(1.35) }
    }
}

impl Metaplastic {
    /// One metaplastic Adam step: see [`Kernels::adam_tile`].
    pub(super) fn update(&self, kernels: Kernels, step: &AdamStep, layer: usize, tile: Tile<'_>) {
        let Tile { gradient, hidden, mean, square, .. } = tile;
        (kernels.adam_tile)(step, self.m.layer(layer), gradient, hidden, mean, square);
    }
}
