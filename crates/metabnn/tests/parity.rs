//! The library against golden vectors of the authors' algorithm, and step by step against the reference at shapes
//! that no golden vector has.

#[path = "../../../fixtures/golden.rs"]
mod golden;

use golden::{Golden, assert_close};
use metabnn::network::{Activations, Batch, BatchNorm, Layer, Linear, Network};
use metabnn::optim::{Adam, Moments};
use metabnn::plasticity::{Metaplastic, PerLayer, Rule};
use metabnn::random::{Purpose, Stream};
use metabnn::recipe::settings::{self, Precision, Statistics};
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
            linear: Linear::new(pair[0], hidden, binarized),
            norm: BatchNorm::new(vec![1.0; pair[1]], &settings::Norm::default()),
        });
        let network = Network::new(layers.collect(), precision);
        let optimizer = settings::Optimizer { weight_decay: 1e-4, ..settings::Optimizer::default() };
        let adam = Adam::new(&optimizer, network.layers.iter().map(|layer| &layer.linear));
        Self { network, adam, rule: Rule::Metaplastic(Metaplastic { m: PerLayer::Each(m) }) }
    }

    fn step(&mut self, width: usize, x: &[f32], labels: &[u8]) -> f32 {
        let inputs = Activations::from_samples(x, width);
        self.network.step(Batch { inputs, labels: labels.to_vec() }, &mut self.adam, &self.rule)
    }
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
            let loss = ours.step(20, x, labels);
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
        let inputs = Activations::from_samples(&golden.f32("test_X"), 20);
        let logits = ours.network.logits(&inputs, &ours.network.norm_states(), statistics);
        assert_close("test_out", &logits, &golden.f32("test_out"), ABSOLUTE, ABSOLUTE);
    }
}

fn compare_with_golden(golden: &mut Golden, ours: &Trained, step: usize) {
    for (l, layer) in (1..).zip(&ours.network.layers) {
        let state = &layer.norm.state;
        let norm_moments = &ours.adam.norms[l - 1];
        let parameters = [
            (format!("step{step}_fc{l}_w"), layer.linear.hidden(), &ours.adam.weights[l - 1]),
            (format!("step{step}_bn{l}_w"), &state.gamma, &norm_moments.gamma),
            (format!("step{step}_bn{l}_b"), &state.beta, &norm_moments.beta),
        ];
        for (name, values, Moments { mean, square }) in parameters {
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

/// The library packs bits, tiles and threads; the reference does none of it. Widths around the sizes of words and
/// tiles, a batch that fits nothing, a different m in every layer.
#[test]
fn steps_equal_the_reference_at_ragged_shapes() {
    let cases: [(&[usize], usize, Precision); 5] = [
        (&[33, 65, 17, 5], 7, Precision::Binary),
        (&[64, 128, 10], 13, Precision::Binary),
        (&[7, 3, 2], 2, Precision::Binary),
        (&[40, 31, 33, 3], 9, Precision::FullPrecision),
        (&[50, 4], 11, Precision::Binary),
    ];
    for (case, (widths, batch, precision)) in cases.into_iter().enumerate() {
        let mut stream = Stream::new(case as u64, Purpose::Init, 0);
        let mut draw =
            |n: usize, reach: f32| (0..n).map(|_| stream.uniform(-reach, reach)).collect::<Vec<_>>();
        let hidden: Vec<Vec<f32>> = widths.windows(2).map(|pair| draw(pair[0] * pair[1], 0.8)).collect();
        let m: Vec<f32> = (1..widths.len()).map(|layer| 0.7 * layer as f32).collect();
        let mut ours = Trained::new(widths, hidden.clone(), precision, m.clone());
        let settings = reference::Settings {
            binarized: precision == Precision::Binary,
            lr: 0.005,
            weight_decay: 1e-4,
            m,
        };
        let mut theirs = reference::Network::new(widths, hidden, settings);
        let classes = widths[widths.len() - 1];
        for step in 0..6 {
            let x: Vec<f32> = draw(batch * widths[0], 1.0).iter().map(|x| x.max(0.0)).collect();
            let labels: Vec<u8> = (0..batch).map(|b| ((b * 5 + step) % classes) as u8).collect();
            let (loss, expected) = (ours.step(widths[0], &x, &labels), theirs.step(&x, &labels));
            assert_close(&format!("{widths:?}: loss of step {step}"), &[loss], &[expected], ABSOLUTE, 0.0);
        }
        for (layer, (ours, theirs)) in ours.network.layers.iter().zip(&theirs.layers).enumerate() {
            let what = format!("{widths:?}: layer {layer}");
            assert_close(&what, ours.linear.hidden(), &theirs.hidden.value, ABSOLUTE, 0.0);
            assert_close(&what, &ours.norm.state.gamma, &theirs.gamma.value, ABSOLUTE, 0.0);
            assert_close(&what, &ours.norm.state.beta, &theirs.beta.value, ABSOLUTE, 0.0);
        }
        for (ours, theirs) in ours.network.layers.iter().zip(&theirs.running) {
            assert_close("mean", &ours.norm.state.mean, &theirs.mean, ABSOLUTE, ABSOLUTE);
            assert_close("variance", &ours.norm.state.variance, &theirs.variance, ABSOLUTE, ABSOLUTE);
        }
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
        ours.step(70, &draw(20 * 70), &[0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]);
    }
    for layer in &ours.network.layers {
        let (bits, hidden) = (layer.linear.binary().unwrap(), layer.linear.hidden());
        let expected = metabnn_infer::BitMatrix::from_signs(bits.rows(), bits.columns(), hidden);
        assert_eq!(bits, &expected);
    }
    assert!(ours.network.layers[0].linear.binary().unwrap().distance(&before) > 100, "signs did flip");
}
