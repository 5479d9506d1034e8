//! What a network takes is known before it is allocated, and refused where it is too much.

#![allow(clippy::unwrap_used)]

use allocation_counter::measure;
use metabnn::data::{Dataset, Images, Samples, Shape};
use metabnn::evaluate::TrainedNetwork;
use metabnn::kernels::Platform;
use metabnn::layer::Pool;
use metabnn::machine::Machine;
use metabnn::memory::available;
use metabnn::model::Model;
use metabnn::network::{
    Encoding, Network, NetworkConfig, NetworkError, NetworkMemory, NormConfig, NormKind, Precision,
    Statistics,
};
use metabnn::optim::{MomentFormat, OptimizerConfig};
use metabnn::rule::{Metaplastic, Rule, Si, Start, SynapticRule};
use metabnn::stream::{StreamBuilder, StreamError, StreamKind, Subset, View};
use metabnn::train::{TrainError, Trainer};

/// A network with the samples that it learns.
struct Case {
    name: &'static str,
    config: NetworkConfig,
    norm: NormKind,
    rule: Rule,
    moments: MomentFormat,
    /// In a batch.
    samples: usize,
}

fn dense(name: &'static str, samples: usize) -> Case {
    let config = NetworkConfig { hidden: vec![700, 600], ..NetworkConfig::default() };
    let (rule, moments) = (Metaplastic::default().into(), MomentFormat::F32);
    Case { name, config, norm: NormKind::Batch, rule, moments, samples }
}

fn convolutions(name: &'static str, samples: usize) -> Case {
    let mut case = dense(name, samples);
    case.config = NetworkConfig {
        channels: vec![24, 40],
        padding: 1,
        pool: Pool::Max,
        hidden: vec![100],
        ..NetworkConfig::default()
    };
    case
}

fn cases() -> Vec<Case> {
    let real = |mut case: Case| {
        case.config.precision = Precision::FullPrecision;
        case
    };
    let layer_norm = |case| Case { norm: NormKind::Layer, ..case };
    let mut signs = dense("pixels as signs", 512);
    signs.config.input = Encoding::Sign;
    let mut dropout = dense("dropout", 300);
    dropout.config.dropout = 0.5;
    vec![
        dense("a small batch", 10),
        dense("a batch", 400),
        dense("a large batch", 3000),
        Case { rule: Si::default().into(), ..dense("a rule with a state", 100) },
        Case { moments: MomentFormat::Bf16, ..dense("moments in 16 bits", 100) },
        signs,
        dropout,
        real(dense("full precision", 700)),
        layer_norm(dense("layer norm", 1000)),
        convolutions("convolutions", 150),
        real(convolutions("convolutions in full precision", 120)),
        layer_norm(convolutions("convolutions with layer norm", 100)),
    ]
}

fn samples(count: usize) -> Samples {
    // Most pixels are not black.
    let pixels = (0..count * 28 * 28).map(|i| (i * 37 % 251) as u8).collect();
    Images::new(28, 28, 10, pixels, (0..count).map(|i| (i % 10) as u8).collect()).unwrap().into()
}

/// Whether what was said to be taken is what was: half a megabyte more or less, and a fifth less or so many times more.
fn compare(name: &str, what: &str, said: u64, taken: u64, most: f64) {
    let share = said as f64 / taken as f64;
    let is_close = said.abs_diff(taken) < 500_000 || (0.8..most).contains(&share);
    assert!(is_close, "{name}: {what} said to take {said} bytes, takes {taken}");
}

