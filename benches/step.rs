//! A training step of the network 784-H-H-10 and its kernels, at the paper's batch of 100 and its widths.
//!
//! `cargo bench -p metabnn-lab` runs all of it; `cargo bench -p metabnn-lab -- 1024` one width. Every kernel's result is checked
//! first: the time of a wrong one is worth nothing. For times beside other programs see README.md.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use metabnn::data::Shape;
use metabnn::kernels::{Kernels, Platform};
use metabnn::machine::Machine;
use metabnn::network::{Batch, Network, Scratch};
use metabnn::optim::Adam;
use metabnn::stream::{Subset, View};
use metabnn_data::glyphs::glyphs;
use metabnn_infer::BitMatrix;
use metabnn_infer::kernels::{Pixels, Samples};
use metabnn_lab::bench::assert_same_as_portable;
use metabnn_lab::recipe::settings::{self, Input, Precision, Settings};

const BATCH: usize = 100;
const WIDTHS: [usize; 4] = [512, 1024, 2048, 4096];

fn batch() -> Batch {
    let images = glyphs(BATCH, 2).train;
    Subset::new(vec![View::all(images)]).gather(0..BATCH, Input::Real)
}

fn steps(criterion: &mut Criterion) {
    let machine = Machine::get();
    assert_same_as_portable(Precision::Binary, machine);
    let mut group = criterion.benchmark_group("step");
    for width in WIDTHS {
        let network = settings::Network { hidden: vec![width; 2], ..Default::default() };
        let settings = Settings { network, ..Settings::default() };
        let mut network =
            Network::new(&settings.network, &settings.norm, Shape::grey(28, 28), 10, settings.seed)
                .expect("dense layers take any images")
                .on(machine);
        let mut adam = Adam::new(&settings.optimizer, &network.widths());
        let (batch, mut scratch) = (batch(), Scratch::default());
        group.throughput(Throughput::Elements(BATCH as u64));
        group.bench_function(BenchmarkId::from_parameter(width), |bencher| {
            bencher.iter(|| network.step(&batch, &mut adam, &settings.rule, &mut scratch, &mut || {}));
        });
    }
    group.finish();
}

/// The products of bits on one thread, in multiply-adds per second.
fn products(criterion: &mut Criterion) {
    let kernels = Kernels::of(Platform::detect());
    for width in WIDTHS {
        let signs: Vec<f32> =
            (0..width * width.max(784)).map(|i| if i * 7919 % 13 < 6 { 1.0 } else { -1.0 }).collect();
        let weights = BitMatrix::from_signs(width, width, &signs[..width * width]);
        let features = BitMatrix::from_signs(width, BATCH, &signs[..width * BATCH]);
        let samples = Samples::from_features(&features);
        let stride = BATCH.next_multiple_of(16);
        let mut y = vec![0.0; width * stride];
        let mut group = criterion.benchmark_group("product");
        (kernels.bits.xnor_product)(&weights, 0, &samples, &mut y, stride);
        let sum =
            |o: usize, b: usize| (0..width).map(|i| signs[o * width + i] * signs[i * BATCH + b]).sum::<f32>();
        assert_eq!((y[0], y[7 * stride + 99]), (sum(0, 0), sum(7, 99)), "a dot product by itself");
        group.throughput(Throughput::Elements((width * width * BATCH) as u64));
        group.bench_function(BenchmarkId::new("xnor", width), |bencher| {
            bencher.iter(|| (kernels.bits.xnor_product)(black_box(&weights), 0, &samples, &mut y, stride));
        });
        let mut pixels = Pixels::new(784, BATCH);
        let batch_stride = pixels.stride();
        for (pixel, row) in pixels.values_mut().chunks_mut(batch_stride).enumerate() {
            (0..BATCH).for_each(|b| row[b] = ((pixel * 31 + b * 17) % 256) as u8);
        }
        let first = BitMatrix::from_signs(width, 784, &signs[..width * 784]);
        (kernels.bits.pixel_product)(&first, 0, &pixels, 1.0, &mut y, stride);
        let sum: f32 = (0..784).map(|i| signs[3 * 784 + i] * f32::from(pixels.row(i)[5])).sum();
        assert_eq!(y[3 * stride + 5], sum, "a sum of signed pixels by itself");
        group.throughput(Throughput::Elements((width * 784 * BATCH) as u64));
        group.bench_function(BenchmarkId::new("pixels", width), |bencher| {
            bencher.iter(|| (kernels.bits.pixel_product)(black_box(&first), 0, &pixels, 1.0, &mut y, stride));
        });
        group.finish();
    }
}

criterion_group!(benches, steps, products);
criterion_main!(benches);
