//! Synaptic intelligence.

use serde::{Deserialize, Serialize};

use super::{Start, in_use};
use crate::kernels::{AdamStep, Kernels, LANES};
use crate::network::{Network, Tile};

/// Synaptic intelligence: a weight is held by how much of the fall of past tasks' losses its changes account for.
///
/// ```text
/// every step:         g <- g + 2 lambda omega (p - p_prev);   W <- W - U, U of plain Adam;   path <- path - g dW
/// end of every task:  omega <- omega + path / ((W - W_prev)^2 + epsilon);   path <- 0;   W_prev <- W
/// ```
/// W are the hidden weights, W_prev those at the end of the last task (first: the initial ones), p and p_prev the weights in
/// use, sign(W) and sign(W_prev) in a binarized network: the penalty is lambda sum omega (p - p_prev)^2. g is the gradient
/// of loss and penalty. There is no metaplasticity; omega may be negative, as in the authors' code. The loss that a step
/// reports is without the penalty.
///
/// What counts as a change dW is `path`, see [`Path`]. The authors keep one Adam for all tasks
/// (`optimizer.reset_per_task = false`). As the rule needs to know where a task ends, streams without boundaries do not
/// take it.
///
/// Sources: Zenke, Poole, Ganguli, ICML 2017; the paper's Supplementary Information and the authors' code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Si {
    /// Weight of the penalty, >= 0.
    pub lambda: f32,
    /// Added to the square of a weight's change over a task, > 0.
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

impl Si {
    /// The path integral so far, omega, the hidden weight at the end of the last task, and the one before the last step.
    pub(super) const MEMORY: [Start; 4] =
        [Start::Zero, Start::Zero, Start::HiddenWeight, Start::HiddenWeight];

    /// The penalty's gradient, a step of plain Adam, and the path integral.
    pub(super) fn update(&self, kernels: Kernels, step: &AdamStep, tile: Tile<'_>) {
        let Tile { binarized, gradient, hidden, mean, square, memory } = tile;
        let memory = memory.as_chunks_mut::<4>().0;
        let synapses = gradient.as_chunks_mut::<LANES>().0.iter_mut().zip(hidden.as_chunks::<LANES>().0);
        for ((gradient, hidden), [path, omega, previous, before]) in synapses.zip(memory.iter_mut()) {
            for lane in 0..LANES {
                let weight = hidden[lane];
                let off = in_use(binarized, weight) - in_use(binarized, previous.0[lane]);
                gradient[lane] += 2.0 * self.lambda * omega.0[lane] * off;
                if self.path == Path::Published {
                    let gradient = gradient[lane] + step.weight_decay * weight;
                    path.0[lane] -= gradient * (weight - before.0[lane]);
                }
                before.0[lane] = weight;
            }
        }
        (kernels.adam_tile)(step, 0.0, gradient, hidden, mean, square);
        let of_signs = match self.path {
            Path::Hidden => false,
            Path::Binary => true,
            Path::Published => return,
        };
        let synapses = gradient.as_chunks::<LANES>().0.iter().zip(hidden.as_chunks::<LANES>().0);
        for ((gradient, hidden), [path, _, _, before]) in synapses.zip(memory) {
            for lane in 0..LANES {
                let change = in_use(of_signs, hidden[lane]) - in_use(of_signs, before.0[lane]);
                path.0[lane] -= gradient[lane] * change;
            }
        }
    }

    /// The end of a task.
    pub(super) fn consolidate(&self, network: &mut Network) {
        for layer in &mut network.layers {
            // A task may end before the first step.
            layer.linear.make_memory(&Self::MEMORY);
            for (hidden, memory) in layer.linear.synapses_mut() {
                let [path, omega, previous, _] = memory else { continue };
                for lane in 0..LANES {
                    let change = hidden.0[lane] - previous.0[lane];
                    omega.0[lane] += path.0[lane] / (change * change + self.epsilon);
                    path.0[lane] = 0.0;
                    previous.0[lane] = hidden.0[lane];
                }
            }
        }
    }
}