#[test]
fn what_is_said_is_what_is_allocated() {
    let machine = Machine::new(1, Platform::detect()).unwrap();
    for Case { name, config, norm, rule, moments, samples: count } in cases() {
        let samples = Subset::new(vec![View::all(samples(2 * count))]);
        let norm = NormConfig { kind: norm, statistics: Statistics::Running, ..NormConfig::default() };
        let memory = NetworkMemory::new(&config, &norm, Shape::grey(28, 28), 10).unwrap();
        let mut network = None;
        let taken = measure(|| network = Network::new(&config, &norm, Shape::grey(28, 28), 10, 0).ok());
        compare(name, "parameters", memory.parameters(), taken.bytes_max, 1.05);
        let network = network.unwrap();
        assert_eq!(network.memory_needed(), memory, "{name}");

        let learning = memory.learning(moments, rule.state().len());
        let mut trainer = None;
        let taken = measure(|| {
            let optimizer = OptimizerConfig { state: moments, ..OptimizerConfig::default() };
            let builder = Trainer::builder(network, rule).optimizer(optimizer).batch(count);
            let mut made = builder.machine(&machine).build().unwrap();
            made.partial_fit(&samples).unwrap();
            trainer = Some(made);
        });
        compare(name, "training", learning + memory.step(count, 1), taken.bytes_max, 1.25);

        let trainer = trainer.unwrap();
        let taken = measure(|| _ = trainer.logits(&samples, None).unwrap());
        // Pixels take a quarter of the features that are counted.
        compare(name, "a test", memory.inference((2 * count).min(1000), 1), taken.bytes_max, 1.6);
    }
}

/// What no machine has.
const TOO_MUCH: u64 = 1 << 42;

/// Sizes near powers of two and near overflow.
const SIZES: [usize; 14] = [
    0,
    1,
    2,
    63,
    65,
    1 << 10,
    (1 << 16) - 1,
    1 << 16,
    (1 << 20) - 1,
    1 << 20,
    1 << 32,
    1 << 40,
    usize::MAX / 2 + 1,
    usize::MAX,
];

/// Configs and samples, some of which make small networks and most of which none at all.
fn hostile() -> Vec<(NetworkConfig, NormConfig, Shape, usize)> {
    let mut all = Vec::new();
    let kinds = [NormKind::Batch, NormKind::Layer, NormKind::Instance];
    for (index, &size) in SIZES.iter().enumerate() {
        let precision = if index % 2 == 0 { Precision::Binary } else { Precision::FullPrecision };
        let norm = NormConfig { kind: kinds[index % 3], ..NormConfig::default() };
        let mut add = |config: NetworkConfig, sample, classes| {
            all.push((NetworkConfig { precision, ..config }, norm.clone(), sample, classes));
        };
        for depth in [1, 2, 3, 64, 65] {
            let hidden = vec![size; depth];
            add(NetworkConfig { hidden, ..NetworkConfig::default() }, Shape::features(9), 3);
        }
        for &other in &[1, 64, 1 << 20, usize::MAX] {
            let hidden = vec![8];
            let config = NetworkConfig { hidden, ..NetworkConfig::default() };
            add(config.clone(), Shape { channels: 1, rows: size, columns: other }, 2);
            let channels = vec![3, other];
            add(NetworkConfig { channels, ..config.clone() }, Shape::grey(size, 12), 2);
            let channels = vec![size];
            let config = NetworkConfig { channels, kernel: other, padding: other % 65, ..config };
            add(config, Shape { channels: 3, rows: 12, columns: other }, 2);
        }
        add(NetworkConfig::default(), Shape::features(4), size);
    }
    all
}

#[test]
fn whatever_its_shape_a_network_is_made_or_refused_with_a_figure() {
    let (mut made, mut refused) = (0, 0);
    let cases = hostile();
    assert!(cases.len() > 200, "{}", cases.len());
    for (config, norm, sample, classes) in cases {
        let Ok(memory) = NetworkMemory::new(&config, &norm, sample, classes) else {
            // A size out of its range.
            assert!(Network::new(&config, &norm, sample, classes, 0).is_err(), "{config:?}");
            continue;
        };
        for batch in SIZES {
            assert!(memory.step(batch, 16) >= memory.step(batch / 2, 16), "{config:?}");
            assert!(memory.inference(batch, usize::MAX) >= memory.inference(batch, 1), "{config:?}");
        }
        let takes = memory.parameters().max(memory.inference(1, 1));
        // In between, some machines make it, and that would take its time.
        if takes > TOO_MUCH {
            let error = Network::new(&config, &norm, sample, classes, 0).unwrap_err();
            let has_figure = matches!(
                error,
                NetworkError::Memory(_) | NetworkError::TooLarge { .. } | NetworkError::Size(_)
            );
            assert!(has_figure, "{config:?}: {error}");
            refused += 1;
        } else if takes < 4 << 20 {
            let result = Network::new(&config, &norm, sample, classes, 0);
            made += usize::from(result.is_ok());
            assert!(matches!(result, Ok(_) | Err(NetworkError::Size(_))), "{config:?}");
        }
    }
    assert!(made > 20 && refused > 20, "{made} made, {refused} refused");
}

