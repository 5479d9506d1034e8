//! Training steps of the paper's CIFAR-10 network, on random pixels: what each part of a step costs.
//!
//! `cargo run --release -p metabnn --example cifar_step -- [batch] [steps]`: 64 images and 3 steps unless said otherwise.

use std::env;
use std::time::Instant;

use metabnn::data::Shape;
use metabnn::network::{Batch, Init, Inputs, Network, NetworkConfig, NormConfig, Pool, Scratch};
use metabnn::optim::{Adam, OptimizerConfig};
use metabnn::random::{Purpose, Stream};
use metabnn::rule::Metaplastic;
use metabnn_infer::kernels::Pixels;

const IMAGE: Shape = Shape { channels: 3, rows: 32, columns: 32 };
const CLASSES: usize = 10;

/// Six convolutions, three of them pooled, then two hidden layers with dropout.
fn config() -> NetworkConfig {
    NetworkConfig {
        channels: vec![128, 128, 256, 256, 512, 512],
        padding: 1,
        pool: Pool::Max,
        pool_after: vec![2, 4, 6],
        hidden: vec![2048, 2048],
        dropout: 0.5,
        init: Init::XavierNormal,
        init_width: 1.0,
        ..Default::default()
    }
}

fn batch(size: usize, stream: &mut Stream) -> Batch {
    let mut pixels = Pixels::new(IMAGE.width(), size);
    let stride = pixels.stride();
    for row in pixels.values_mut().chunks_mut(stride) {
        row[..size].iter_mut().for_each(|pixel| *pixel = stream.below(256) as u8);
    }
    let labels = (0..size).map(|_| stream.below(CLASSES as u32) as u8).collect();
    Batch { inputs: Inputs::Pixels(pixels), labels }
}

fn main() {
    let mut numbers = env::args().skip(1).filter_map(|number| number.parse().ok());
    let (size, steps) = (numbers.next().unwrap_or(64), numbers.next().unwrap_or(3));
    let mut network = Network::new(&config(), &NormConfig::default(), IMAGE, CLASSES, 0)
        .expect("maps of 32x32 pool down to 4x4");
    let optimizer = OptimizerConfig { lr: 1e-4, ..OptimizerConfig::default() };
    let mut adam = Adam::new(&optimizer, &network.widths());
    let rule = Metaplastic::default();
    let mut stream = Stream::new(0, Purpose::Shuffle, 0);
    let mut step = |network: &mut Network, scratch: &mut Scratch| {
        let batch = batch(size, &mut stream);
        let start = Instant::now();
        let loss = network.step(&batch, &mut adam, &rule, scratch, &mut || {});
        (loss, start.elapsed().as_secs_f64())
    };
    let mut scratch = Scratch::default();
    // The first one finds cold caches.
    step(&mut network, &mut scratch);
    scratch.reset_parts();
    for _ in 0..steps {
        let (loss, seconds) = step(&mut network, &mut scratch);
        println!("a step with {size} images: {seconds:.3} s, loss {loss:.4}");
    }
    for (name, time) in scratch.parts().times() {
        println!("{:>8.1} ms  {name}", time.as_secs_f64() * 1e3 / steps as f64);
    }
}
