//! A synaptic rule of one's own, written as plain code, in place of the built-in one.

#![allow(clippy::unwrap_used)]

use std::sync::Mutex;

use metabnn::kernels::AdamStep;
use metabnn::machine::Machine;
use metabnn::network::{
    Batch, Inputs, Layer, LayerShape, Linear, Network, Norm, NormConfig, Precision, Rows, Scratch,
};
use metabnn::optim::{Adam, OptimizerConfig, OptimizerStep};
use metabnn::random::{Purpose, Stream};
use metabnn::rule::{Metaplastic, PerLayer, Rule, SynapticRule, Tile};

const WIDTHS: [usize; 4] = [45, 70, 33, 5];
const BATCH: usize = 20;
const STEPS: usize = 12;
/// Another strength in every layer.
const M: [f32; 3] = [1.35, 0.0, 4.0];

/// Metaplastic Adam, one synapse after the other, by its formula in double precision.
struct Plain;

impl SynapticRule for Plain {
    fn update(&self, step: &OptimizerStep, layer: usize, tile: Tile<'_>) {
        let AdamStep { beta1, beta2, eps, size, weight_decay } = *step.adam();
        let (beta1, beta2) = (f64::from(beta1), f64::from(beta2));
        for i in 0..tile.hidden.len() {
            let weight = f64::from(tile.hidden[i]);
            let g = f64::from(tile.gradient[i]) + f64::from(weight_decay) * weight;
            let mean = beta1 * f64::from(tile.mean[i]) + (1.0 - beta1) * g;
            let square = beta2 * f64::from(tile.square[i]) + (1.0 - beta2) * g * g;
            let update = f64::from(size) * mean / (square.sqrt() + f64::from(eps));
            let shrinks = weight * mean > 0.0;
            let attenuation = 1.0 - (f64::from(M[layer]) * weight.abs()).tanh().powi(2);
            tile.hidden[i] = (weight - update * if shrinks { attenuation } else { 1.0 }) as f32;
            (tile.mean[i], tile.square[i]) = (mean as f32, square as f32);
        }
    }
}

fn random(n: usize, index: u32) -> Vec<f32> {
    let mut stream = Stream::new(31, Purpose::Init, index);
    (0..n).map(|_| stream.uniform(-1.0, 1.0)).collect()
}

fn network(precision: Precision) -> Network {
    let binarized = precision == Precision::Binary;
    let layers = WIDTHS.windows(2).enumerate().map(|(index, pair)| Layer {
        shape: LayerShape::Dense,
        linear: Linear::new(pair[0], &random(pair[0] * pair[1], index as u32), binarized),
        norm: Norm::new(vec![1.0; pair[1]], &NormConfig::default()),
    });
    Network::from_layers(layers.collect(), precision)
}

fn adam(network: &Network) -> Adam {
    let optimizer = OptimizerConfig { weight_decay: 1e-4, ..Default::default() };
    Adam::new(&optimizer, &network.widths())
}

/// The network after training with `rule`, and the losses.
fn trained(rule: &dyn SynapticRule, precision: Precision) -> (Network, Vec<f32>) {
    let mut network = network(precision);
    let mut adam = adam(&network);
    let step = |step: usize| {
        let inputs =
            Inputs::Real(Rows::from_samples(&random(BATCH * WIDTHS[0], 100 + step as u32), WIDTHS[0]));
        let labels = (0..BATCH).map(|sample| (sample % WIDTHS[3]) as u8).collect();
        network.step(&Batch { inputs, labels }, &mut adam, rule, &mut Scratch::default(), &mut || {})
    };
    let losses = (0..STEPS).map(step).collect();
    (network, losses)
}

/// Weights move by 0.005 a step. The kernel's updates are within 1e-6 of the formula's, and the gradients that follow
/// from them as well; moments and weights are rounded to 6e-8 of them.
#[test]
fn a_rule_in_plain_code_trains_as_the_built_in_one() {
    for precision in [Precision::Binary, Precision::FullPrecision] {
        let built_in = Rule::Metaplastic(Metaplastic { m: PerLayer::Each(M.to_vec()) });
        let (plain, losses) = trained(&Plain, precision);
        let (kernel, expected) = trained(&built_in, precision);
        for (loss, expected) in losses.iter().zip(&expected) {
            assert!((loss - expected).abs() < 2e-6, "{precision:?}: {losses:?} {expected:?}");
        }
        for (layer, (plain, kernel)) in plain.layers.iter().zip(&kernel.layers).enumerate() {
            let rows = [plain, kernel].map(|layer| layer.linear.hidden().to_rows());
            let off = rows[0].iter().zip(&rows[1]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 5e-6, "{precision:?}, layer {layer}: off by {off:e}");
            let start = random(rows[0].len(), layer as u32);
            let moved =
                rows[0].iter().zip(&start).filter(|(now, start)| (*now - *start).abs() > 1e-3).count();
            assert!(moved > rows[0].len() / 2, "{precision:?}, layer {layer}: {moved} weights moved");
        }
    }
}

