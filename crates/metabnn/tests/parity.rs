//! The library against golden vectors of the authors' algorithm, and step by step against the reference at shapes
//! that no golden vector has.

#[path = "../../../fixtures/golden.rs"]
mod golden;

use golden::{Golden, assert_close};
use metabnn::network::{
    Batch, Inputs, Layer, LayerShape, Linear, Network, Norm, NormConfig, Precision, Rows, Scratch, Statistics,
};
use metabnn::optim::{Adam, OptimizerConfig};
use metabnn::random::{Purpose, Stream};
use metabnn::rule::{Metaplastic, PerLayer, Rule};
use metabnn_infer::BitMatrix;
use metabnn_infer::kernels::Pixels;
use metabnn_reference as reference;

/// See fixtures/README.md: float32 rounding moves weights by up to 7e-7 and losses by up to 2e-6; a wrong rule moves
/// them by a fraction of lr = 5e-3.
const ABSOLUTE: f32 = 1e-5;
/// Of sqrt(V): 1e-4 of V.
const ROOT_RELATIVE: f32 = 5e-5;
/// Where a gradient is as small as its rounding error, sqrt(V) is off by sqrt(1 - beta2) of it.
const ROOT_ABSOLUTE: f32 = 0.0316 * ABSOLUTE;

/// A network with its optimizer and rule.
struct Trained {
    network: Network,
    adam: Adam,
    rule: Rule,
}

impl Trained {
    fn new(widths: &[usize], hidden: Vec<Vec<f32>>, precision: Precision, m: Vec<f32>) -> Self {
        let binarized = precision == Precision::Binary;
        let layers = widths.windows(2).zip(hidden).map(|(pair, hidden)| Layer {
            shape: LayerShape::Dense,
            linear: Linear::new(pair[0], &hidden, binarized),
            norm: Norm::new(vec![1.0; pair[1]], &NormConfig::default()),
        });
        let network = Network::from_layers(layers.collect(), precision);
        let optimizer = OptimizerConfig { weight_decay: 1e-4, ..OptimizerConfig::default() };
        let adam = Adam::new(&optimizer, &network.widths());
        Self { network, adam, rule: Rule::Metaplastic(Metaplastic { m: PerLayer::Each(m) }) }
    }

    fn step(&mut self, inputs: Inputs, labels: &[u8]) -> f32 {
        let batch = Batch { inputs, labels: labels.to_vec() };
        self.network.step(&batch, &mut self.adam, &self.rule, &mut Scratch::default(), &mut || {})
    }
}

/// Samples of `width` real numbers.
fn real(x: &[f32], width: usize) -> Inputs {
    Inputs::Real(Rows::from_samples(x, width))
}

#[test]
fn golden_vectors() {
    for (name, precision) in [
        ("bnn", Precision::Binary),
        ("bnn_wide", Precision::Binary),
        ("dnn", Precision::FullPrecision),
        ("dnn_wide", Precision::FullPrecision),
    ] {
        let mut golden = Golden::open(name);
        let hidden = (1..=3).map(|l| golden.f32(&format!("init_fc{l}_w"))).collect();
        let mut ours = Trained::new(&[20, 16, 16, 4], hidden, precision, vec![1.35; 3]);
        let (x, labels, losses) = (golden.f32("X"), golden.labels("Y"), golden.f64("loss"));
        assert_eq!(losses.len(), 25);
        for (index, (x, labels)) in x.chunks_exact(8 * 20).zip(labels.chunks_exact(8)).enumerate() {
            let loss = ours.step(real(x, 20), labels);
            let what = format!("{name}: loss of step {}", index + 1);
            assert_close(&what, &[loss], &[losses[index] as f32], ABSOLUTE, 0.0);
            if [1, 5, 25].contains(&(index + 1)) {
                compare_with_golden(&mut golden, &ours, index + 1);
            }
        }
        let statistics = match precision {
            Precision::Binary => Statistics::Batch,
            Precision::FullPrecision => Statistics::Running,
        };
        let inputs = real(&golden.f32("test_X"), 20);
        let logits = ours.network.logits(&inputs, &ours.network.norm_states(), statistics);
        assert_close("test_out", &logits, &golden.f32("test_out"), ABSOLUTE, ABSOLUTE);
    }
}

