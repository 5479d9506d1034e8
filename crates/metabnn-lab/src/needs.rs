//! What runs take of memory, from their settings and the catalogue, before anything is loaded.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::recipe::Run;
use crate::recipe::settings::{Evaluate, Scenario, Settings};
use metabnn::data::Shape;
use metabnn::memory::{self, Bytes, Shortage};
use metabnn::network::NetworkMemory;
use metabnn::rule::SynapticRule;
use metabnn_data::catalogue::{self, Entry};

/// Bytes that a run takes, as far as they are known before it begins: data sets of one's own are known when they are
/// loaded, and refused then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RunMemory {
    /// Samples.
    pub data: u64,
    /// Orders of pixels, and what is kept of every task and evaluation.
    pub stream: u64,
    /// The network and its training: weights, moments, the rule's state, a step, tests, the file that is written.
    pub network: u64,
}

/// Samples of which a rule asks how much synapses matter to them, at once.
const FISHER: usize = 256;

impl RunMemory {
    /// That of a run with these settings, on so many threads; `None` where nothing is known of its data, or its settings
    /// make no network.
    pub fn new(settings: &Settings, threads: usize) -> Option<Self> {
        if !settings.analysis.trains() {
            return Some(Self::default());
        }
        let sets: Vec<Entry> =
            settings.data.sets.iter().map(|name| catalogue::find(name).ok()).collect::<Option<_>>()?;
        let first = sets.first()?;
        let side = |of: fn(&Shape) -> usize| sets.iter().map(|set| of(&set.shape)).max().unwrap_or(0);
        let shape = Shape { rows: side(|s| s.rows), columns: side(|s| s.columns), ..first.shape };
        let classes = sets.iter().map(|set| set.classes).max().unwrap_or(1);
        let needed = NetworkMemory::new(&settings.network, &settings.norm, shape, classes).ok()?;
        let Settings { schedule, optimizer, rule, .. } = settings;
        let most = |taken: usize, of: fn(&Entry) -> usize| {
            let there = sets.iter().map(of).max().unwrap_or(0);
            if taken == 0 { there } else { taken.min(there) }
        };
        let train = most(settings.data.train_images, |set| set.train);
        let test = most(settings.data.test_images, |set| set.test);
        let batches = test.div_ceil(schedule.test_batch.max(1)).min(threads);
        let work = needed
            .step(schedule.batch.min(train), threads)
            .max(needed.inference(schedule.test_batch.min(test), batches))
            // What mattered to a task that is over: a number for each synapse, and a pass for it.
            .max(if rule.needs_boundaries() {
                needed.parameters().saturating_add(needed.step(FISHER.min(train), threads))
            } else {
                0
            })
            // The file of a model, and the numbers that it is made of.
            .max(needed.parameters().saturating_mul(2));
        let learning = needed.learning(optimizer.state, rule.state().len());
        let network = needed.parameters().saturating_add(learning).saturating_add(work);
        let data = sets.iter().map(of_samples).fold(0, u64::saturating_add);
        Some(Self { data, stream: of_stream(settings, &needed, shape), network })
    }

    /// All of it.
    pub fn total(&self) -> u64 {
        self.data.saturating_add(self.stream).saturating_add(self.network)
    }

    /// "3.1 GB: data sets 55 MB, task stream 1.2 MB, network 3.0 GB"
    pub fn words(&self) -> String {
        let Self { data, stream, network } = *self;
        let [total, data, stream, network] = [self.total(), data, stream, network].map(Bytes);
        format!("{total}: data sets {data}, task stream {stream}, network {network}")
    }
}

/// Samples of a set: pixels in a byte, features in four.
fn of_samples(set: &Entry) -> u64 {
    let Shape { channels, rows, .. } = set.shape;
    let each = if (channels, rows) == (1, 1) { 4 } else { 1 };
    let width = (set.shape.width() as u64).saturating_mul(each).saturating_add(1);
    width.saturating_mul(set.train.saturating_add(set.test) as u64)
}

/// Orders of pixels; for each task the norms that are kept, for each evaluation its row, for each task a row of accuracies.
fn of_stream(settings: &Settings, needed: &NetworkMemory, shape: Shape) -> u64 {
    /// Of an evaluation, in memory and as text.
    const EVALUATION: u64 = 128;
    let (traits, schedule) = (settings.tasks.stream.traits(), &settings.schedule);
    let tasks = match (traits.takes_many_sets, settings.tasks.count) {
        (true, _) | (_, 0) => settings.data.sets.len().max(settings.tasks.classes.len()),
        (false, count) => count,
    } as u64;
    let orders = if traits.permutes { (shape.width() as u64).saturating_mul(4) } else { 0 };
    let norms = if settings.tasks.scenario == Scenario::Task { needed.norms() } else { 0 };
    let epochs = if schedule.evaluate == Evaluate::Epoch { schedule.epochs as u64 } else { 1 };
    let tests = if traits.divides { 1 } else { tasks };
    let evaluations = tests.saturating_mul(epochs).saturating_mul(EVALUATION);
    tasks.saturating_mul(orders.saturating_add(norms).saturating_add(evaluations))
}

/// Refuses `runs` that this process has no memory for, so many at a time, on so many threads in all.
///
/// # Errors
/// [`Shortage`] with both figures.
pub(crate) fn check(runs: &[Run], jobs: usize, threads: usize) -> Result<(), Shortage> {
    let jobs = jobs.clamp(1, runs.len().max(1));
    let known = |run: &Run| RunMemory::new(&run.settings, threads.div_ceil(jobs));
    let mut each: Vec<(RunMemory, &Run)> = runs.iter().filter_map(|run| Some((known(run)?, run))).collect();
    // The largest ones may be at work at the same time; data sets are loaded once.
    let own = |memory: &RunMemory| memory.stream.saturating_add(memory.network);
    each.sort_by_key(|(memory, _)| std::cmp::Reverse(own(memory)));
    let mut data = BTreeMap::new();
    for (_, run) in &each {
        for name in run.settings.data.sets.iter().filter(|_| run.settings.analysis.trains()) {
            data.entry(name).or_insert_with(|| catalogue::find(name).map_or(0, |set| of_samples(&set)));
        }
    }
    let data = data.into_values().fold(0, u64::saturating_add);
    let at_once = each.iter().take(jobs).map(|(memory, _)| own(memory)).fold(0, u64::saturating_add);
    let what = || {
        let largest = each.first().map(|(memory, run)| format!("{} ({})", run.name, memory.words()));
        match (jobs, largest.unwrap_or_default()) {
            (1, largest) => format!("the run {largest}"),
            (_, largest) => format!("{jobs} runs at a time, one of which is {largest},"),
        }
    };
    memory::check(data.saturating_add(at_once), what)
}
