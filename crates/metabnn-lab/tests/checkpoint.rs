//! A run that goes on from a checkpoint ends with the same bits as one that never stopped; a checkpoint that is damaged
//! or of another run is refused.

#![allow(clippy::unwrap_used)]

#[path = "support/stripes.rs"]
mod stripes;

use metabnn::kernels::Platform;
use metabnn::machine::Machine;
use metabnn::model::checkpoint::{Checkpoint, CheckpointError, Digests};
use metabnn::optim::{OptimizerStep, Tile};
use metabnn::random::{Purpose, Stream};
use metabnn::rule::{
    Beakers, Curve, EndOfExperience, Ewc, PerLayer, RandomConsolidation, Rule, Si, Start, SynapticRule,
};
use metabnn::stop::Stop;
use metabnn::stream::TaskStream;
use metabnn::train::{Outcome, TrainError, Training};
use metabnn_lab::recipe::settings::{
    self, Augment, NormKind, Pool, Precision, Scenario, Settings, State, Statistics,
};
use stripes::{dataset, settings};

fn machine() -> Machine {
    Machine::new(1, Platform::detect()).unwrap()
}

fn digests() -> Digests {
    Digests::from([("mnist".into(), dataset().digest())])
}

fn stream(settings: &Settings) -> TaskStream {
    settings.stream(&[dataset()]).unwrap()
}

/// The outcome without its wall time, and the bytes of the model.
fn ended(training: Training<'_>, stream: &TaskStream) -> (Outcome, Vec<u8>) {
    let bytes = training.trainer().model(stream).to_bytes().unwrap();
    (Outcome { seconds: 0.0, ..training.outcome().unwrap() }, bytes)
}

fn assert_same(a: &(Outcome, Vec<u8>), b: &(Outcome, Vec<u8>), what: &str) {
    assert!(a.1 == b.1, "{what}: the model differs");
    let seen = |outcome: &Outcome| {
        let Outcome { evaluations, matrix, unlabelled, histograms, flips, steps, .. } = outcome.clone();
        (evaluations, matrix, unlabelled, histograms, flips, steps)
    };
    assert_eq!(seen(&a.0), seen(&b.0), "{what}");
}

/// What follows the header, in which the wall time is; without the checksum, which is of the header as well.
fn tensors(bytes: &[u8]) -> Vec<u8> {
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    let mut tensors = bytes.to_vec();
    let checksum = place(bytes, "checksum");
    tensors[checksum..checksum + 4].fill(0);
    tensors.split_off(8 + header as usize)
}

/// Stopped after each step that `stops` names and gone on from the bytes of the checkpoint, by another machine.
fn run(settings: &Settings, stops: impl Fn(u64) -> bool) -> (Outcome, Vec<u8>) {
    let (machine, stream, digests) = (machine(), stream(settings), digests());
    let mut training = settings.training(&machine, &stream).unwrap();
    while let Some(progress) = training.advance().unwrap() {
        if stops(progress.steps) {
            let bytes = Checkpoint::write(&training, &digests).unwrap();
            let checkpoint = Checkpoint::from_bytes(&bytes).unwrap();
            training = settings.resume(checkpoint, &machine, &stream, &digests).unwrap();
            let again = Checkpoint::write(&training, &digests).unwrap();
            assert!(tensors(&bytes) == tensors(&again), "a checkpoint of a checkpoint is one");
        }
    }
    ended(training, &stream)
}

