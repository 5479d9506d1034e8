//! Elastic weight consolidation and synaptic intelligence against golden vectors of the authors' algorithm.

#[path = "../../../fixtures/golden.rs"]
#[allow(dead_code)] // not every test uses all of it
mod golden;

use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use golden::{Golden, assert_close};
use metabnn::kernels::{AdamStep, Kernels};
use metabnn::machine::Machine;
use metabnn::network::{Batch, Inputs, Layer, Linear, Network, Norm, NormConfig, Precision, Rows, Scratch};
use metabnn::optim::{Adam, OptimizerConfig, OptimizerStep};
use metabnn::rule::{
    Consolidation, EndOfExperience, Ewc, Path, Rule, Si, Start, Synapses, SynapticRule, Tile,
};
use metabnn::tensor::Tiled;

/// As in parity.rs: see fixtures/README.md.
const ABSOLUTE: f32 = 1e-5;
const WIDTHS: [usize; 4] = [20, 16, 16, 4];
const BATCH: usize = 8;

/// The network that a file starts from, and its optimizer.
fn start(golden: &mut Golden) -> (Network, OptimizerConfig) {
    let layers = WIDTHS.windows(2).zip(1..).map(|(pair, l)| {
        let norm = Norm::new(vec![1.0; pair[1]], &NormConfig::default());
        Layer::dense(Linear::new(pair[0], &golden.f32(&format!("init_fc{l}_w")), true), norm)
    });
    let network = Network::from_layers(layers.collect(), Precision::Binary);
    (network, OptimizerConfig { weight_decay: 1e-4, ..OptimizerConfig::default() })
}

/// Samples of 20 numbers with their labels.
fn batch(x: &[f32], labels: &[u8]) -> Batch {
    Batch { inputs: Inputs::Real(Rows::from_samples(x, WIDTHS[0])), labels: labels.to_vec() }
}

/// Trains on the 25 batches of a task, comparing losses and parameters; `each` is called before every step.
fn train(
    golden: &mut Golden,
    task: &str,
    network: &mut Network,
    adam: &mut Adam,
    rule: &dyn SynapticRule,
    mut each: impl FnMut(&Network, usize),
) {
    let (x, labels) = (golden.f32(&format!("{task}_X")), golden.labels(&format!("{task}_Y")));
    let losses = golden.f64(&format!("{task}_loss"));
    assert_eq!(losses.len(), 25);
    let batches = x.chunks_exact(BATCH * WIDTHS[0]).zip(labels.chunks_exact(BATCH));
    for (index, (x, labels)) in batches.enumerate() {
        each(network, index);
        let loss = network.step(&batch(x, labels), adam, rule, &mut Scratch::default(), &mut || {});
        let what = format!("{task}: loss of step {}", index + 1);
        assert_close(&what, &[loss], &[losses[index] as f32], ABSOLUTE, 0.0);
        if [1, 5, 25].contains(&(index + 1)) {
            compare(golden, &format!("{task}_step{}", index + 1), network, adam);
        }
    }
}

fn compare(golden: &mut Golden, at: &str, network: &Network, adam: &Adam) {
    for (l, layer) in (1..).zip(&network.layers) {
        let (norm, weights) = (&layer.norm.state, &adam.weights[l - 1]);
        for (name, values) in [
            (format!("{at}_fc{l}_w"), &layer.linear.hidden().to_rows()),
            (format!("{at}_fc{l}_w_m"), &weights.mean()),
            (format!("{at}_bn{l}_w"), &norm.gamma),
            (format!("{at}_bn{l}_b"), &norm.beta),
        ] {
            // Gradients of penalties are large where a weight is held: moments are compared by their size as well.
            assert_close(&name, values, &golden.f32(&name), ABSOLUTE, ABSOLUTE);
        }
    }
}

