//! Adam's moments in sixteen bits: those of 32 bits, rounded at random, each by itself.

use metabnn::network::{Batch, Inputs, Layer, LayerShape, Linear, Network, Norm, Rows, Scratch};
use metabnn::optim::{Adam, OptimizerStep};
use metabnn::random::{Purpose, Stream};
use metabnn::rule::{Rule, SynapticRule, Tile};
use metabnn_lab::recipe::settings::{self, Precision, State};

const WIDTHS: [usize; 4] = [70, 150, 40, 5];
const BATCH: usize = 20;

fn random(n: usize, index: u32) -> Vec<f32> {
    let mut stream = Stream::new(41, Purpose::Init, index);
    (0..n).map(|_| stream.uniform(-1.0, 1.0)).collect()
}

/// A network after some steps with `rule`, and its optimizer.
fn trained(rule: &dyn SynapticRule, state: State, steps: u32) -> (Network, Adam) {
    let layers = WIDTHS.windows(2).enumerate().map(|(index, pair)| Layer {
        shape: LayerShape::Dense,
        linear: Linear::new(pair[0], &random(pair[0] * pair[1], index as u32), true),
        norm: Norm::new(vec![1.0; pair[1]], &settings::Norm::default()),
    });
    let mut network = Network::from_layers(layers.collect(), Precision::Binary);
    let optimizer = settings::Optimizer { state, ..Default::default() };
    let mut adam = Adam::new(&optimizer, &network.widths());
    for step in 0..steps {
        let inputs = Inputs::Real(Rows::from_samples(&random(BATCH * WIDTHS[0], 100 + step), WIDTHS[0]));
        let labels = (0..BATCH).map(|sample| (sample % WIDTHS[3]) as u8).collect();
        network.step(&Batch { inputs, labels }, &mut adam, rule, &mut Scratch::default(), &mut || {});
    }
    (network, adam)
}

/// The first update starts from moments of 0 and is done in 32 bits: only what is kept of it is rounded.
#[test]
fn the_first_step_moves_weights_alike_and_keeps_rounded_moments() {
    let rule = Rule::default();
    let ((wide, wide_adam), (narrow, narrow_adam)) =
        (trained(&rule, State::F32, 1), trained(&rule, State::Bf16, 1));
    for layer in 0..3 {
        assert_eq!(wide.layers[layer], narrow.layers[layer]);
        let [wide, narrow] = [&wide_adam, &narrow_adam].map(|adam| &adam.weights[layer]);
        for (wide, narrow) in [(wide.mean(), narrow.mean()), (wide.square(), narrow.square())] {
            assert_ne!(wide, narrow);
            for (wide, narrow) in wide.iter().zip(&narrow) {
                assert_eq!(narrow.to_bits() & 0xffff, 0);
                // Less than the last of the eight bits of a number's digits.
                assert!((wide - narrow).abs() < wide.abs() / 128.0 || wide == narrow, "{wide:e} {narrow:e}");
            }
        }
    }
}

/// Later steps start from those. Moments are off by 1/128 at most, updates so by 1/128 and half of that for the root.
#[test]
fn later_steps_go_on_from_the_rounded_moments() {
    let rule = Rule::default();
    let ((wide, _), (narrow, _)) = (trained(&rule, State::F32, 3), trained(&rule, State::Bf16, 3));
    for (layer, (wide, narrow)) in wide.layers.iter().zip(&narrow.layers).enumerate() {
        let [wide, narrow] = [wide, narrow].map(|layer| layer.linear.hidden().to_rows());
        let apart = |from: &[f32]| wide.iter().zip(from).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>();
        let (off, moved) = (apart(&narrow), apart(&random(wide.len(), layer as u32)));
        assert!(off > 0.0 && off < moved / 85.0, "layer {layer}: off by {off}, moved by {moved}");
    }
}

/// Keeps every moment between two numbers of sixteen bits, 1 and 1 + 1/128.
struct Between;

const VALUE: f32 = 1.003;
/// How often it is rounded up.
const SHARE: f64 = 0.003 * 128.0;

impl SynapticRule for Between {
    fn update(&self, _step: &OptimizerStep, _layer: usize, tile: Tile<'_>) {
        assert!(tile.mean.iter().chain(&*tile.square).all(|value| [0.0, 1.0, 1.0078125].contains(value)));
        tile.mean.fill(VALUE);
        tile.square.fill(VALUE);
    }
}

/// Which of some roundings went up.
fn ups(values: Vec<f32>) -> Vec<bool> {
    values.into_iter().map(|value| value > VALUE).collect()
}

/// Asserts that of `n` events of probability `share` as many happened, within five standard deviations.
fn assert_count(what: &str, happened: usize, n: usize, share: f64) {
    let deviation = (n as f64 * share * (1.0 - share)).sqrt();
    let off = happened as f64 - n as f64 * share;
    assert!(off.abs() < 5.0 * deviation, "{what}: {happened} of {n}, expected a share of {share}");
}

#[test]
fn every_rounding_is_drawn_by_itself() {
    let roundings = |steps| {
        let (_, adam) = trained(&Between, State::Bf16, steps);
        let of_layers = adam.weights.iter().flat_map(|weights| [ups(weights.mean()), ups(weights.square())]);
        of_layers.collect::<Vec<_>>()
    };
    let (first, second) = (roundings(1), roundings(2));
    assert_eq!(first, roundings(1), "the same draws every time");
    let together = SHARE * SHARE + (1.0 - SHARE) * (1.0 - SHARE);
    let check = |what: &str, a: &[bool], b: &[bool]| {
        let n = a.len().min(b.len());
        assert_count(what, a.iter().zip(b).filter(|(a, b)| a == b).count(), n, together);
    };
    for (index, ups) in first.iter().enumerate() {
        assert_count("rounded up", ups.iter().filter(|up| **up).count(), ups.len(), SHARE);
        check("an update and the next", ups, &second[index]);
        // Of one output and the next, of sixteen outputs and the next, and of 64.
        for outputs in [1, 16, 64] {
            let inputs = WIDTHS[index / 2];
            if ups.len() > outputs * inputs {
                check("outputs", ups, &ups[outputs * inputs..]);
            }
        }
        // Of one input and the next; of two whose synapses are the same ones of those that are updated at once.
        check("inputs", ups, &ups[1..]);
        check("inputs", ups, &ups[128..]);
    }
    for layer in 0..3 {
        check("mean and square", &first[2 * layer], &first[2 * layer + 1]);
    }
}