/// Keeps too much of every synapse.
struct Hoarder(Vec<Start>);

impl SynapticRule for Hoarder {
    fn state(&self) -> &[Start] {
        &self.0
    }
}

#[test]
fn what_this_process_cannot_take_is_said_with_both_figures() {
    if available().is_none_or(|bytes| bytes > TOO_MUCH / 4) {
        return;
    }
    let says = |error: &dyn std::error::Error, start: &str| {
        let (text, then) = (error.to_string(), ", this process may take ");
        assert!(text.contains(start) && text.contains(then), "{text}");
    };
    let network = |hidden| {
        let config = NetworkConfig { hidden, ..NetworkConfig::default() };
        Network::new(&config, &NormConfig::default(), Shape::features(1), 10, 0)
    };
    says(&network(vec![1 << 20, 1 << 20]).unwrap_err(), "the network takes 4.8 TB");

    let rule = Hoarder(vec![Start::Zero; 1 << 24]);
    let error = Trainer::builder(network(vec![10_000, 1000]).unwrap(), rule).build().err().unwrap();
    assert!(matches!(error, TrainError::Network(NetworkError::Memory(_))), "{error:?}");
    says(&error, "training the network takes ");

    let images: Samples = Images::new(1, 1, 10, vec![200; 1_000_000], vec![1; 1_000_000]).unwrap().into();
    let samples = Subset::new(vec![View::all(images)]);
    let builder = Trainer::builder(network(vec![1 << 18]).unwrap(), Metaplastic::default());
    let mut trainer = builder.batch(1_000_000).build().unwrap();
    says(&trainer.fit(&samples).unwrap_err(), "a training step of 1000000 samples takes 2.");
}

#[test]
fn a_stream_that_no_memory_holds_is_refused() {
    if available().is_none_or(|bytes| bytes > TOO_MUCH / 4) {
        return;
    }
    let digits = Dataset { name: "digits".into(), train: samples(20), test: samples(20) };
    let kinds = [StreamKind::Permuted, StreamKind::Interleaved, StreamKind::Subsets, StreamKind::Classes];
    for kind in kinds {
        for count in [1 << 40, usize::MAX] {
            let error =
                StreamBuilder::new(kind, std::slice::from_ref(&digits)).count(count).build().unwrap_err();
            assert!(matches!(error, StreamError::Memory(_)), "{kind:?}: {error}");
        }
    }
}

#[test]
fn a_file_that_says_more_than_it_has_is_refused_before_anything_is_allocated() {
    let config = NetworkConfig { hidden: vec![8], ..NetworkConfig::default() };
    let network = Network::new(&config, &NormConfig::default(), Shape::grey(4, 4), 2, 0).unwrap();
    let trained = TrainedNetwork { network, learned: Vec::new() };
    for hidden in ["[1048576, 1048576]", "[999999]"] {
        let settings = format!(r#"{{"network": {{"hidden": {hidden}}}}}"#);
        let bytes = Model::without_stream(trained.clone(), settings).to_bytes().unwrap();
        let taken = measure(|| assert!(Model::from_bytes(&bytes).is_err()));
        assert!(taken.bytes_max < 1 << 20, "{} bytes for {hidden}", taken.bytes_max);
    }
}
