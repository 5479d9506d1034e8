//! The rules that keep numbers of their own, update by update against plain code in double precision.

use metabnn::kernels::{AdamStep, Kernels, LANES, Lanes};
use metabnn::machine::Machine;
use metabnn::network::{
    Batch, Inputs, Layer, Linear, Network, Norm, NormConfig, Precision, Rows, Scratch, Tiled,
};
use metabnn::optim::{Adam, OptimizerConfig, OptimizerStep};
use metabnn::random::{Purpose, Stream};
use metabnn::rule::{Beakers, Ewc, Path, PerLayer, Rule, Si, Start, SynapticRule, Tile};

/// Synapses of a tile: three lane groups.
const N: usize = 48;
const STEP: AdamStep = AdamStep { beta1: 0.9, beta2: 0.999, eps: 1e-8, size: 0.005, weight_decay: 1e-3 };

fn random(n: usize, index: u32) -> Vec<f32> {
    let mut stream = Stream::new(77, Purpose::Init, index);
    (0..n).map(|_| stream.uniform(-1.0, 1.0)).collect()
}

/// Some synapses with all that belongs to them.
#[derive(Clone)]
struct Synapses {
    binarized: bool,
    hidden: Vec<f32>,
    mean: Vec<f32>,
    square: Vec<f32>,
    memory: Vec<Lanes>,
}

impl Synapses {
    /// Random ones, moments included, with as many numbers each as `rule` keeps, these as it says.
    fn new(rule: &Rule, binarized: bool) -> Self {
        let hidden = random(N, 0);
        let memory = hidden.as_chunks::<LANES>().0.iter().flat_map(|hidden| {
            rule.state().iter().map(|start| match start {
                Start::Zero => Lanes::default(),
                Start::HiddenWeight => Lanes(*hidden),
            })
        });
        let memory = memory.collect();
        let square = random(N, 2).iter().map(|value| value * value).collect();
        Self { binarized, hidden, mean: random(N, 1), square, memory }
    }

    fn numbers(&self) -> usize {
        self.memory.len() * LANES / N
    }

    fn number(&mut self, synapse: usize, which: usize) -> &mut f32 {
        let numbers = self.numbers();
        &mut self.memory[synapse / LANES * numbers + which].0[synapse % LANES]
    }

    fn update(&mut self, rule: &Rule, gradient: &[f32]) {
        let mut gradient = gradient.to_vec();
        let Self { binarized, hidden, mean, square, memory } = self;
        let tile =
            Tile { binarized: *binarized, gradient: &mut gradient, hidden, mean, square, state: memory };
        let step = OptimizerStep::new(Kernels::of(Machine::get().kernels.platform), STEP);
        rule.update(&step, 0, tile);
    }
}

/// The weight after a step of Adam, its moments with it; metaplastic with strength m.
fn adam(g: f64, m: f64, weight: f64, mean: &mut f64, square: &mut f64) -> f64 {
    let g = g + f64::from(STEP.weight_decay) * weight;
    *mean = f64::from(STEP.beta1) * *mean + (1.0 - f64::from(STEP.beta1)) * g;
    *square = f64::from(STEP.beta2) * *square + (1.0 - f64::from(STEP.beta2)) * g * g;
    let update = f64::from(STEP.size) * *mean / (square.sqrt() + f64::from(STEP.eps));
    let attenuation = if weight * *mean > 0.0 { 1.0 - (m * weight.abs()).tanh().powi(2) } else { 1.0 };
    weight - update * attenuation
}

fn in_use(binarized: bool, weight: f64) -> f64 {
    match binarized {
        true if weight >= 0.0 => 1.0,
        true => -1.0,
        false => weight,
    }
}

/// One update at a time is compared: rounded to 6e-8 of numbers up to 1, some of them sums of a few.
#[track_caller]
fn assert_near(what: &str, ours: f32, expected: f64) {
    assert!(
        (f64::from(ours) - expected).abs() <= 1e-6 * expected.abs().max(1.0),
        "{what}: {ours}, not {expected}"
    );
}