fn compare_with_golden(golden: &mut Golden, ours: &Trained, step: usize) {
    for (l, layer) in (1..).zip(&ours.network.layers) {
        let state = &layer.norm.state;
        let (weights, norms) = (&ours.adam.weights[l - 1], &ours.adam.norms[l - 1]);
        let (hidden, gamma, beta) = (layer.linear.hidden().to_rows(), &norms.gamma, &norms.beta);
        let parameters = [
            (format!("step{step}_fc{l}_w"), &hidden, &weights.mean(), &weights.square()),
            (format!("step{step}_bn{l}_w"), &state.gamma, &gamma.mean, &gamma.square),
            (format!("step{step}_bn{l}_b"), &state.beta, &beta.mean, &beta.square),
        ];
        for (name, values, mean, square) in parameters {
            assert_close(&name, values, &golden.f32(&name), ABSOLUTE, 0.0);
            assert_close(&name, mean, &golden.f32(&format!("{name}_m")), ABSOLUTE, 0.0);
            let roots = |values: &[f32]| values.iter().map(|v| v.sqrt()).collect::<Vec<_>>();
            let expected = roots(&golden.f32(&format!("{name}_v")));
            assert_close(&name, &roots(square), &expected, ROOT_ABSOLUTE, ROOT_RELATIVE);
        }
        let mean = format!("step{step}_bn{l}_rmean");
        if golden.has(&mean) {
            assert_close(&mean, &state.mean, &golden.f32(&mean), ABSOLUTE, 0.0);
            let variance = format!("step{step}_bn{l}_rvar");
            assert_close(&variance, &state.variance, &golden.f32(&variance), ABSOLUTE, 0.0);
        }
    }
}

/// What a network is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Real,
    Pixels,
    Signs,
}

/// The samples `x`, (batch, width) of values in [-1, 1], as inputs of a kind, and as the numbers that these stand for.
fn shown(kind: Kind, x: &[f32], width: usize) -> (Inputs, Vec<f32>) {
    let batch = x.len() / width;
    match kind {
        Kind::Real => {
            let x: Vec<f32> = x.iter().map(|x| x.max(0.0)).collect();
            (real(&x, width), x)
        }
        Kind::Pixels => {
            let mut pixels = Pixels::new(width, batch);
            let (stride, pixel) = (pixels.stride(), |x: f32| (255.0 * x.max(0.0)) as u8);
            for (i, &x) in x.iter().enumerate() {
                pixels.values_mut()[i % width * stride + i / width] = pixel(x);
            }
            (Inputs::Pixels(pixels), x.iter().map(|&x| f32::from(pixel(x)) / 255.0).collect())
        }
        Kind::Signs => {
            let signs = BitMatrix::from_signs(batch, width, x).transposed();
            (Inputs::Signs(signs), reference::sign_activation(x))
        }
    }
}

/// The library packs bits, tiles and threads; the reference does none of it. Widths around the sizes of words and
/// tiles, batches that fit nothing and some of more than a word, a different m in every layer. The last number of a case
/// is a seed.
#[test]
fn steps_equal_the_reference_at_ragged_shapes() {
    let cases: [(&[usize], usize, Precision, u64); 10] = [
        (&[33, 65, 17, 5], 7, Precision::Binary, 0),
        (&[64, 128, 10], 13, Precision::Binary, 1),
        (&[7, 3, 2], 2, Precision::Binary, 2),
        (&[40, 31, 33, 3], 9, Precision::FullPrecision, 3),
        (&[50, 4], 11, Precision::Binary, 4),
        (&[66, 130, 33, 4], 41, Precision::Binary, 5),
        (&[130, 129, 70, 10], 100, Precision::Binary, 8),
        (&[65, 200, 66, 3], 130, Precision::Binary, 6),
        (&[70, 130, 67, 10], 100, Precision::FullPrecision, 8),
        (&[129, 66, 5], 130, Precision::FullPrecision, 10),
    ];
    for (widths, batch, precision, seed) in cases {
        for kind in [Kind::Real, Kind::Pixels, Kind::Signs] {
            // Of two samples z is +-1 but for eps, and of whole sums so close to it that roundings decide.
            if batch > 2 || kind != Kind::Signs {
                compare_with_reference(widths, batch, precision, kind, seed);
            }
        }
    }
}

const LR: f32 = 0.005;
const STEPS: usize = 6;

