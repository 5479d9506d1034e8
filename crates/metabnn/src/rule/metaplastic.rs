//! The paper's rule: the further a hidden weight is from zero, the harder it is to pull back.

use serde::{Deserialize, Serialize};

use super::{BuiltIn, PerLayer, SynapticRule, Tile};
use crate::config::{NOT_NEGATIVE, Parameter, Takes};
use crate::kernels::attenuation;
use crate::optim::OptimizerStep;

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

impl BuiltIn for Metaplastic {
    const PARAMETERS: &'static [Parameter] = &[Parameter { name: "m", takes: Takes::PerLayer(NOT_NEGATIVE) }];
}

impl SynapticRule for Metaplastic {
    built_in!();

    fn scale(&self, layer: usize, hidden: f32, update: f32) -> f32 {
        if hidden * update < 0.0 { attenuation(self.m.layer(layer) * hidden.abs()) } else { 1.0 }
    }

    /// The step of Adam and [`scale`](SynapticRule::scale) in one kernel.
    fn update(&self, step: &OptimizerStep, layer: usize, mut tile: Tile<'_>) {
        step.metaplastic(self.m.layer(layer), &mut tile);
    }
}