#[test]
fn elastic_weight_consolidation_adds_the_gradient_of_its_penalty() {
    for binarized in [true, false] {
        for m in [0.0, 1.35] {
            let rule = Rule::Ewc(Ewc { m: PerLayer::Same(m), ..Ewc::default() });
            let mut synapses = Synapses::new(&rule, binarized);
            assert_eq!(synapses.numbers(), 2);
            for i in 0..N {
                *synapses.number(i, 0) = 3.0 * random(N, 5)[i].abs();
                *synapses.number(i, 1) = random(N, 6)[i];
            }
            let (mut before, gradient) = (synapses.clone(), random(N, 9));
            synapses.update(&rule, &gradient);
            for (i, gradient) in gradient.into_iter().enumerate() {
                let [stiffness, centre] = [0, 1].map(|which| f64::from(*before.number(i, which)));
                let weight = f64::from(before.hidden[i]);
                let g = f64::from(gradient) + stiffness * (in_use(binarized, weight) - centre);
                let (mut mean, mut square) = (f64::from(before.mean[i]), f64::from(before.square[i]));
                let weight = adam(g, f64::from(m), weight, &mut mean, &mut square);
                assert_near("weight", synapses.hidden[i], weight);
                assert_near("mean", synapses.mean[i], mean);
            }
            assert_eq!(synapses.memory, before.memory, "a step leaves the memory alone");
        }
    }
}

fn network(precision: Precision, widths: &[usize]) -> Network {
    let binarized = precision == Precision::Binary;
    let layers = widths.windows(2).zip(40..).map(|(pair, index)| {
        let norm = Norm::new(vec![1.0; pair[1]], &NormConfig::default());
        Layer::dense(Linear::new(pair[0], &random(pair[0] * pair[1], index), binarized), norm)
    });
    Network::from_layers(layers.collect(), precision)
}

fn some_batch(width: usize, index: u32) -> Batch {
    let inputs = Inputs::Real(Rows::from_samples(&random(20 * width, 100 + index), width));
    Batch { inputs, labels: (0..20).map(|sample| (sample % 3) as u8).collect() }
}

/// Any number of quadratic terms is kept as one: sum_k a_k (p - p_k) = A (p - c).
#[test]
fn the_penalties_of_many_tasks_are_kept_as_one() {
    for precision in [Precision::Binary, Precision::FullPrecision] {
        let binarized = precision == Precision::Binary;
        let widths = [9, 18, 3];
        let ewc = Ewc { lambda: 3.0, ..Ewc::default() };
        let rule = Rule::Ewc(ewc.clone());
        let mut network = network(precision, &widths);
        let optimizer = OptimizerConfig { lr: 0.3, ..Default::default() };
        // (a, a p) summed, in double precision.
        let mut sums = [vec![(0.0, 0.0); 9 * 18], vec![(0.0, 0.0); 18 * 3]];
        for task in 0..4 {
            let mut adam = Adam::new(&optimizer, &network.widths());
            (0..3).for_each(|step| {
                network.step(
                    &some_batch(9, 3 * task + step),
                    &mut adam,
                    &rule,
                    &mut Scratch::default(),
                    &mut || {},
                );
            });
            let fisher: Vec<Tiled> = widths
                .windows(2)
                .zip(0..)
                .map(|(pair, layer)| {
                    // Some weights never mattered.
                    let values = random(pair[0] * pair[1], 200 + 2 * task + layer);
                    Tiled::from_fn(pair[0], pair[1], |output, input| {
                        values[output * pair[0] + input].max(0.0)
                    })
                })
                .collect();
            for ((sums, layer), fisher) in sums.iter_mut().zip(&network.layers).zip(&fisher) {
                let weights = layer.linear.hidden().to_rows();
                for ((sum, weight), fisher) in sums.iter_mut().zip(weights).zip(fisher.to_rows()) {
                    let a = 3.0 * f64::from(fisher);
                    *sum = (sum.0 + a, sum.1 + a * in_use(binarized, f64::from(weight)));
                }
            }
            ewc.consolidate(network.synapses_mut(ewc.state()), &fisher);
        }
        for (sums, layer) in sums.iter().zip(&network.layers) {
            for (kept, (a, a_p)) in layer.linear.memory().to_rows().chunks_exact(2).zip(sums) {
                assert_near("stiffness", kept[0], *a);
                assert_near("stiffness times centre", kept[0] * kept[1], *a_p);
            }
        }
    }
}