/// Settings that leave no part of a run's state out.
fn all_kinds() -> Vec<(&'static str, Settings)> {
    let binary = || settings(Precision::Binary, Statistics::Running);
    let strong = Ewc { samples: 280, m: PerLayer::Same(0.5), ..Ewc::default() };
    let with = |change: fn(&mut Settings)| {
        let mut settings = binary();
        change(&mut settings);
        settings
    };
    vec![
        ("as published", settings(Precision::Binary, Statistics::Batch)),
        ("full precision", settings(Precision::FullPrecision, Statistics::Recalibrated)),
        ("ewc", Settings { rule: Rule::Ewc(strong.clone()), ..binary() }),
        (
            "random consolidation",
            Settings { rule: Rule::RandomConsolidation(RandomConsolidation(strong)), ..binary() },
        ),
        ("si", Settings { rule: Rule::Si(Si { lambda: 10.0, ..Si::default() }), ..binary() }),
        ("beakers", Settings { rule: Rule::Beakers(Beakers::default()), ..binary() }),
        ("curve", Settings { rule: Rule::Curve(Curve::default()), ..binary() }),
        ("moments in 16 bits", with(|settings| settings.optimizer.state = State::Bf16)),
        (
            "one Adam whose learning rate decays",
            with(|settings| {
                settings.optimizer.reset_per_task = false;
                settings.optimizer.lr_decay_per_task = 2.0;
            }),
        ),
        (
            "told nothing",
            with(|settings| {
                settings.tasks.scenario = Scenario::Domain;
                settings.norm.statistics = Statistics::Recalibrated;
                settings.schedule.evaluate = settings::Evaluate::Task;
            }),
        ),
        (
            "convolution, dropout, augmented images",
            with(|settings| {
                settings.network.channels = vec![5];
                settings.network.kernel = 2;
                settings.network.pool = Pool::Max;
                settings.network.dropout = 0.3;
                settings.data.augment = Augment::FlipRotateOrCrop;
                settings.tasks.stream = settings::Stream::Subsets;
                settings.norm.kind = NormKind::Instance;
                settings.norm.statistics = Statistics::Batch;
            }),
        ),
    ]
}

#[test]
fn a_run_stopped_after_every_step_is_the_run() {
    for (what, settings) in all_kinds() {
        let never = run(&settings, |_| false);
        assert!(never.0.steps > 15, "{what}: {} steps", never.0.steps);
        assert_same(&never, &run(&settings, |_| true), what);
    }
}

/// A rule that is interrupted at the end of every experience.
struct Interrupted<'a>(Rule, &'a Stop);

impl SynapticRule for Interrupted<'_> {
    fn state(&self) -> &[Start] {
        self.0.state()
    }

    fn update(&self, step: &OptimizerStep, layer: usize, tile: Tile<'_>) {
        self.0.update(step, layer, tile);
    }

    fn end_of_experience(&self, end: &mut EndOfExperience<'_>) {
        self.1.request();
        self.0.end_of_experience(end);
    }

    fn to_json(&self) -> String {
        self.0.to_json()
    }
}

/// Every step on a machine that was asked to stop before it or, unless `at_once`, at the end of an experience; the outcome,
/// and how often it was stopped.
fn run_interrupted(settings: &Settings, at_once: bool) -> ((Outcome, Vec<u8>), usize) {
    let (machine, stream, digests) = (machine(), stream(settings), digests());
    let mut training = settings.training(&machine, &stream).unwrap();
    let mut stopped = 0;
    loop {
        let stop = Stop::default();
        let before = Checkpoint::from_bytes(&Checkpoint::write(&training, &digests).unwrap()).unwrap();
        let rule = Interrupted(settings.rule.clone(), &stop);
        let trainer = before.into_trainer(&machine.stopped_by(&stop), rule).unwrap();
        let mut cut = Training::resume(trainer, &stream).unwrap();
        if at_once {
            stop.request();
        }
        let was_cut = match cut.advance() {
            Ok(Some(_)) => false,
            Ok(None) => return (ended(training, &stream), stopped),
            Err(TrainError::Stopped) => true,
            Err(error) => panic!("{error}"),
        };
        let after = Checkpoint::from_bytes(&Checkpoint::write(&cut, &digests).unwrap()).unwrap();
        let steps = cut.trainer().history().steps;
        training = settings.resume(after, &machine, &stream, &digests).unwrap();
        if was_cut {
            stopped += 1;
            training.advance().unwrap();
            assert_eq!(
                training.trainer().history().steps,
                steps,
                "what follows from the step, and no other step"
            );
        }
    }
}

