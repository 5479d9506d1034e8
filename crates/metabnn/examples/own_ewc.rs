//! A rule of one's own that keeps a state and acts at the end of an experience: elastic weight consolidation, written
//! out, beside the built-in rule. Both networks end with the same weights.
//!
//! `cargo run --release -p metabnn --example own_ewc`

use metabnn::network::Network;
use metabnn::optim::OptimizerStep;
use metabnn::rule::{EndOfExperience, Ewc, PerLayer, Start, SynapticRule, Tile};
use metabnn::stream::{self, TaskStream};
use metabnn::train::Trainer;

/// Every past experience k adds lambda/2 sum_i F_k,i (p_i - p*_k,i)^2 to the loss; a synapse keeps the sum of these
/// parabolas as its stiffness A and its center c.
struct OwnEwc {
    lambda: f32,
    samples: usize,
}

/// The weight in use.
fn in_use(binarized: bool, hidden: f32) -> f32 {
    if !binarized {
        hidden
    } else if hidden >= 0.0 {
        1.0
    } else {
        -1.0
    }
}

impl SynapticRule for OwnEwc {
    fn state(&self) -> &[Start] {
        &[Start::Zero, Start::Zero]
    }

    fn update(&self, step: &OptimizerStep, _layer: usize, mut tile: Tile<'_>) {
        let binarized = tile.binarized;
        let (gradient, hidden) = (tile.gradient.chunks_exact_mut(16), tile.hidden.chunks_exact(16));
        for ((gradient, hidden), state) in gradient.zip(hidden).zip(tile.state.chunks_exact(2)) {
            for lane in 0..16 {
                let (stiffness, center) = (state[0].0[lane], state[1].0[lane]);
                gradient[lane] += stiffness * (in_use(binarized, hidden[lane]) - center);
            }
        }
        step.metaplastic(0.0, &mut tile);
    }

    fn end_of_experience(&self, end: &mut EndOfExperience<'_>) {
        let importance = end.importance(self.samples);
        for (mut layer, importance) in end.synapses().into_iter().zip(&importance) {
            let binarized = layer.binarized;
            for ((hidden, state), importance) in layer.groups().zip(importance.groups()) {
                for lane in 0..16 {
                    let more = self.lambda * importance.0[lane];
                    let all = state[0].0[lane] + more;
                    if more > 0.0 {
                        let off = in_use(binarized, hidden.0[lane]) - state[1].0[lane];
                        state[1].0[lane] += more / all * off;
                    }
                    state[0].0[lane] = all;
                }
            }
        }
    }

    fn needs_boundaries(&self) -> bool {
        true
    }
}

/// Learns the stream with `rule`; gives the hidden weights and the accuracies at the end.
fn learned(
    stream: &TaskStream,
    rule: impl SynapticRule,
) -> Result<(Vec<f32>, Vec<f64>), Box<dyn std::error::Error>> {
    let network = Network::binary(stream.shape).dense(64).classes(stream.classes).build()?;
    let mut trainer = Trainer::builder(network, rule).epochs(2).build()?;
    for experience in stream {
        trainer.fit(experience)?;
    }
    Ok((trainer.network().hidden_weights().collect(), trainer.evaluate(stream)?))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let stream = stream::permuted(&metabnn_data::glyphs(), 3).train_samples(1000).build()?;
    let (lambda, samples) = (20.0, 200);
    let (own, accuracies) = learned(&stream, OwnEwc { lambda, samples })?;
    let (built_in, _) = learned(&stream, Ewc { lambda, samples, m: PerLayer::Same(0.0) })?;
    assert!(own == built_in, "the same weights, to the last bit");
    println!(
        "{} hidden weights are those of the built-in rule; accuracy on each task: {accuracies:.2?}",
        own.len()
    );
    Ok(())
}
