//! Synaptic intelligence.

use serde::{Deserialize, Serialize};

use super::{BuiltIn, EndOfExperience, Start, SynapticRule, Tile, weight_in_use};
use crate::config::{NOT_NEGATIVE, POSITIVE, Parameter, Takes};
use crate::kernels::LANES;
use crate::optim::OptimizerStep;

/// Synaptic intelligence: a weight is held by how much of the fall of past experiences' losses its changes account for.
///
/// ```text
/// every step:         g <- g + 2 lambda omega (p - p_prev);   W <- W - U, U of plain Adam;   path <- path - g dW
/// end of every one:    omega <- omega + path / ((W - W_prev)^2 + epsilon);   path <- 0;   W_prev <- W
/// ```
/// W are the hidden weights, W_prev those at the end of the last experience (first: the initial ones), p and p_prev the weights in
/// use, sign(W) and sign(W_prev) in a binarized network: the penalty is lambda sum omega (p - p_prev)^2. g is the gradient
/// of loss and penalty. There is no metaplasticity; omega may be negative, as in the authors' code. The loss that a step
/// reports is without the penalty.
///
/// What counts as a change dW is `path`, see [`Path`]. The authors keep one Adam for all
/// experiences. As the rule needs to know where an experience ends, streams without boundaries do not
/// take it.
///
/// Sources: Zenke, Poole, Ganguli, ICML 2017; the paper's Supplementary Information and the authors' code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Si {
    /// Weight of the penalty, >= 0.
    pub lambda: f32,
    /// Added to the square of a weight's change over an experience, > 0.
    pub epsilon: f32,
    /// Changes that the path integral is taken over.
    pub path: Path,
}

/// Changes that the path integral of [`Si`] is taken over.
///
/// The weight decay is no part of the loss, and no part of the gradient in `hidden` and `binary`. PyTorch before 1.3 added
/// it to the gradient in place, where the published code then read it: `published` has it in its gradient, so that it
/// follows that code on PyTorch 1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Path {
    /// Of the hidden weight in this step.
    Hidden,
    /// Of the binary weight in this step: 0, or 2 where it changed its sign.
    Binary,
    /// Of the hidden weight in the step *before*, a slip of the published code on binarized networks.
    Published,
}

impl Default for Si {
    fn default() -> Self {
        Self { lambda: 0.1, epsilon: 0.1, path: Path::Hidden }
    }
}

impl BuiltIn for Si {
    const PARAMETERS: &'static [Parameter] = &[
        Parameter { name: "lambda", takes: Takes::Real(NOT_NEGATIVE) },
        Parameter { name: "epsilon", takes: Takes::Real(POSITIVE) },
        Parameter { name: "path", takes: Takes::Word(&["hidden", "binary", "published"]) },
    ];
}

/// The path integral so far, omega, the hidden weight at the end of the last experience, and the one before the last
/// step.
const STATE: [Start; 4] = [Start::Zero, Start::Zero, Start::HiddenWeight, Start::HiddenWeight];

impl SynapticRule for Si {
    built_in!();

    fn state(&self) -> &[Start] {
        &STATE
    }

    /// The penalty's gradient, a step of plain Adam, and the path integral.
    fn update(&self, step: &OptimizerStep, _layer: usize, mut tile: Tile<'_>) {
        self.add_penalty(step.weight_decay(), &mut tile);
        step.metaplastic(0.0, &mut tile);
        let of_signs = match self.path {
            Path::Hidden => false,
            Path::Binary => true,
            Path::Published => return,
        };
        let Tile { gradient, hidden, state, .. } = tile;
        let synapses = gradient.as_chunks::<LANES>().0.iter().zip(hidden.as_chunks::<LANES>().0);
        for ((gradient, hidden), [path, _, _, before]) in synapses.zip(state.as_chunks_mut::<4>().0) {
            for lane in 0..LANES {
                let change = weight_in_use(of_signs, hidden[lane]) - weight_in_use(of_signs, before.0[lane]);
                path.0[lane] -= gradient[lane] * change;
            }
        }
    }

    fn end_of_experience(&self, end: &mut EndOfExperience<'_>) {
        for mut layer in end.synapses() {
            for (hidden, state) in layer.groups() {
                let [path, omega, previous, _] = state else { continue };
                for lane in 0..LANES {
                    let change = hidden.0[lane] - previous.0[lane];
                    omega.0[lane] += path.0[lane] / (change * change + self.epsilon);
                    path.0[lane] = 0.0;
                    previous.0[lane] = hidden.0[lane];
                }
            }
        }
    }

    fn needs_boundaries(&self) -> bool {
        true
    }
}

impl Si {
    /// g <- g + 2 lambda omega (p - p_prev); keeps the hidden weight before the step.
    fn add_penalty(&self, weight_decay: f32, tile: &mut Tile<'_>) {
        let Tile { binarized, gradient, hidden, state, .. } = tile;
        let state = state.as_chunks_mut::<4>().0;
        let synapses = gradient.as_chunks_mut::<LANES>().0.iter_mut().zip(hidden.as_chunks::<LANES>().0);
        for ((gradient, hidden), [path, omega, previous, before]) in synapses.zip(state.iter_mut()) {
            for lane in 0..LANES {
                let weight = hidden[lane];
                let off = weight_in_use(*binarized, weight) - weight_in_use(*binarized, previous.0[lane]);
                gradient[lane] += 2.0 * self.lambda * omega.0[lane] * off;
                if self.path == Path::Published {
                    let gradient = gradient[lane] + weight_decay * weight;
                    path.0[lane] -= gradient * (weight - before.0[lane]);
                }
                before.0[lane] = weight;
            }
        }
    }
}