#[test]
fn a_run_stopped_while_it_is_being_tested_or_consolidated_is_the_run() {
    for (what, settings) in all_kinds() {
        let never = run(&settings, |_| false);
        let (tested, times) = run_interrupted(&settings, true);
        assert_same(&never, &tested, what);
        assert!(times >= 2, "{what}: stopped {times} times");
        let (consolidated, times) = run_interrupted(&settings, false);
        assert_same(&never, &consolidated, what);
        assert_eq!(times, 1, "{what}: the first of two experiences is followed by another");
    }
}

/// Each time at some moments of their own, fifty and more in all.
#[test]
fn a_run_stopped_at_random_moments_is_the_run() {
    let mut random = Stream::new(1, Purpose::Subsets, 7);
    let mut stops = 0;
    for (what, settings) in all_kinds() {
        let never = run(&settings, |_| false);
        for _ in 0..2 {
            let few: Vec<u64> = (0..4).map(|_| 1 + u64::from(random.below(never.0.steps as u32))).collect();
            stops += few.len();
            assert_same(&never, &run(&settings, |step| few.contains(&step)), &format!("{what}: {few:?}"));
        }
    }
    assert!(stops >= 50, "{stops}");
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let right = settings(Precision::Binary, Statistics::Running);
    let (machine, stream_of) = (machine(), stream(&right));
    let mut training = right.training(&machine, &stream_of).unwrap();
    training.advance().unwrap();
    let bytes = Checkpoint::write(&training, &digests()).unwrap();
    let refused = |settings: &Settings, digests: &Digests| {
        let (checkpoint, stream) = (Checkpoint::from_bytes(&bytes).unwrap(), stream(settings));
        let error = settings.resume(checkpoint, &machine, &stream, digests).map(|_| ()).unwrap_err();
        assert!(matches!(error, CheckpointError::OtherRun { .. }), "{error}");
        error.to_string()
    };
    let mut other = right.clone();
    other.rule = Rule::Metaplastic(metabnn::rule::Metaplastic { m: PerLayer::Same(2.0) });
    let says = "the checkpoint is of another run: rule.m is 1.35 there, 2.0 here";
    assert_eq!(refused(&other, &digests()), says);
    let longer =
        Settings { schedule: settings::Schedule { epochs: 3, ..right.schedule.clone() }, ..right.clone() };
    assert!(refused(&longer, &digests()).ends_with("schedule.epochs is 2 there, 3 here"));
    let data = Digests::from([("mnist".into(), "0123456789abcdef".into())]);
    let says = refused(&right, &data);
    assert!(
        says.contains("the data set mnist is ") && says.ends_with("there, 0123456789abcdef here"),
        "{says}"
    );
}

/// Where a tensor begins in the file.
fn place(bytes: &[u8], tensor: &str) -> usize {
    let header = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let text = std::str::from_utf8(&bytes[8..8 + header]).unwrap();
    let entry = text.split(&format!("\"{tensor}\":")).nth(1).unwrap();
    let offset = entry.split("\"data_offsets\":[").nth(1).unwrap().split(',').next().unwrap();
    8 + header + offset.parse::<usize>().unwrap()
}

/// With the checksum that fits what was changed: as if it had been written so.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let at = place(&bytes, "checksum");
    bytes[at..at + 4].fill(0);
    let checksum = crc32c::crc32c(&bytes);
    bytes[at..at + 4].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn first_checkpoint(settings: &Settings) -> Vec<u8> {
    let (machine, stream) = (machine(), stream(settings));
    let mut training = settings.training(&machine, &stream).unwrap();
    training.advance().unwrap();
    Checkpoint::write(&training, &digests()).unwrap()
}

fn error(bytes: &[u8]) -> String {
    Checkpoint::from_bytes(bytes).map(|_| ()).unwrap_err().to_string()
}

/// Every byte of the header and of the checksum, and some hundred others.
#[test]
fn no_changed_byte_is_believed() {
    let settings = Settings {
        network: settings::Network { hidden: vec![5], ..Default::default() },
        ..settings(Precision::Binary, Statistics::Running)
    };
    let bytes = first_checkpoint(&settings);
    Checkpoint::from_bytes(&bytes).unwrap();
    let (seal, header) = (place(&bytes, "checksum"), u64::from_le_bytes(*bytes.first_chunk().unwrap()));
    let others = (8 + header as usize..bytes.len()).step_by((bytes.len() / 400).max(1));
    for at in (0..8 + header as usize).chain(seal..seal + 4).chain(others) {
        for flip in [1, 0x80] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            let says = error(&changed);
            let is_clear = ["damaged", "no checksum", "is missing"].iter().any(|word| says.contains(word));
            assert!(is_clear, "byte {at} of {}: {says}", bytes.len());
        }
    }
}