fn compare_with_reference(widths: &[usize], batch: usize, precision: Precision, kind: Kind, seed: u64) {
    let what = format!("{widths:?}, batch {batch}, {precision:?}, {kind:?}");
    let mut stream = Stream::new(seed, Purpose::Init, 0);
    let mut draw = |n: usize, reach: f32| (0..n).map(|_| stream.uniform(-reach, reach)).collect::<Vec<_>>();
    let hidden: Vec<Vec<f32>> = widths.windows(2).map(|pair| draw(pair[0] * pair[1], 0.8)).collect();
    let m: Vec<f32> = (1..widths.len()).map(|layer| 0.7 * layer as f32).collect();
    let mut ours = Trained::new(widths, hidden.clone(), precision, m.clone());
    let binarized = precision == Precision::Binary;
    let settings = reference::Settings { binarized, lr: LR, weight_decay: 1e-4, m };
    let mut theirs = reference::Network::new(widths, hidden, settings);
    let mut allowed: Vec<[Vec<f32>; 3]> = theirs
        .layers
        .iter()
        .map(|layer| parameters(layer).map(|values| vec![ABSOLUTE; values.value.len()]))
        .collect();
    let classes = widths[widths.len() - 1];
    for step in 0..STEPS {
        let (inputs, x) = shown(kind, &draw(batch * widths[0], 1.0), widths[0]);
        let labels: Vec<u8> = (0..batch).map(|b| ((b * 5 + step) % classes) as u8).collect();
        let hidden_layers = &theirs.forward(&x, None)[..widths.len() - 2];
        let closest = hidden_layers
            .iter()
            .flat_map(|layer| &layer.z)
            .map(|&z| to_a_step(z, binarized))
            .fold(1.0, f32::min);
        assert!(closest > 1e-6, "{what}, seed {seed}: z is {closest:e} from a step; choose another seed");
        let (loss, expected) = (ours.step(inputs, &labels), theirs.step(&x, &labels));
        assert_close(&format!("{what}: loss of step {step}"), &[loss], &[expected], ABSOLUTE, 0.0);
        for (allowed, layer) in allowed.iter_mut().zip(&theirs.layers) {
            allowed
                .iter_mut()
                .zip(parameters(layer))
                .for_each(|(allowed, values)| allow(allowed, values, step));
        }
    }
    for (index, (layer, allowed)) in ours.network.layers.iter().zip(allowed).enumerate() {
        let state = &layer.norm.state;
        let ours = [&layer.linear.hidden().to_rows(), &state.gamma, &state.beta];
        for (kind, (ours, theirs)) in ours.into_iter().zip(parameters(&theirs.layers[index])).enumerate() {
            let what = format!("{what}, layer {index}, {}", ["weight", "gamma", "beta"][kind]);
            for (i, (ours, theirs)) in ours.iter().zip(&theirs.value).enumerate() {
                let (off, allowed) = ((ours - theirs).abs(), allowed[kind][i]);
                assert!(
                    off <= allowed,
                    "{what} {i}: {ours} is {off:e} from {theirs}, allowed are {allowed:e}"
                );
            }
        }
    }
    for (ours, theirs) in ours.network.layers.iter().zip(&theirs.running) {
        assert_close(&what, &ours.norm.state.mean, &theirs.mean, ABSOLUTE, ABSOLUTE);
        assert_close(&what, &ours.norm.state.variance, &theirs.variance, ABSOLUTE, ABSOLUTE);
    }
}

fn parameters(layer: &reference::Layer) -> [&reference::Parameter; 3] {
    [&layer.hidden, &layer.gamma, &layer.beta]
}

/// How far z is from where its activation or that one's estimator steps: a rounding must not decide on which side. 0 is
/// what a whole mean of whole sums leaves, exactly.
fn to_a_step(z: f32, binarized: bool) -> f32 {
    match binarized {
        _ if z == 0.0 => 1.0,
        true => z.abs().min((z.abs() - 1.0).abs()),
        false => z.abs(),
    }
}

/// Adds to what parameters may be off by what `step` does. It moves one by lr M / sqrt(V): a gradient as small as its
/// rounding error moves it by anything up to lr. That error is some thirty roundings of a typical gradient of the layer,
/// 2e-6 of it.
fn allow(allowed: &mut [f32], values: &reference::Parameter, step: usize) {
    let correction = 1.0 - 0.999_f32.powi(step as i32 + 1);
    let root = |square: f32| (square / correction).sqrt();
    let typical = root(values.second.iter().sum::<f32>() / values.second.len() as f32);
    for (allowed, &square) in allowed.iter_mut().zip(&values.second) {
        *allowed += LR * f32::min(2e-6 * typical / root(square), 1.0);
    }
}

/// The packed bits are the signs of the hidden weights, after every update.
#[test]
fn binary_weights_follow_the_hidden_ones() {
    let mut stream = Stream::new(9, Purpose::Init, 0);
    let mut draw = |n: usize| (0..n).map(|_| stream.uniform(-0.01, 0.01)).collect::<Vec<_>>();
    let hidden = vec![draw(70 * 90), draw(90 * 4)];
    let mut ours = Trained::new(&[70, 90, 4], hidden, Precision::Binary, vec![1.35; 2]);
    let before = ours.network.layers[0].linear.binary().unwrap().clone();
    for _ in 0..5 {
        ours.step(real(&draw(20 * 70), 70), &[0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]);
    }
    for layer in &ours.network.layers {
        let (bits, hidden) = (layer.linear.binary().unwrap(), layer.linear.hidden().to_rows());
        let expected = BitMatrix::from_signs(bits.rows(), bits.columns(), &hidden);
        assert_eq!(bits, &expected);
    }
    assert!(ours.network.layers[0].linear.binary().unwrap().distance(&before) > 100, "signs did flip");
}
