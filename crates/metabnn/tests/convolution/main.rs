//! Networks with convolutions, pooling, instance norm, layer norm, hardtanh and dropout, step by step against plain loops in double
//! precision; these loops against finite differences.

#![allow(clippy::unwrap_used)]

mod fisher;
mod geometry;
mod learning;
mod plain;

use metabnn::data::Shape;
use metabnn::kernels::Platform;
use metabnn::machine::Machine;
use metabnn::network::{
    Batch, ConvConfig, Dropout, GammaInit, HiddenActivation, Init, Inputs, LayerConfig, LayerShape, Network,
    NetworkConfig, NormConfig, NormKind, Pool, Precision, Rows, Scratch, Statistics,
};
use metabnn::optim::{Adam, OptimizerConfig, OptimizerStep};
use metabnn::random::{Purpose, Stream};
use metabnn::rule::{Rule, SynapticRule, Tile};
use metabnn::stream::TaskStream;
use metabnn::train::SavedSettings;
use metabnn::train::{Outcome, TrainError, Trainer, Training};
use metabnn_infer::BitMatrix;
use metabnn_infer::kernels::Pixels;
use plain::Parameters;

const CLASSES: usize = 3;

/// Puts the gradient in place of the weights.
struct Keep;

impl SynapticRule for Keep {
    fn update(&self, _: &OptimizerStep, _: usize, tile: Tile<'_>) {
        tile.hidden.copy_from_slice(tile.gradient);
    }
}

/// A network of some shape, and the size of its images.
#[derive(Clone)]
struct Case {
    settings: SavedSettings,
    image: Shape,
    batch: usize,
}

fn case(
    image: (usize, usize, usize),
    batch: usize,
    geometry: (&[usize], usize, usize, usize),
    pool: (Pool, usize, &[usize]),
    hidden: &[usize],
) -> Case {
    let (channels, kernel, stride, padding) = geometry;
    let network = NetworkConfig {
        channels: channels.to_vec(),
        kernel,
        stride,
        padding,
        pool: pool.0,
        pool_size: pool.1,
        pool_after: pool.2.to_vec(),
        hidden: hidden.to_vec(),
        init: Init::Uniform,
        init_width: 2.0,
        ..Default::default()
    };
    let norm = NormConfig { gamma_init: GammaInit::Uniform, ..Default::default() };
    let settings = SavedSettings { network, norm, seed: 3, ..SavedSettings::default() };
    let (channels, rows, columns) = image;
    Case { settings, image: Shape { channels, rows, columns }, batch }
}

/// Odd sizes: kernels of even size, strides, padding, channels and batches around 16 and 64, oblong maps.
fn cases() -> Vec<Case> {
    use Pool::{Average, Max, None};
    vec![
        case((1, 5, 5), 4, (&[2], 3, 1, 0), (None, 2, &[]), &[]),
        case((1, 13, 12), 5, (&[12, 5], 4, 1, 1), (Average, 2, &[]), &[7]),
        case((3, 8, 7), 6, (&[17, 6], 3, 1, 1), (Max, 2, &[2]), &[20, 9]),
        case((2, 11, 9), 4, (&[5, 65, 4], 3, 2, 1), (None, 2, &[]), &[]),
        case((1, 10, 13), 4, (&[64, 3], 2, 1, 1), (Max, 3, &[1]), &[5]),
        case((1, 6, 6), 33, (&[3, 70], 5, 1, 3), (Average, 2, &[2]), &[]),
        case((1, 24, 24), 6, (&[4, 6], 3, 1, 1), (Max, 2, &[]), &[11]),
        case((2, 3, 3), 65, (&[9], 1, 1, 0), (None, 2, &[]), &[]),
        case((1, 7, 4), 6, (&[], 3, 1, 0), (None, 2, &[]), &[18, 33]),
        one_by_one(),
    ]
}

/// Convolutions with kernels of their own.
fn one_by_one() -> Case {
    let mut case = case((2, 12, 11), 5, (&[6], 3, 1, 1), (Pool::None, 2, &[]), &[13]);
    case.settings.network.layers = vec![
        LayerConfig::Convolution(ConvConfig {
            kernel: 4,
            pool: Pool::Max,
            pool_size: 3,
            ..ConvConfig::new(17)
        }),
        LayerConfig::Convolution(ConvConfig { kernel: 2, stride: 2, padding: 1, ..ConvConfig::new(5) }),
        LayerConfig::dense(21),
    ];
    case
}