/// Counts the synapses of each layer that it is shown, and turns their signs around.
struct Counting {
    seen: Mutex<[usize; 3]>,
}

impl SynapticRule for Counting {
    fn update(&self, _step: &OptimizerStep, layer: usize, tile: Tile<'_>) {
        let lengths = [tile.gradient.len(), tile.mean.len(), tile.square.len()];
        assert_eq!(lengths, [tile.hidden.len(); 3]);
        // No weight is 0 here but those beyond the last output.
        self.seen.lock().unwrap()[layer] += tile.hidden.iter().filter(|weight| **weight != 0.0).count();
        tile.hidden.iter_mut().for_each(|weight| *weight = -*weight);
        tile.mean.iter_mut().for_each(|mean| *mean += 1.0);
    }
}

#[test]
fn a_step_shows_every_synapse_once_and_keeps_what_the_rule_writes() {
    for precision in [Precision::Binary, Precision::FullPrecision] {
        for threads in [1, 3] {
            let machine = Machine::new(threads, Machine::get().kernels.platform).unwrap();
            let mut network = network(precision).on(&machine);
            let before: Vec<_> = network.layers.iter().map(|layer| layer.linear.hidden().to_rows()).collect();
            let (mut adam, rule) = (adam(&network), Counting { seen: Mutex::default() });
            let inputs = Inputs::Real(Rows::from_samples(&random(BATCH * WIDTHS[0], 100), WIDTHS[0]));
            network.step(
                &Batch { inputs, labels: vec![0; BATCH] },
                &mut adam,
                &rule,
                &mut Scratch::default(),
                &mut || {},
            );
            assert_eq!(rule.seen.into_inner().unwrap(), [45 * 70, 70 * 33, 33 * 5]);
            for (index, (layer, before)) in network.layers.iter().zip(before).enumerate() {
                let turned: Vec<f32> = before.iter().map(|weight| -weight).collect();
                assert_eq!(layer.linear.hidden().to_rows(), turned);
                assert_eq!(adam.weights[index].mean(), vec![1.0; before.len()]);
                assert_eq!(adam.weights[index].square(), vec![0.0; before.len()]);
                let signs = metabnn_infer::BitMatrix::from_signs(
                    layer.linear.outputs(),
                    layer.linear.inputs(),
                    &turned,
                );
                assert_eq!(layer.linear.binary(), (precision == Precision::Binary).then_some(&signs));
            }
        }
    }
}

/// The plain rule, which makes a mess of what stands beyond the last output.
struct Messy;

impl SynapticRule for Messy {
    fn update(&self, step: &OptimizerStep, layer: usize, tile: Tile<'_>) {
        let Tile { binarized, gradient, hidden, mean, square, state } = tile;
        let beyond: Vec<usize> =
            (0..hidden.len()).filter(|&i| hidden[i] == 0.0 || hidden[i].is_nan()).collect();
        let tile = Tile { binarized, gradient, hidden, mean, square, state };
        Plain.update(step, layer, tile);
        for i in beyond {
            (hidden[i], mean[i], square[i]) = (f32::NAN, f32::NAN, f32::NAN);
        }
    }
}

/// Synapses are updated in sixteens; those of a last, incomplete one that have no output reach no result.
#[test]
fn what_a_rule_makes_of_synapses_without_an_output_has_no_effect() {
    for precision in [Precision::Binary, Precision::FullPrecision] {
        let ((messy, losses), (plain, expected)) = (trained(&Messy, precision), trained(&Plain, precision));
        assert_eq!(losses, expected, "{precision:?}");
        for (messy, plain) in messy.layers.iter().zip(&plain.layers) {
            assert_eq!(messy.linear.hidden().to_rows(), plain.linear.hidden().to_rows());
            assert_eq!(messy.linear.binary(), plain.linear.binary());
            assert_eq!(messy.norm, plain.norm);
            assert!(messy.linear.hidden().values().all(f32::is_finite));
        }
    }
}
