//! The Fisher information against plain code in double precision, a sample at a time.

use metabnn::kernels::Platform;
use metabnn::machine::Machine;
use metabnn::network::{Batch, Inputs, Layer, Linear, Network, Norm, NormConfig, NormState, Precision, Rows};
use metabnn::random::{Purpose, Stream};
use metabnn_infer::BitMatrix;
use metabnn_infer::kernels::Pixels;

/// Multiples of nothing; the second hidden layer is wider than a word.
const WIDTHS: [usize; 4] = [37, 18, 70, 5];
const SAMPLES: usize = 23;
/// The samples in batches of these ends.
const ENDS: [usize; 5] = [0, 9, 10, 17, SAMPLES];

fn random(n: usize, index: u32) -> Vec<f32> {
    let mut stream = Stream::new(12, Purpose::Init, index);
    (0..n).map(|_| stream.uniform(-1.0, 1.0)).collect()
}

/// Batch norms with statistics near those of the sums, so that gates pass some and stop some.
fn network(precision: Precision) -> Network {
    let binarized = precision == Precision::Binary;
    let layers = WIDTHS.windows(2).zip(0..).map(|(pair, index)| {
        let (inputs, outputs) = (pair[0], pair[1]);
        let state = NormState {
            gamma: random(outputs, 10 + index).iter().map(|gamma| 1.0 + 0.5 * gamma).collect(),
            beta: random(outputs, 20 + index),
            mean: random(outputs, 30 + index),
            variance: random(outputs, 40 + index).iter().map(|v| inputs as f32 * (1.2 + v)).collect(),
        };
        let norm = Norm::with_state(state, &NormConfig::default());
        Layer::dense(Linear::new(inputs, &random(inputs * outputs, index), binarized), norm)
    });
    Network::from_layers(layers.collect(), precision)
}

/// What a network is shown.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Real,
    Pixels,
    Signs,
}

/// The numbers that the samples are, (samples, width).
fn numbers(kind: Kind) -> Vec<f32> {
    let number = |value: f32| match kind {
        Kind::Real => value,
        Kind::Pixels => (255.0 * value.max(0.0)).floor() / 255.0,
        Kind::Signs => value.signum(),
    };
    random(SAMPLES * WIDTHS[0], 99).into_iter().map(number).collect()
}

fn label(sample: usize) -> u8 {
    (sample * 3 % WIDTHS[3]) as u8
}

/// Samples from..to.
fn batch(kind: Kind, from: usize, to: usize) -> Batch {
    let width = WIDTHS[0];
    let x = &numbers(kind)[from * width..to * width];
    let inputs = match kind {
        Kind::Real => Inputs::Real(Rows::from_samples(x, width)),
        Kind::Signs => Inputs::Signs(BitMatrix::from_signs(to - from, width, x).transposed()),
        Kind::Pixels => {
            let mut pixels = Pixels::new(width, to - from);
            let stride = pixels.stride();
            for (i, &x) in x.iter().enumerate() {
                pixels.values_mut()[i % width * stride + i / width] = (255.0 * x).round() as u8;
            }
            Inputs::Pixels(pixels)
        }
    };
    Batch { inputs, labels: (from..to).map(label).collect() }
}

/// A layer in double precision, with weights in use and batch norm as z = scale y + shift.
struct Plain {
    weights: Vec<Vec<f64>>,
    scale: Vec<f64>,
    shift: Vec<f64>,
}

impl Plain {
    fn of(layer: &Layer) -> Self {
        let Layer { linear, norm, .. } = layer;
        let binarized = linear.binary().is_some();
        let in_use = |weight: &f32| f64::from(if binarized { weight.signum() } else { *weight });
        let rows = linear.hidden().to_rows();
        let state = &norm.state;
        let eps = f64::from(NormConfig::default().eps);
        let features = 0..linear.outputs();
        let scale: Vec<f64> = features
            .clone()
            .map(|j| f64::from(state.gamma[j]) / (f64::from(state.variance[j]) + eps).sqrt())
            .collect();
        let shift = features.map(|j| f64::from(state.beta[j]) - scale[j] * f64::from(state.mean[j]));
        Self {
            weights: rows.chunks_exact(linear.inputs()).map(|row| row.iter().map(in_use).collect()).collect(),
            shift: shift.collect(),
            scale,
        }
    }

