//! Elastic weight consolidation, and its control, in which the importances are shuffled.

use serde::{Deserialize, Serialize};

use super::{PerLayer, Start, in_use};
use crate::kernels::{AdamStep, Kernels, LANES};
use crate::network::{Network, Tile, Tiled};
use crate::random::Stream;
use crate::recipe::settings::Settings;
use crate::tasks::{Split, batches};

/// Samples whose Fisher information is taken at once. They are independent, so this changes the time alone, but for
/// roundings.
const TOGETHER: usize = 256;

/// Elastic weight consolidation: every past task k adds a quadratic penalty to the loss,
///
/// ```text
/// lambda/2 sum_k sum_i F_k,i (p_i - p*_k,i)^2
/// ```
/// with F_k the diagonal of the empirical Fisher information at the end of task k ([`Network::fisher`]), p the weights in
/// use and p* what they were then: the *binary* weights of a binarized network, whose gradient reaches the hidden ones
/// straight through. The penalty's gradient is added to that of the loss before Adam's step; the loss that a step reports
/// is without it. Batch norms are not held.
///
/// Quadratic functions of one weight add up to one: whatever the number of tasks, a synapse keeps two numbers, the
/// stiffness A = lambda sum_k F_k and the centre c = lambda sum_k F_k p*_k / A, and the gradient is A (p - c). As it needs to
/// know where a task ends, streams without boundaries do not take this rule.
///
/// `random-consolidation` is the paper's control: the same, with the Fisher values of each layer shuffled.
///
/// Sources: Kirkpatrick et al., PNAS 114:3521 (2017); the paper's Methods. The published command for it lacks the switch
/// that turns it on, and the published control adds the unshuffled values as well; neither is followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ewc {
    /// Weight of the penalty, >= 0.
    pub lambda: f32,
    /// Training samples that the Fisher information is taken over, the first ones of the task.
    pub samples: usize,
    /// Strength of metaplasticity besides, as in [`Metaplastic`](super::Metaplastic).
    pub m: PerLayer,
}

impl Default for Ewc {
    fn default() -> Self {
        Self { lambda: 5000.0, samples: 5000, m: PerLayer::Same(0.0) }
    }
}

impl Ewc {
    /// Stiffness and centre.
    pub(super) const MEMORY: [Start; 2] = [Start::Zero; 2];

    /// g <- g + A (p - c), then a step of metaplastic Adam: see [`Kernels::adam_tile`].
    pub(super) fn update(&self, kernels: Kernels, step: &AdamStep, layer: usize, tile: Tile<'_>) {
        let Tile { binarized, gradient, hidden, mean, square, memory } = tile;
        let synapses = gradient.as_chunks_mut::<LANES>().0.iter_mut().zip(hidden.as_chunks::<LANES>().0);
        for ((gradient, hidden), [stiffness, centre]) in synapses.zip(memory.as_chunks::<2>().0) {
            for lane in 0..LANES {
                let off = in_use(binarized, hidden[lane]) - centre.0[lane];
                gradient[lane] += stiffness.0[lane] * off;
            }
        }
        (kernels.adam_tile)(step, self.m.layer(layer), gradient, hidden, mean, square);
    }

    /// The Fisher information of the weights about the first samples of `images`.
    pub(super) fn fisher(&self, network: &Network, images: &Split, settings: &Settings) -> Vec<Tiled> {
        let ranges: Vec<_> = batches(images.len().min(self.samples), TOGETHER).collect();
        network.fisher(ranges.len(), |index| images.gather(ranges[index].clone(), settings.network.input))
    }

    /// One more quadratic term, with the importances `fisher` and the present weights as its centre. This is the end of a
    /// task; [`Rule::end_of_task`](super::Rule::end_of_task) does it with the network's own Fisher information.
    pub fn consolidate(&self, network: &mut Network, fisher: &[Tiled]) {
        for (layer, fisher) in network.layers.iter_mut().zip(fisher) {
            let linear = &mut layer.linear;
            // A task may end before the first step.
            linear.make_memory(&Self::MEMORY);
            let binarized = linear.binary().is_some();
            for ((hidden, memory), fisher) in linear.synapses_mut().zip(fisher.groups()) {
                let [stiffness, centre] = memory else { continue };
                for lane in 0..LANES {
                    let more = self.lambda * fisher.0[lane];
                    let all = stiffness.0[lane] + more;
                    if more > 0.0 {
                        let off = in_use(binarized, hidden.0[lane]) - centre.0[lane];
                        centre.0[lane] += more / all * off;
                    }
                    stiffness.0[lane] = all;
                }
            }
        }
    }
}

/// Puts the values of a layer in random order.
pub(super) fn shuffle(values: &mut Tiled, stream: &mut Stream) {
    let (inputs, mut shuffled) = (values.inputs(), values.to_rows());
    stream.shuffle(&mut shuffled);
    *values = Tiled::from_fn(inputs, values.outputs(), |output, input| shuffled[output * inputs + input]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    #[test]
    fn shuffling_puts_the_same_values_elsewhere() {
        let (inputs, outputs) = (7, 19);
        let values = Tiled::from_fn(inputs, outputs, |output, input| (output * inputs + input) as f32);
        let shuffled = |index: u32| {
            let mut shuffled = values.clone();
            shuffle(&mut shuffled, &mut Stream::new(3, Purpose::Consolidation, index));
            shuffled.to_rows()
        };
        let (first, second) = (shuffled(0), shuffled(256));
        assert_eq!(first, shuffled(0));
        assert_ne!(first, second, "another task, another order");
        let moved = first.iter().zip(values.to_rows()).filter(|(now, before)| *now != before).count();
        assert!(moved > inputs * outputs * 9 / 10, "{moved}");
        let mut sorted = first;
        sorted.sort_by(f32::total_cmp);
        assert_eq!(sorted, values.to_rows(), "each value once");
    }
}