/// Number `which` of the rule's memory of layer `l`, counted from 1, in rows.
fn memory(network: &Network, l: usize, which: usize) -> Vec<f32> {
    let linear = &network.layers[l - 1].linear;
    let numbers = linear.memory().inputs() / linear.inputs();
    linear.memory().to_rows().into_iter().skip(which).step_by(numbers).collect()
}

/// The binary weights of layer `l` as numbers.
fn binary(network: &Network, l: usize) -> Vec<f32> {
    let hidden = network.layers[l - 1].linear.hidden().to_rows();
    hidden.into_iter().map(|weight| if weight >= 0.0 { 1.0 } else { -1.0 }).collect()
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |most, value| value.abs().max(most))
}

#[test]
fn elastic_weight_consolidation_follows_the_golden_vectors() {
    let mut golden = Golden::open("ewc");
    let (mut network, optimizer) = start(&mut golden);
    let ewc = Ewc { lambda: 5000.0, samples: 32, ..Ewc::default() };
    let rule = Rule::Ewc(ewc.clone());
    // (fisher, mean) of every past task and layer, as the file has them.
    let mut past: Vec<[(Vec<f32>, Vec<f32>); 3]> = Vec::new();
    for task in 0..3 {
        let name = format!("t{task}");
        let penalties = golden.f64(&format!("{name}_penalty"));
        assert_eq!(task > 0, penalties.iter().any(|&penalty| penalty > 1.0), "{name}: {penalties:?}");
        let check_penalty = |network: &Network, step: usize| {
            let of_layer = |l: usize, (fisher, mean): &(Vec<f32>, Vec<f32>)| {
                let weights = binary(network, l);
                let terms = fisher.iter().zip(mean).zip(weights);
                terms.map(|((f, mean), p)| f64::from(f * (p - mean) * (p - mean))).sum::<f64>()
            };
            let terms = past.iter().flat_map(|layers| (1..).zip(layers).map(|(l, layer)| of_layer(l, layer)));
            let penalty = 2500.0 * terms.sum::<f64>();
            // Whole flips of single weights: no rounding makes up for one.
            let off = (penalty - penalties[step]).abs();
            assert!(
                off <= 1e-5 * penalty.max(1.0),
                "{name}, step {step}: {penalty}, not {}",
                penalties[step]
            );
        };
        let mut adam = Adam::new(&optimizer, &network.widths());
        train(&mut golden, &name, &mut network, &mut adam, &rule, check_penalty);
        if task == 2 {
            break;
        }
        let (x, labels) = (golden.f32(&format!("{name}_X")), golden.labels(&format!("{name}_Y")));
        // One batch of the first 32 samples, or several: each sample is by itself.
        let all = network.fisher(1, |_| batch(&x[..32 * WIDTHS[0]], &labels[..32]));
        let fisher = network.fisher(5, |part| {
            let (from, to) = (part * 7, 32.min(part * 7 + 7));
            batch(&x[from * WIDTHS[0]..to * WIDTHS[0]], &labels[from..to])
        });
        let expected = [1, 2, 3].map(|l| {
            let [fisher, mean] = ["fisher", "mean"].map(|what| golden.f32(&format!("{name}_{what}_fc{l}")));
            assert_eq!(binary(&network, l), mean, "{name}, layer {l}");
            (fisher, mean)
        });
        for (ours, (expected, _)) in
            [fisher.iter().zip(&expected), all.iter().zip(&expected)].into_iter().flatten()
        {
            // Sums of 32 squares of numbers that are right to some 1e-6.
            assert_close(&name, &ours.to_rows(), expected, 1e-6 * largest(expected), 2e-5);
        }
        past.push(expected);
        ewc.consolidate(network.synapses_mut(ewc.state()), &fisher);
    }
}

/// What Adam of PyTorch since 1.3 makes of `rule`: eps is added after the bias correction of V, not before. Batch norms
/// keep the earlier Adam; their gradients are so large that eps does not matter.
struct LaterAdam {
    rule: Rule,
    steps: AtomicI32,
}