    fn z(&self, x: &[f64]) -> Vec<f64> {
        let sum = |row: &Vec<f64>| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
        self.weights.iter().enumerate().map(|(j, row)| self.scale[j] * sum(row) + self.shift[j]).collect()
    }
}

/// The definition, sample after sample.
fn plain_fisher(network: &Network, precision: Precision, x: &[f32]) -> Vec<Vec<f64>> {
    let layers: Vec<Plain> = network.layers.iter().map(Plain::of).collect();
    let mut fisher: Vec<Vec<f64>> = WIDTHS.windows(2).map(|pair| vec![0.0; pair[0] * pair[1]]).collect();
    for (sample, x) in x.chunks_exact(WIDTHS[0]).enumerate() {
        let (mut inputs, mut zs) = (vec![x.iter().copied().map(f64::from).collect::<Vec<_>>()], Vec::new());
        for layer in &layers {
            let z = layer.z(&inputs[inputs.len() - 1]);
            let activation = |z: &f64| match precision {
                Precision::Binary => z.signum(),
                Precision::FullPrecision => z.max(0.0),
            };
            inputs.push(z.iter().map(activation).collect());
            zs.push(z);
        }
        let sum: f64 = zs[2].iter().map(|z| z.exp()).sum();
        let one = |class: usize| if class == usize::from(label(sample)) { 1.0 } else { 0.0 };
        let mut dz: Vec<f64> =
            zs[2].iter().enumerate().map(|(class, z)| z.exp() / sum - one(class)).collect();
        for index in (0..3).rev() {
            let layer = &layers[index];
            let dy: Vec<f64> = dz.iter().zip(&layer.scale).map(|(dz, scale)| dz * scale).collect();
            let places = dy.iter().flat_map(|dy| inputs[index].iter().map(move |x| dy * x));
            fisher[index].iter_mut().zip(places).for_each(|(sum, g)| *sum += g * g / SAMPLES as f64);
            if index == 0 {
                break;
            }
            let passes = |z: f64| match precision {
                Precision::Binary => z.abs() <= 1.0,
                Precision::FullPrecision => z > 0.0,
            };
            let below = |i: usize| layer.weights.iter().zip(&dy).map(|(row, dy)| row[i] * dy).sum::<f64>();
            dz = zs[index - 1]
                .iter()
                .enumerate()
                .map(|(i, &z)| if passes(z) { below(i) } else { 0.0 })
                .collect();
        }
    }
    fisher
}

#[test]
fn it_is_the_mean_square_of_each_samples_gradient() {
    for precision in [Precision::Binary, Precision::FullPrecision] {
        for kind in [Kind::Real, Kind::Pixels, Kind::Signs] {
            let network = network(precision);
            let parts = |network: &Network| {
                let fisher = network.fisher(4, |part| batch(kind, ENDS[part], ENDS[part + 1]));
                fisher.iter().map(|fisher| fisher.to_rows()).collect::<Vec<_>>()
            };
            let ours = parts(&network);
            let expected = plain_fisher(&network, precision, &numbers(kind));
            for (layer, (ours, expected)) in ours.iter().zip(&expected).enumerate() {
                let mean = expected.iter().sum::<f64>() / expected.len() as f64;
                let matter = expected.iter().filter(|fisher| **fisher > 0.1 * mean).count();
                assert!(matter > expected.len() / 10, "{precision:?}, {kind:?}, layer {layer}: few matter");
                for (ours, expected) in ours.iter().zip(expected) {
                    // Squares of sums of up to 70 numbers, each rounded to 6e-8.
                    let off = (f64::from(*ours) - expected).abs();
                    assert!(
                        off < 2e-5 * (expected + mean),
                        "{precision:?}, {kind:?}, layer {layer}: {ours}, not {expected}"
                    );
                }
            }
            let platforms = Platform::ALL.into_iter().filter(|platform| platform.is_available());
            let machines = platforms.flat_map(|platform| [(1, platform), (3, platform)]);
            for (threads, platform) in machines {
                let machine = Machine::new(threads, platform).unwrap();
                assert_eq!(parts(&network.clone().on(&machine)), ours, "{threads} threads, {platform:?}");
            }
        }
    }
}