#[test]
fn synaptic_intelligence_integrates_along_its_path() {
    for (path, binarized) in
        [(Path::Hidden, true), (Path::Binary, true), (Path::Published, true), (Path::Hidden, false)]
    {
        let rule = Rule::Si(Si { lambda: 0.7, epsilon: 0.1, path });
        let mut synapses = Synapses::new(&rule, binarized);
        assert_eq!(synapses.numbers(), 4);
        for i in 0..N {
            *synapses.number(i, 0) = random(N, 5)[i];
            *synapses.number(i, 1) = random(N, 6)[i];
            *synapses.number(i, 2) = random(N, 7)[i];
            *synapses.number(i, 3) += 0.02;
            // Some are about to change their sign.
            synapses.hidden[i] *= if i % 3 == 0 { 1e-3 } else { 1.0 };
        }
        let (mut before, gradient) = (synapses.clone(), random(N, 9));
        synapses.update(&rule, &gradient);
        let mut flipped = 0;
        for (i, gradient) in gradient.into_iter().enumerate() {
            let [integral, omega, previous, last] =
                [0, 1, 2, 3].map(|which| f64::from(*before.number(i, which)));
            let old = f64::from(before.hidden[i]);
            let off = in_use(binarized, old) - in_use(binarized, previous);
            let g = f64::from(gradient) + 2.0 * f64::from(0.7_f32) * omega * off;
            let (mut mean, mut square) = (f64::from(before.mean[i]), f64::from(before.square[i]));
            let new = adam(g, 0.0, old, &mut mean, &mut square);
            let piece = match path {
                Path::Hidden => g * (new - old),
                Path::Binary => g * (in_use(true, new) - in_use(true, old)),
                Path::Published => (g + f64::from(STEP.weight_decay) * old) * (old - last),
            };
            assert_near("weight", synapses.hidden[i], new);
            assert_near("path", *synapses.number(i, 0), integral - piece);
            assert_near("omega", *synapses.number(i, 1), omega);
            assert_eq!(f64::from(*synapses.number(i, 2)), previous);
            assert_eq!(f64::from(*synapses.number(i, 3)), old);
            flipped += usize::from(old * new < 0.0);
        }
        assert!((4..N / 2).contains(&flipped), "{flipped} changed their sign");
    }
}

/// The levels of a chain after one step without Adam's update, from the equations in the documentation.
fn flow(beakers: &Beakers, m: f64, levels: &[f64]) -> Vec<f64> {
    let real = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
    let (r, a, feedback) = (real(&beakers.ratios), real(&beakers.areas), f64::from(beakers.feedback));
    let last = levels.len() - 1;
    let level = |k: usize| if k > last { 0.0 } else { levels[k] };
    let after = |k: usize| {
        let shrinks = k == last && level(k) * (level(k - 1) - level(k)) < 0.0;
        let f = if shrinks { 1.0 - (m * level(k).abs()).tanh().powi(2) } else { 1.0 };
        let from_front = if k == 0 { 0.0 } else { f * r[k - 1] / a[k] * (level(k - 1) - level(k)) };
        let pulls = k == 0 && level(last) * (level(last) - level(0)) > 0.0;
        let pull = if pulls { feedback * (level(last) - level(0)) } else { 0.0 };
        level(k) + from_front + r[k] / a[k] * (level(k + 1) - level(k)) + pull
    };
    (0..=last).map(after).collect()
}

#[test]
fn beakers_exchange_and_leak_as_their_equations_say() {
    let fast = Beakers { ratios: vec![0.3, 0.2, 0.15, 0.1], feedback: 0.05, ..Beakers::default() };
    let two = Beakers { ratios: vec![0.3, 0.1], areas: vec![1.0, 3.0], ..fast.clone() };
    let eight = Beakers { ratios: vec![0.1; 8], areas: vec![1.5; 8], ..fast.clone() };
    for chain in [Beakers::default(), fast, two, eight] {
        for m in [0.0, 1.35] {
            let rule = Rule::Beakers(Beakers { m: PerLayer::Same(m), ..chain.clone() });
            let mut synapses = Synapses::new(&rule, true);
            assert_eq!(synapses.numbers(), chain.ratios.len() - 1);
            for which in 0..synapses.numbers() {
                (0..N).for_each(|i| *synapses.number(i, which) = random(N, 20 + which as u32)[i]);
            }
            let (mut before, gradient) = (synapses.clone(), random(N, 9));
            synapses.update(&rule, &gradient);
            for (i, gradient) in gradient.into_iter().enumerate() {
                let first = before.hidden[i];
                let levels: Vec<f64> = std::iter::once(first)
                    .chain((0..before.numbers()).map(|which| *before.number(i, which)))
                    .map(f64::from)
                    .collect();
                let expected = flow(&chain, f64::from(m), &levels);
                let (mut mean, mut square) = (f64::from(before.mean[i]), f64::from(before.square[i]));
                let weight = adam(f64::from(gradient), 0.0, expected[0], &mut mean, &mut square);
                assert_near("hidden weight", synapses.hidden[i], weight);
                for (which, expected) in expected[1..].iter().enumerate() {
                    assert_near("level", *synapses.number(i, which), *expected);
                }
            }
        }
    }
}

