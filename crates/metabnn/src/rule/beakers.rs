//! The complex synapse of Benna and Fusi: a chain of beakers behind the hidden weight.

use serde::{Deserialize, Serialize};

use super::{BuiltIn, PerLayer, Start, SynapticRule, Tile};
use crate::config::{ConfigError, NOT_NEGATIVE, POSITIVE, Parameter, Takes};
use crate::kernels::{LANES, Lanes, attenuation};
use crate::optim::OptimizerStep;

/// A chain of n beakers with levels u_1, ..., u_n, coupled by pipes; u_1 is the hidden weight, the others are slower the
/// further back they are, and remember for it. The levels after a step, all from the levels before it:
///
/// ```text
/// u_1 <- u_1 + r_1/A_1 (u_2 - u_1) + pull - U               U: the update of plain Adam
/// u_k <- u_k + r_{k-1}/A_k (u_{k-1} - u_k) + r_k/A_k (u_{k+1} - u_k)        1 < k < n
/// u_n <- u_n + f r_{n-1}/A_n (u_{n-1} - u_n) - r_n/A_n u_n
/// pull = feedback (u_n - u_1)     where the last beaker is further from zero, on its own side: u_n (u_n - u_1) > 0
///        0                        elsewhere
/// f    = f_meta(m, u_n)           where the flow would bring the last beaker closer to zero: u_n (u_{n-1} - u_n) < 0
///        1                        elsewhere
/// ```
/// r_k is the width of the pipe from beaker k to the next, A_k the area of beaker k. The last pipe, r_n, ends in a beaker
/// that always stands at 0: with it the last beaker leaks. The feedback takes nothing from the last beaker. With r_n = 0,
/// feedback = 0, m = 0 and no updates, the contents sum_k A_k u_k are conserved. At the start all levels are the initial
/// hidden weight. m > 0 makes the last beaker metaplastic.
///
/// The weight decay acts on the hidden weight after the flow. The authors keep one Adam for all
/// experiences; the beakers themselves know of no experiences, and stay whatever becomes of Adam.
///
/// Sources: Benna and Fusi, Nat. Neurosci. 19:1697 (2016), eq. 3, in steps of one update; feedback, last pipe and
/// metaplastic last beaker as in the authors' code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Beakers {
    /// Widths of the pipes r_1, ..., r_n, >= 0, per step; there are as many beakers, 2 to [`Beakers::MOST`].
    pub ratios: Vec<f32>,
    /// Areas A_1, ..., A_n of the beakers, > 0.
    pub areas: Vec<f32>,
    /// How strongly the last beaker pulls at the first, >= 0, per step.
    pub feedback: f32,
    /// Strength of the last beaker's metaplasticity, as in [`Metaplastic`](super::Metaplastic).
    pub m: PerLayer,
}

impl Default for Beakers {
    fn default() -> Self {
        Self {
            ratios: vec![1e-2, 1e-3, 1e-4, 1e-5],
            areas: vec![1.0, 2.0, 4.0, 8.0],
            feedback: 5e-3,
            m: PerLayer::Same(0.0),
        }
    }
}

/// What the beakers behind the first one start as.
const STARTS: [Start; Beakers::MOST - 1] = [Start::HiddenWeight; Beakers::MOST - 1];

impl BuiltIn for Beakers {
    const PARAMETERS: &'static [Parameter] = &[
        Parameter { name: "ratios", takes: Takes::Reals(NOT_NEGATIVE, 2, Beakers::MOST) },
        Parameter { name: "areas", takes: Takes::Reals(POSITIVE, 2, Beakers::MOST) },
        Parameter { name: "feedback", takes: Takes::Real(NOT_NEGATIVE) },
        Parameter { name: "m", takes: Takes::PerLayer(NOT_NEGATIVE) },
    ];

    fn check_together(&self) -> Result<(), ConfigError> {
        let (areas, ratios) = (self.areas.len(), self.ratios.len());
        let takes = format!("{ratios} numbers, as many as ratios");
        if areas == ratios {
            Ok(())
        } else {
            Err(ConfigError::new("areas", format!("{areas} values"), takes))
        }
    }
}

impl SynapticRule for Beakers {
    built_in!();

    /// The levels of all beakers but the first.
    fn state(&self) -> &[Start] {
        &STARTS[..self.ratios.len().clamp(1, Beakers::MOST) - 1]
    }

    /// The flow, then a step of plain Adam.
    fn update(&self, step: &OptimizerStep, layer: usize, mut tile: Tile<'_>) {
        let m = self.m.layer(layer);
        let Tile { hidden, state, .. } = &mut tile;
        let levels = state.chunks_exact_mut(self.state().len().max(1));
        // A chain that nobody checked does not flow.
        let levels = levels.filter(|_| self.areas.len() == self.ratios.len());
        for (first, others) in hidden.as_chunks_mut::<LANES>().0.iter_mut().zip(levels) {
            self.flow(first, others, m);
        }
        step.metaplastic(0.0, &mut tile);
    }
}

impl Beakers {
    /// Most beakers in a chain.
    pub const MOST: usize = 8;

    /// What flows in one step between the beakers of sixteen synapses.
    fn flow(&self, first: &mut [f32; LANES], others: &mut [Lanes], m: f32) {
        let last = others.len() - 1;
        // `above`: the level, before the step, of the beaker in front.
        let mut above = *first;
        for ((first, second), end) in first.iter_mut().zip(others[0].0).zip(others[last].0) {
            let level = *first;
            let pull = if end * (end - level) > 0.0 { self.feedback * (end - level) } else { 0.0 };
            *first = level + self.ratios[0] / self.areas[0] * (second - level) + pull;
        }
        for index in 0..=last {
            let (this, behind) = others[index..].split_at_mut(1);
            let (inlet, outlet) = (self.ratios[index], self.ratios[index + 1]);
            let area = self.areas[index + 1];
            let next = behind.first().map_or([0.0; LANES], |next| next.0);
            for ((this, above), next) in this[0].0.iter_mut().zip(&mut above).zip(next) {
                let level = *this;
                let mut inflow = *above - level;
                if behind.is_empty() && m > 0.0 && level * inflow < 0.0 {
                    inflow *= attenuation(m * level.abs());
                }
                *this = level + inlet / area * inflow + outlet / area * (next - level);
                *above = level;
            }
        }
    }
}