#[test]
fn a_checkpoint_of_an_earlier_layout_is_refused() {
    let bytes = first_checkpoint(&settings(Precision::Binary, Statistics::Running));
    let text = |format: u32| format!("\\\"format\\\":{format}").into_bytes();
    let at = bytes.windows(text(3).len()).position(|window| window == text(3)).unwrap();
    let mut earlier = bytes.clone();
    earlier[at..at + text(2).len()].copy_from_slice(&text(2));
    let says = "not a metabnn checkpoint: its layout is version 2, this program reads 3";
    assert_eq!(error(&sealed(earlier.clone())), says);
    // As it was written then: without a checksum.
    let name = earlier.windows(10).position(|window| window == b"\"checksum\"").unwrap();
    earlier[name + 1] = b'C';
    assert_eq!(error(&earlier), says);
    let mut unsealed = bytes;
    unsealed[name + 1] = b'C';
    assert_eq!(error(&unsealed), "not a metabnn checkpoint: it has no checksum");
}

#[test]
fn a_damaged_checkpoint_is_refused() {
    let settings = settings(Precision::Binary, Statistics::Running);
    let (machine, stream) = (machine(), stream(&settings));
    let mut training = settings.training(&machine, &stream).unwrap();
    training.advance().unwrap();
    let bytes = Checkpoint::write(&training, &digests()).unwrap();
    for length in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        let says = error(&bytes[..length]);
        assert!(
            says.starts_with("expected the checkpoint.safetensors of a run, got another or a damaged file"),
            "{says}"
        );
    }
    let model = training.trainer().model(&stream).to_bytes().unwrap();
    assert!(error(&model).starts_with("not a metabnn checkpoint: "), "{}", error(&model));
    // The same length, another name.
    let at = bytes.windows(7).position(|window| window == b".memory" || window == b".signs\"").unwrap();
    let mut renamed = bytes.clone();
    renamed[at + 1] = b'x';
    let says = error(&sealed(renamed));
    assert!(says.contains("the tensor \"layer") && says.ends_with("is missing"), "{says}");
    // A second moment beyond the largest number stops a synapse, not the run; one below zero there is none.
    let with_moment = |value: f32| {
        let at = place(&bytes, "layer1.second_moment");
        let mut changed = bytes.clone();
        changed[at..at + 4].copy_from_slice(&value.to_le_bytes());
        Checkpoint::from_bytes(&sealed(changed)).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(with_moment(f32::INFINITY), Ok(()));
    let says = "the tensor \"layer1.second_moment\" holds -1 at position 0, expected a number >= 0";
    assert_eq!(with_moment(-1.0), Err(says.into()));
    // A place where the run never is.
    let text = |from: &str, to: &str| {
        let text = |text: &str| text.replace('"', "\\\"").into_bytes();
        let (from, to) = (text(from), text(to));
        let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
        let mut changed = bytes.clone();
        changed[at..at + from.len()].copy_from_slice(&to);
        let checkpoint = Checkpoint::from_bytes(&sealed(changed)).unwrap();
        settings.resume(checkpoint, &machine, &stream, &digests()).map(|_| ()).unwrap_err().to_string()
    };
    let says = text("\"task\":0,\"epoch\":0,\"batch\":1", "\"task\":0,\"epoch\":9,\"batch\":1");
    assert_eq!(says, "not a metabnn checkpoint: it is at a place where its run never is");
    let says = text("\"task\":0,\"epoch\":0,\"batch\":1", "\"task\":1,\"epoch\":0,\"batch\":1");
    assert_eq!(says, "not a metabnn checkpoint: what it has seen is not what its run sees up to there");
}
