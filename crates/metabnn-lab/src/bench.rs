//! How long a training step takes on this machine, part by part.

use std::path::Path;
use std::time::Instant;

use serde::{Serialize, Serializer};

use crate::recipe::settings::{self, Precision, Settings, State};
use crate::setup::train_on;
use metabnn::data::Dataset;
use metabnn::evaluate::TrainedNetwork;
use metabnn::kernels::Platform;
use metabnn::kernels::ceilings::{self, Ceilings};
use metabnn::machine::Machine;
use metabnn::memory;
use metabnn::network::{Batch, NetworkError, NetworkMemory, Scratch};
use metabnn::optim::Adam;
use metabnn::rule::SynapticRule;
use metabnn::stream::{Subset, View};
use metabnn::train::{Progress, TrainError};

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Options {
    /// Units of each of the two hidden layers.
    pub width: usize,
    /// Images in a batch.
    pub batch: usize,
    /// Steps that are timed, after a few that are not.
    pub steps: usize,
    /// Binary, or the full-precision control.
    pub precision: Precision,
    /// Numbers that the optimizer keeps its moments in.
    pub state: State,
    /// Whether a whole epoch is timed as well.
    pub epoch: bool,
}

/// What was measured. Times are in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// As in [`Options`].
    pub width: usize,
    /// As in [`Options`].
    pub batch: usize,
    /// Threads used.
    pub threads: usize,
    /// Kernels used.
    pub platform: &'static str,
    /// Images used.
    pub images: String,
    /// Median over the steps.
    pub median_ms: f64,
    /// The fastest step.
    pub min_ms: f64,
    /// Mean time of each part of a step, in order.
    #[serde(serialize_with = "as_map")]
    pub parts_ms: Vec<(String, f64)>,
    /// Median time to test 10,000 images, in batches of 1,000.
    pub evaluate_10k_ms: f64,
    /// Where asked for: an epoch over all training images, with the test of training and test images at its end.
    pub epoch: Option<Epoch>,
    /// The most memory that this process has used, in bytes, where the system tells.
    pub peak_bytes: Option<u64>,
    /// What the machine can do at most.
    pub ceilings: Ceilings,
}

/// The time of a whole epoch. In milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Epoch {
    /// Wall time of its steps, shuffling and gathering included, and of the tests at its end.
    pub wall_ms: f64,
    /// Steps.
    pub steps: usize,
    /// Median time of a step by itself, on batches at hand.
    pub step_ms: f64,
    /// The same tests by themselves.
    pub tests_ms: f64,
}

fn as_map<S: Serializer>(pairs: &[(String, f64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(key, value)| (key, value)))
}

/// Steps that are not timed: the first ones find cold caches.
const WARM_UP: usize = 6;
/// Batches that are trained on in turn.
const BATCHES: usize = 60;