impl SynapticRule for LaterAdam {
    fn state(&self) -> &[Start] {
        self.rule.state()
    }

    fn update(&self, step: &OptimizerStep, layer: usize, tile: Tile<'_>) {
        let adam = *step.adam();
        let correction = 1.0 - adam.beta2.powi(self.steps.load(Relaxed));
        let adam = AdamStep { eps: adam.eps * correction.sqrt(), ..adam };
        let step = OptimizerStep::new(Kernels::of(Machine::get().kernels.platform), adam);
        self.rule.update(&step, layer, tile);
    }
}

/// A network at the end of an experience, for a rule that asks for no importances.
struct Ended<'a> {
    network: &'a mut Network,
    state: &'a [Start],
}

impl Consolidation for Ended<'_> {
    fn importance(&self, _samples: usize) -> Vec<Tiled> {
        panic!("synaptic intelligence needs none")
    }

    fn synapses(&mut self) -> Vec<Synapses<'_>> {
        self.network.synapses_mut(self.state)
    }
}

/// Follows a file over its two tasks: parameters, and path integral and omega within `of_path`.
fn follow(file: &str, path: Path, later: bool, of_path: f32) {
    let mut golden = Golden::open(file);
    let (mut network, optimizer) = start(&mut golden);
    let rule = Rule::Si(Si { lambda: 0.1, epsilon: 0.1, path });
    let later_adam = LaterAdam { rule: rule.clone(), steps: AtomicI32::new(0) };
    let stepped: &dyn SynapticRule = if later { &later_adam } else { &rule };
    // One Adam for both tasks.
    let mut adam = Adam::new(&optimizer, &network.widths());
    for (index, task) in ["t0", "t1"].into_iter().enumerate() {
        let count = |_: &Network, _| _ = later_adam.steps.fetch_add(1, Relaxed);
        train(&mut golden, task, &mut network, &mut adam, stepped, count);
        let mut check = |network: &Network, which: usize, name: &str, allowed: f32| {
            for l in 1..=3 {
                let (name, expected) =
                    (format!("{task}_{name}_fc{l}"), golden.f32(&format!("{task}_{name}_fc{l}")));
                assert!(largest(&expected) > 1e-4, "{file}: {name} says something");
                assert_close(&format!("{file}: {name}"), &memory(network, l, which), &expected, allowed, 0.0);
            }
        };
        check(&network, 0, "pathW", of_path);
        let mut ended = Ended { network: &mut network, state: rule.state() };
        rule.end_of_experience(&mut EndOfExperience::new(index, 0, &mut ended));
        // Divided by at least epsilon = 0.1.
        check(&network, 1, "omega", 20.0 * of_path);
        assert!((1..=3).all(|l| memory(&network, l, 0).iter().all(|&path| path == 0.0)));
        assert!((1..=3).all(|l| memory(&network, l, 2) == network.layers[l - 1].linear.hidden().to_rows()));
    }
}

/// Roundings of 25 steps: gradients are right to 1e-7, changes of hidden weights, 5e-3 at most, to 1e-8. The weight decay
/// in the path is ten times as much.
const ROUNDING: f32 = 5e-9;

#[test]
fn synaptic_intelligence_follows_the_golden_vectors() {
    follow("si_adam110", Path::Published, false, ROUNDING);
    // Changes are 2 here where they are not 0, and gradients right to 1e-7.
    follow("si_binpath", Path::Binary, true, 25.0 * 2.0 * 1e-7);
}

/// `published` has the weight decay in its gradient, as PyTorch 1.1 had; this file was made on a later one: its path
/// integral differs by the sum of weight_decay W dW over 25 steps, with W < 0.2 and dW < 0.005 almost everywhere.
#[test]
fn synaptic_intelligence_follows_the_later_adam_but_for_the_decay_in_the_path() {
    follow("si", Path::Published, true, 25.0 * 1e-4 * 0.2 * 0.005);
}
