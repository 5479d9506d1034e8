//! A synaptic rule of one's own: a page of scalar code, tile by tile beside the built-in kernel.
//!
//! `cargo run --release -p metabnn --example own_rule` trains the same network with both, on the built-in glyphs, and
//! says what each step cost and how far the two ended apart.
//!
//! The rule here is the paper's, written out; put your device's curve in place of `plasticity`.

use std::time::Instant;

use metabnn::data::Shape;
use metabnn::data::glyphs::glyphs;
use metabnn::kernels::{AdamStep, Kernels};
use metabnn::network::{Network, Tile};
use metabnn::optim::Adam;
use metabnn::plasticity::{Rule, SynapticRule};
use metabnn::random::{Purpose, Stream};
use metabnn::recipe::settings::{self, Settings};
use metabnn::tasks::{Loader, Split, View};

const M: f32 = 1.35;
const STEPS: usize = 120;

/// How much of an update that would shrink |W| goes through.
fn plasticity(hidden_weight: f32) -> f32 {
    1.0 - (M * hidden_weight.abs()).tanh().powi(2)
}

/// Adam, with shrinking updates scaled by [`plasticity`].
struct Own;

impl SynapticRule for Own {
    fn update(&self, _: Kernels, step: &AdamStep, _layer: usize, tile: Tile<'_>) {
        let synapses = tile.gradient.iter().zip(tile.hidden).zip(tile.mean).zip(tile.square);
        for (((gradient, hidden), mean), square) in synapses {
            let g = gradient + step.weight_decay * *hidden;
            *mean = step.beta1 * *mean + (1.0 - step.beta1) * g;
            *square = step.beta2 * *square + (1.0 - step.beta2) * g * g;
            let update = step.size * *mean / (square.sqrt() + step.eps);
            let shrinks = *hidden * *mean > 0.0;
            *hidden -= if shrinks { update * plasticity(*hidden) } else { update };
        }
    }
}

/// Trains a network with `rule`; gives it with the mean time of a step in milliseconds.
fn trained(rule: &dyn SynapticRule) -> (Network, f64) {
    let network = settings::Network { hidden: vec![1024; 2], ..Default::default() };
    let settings = Settings { network, ..Settings::default() };
    let images = Split::new(vec![View::all(glyphs(6000, 2).train)]);
    let shuffling = Stream::new(0, Purpose::Shuffle, 0);
    let mut loader = Loader::new(&images, settings.schedule.batch, settings.network.input, shuffling);
    let mut network =
        Network::from_settings(&settings, Shape::features(784), 10).expect("dense layers take any images");
    let mut adam = Adam::new(&settings.optimizer, &network.layers);
    let start = Instant::now();
    for _ in 0..STEPS {
        network.step(&loader.next_batch(), &mut adam, rule, &mut || {});
    }
    (network, start.elapsed().as_secs_f64() * 1e3 / STEPS as f64)
}

fn main() {
    let (built_in, built_in_ms) = trained(&Rule::default());
    let (own, own_ms) = trained(&Own);
    let pairs = || built_in.hidden_weights().zip(own.hidden_weights());
    let same = pairs().filter(|(a, b)| (*a >= 0.0) == (*b >= 0.0)).count();
    println!("a step with the built-in rule: {built_in_ms:.2} ms");
    println!("a step with the rule of one's own: {own_ms:.2} ms, {:.1} times as long", own_ms / built_in_ms);
    println!(
        "binary weights alike after {STEPS} steps: {:.1} %",
        100.0 * same as f64 / pairs().count() as f64
    );
}