/// Measures training steps of a network 784-width-width-10 on `machine`, on MNIST where it is found in `folder` (or
/// where [`metabnn_data::load`] looks), else on the built-in glyphs.
///
/// # Errors
/// [`TrainError`] if this process has not the memory for it, or the network learns no more.
///
/// # Panics
/// If these kernels do not compute what the portable ones do: a wrong result's time is worth nothing.
pub fn measure(options: &Options, machine: &Machine, folder: Option<&Path>) -> Result<Report, TrainError> {
    assert_same_as_portable(options.precision, machine);
    let images = images(folder);
    let settings = settings(options);
    check_memory(options, &settings, &images, machine)?;
    let batches = batches(&images, options.batch);
    let network = settings.network(images.train.shape(), images.train.classes())?.on(machine);
    let mut adam = Adam::new(&settings.optimizer, &network.widths());
    let (mut trained, mut scratch) = (TrainedNetwork::new(network), Scratch::default());
    let mut times = Vec::new();
    for step in 0..WARM_UP + options.steps {
        if step == WARM_UP {
            scratch.reset_parts();
        }
        let start = Instant::now();
        let batch = &batches[step % batches.len()];
        trained.network.step(batch, &mut adam, &settings.rule, &mut scratch, &mut || {});
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let times = sorted(times.split_off(WARM_UP));
    let share = 1e3 / options.steps as f64;
    let parts = scratch.parts().times();
    let parts_ms = parts.map(|(name, time)| (name.to_string(), time.as_secs_f64() * share)).collect();
    let evaluate_10k_ms = evaluation(&trained, &images, &settings);
    let median_ms = median(&times);
    let epoch = options.epoch.then(|| epoch(&trained, &images, &settings, median_ms)).transpose()?;
    Ok(Report {
        width: options.width,
        batch: options.batch,
        threads: machine.pool.threads(),
        platform: machine.kernels.platform.name(),
        images: images.name,
        median_ms,
        min_ms: times[0],
        parts_ms,
        evaluate_10k_ms,
        epoch,
        // Before the ceilings, whose arrays are no part of training.
        peak_bytes: peak_bytes(),
        ceilings: ceilings::measure(&machine.pool),
    })
}

/// Whether this process has the memory: for the network and its training, twice where an epoch is trained beside, and for
/// the batches.
fn check_memory(
    options: &Options,
    settings: &Settings,
    images: &Dataset,
    machine: &Machine,
) -> Result<(), NetworkError> {
    let (shape, classes) = (images.train.shape(), images.train.classes());
    let needed = NetworkMemory::new(&settings.network, &settings.norm, shape, classes)?;
    let step = needed.step(options.batch, machine.pool.threads());
    let learning = needed.learning(options.state, settings.rule.state().len());
    let one = needed.parameters().saturating_add(learning).saturating_add(step);
    let batches = shape.width().saturating_mul(options.batch).saturating_mul(BATCHES) as u64;
    let takes = one.saturating_mul(1 + u64::from(options.epoch)).saturating_add(batches);
    Ok(memory::check(takes, || {
        format!("a step of 784-{0}-{0}-10 in batches of {1}", options.width, options.batch)
    })?)
}

fn glyphs() -> Dataset {
    metabnn_data::glyphs::glyphs(6000, 1000)
}

fn images(folder: Option<&Path>) -> Dataset {
    metabnn_data::load("mnist", folder).unwrap_or_else(|_| glyphs())
}

fn settings(options: &Options) -> Settings {
    Settings {
        network: settings::Network {
            hidden: vec![options.width; 2],
            precision: options.precision,
            ..Default::default()
        },
        tasks: settings::Tasks { count: 1, ..Default::default() },
        schedule: settings::Schedule { epochs: 1, batch: options.batch, ..Default::default() },
        optimizer: settings::Optimizer { state: options.state, ..Default::default() },
        ..Settings::default()
    }
}

fn batches(images: &Dataset, size: usize) -> Vec<Batch> {
    let split = Subset::new(vec![View::all(images.train.clone())]);
    let all = split.len();
    let gather = |batch: usize| {
        split.gather((batch * size..(batch + 1) * size).map(|i| i % all), settings::Input::Real)
    };
    (0..BATCHES).map(gather).collect()
}

/// Milliseconds for 10,000 test images; of fewer, as if there were.
fn evaluation(trained: &TrainedNetwork, images: &Dataset, settings: &Settings) -> f64 {
    let split = Subset::new(vec![View::all(images.test.clone())]);
    let time = |_| {
        let start = Instant::now();
        trained.evaluate(&split, None, settings.schedule.test_batch);
        start.elapsed().as_secs_f64() * 1e3 * 10_000.0 / split.len() as f64
    };
    median(&sorted((0..5).map(time).collect()))
}

fn sorted(mut times: Vec<f64>) -> Vec<f64> {
    times.sort_by(f64::total_cmp);
    times
}

/// The one in the middle of sorted times; of an even number, the later of the two.
fn median(times: &[f64]) -> f64 {
    times[times.len() / 2]
}

/// Trains for an epoch as a run does, from the first step's end to the last test's.
fn epoch(
    trained: &TrainedNetwork,
    images: &Dataset,
    settings: &Settings,
    step_ms: f64,
) -> Result<Epoch, TrainError> {
    let stream = settings.stream(std::slice::from_ref(images)).expect("a task of all images");
    let (mut start, mut end, mut steps) = (None, None, 0);
    let watch = |progress: Progress<'_>| {
        match start {
            None => start = Some(Instant::now()),
            Some(_) => steps += 1,
        }
        if !progress.evaluations.is_empty() {
            end = Some(Instant::now());
        }
    };
    train_on(trained.network.machine(), settings, &stream, watch)?;
    let wall = end.zip(start).map_or(0.0, |(end, start)| (end - start).as_secs_f64() * 1e3);
    let start = Instant::now();
    let batch = settings.schedule.test_batch;
    trained.evaluate(&stream.experiences[0].samples, None, batch);
    stream.tests.iter().for_each(|test| _ = trained.evaluate(&test.samples, test.experience.as_ref(), batch));
    Ok(Epoch { wall_ms: wall, steps, step_ms, tests_ms: start.elapsed().as_secs_f64() * 1e3 })
}

/// Trains a small network of ragged shape with these kernels and with the portable ones.
///
/// # Panics
/// If their losses differ by a bit.
pub fn assert_same_as_portable(precision: Precision, machine: &Machine) {
    let glyphs = glyphs();
    let network = settings::Network { hidden: vec![130, 75], precision, ..Default::default() };
    let settings = Settings { network, ..Settings::default() };
    let portable = Machine::new(1, Platform::Portable).expect("one thread is there already");
    let losses = [machine, &portable].map(|machine| {
        let network = settings.network(glyphs.train.shape(), glyphs.train.classes());
        let mut network = network.expect("a small network").on(machine);
        let mut adam = Adam::new(&settings.optimizer, &network.widths());
        let mut scratch = Scratch::default();
        let batches = batches(&glyphs, 37);
        let steps = batches.iter().take(3);
        steps
            .map(|batch| network.step(batch, &mut adam, &settings.rule, &mut scratch, &mut || {}).to_bits())
            .collect::<Vec<_>>()
    });
    assert_eq!(losses[0], losses[1], "the losses of three steps, as bits");
}

/// The most memory that this process has used.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