/// Trains on a stream to its end.
fn train(settings: &SavedSettings, stream: &TaskStream) -> Result<Outcome, TrainError> {
    let SavedSettings { network, norm, seed, .. } = settings;
    let network = Network::new(network, norm, stream.shape, stream.classes, *seed)?;
    let trainer = Trainer::builder(network, Rule::default()).config(settings.train_config()).build()?;
    Training::new(trainer, stream)?.run(|_| {})
}

/// A network with random scales and shifts, if it learns them.
fn network(case: &Case) -> Network {
    let mut network =
        Network::new(&case.settings.network, &case.settings.norm, case.image, CLASSES, case.settings.seed)
            .unwrap();
    let mut stream = Stream::new(9, Purpose::Init, 77);
    for layer in network.layers.iter_mut().filter(|layer| layer.norm.is_affine()) {
        layer.norm.state.gamma.iter_mut().for_each(|gamma| *gamma = stream.uniform(0.3, 1.5));
        layer.norm.state.beta.iter_mut().for_each(|beta| *beta = stream.uniform(-0.5, 0.5));
    }
    network
}

/// Inputs of the given kind, and the same numbers, (samples, width).
fn inputs(case: &Case, kind: usize) -> (Inputs, Vec<f64>) {
    let (width, batch) = (case.image.width(), case.batch);
    let mut stream = Stream::new(5, Purpose::Init, 78);
    let inputs = match kind {
        0 => {
            // In black and white where the largest of a square is looked for: equal sums of grey values may come out
            // unequal by roundings, each precision's own.
            let is_grey = case.settings.network.pool != Pool::Max;
            let mut pixels = Pixels::new(width, batch);
            let stride = pixels.stride();
            for pixel in pixels.values_mut().chunks_mut(stride).flat_map(|row| &mut row[..batch]) {
                let value = (stream.below(400) as i32 - 150).max(0) as u8;
                *pixel = if is_grey || value == 0 { value } else { 255 };
            }
            Inputs::Pixels(pixels)
        }
        1 => {
            let values: Vec<f32> = (0..width * batch).map(|_| stream.uniform(-1.0, 1.0)).collect();
            Inputs::Real(Rows::from_samples(&values, width))
        }
        _ => {
            let values: Vec<f32> = (0..width * batch).map(|_| stream.uniform(-1.0, 1.0)).collect();
            Inputs::Signs(BitMatrix::from_signs(width, batch, &values))
        }
    };
    let samples = inputs.to_real().to_samples(|_, value| value);
    (inputs, samples.into_iter().map(f64::from).collect())
}

fn labels(batch: usize) -> Vec<u8> {
    (0..batch).map(|sample| (sample * sample % CLASSES) as u8).collect()
}

/// What dropout multiplies the activations of each layer by in the first step, (samples, units).
fn kept(case: &Case, network: &Network) -> Vec<Option<Vec<f64>>> {
    let dropout = Dropout { rate: case.settings.network.dropout, seed: case.settings.seed };
    let hidden = network.layers.iter().enumerate().map(|(index, layer)| {
        let units = layer.linear.outputs();
        let drops = dropout.rate > 0.0 && matches!(layer.shape, LayerShape::Dense);
        drops.then(|| {
            let mut kept = vec![0.0; case.batch * units];
            for unit in 0..units {
                let mut row = vec![1.0; case.batch];
                dropout.drop(0, index, unit, &mut row);
                row.iter().enumerate().for_each(|(sample, &k)| kept[sample * units + unit] = f64::from(k));
            }
            kept
        })
    });
    hidden.collect()
}

/// Values of single precision against those of double, both sums of up to thousands of terms of the size of the largest:
/// a few hundred roundings of it.
fn assert_near(what: &str, ours: &[f32], expected: &[f64]) {
    assert_eq!(ours.len(), expected.len(), "{what}");
    let most = expected.iter().fold(0.0f64, |most, value| most.max(value.abs()));
    for (i, (&ours, expected)) in ours.iter().zip(expected).enumerate() {
        let off = (f64::from(ours) - expected).abs();
        assert!(off <= 3e-5 * most + 1e-9, "{what}[{i}]: {ours}, not {expected}; the largest is {most}");
    }
}

