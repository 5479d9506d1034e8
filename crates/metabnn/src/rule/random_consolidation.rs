//! The control of elastic weight consolidation: as many weights held as firmly, but at random.

use serde::{Deserialize, Serialize};

use super::{BuiltIn, EndOfExperience, Ewc, Start, SynapticRule, Tile};
use crate::config::Parameter;
use crate::optim::OptimizerStep;
use crate::random::Stream;
use crate::tensor::Tiled;

/// [`Ewc`] with the Fisher values of each layer shuffled: the paper's control.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RandomConsolidation(pub Ewc);

impl BuiltIn for RandomConsolidation {
    const PARAMETERS: &'static [Parameter] = Ewc::PARAMETERS;
}

impl SynapticRule for RandomConsolidation {
    built_in!();

    fn state(&self) -> &[Start] {
        self.0.state()
    }

    fn update(&self, step: &OptimizerStep, layer: usize, tile: Tile<'_>) {
        self.0.update(step, layer, tile);
    }

    fn end_of_experience(&self, end: &mut EndOfExperience<'_>) {
        let mut importance = end.importance(self.0.samples);
        for (layer, importance) in importance.iter_mut().enumerate() {
            shuffle(importance, &mut end.random(layer));
        }
        self.0.consolidate(end.synapses(), &importance);
    }

    fn needs_boundaries(&self) -> bool {
        true
    }
}

/// Puts the values of a layer in random order.
fn shuffle(values: &mut Tiled, stream: &mut Stream) {
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
