//! Elastic weight consolidation.

use serde::{Deserialize, Serialize};

use super::{BuiltIn, EndOfExperience, PerLayer, Start, Synapses, SynapticRule, Tile, weight_in_use};
use crate::config::{MAX_SAMPLES, NOT_NEGATIVE, Parameter, Takes};
use crate::kernels::LANES;
use crate::optim::OptimizerStep;
use crate::tensor::Tiled;

/// Elastic weight consolidation: every past experience k adds a quadratic penalty to the loss,
///
/// ```text
/// lambda/2 sum_k sum_i F_k,i (p_i - p*_k,i)^2
/// ```
/// with F_k the diagonal of the empirical Fisher information at the end of experience k ([`EndOfExperience::importance`]), p the weights in
/// use and p* what they were then: the *binary* weights of a binarized network, whose gradient reaches the hidden ones
/// straight through. The penalty's gradient is added to that of the loss before Adam's step; the loss that a step reports
/// is without it. Batch norms are not held.
///
/// Quadratic functions of one weight add up to one: whatever their number, a synapse keeps two numbers, the
/// stiffness A = lambda sum_k F_k and the center c = lambda sum_k F_k p*_k / A, and the gradient is A (p - c). As it needs to
/// know where an experience ends, streams without boundaries do not take this rule.
///
/// The paper's control is [`RandomConsolidation`](super::RandomConsolidation).
///
/// Sources: Kirkpatrick et al., PNAS 114:3521 (2017); the paper's Methods. The published command for it lacks the switch
/// that turns it on, and the published control adds the unshuffled values as well; neither is followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ewc {
    /// Weight of the penalty, >= 0.
    pub lambda: f32,
    /// Training samples that the Fisher information is taken over, the first ones of the experience.
    pub samples: usize,
    /// Strength of metaplasticity besides, as in [`Metaplastic`](super::Metaplastic).
    pub m: PerLayer,
}

impl Default for Ewc {
    fn default() -> Self {
        Self { lambda: 5000.0, samples: 5000, m: PerLayer::Same(0.0) }
    }
}

impl BuiltIn for Ewc {
    const PARAMETERS: &'static [Parameter] = &[
        Parameter { name: "lambda", takes: Takes::Real(NOT_NEGATIVE) },
        Parameter { name: "samples", takes: Takes::Whole(1, MAX_SAMPLES) },
        Parameter { name: "m", takes: Takes::PerLayer(NOT_NEGATIVE) },
    ];
}

/// Stiffness and center.
const STATE: [Start; 2] = [Start::Zero; 2];

impl SynapticRule for Ewc {
    built_in!();

    fn state(&self) -> &[Start] {
        &STATE
    }

    /// g <- g + A (p - c), then a step of metaplastic Adam.
    fn update(&self, step: &OptimizerStep, layer: usize, mut tile: Tile<'_>) {
        let Tile { binarized, gradient, hidden, state, .. } = &mut tile;
        let synapses = gradient.as_chunks_mut::<LANES>().0.iter_mut().zip(hidden.as_chunks::<LANES>().0);
        for ((gradient, hidden), [stiffness, center]) in synapses.zip(state.as_chunks::<2>().0) {
            for lane in 0..LANES {
                let off = weight_in_use(*binarized, hidden[lane]) - center.0[lane];
                gradient[lane] += stiffness.0[lane] * off;
            }
        }
        step.metaplastic(self.m.layer(layer), &mut tile);
    }

    fn end_of_experience(&self, end: &mut EndOfExperience<'_>) {
        let importance = end.importance(self.samples);
        self.consolidate(end.synapses(), &importance);
    }

    fn needs_boundaries(&self) -> bool {
        true
    }
}

impl Ewc {
    /// One more quadratic term, with these importances of each layer's weights and the present weights as its center.
    pub fn consolidate(&self, layers: Vec<Synapses<'_>>, importance: &[Tiled]) {
        for (mut layer, importance) in layers.into_iter().zip(importance) {
            let binarized = layer.binarized;
            for ((hidden, state), importance) in layer.groups().zip(importance.groups()) {
                let [stiffness, center] = state else { continue };
                for lane in 0..LANES {
                    let more = self.lambda * importance.0[lane];
                    let all = stiffness.0[lane] + more;
                    if more > 0.0 {
                        let off = weight_in_use(binarized, hidden.0[lane]) - center.0[lane];
                        center.0[lane] += more / all * off;
                    }
                    stiffness.0[lane] = all;
                }
            }
        }
    }
}