/// One step of `case` on inputs of a kind: loss and all gradients. Of the first seed that keeps clear of corners.
fn assert_step(mut case: Case, kind: usize) {
    let what =
        format!("{:?} {:?} {:?}, inputs {kind}", case.image, case.settings.network, case.settings.norm);
    let (inputs, x) = inputs(&case, kind);
    let labels = labels(case.batch);
    let clear = (0..200).find_map(|seed| {
        case.settings.seed = seed;
        let network = network(&case);
        let parameters: Vec<_> = network.layers.iter().map(Parameters::of).collect();
        let expected = plain::step(&case.settings, &parameters, &x, &labels, &kept(&case, &network));
        (expected.margin > 3e-6).then_some((network, expected))
    });
    let (mut network, expected) = clear.unwrap_or_else(|| panic!("{what}: no seed keeps clear of corners"));
    if case.settings.network.dropout == 0.0 {
        let logits = network.logits(&inputs, &network.norm_states(), Statistics::Batch);
        assert_near(&format!("logits, {what}"), &logits, &expected.logits);
    }
    let optimizer = OptimizerConfig { weight_decay: 0.0, ..Default::default() };
    let mut adam = Adam::new(&optimizer, &network.widths());
    let batch = Batch { inputs, labels };
    let mut asides = 0;
    let loss = network.step(&batch, &mut adam, &Keep, &mut Scratch::default(), &mut || asides += 1);
    assert_eq!(asides, 1, "{what}");
    assert_near(&format!("loss, {what}"), &[loss], &[expected.loss]);
    for (index, layer) in network.layers.iter().enumerate() {
        let what = format!("layer {}, {what}", index + 1);
        let rows = layer.linear.hidden().to_rows();
        let rows = match &layer.shape {
            LayerShape::Dense => rows,
            LayerShape::Convolution(convolution) => convolution.to_channels_first(&rows),
        };
        assert_near(&format!("weights, {what}"), &rows, &expected.weights[index]);
        let (gamma, beta) = &expected.norms[index];
        // The first moment after one step is a tenth of the gradient.
        let of = |mean: &[f32]| mean.iter().map(|mean| mean / (1.0 - 0.9)).collect::<Vec<f32>>();
        let moments = &adam.norms[index];
        if layer.norm.is_affine() {
            assert_near(&format!("gamma, {what}"), &of(&moments.gamma.mean), gamma);
            assert_near(&format!("beta, {what}"), &of(&moments.beta.mean), beta);
        } else {
            assert!(moments.gamma.mean.iter().chain(&moments.beta.mean).all(|&mean| mean == 0.0));
            let state = &layer.norm.state;
            assert!(state.gamma.iter().all(|&g| g == 1.0) && state.beta.iter().all(|&b| b == 0.0));
        }
    }
}

#[test]
fn a_step_with_binary_weights_is_that_of_plain_loops() {
    for case in cases() {
        (0..3).for_each(|kind| assert_step(case.clone(), kind));
    }
}

#[test]
fn a_step_in_full_precision_is_that_of_plain_loops() {
    for activation in [HiddenActivation::ByPrecision, HiddenActivation::Hardtanh] {
        for mut case in cases() {
            case.settings.network.precision = Precision::FullPrecision;
            case.settings.network.activation = activation;
            (0..3).for_each(|kind| assert_step(case.clone(), kind));
        }
    }
}

#[test]
fn a_step_with_instance_or_layer_norm_is_that_of_plain_loops() {
    for precision in [Precision::Binary, Precision::FullPrecision] {
        for (kind, affine) in [
            (NormKind::Instance, true),
            (NormKind::Instance, false),
            (NormKind::Layer, true),
            (NormKind::Layer, false),
        ] {
            for mut case in cases() {
                case.settings.network.precision = precision;
                case.settings.norm.kind = kind;
                case.settings.norm.affine = affine;
                assert_step(case, 1);
            }
        }
    }
}

/// The old word of a dense layer: the same bits.
#[test]
fn instance_norm_of_a_dense_layer_is_layer_norm() {
    let mut case = cases().into_iter().find(|case| case.settings.network.channels.is_empty()).unwrap();
    let hidden = [NormKind::Instance, NormKind::Layer].map(|kind| {
        case.settings.norm.kind = kind;
        let mut network = network(&case);
        let mut adam = Adam::new(&case.settings.optimizer, &network.widths());
        let batch = Batch { inputs: inputs(&case, 1).0, labels: labels(case.batch) };
        network.step(&batch, &mut adam, &Rule::default(), &mut Scratch::default(), &mut || {});
        network.hidden_weights().map(f32::to_bits).collect::<Vec<_>>()
    });
    assert!(hidden[0] == hidden[1]);
}