/// Without leak, feedback and updates nothing is lost, and all levels become equal.
#[test]
fn beakers_keep_what_they_contain() {
    let beakers = Beakers { ratios: vec![0.3, 0.3, 0.3, 0.0], feedback: 0.0, ..Beakers::default() };
    let rule = Rule::Beakers(beakers.clone());
    let mut synapses = Synapses::new(&rule, true);
    (synapses.mean, synapses.square) = (vec![0.0; N], vec![0.0; N]);
    for which in 0..3 {
        (0..N).for_each(|i| *synapses.number(i, which) = random(N, 20 + which as u32)[i]);
    }
    let contents = |synapses: &mut Synapses, i: usize| {
        let behind: f64 = (0..3).map(|k| f64::from(beakers.areas[k + 1] * *synapses.number(i, k))).sum();
        f64::from(beakers.areas[0] * synapses.hidden[i]) + behind
    };
    let start: Vec<f64> = (0..N).map(|i| contents(&mut synapses, i)).collect();
    let kernels = Machine::get().kernels;
    let still = AdamStep { weight_decay: 0.0, ..STEP };
    for _ in 0..400 {
        let Synapses { binarized, hidden, mean, square, memory } = &mut synapses;
        let gradient = &mut [0.0; N];
        let tile = Tile { binarized: *binarized, gradient, hidden, mean, square, state: memory };
        rule.update(&OptimizerStep::new(kernels, still), 0, tile);
    }
    for (i, start) in start.into_iter().enumerate() {
        // 400 roundings, to 6e-8 each, of contents of up to 8.
        let now = contents(&mut synapses, i);
        assert!((now - start).abs() < 400.0 * 8.0 * 6e-8, "synapse {i}: {start} became {now}");
        let level = start / 15.0;
        let levels =
            [synapses.hidden[i], *synapses.number(i, 0), *synapses.number(i, 1), *synapses.number(i, 2)];
        assert!(levels.iter().all(|&now| (f64::from(now) - level).abs() < 1e-4), "{levels:?}, not {level}");
    }
}

#[test]
fn a_rules_memory_starts_as_it_says_and_outlives_the_optimizer() {
    for rule in [Rule::Si(Si::default()), Rule::Beakers(Beakers::default())] {
        // 18 outputs: the second lane group is not full.
        let mut network = network(Precision::Binary, &[9, 18, 3]);
        assert_eq!(network.memory().count(), 0);
        let mut fresh = network.clone();
        for layer in &mut fresh.layers {
            layer.linear.make_memory(rule.state());
            let hidden = layer.linear.hidden().to_rows();
            let memory = layer.linear.memory().to_rows();
            for (hidden, numbers) in hidden.iter().zip(memory.chunks_exact(rule.state().len())) {
                for (start, number) in rule.state().iter().zip(numbers) {
                    assert_eq!(*number, if *start == Start::Zero { 0.0 } else { *hidden });
                }
            }
        }
        let optimizer = OptimizerConfig::default();
        let step = |network: &mut Network, index: u32| {
            // A fresh one in every step.
            let mut adam = Adam::new(&optimizer, &network.widths());
            network.step(&some_batch(9, index), &mut adam, &rule, &mut Scratch::default(), &mut || {});
        };
        step(&mut network, 0);
        let after_one: Vec<f32> = network.memory().collect();
        assert_eq!(after_one.len(), (9 * 18 + 18 * 3) * rule.state().len());
        step(&mut network, 1);
        let mut forgetful = network.clone();
        forgetful.layers.iter_mut().for_each(|layer| layer.linear.make_memory(&[]));
        assert_eq!(forgetful.memory().count(), 0);
        assert!(network.memory().ne(after_one), "the memory goes on: {rule:?}");
    }
}

#[test]
fn the_learning_rate_decays_from_task_to_task() {
    let network = network(Precision::Binary, &[9, 18, 3]);
    let sizes = |decay: f32| {
        let optimizer = OptimizerConfig { lr: 0.006, lr_decay_per_task: decay, ..Default::default() };
        [0, 1, 3].map(|task| {
            let mut adam = Adam::new(&optimizer, &network.widths());
            adam.start_experience(task);
            adam.next_step().size
        })
    };
    let [first, second, fourth] = sizes(2.0);
    assert_eq!(sizes(1.0), [first; 3]);
    assert_eq!([second, fourth], [first / 2.0, first / 8.0]);
    // Moments and steps go on where the optimizer does.
    let mut adam =
        Adam::new(&OptimizerConfig { lr_decay_per_task: 2.0, ..Default::default() }, &network.widths());
    let mut same = adam.clone();
    adam.next_step();
    same.next_step();
    same.start_experience(1);
    assert_eq!(same.next_step().size, adam.next_step().size / 2.0);
}
