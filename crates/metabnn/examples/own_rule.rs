//! A synaptic rule of one's own: a line of code, beside the built-in rule that is the same.
//!
//! `cargo run --release -p metabnn --example own_rule` trains the same network with both, on the built-in glyphs, and
//! says what each step cost and how far the two ended apart.
//!
//! The rule here is the paper's, written out; put your device's curve in place of `scale`.

use std::time::Instant;

use metabnn::network::{Network, NetworkConfig, NormConfig};
use metabnn::rule::{Metaplastic, SynapticRule};
use metabnn::stream::{self, TaskStream};
use metabnn::train::Trainer;

const M: f32 = 1.35;

/// Updates that would shrink |W| are attenuated the more, the larger it is.
struct Own;

impl SynapticRule for Own {
    fn scale(&self, _layer: usize, hidden: f32, update: f32) -> f32 {
        if hidden * update < 0.0 { 1.0 - (M * hidden.abs()).tanh().powi(2) } else { 1.0 }
    }
}

/// Trains a network with `rule`; gives it with the mean time of a step in milliseconds.
fn trained(
    stream: &TaskStream,
    rule: impl SynapticRule,
) -> Result<(Network, f64), Box<dyn std::error::Error>> {
    let config = NetworkConfig { hidden: vec![1024; 2], ..NetworkConfig::default() };
    let network = Network::new(&config, &NormConfig::default(), stream.shape, stream.classes, 0)?;
    let mut trainer = Trainer::builder(network, rule).epochs(2).build()?;
    let start = Instant::now();
    trainer.fit(&stream.experiences[0])?;
    let steps = trainer.history().steps as f64;
    Ok((trainer.network().clone(), start.elapsed().as_secs_f64() * 1e3 / steps))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let stream = stream::permuted(&metabnn_data::glyphs(), 1).build()?;
    let (built_in, built_in_ms) = trained(&stream, Metaplastic::default())?;
    let (own, own_ms) = trained(&stream, Own)?;
    let pairs = || built_in.hidden_weights().zip(own.hidden_weights());
    let same = pairs().filter(|(a, b)| (*a >= 0.0) == (*b >= 0.0)).count();
    println!("a step with the built-in rule: {built_in_ms:.2} ms");
    println!("a step with the rule of one's own: {own_ms:.2} ms, {:.1} times as long", own_ms / built_in_ms);
    println!("binary weights alike in the end: {:.1} %", 100.0 * same as f64 / pairs().count() as f64);
    Ok(())
}