#[test]
fn a_step_with_dropout_is_that_of_plain_loops() {
    for precision in [Precision::Binary, Precision::FullPrecision] {
        for kind in [NormKind::Batch, NormKind::Instance] {
            for mut case in cases().into_iter().filter(|case| !case.settings.network.hidden.is_empty()) {
                case.settings.network.precision = precision;
                case.settings.network.dropout = 0.5;
                case.settings.norm.kind = kind;
                case.settings.norm.affine = false;
                assert_step(case, 0);
            }
        }
    }
}

/// Hardtanh, then sign: the sign itself, so the same bits.
#[test]
fn hardtanh_changes_nothing_in_a_binary_network() {
    for mut case in cases() {
        let hidden = [HiddenActivation::ByPrecision, HiddenActivation::Hardtanh].map(|activation| {
            case.settings.network.activation = activation;
            let mut network = network(&case);
            let mut adam = Adam::new(&case.settings.optimizer, &network.widths());
            let batch = Batch { inputs: inputs(&case, 1).0, labels: labels(case.batch) };
            network.step(&batch, &mut adam, &Rule::default(), &mut Scratch::default(), &mut || {});
            network.hidden_weights().map(f32::to_bits).collect::<Vec<_>>()
        });
        assert!(hidden[0] == hidden[1]);
    }
}

/// The loops that all else is compared with, against central differences of their own loss: in double precision, where
/// 1e-5 leaves errors of about 1e-10. Smooth but for corners, which `margin` keeps away from.
#[test]
fn the_plain_loops_are_right() {
    let mut compared = 0;
    for kind in [NormKind::Batch, NormKind::Layer, NormKind::Instance] {
        for activation in [HiddenActivation::ByPrecision, HiddenActivation::Hardtanh] {
            for mut case in cases().into_iter().take(3) {
                case.settings.network.precision = Precision::FullPrecision;
                case.settings.network.activation = activation;
                case.settings.norm.kind = kind;
                let network = network(&case);
                let (labels, kept) = (labels(case.batch), kept(&case, &network));
                let (_, x) = inputs(&case, 1);
                let mut layers: Vec<_> = network.layers.iter().map(Parameters::of).collect();
                let at = plain::step(&case.settings, &layers, &x, &labels, &kept);
                for layer in 0..layers.len() {
                    for i in (0..layers[layer].weights.len()).step_by(7) {
                        let mut moved = |by: f64| {
                            layers[layer].weights[i] += by;
                            let loss = plain::step(&case.settings, &layers, &x, &labels, &kept).loss;
                            layers[layer].weights[i] -= by;
                            loss
                        };
                        let by = 1e-7_f64.max(1e-3 * at.margin);
                        let slope = (moved(by) - moved(-by)) / (2.0 * by);
                        let gradient = at.weights[layer][i];
                        let off = (slope - gradient).abs();
                        assert!(off < 1e-5 * (1.0 + gradient.abs()), "{layer} {i}: {gradient}, not {slope}");
                        compared += 1;
                    }
                }
            }
        }
    }
    assert!(compared > 300, "{compared}");
}

/// Three steps with dropout at every number of threads and with all kernels.
#[test]
fn the_same_bits_on_any_machine() {
    for precision in [Precision::Binary, Precision::FullPrecision] {
        for kind in [NormKind::Batch, NormKind::Layer, NormKind::Instance] {
            for mut case in cases().into_iter().skip(1).step_by(2) {
                case.settings.network.precision = precision;
                case.settings.network.dropout = 0.3;
                case.settings.norm.kind = kind;
                let run = |threads: usize, platform: Platform| {
                    let machine = Machine::new(threads, platform).unwrap();
                    let mut network = network(&case).on(&machine);
                    let mut adam = Adam::new(&case.settings.optimizer, &network.widths());
                    let batch = Batch { inputs: inputs(&case, 0).0, labels: labels(case.batch) };
                    for _ in 0..3 {
                        network.step(
                            &batch,
                            &mut adam,
                            &Rule::default(),
                            &mut Scratch::default(),
                            &mut || {},
                        );
                    }
                    let logits = network.logits(&batch.inputs, &network.norm_states(), Statistics::Running);
                    let values = network.hidden_weights().chain(logits);
                    values.map(f32::to_bits).collect::<Vec<_>>()
                };
                let first = run(1, Platform::Portable);
                for threads in [2, 3] {
                    assert!(first == run(threads, Platform::detect()), "{threads} threads");
                }
                for platform in Platform::ALL.into_iter().filter(|platform| platform.is_available()) {
                    assert!(first == run(2, platform), "{platform:?}");
                }
            }
        }
    }
}
