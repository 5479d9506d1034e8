//! Progress of an experiment: on a terminal that can draw it a bar for every run at work and, of several, one for all; a line per epoch
//! elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use metabnn::metrics::{Evaluation, Split};
use metabnn::text;
use metabnn_lab::experiment::Event;

use crate::arguments::Output;
use crate::output::{self, percent, takes_bars};

/// Shows the events of an experiment.
pub struct Display {
    kind: Kind,
    /// Number of runs of the recipe.
    runs: usize,
    /// Whether one run is done alone: then its error is the program's.
    alone: bool,
    bars: MultiProgress,
    /// Runs at work, by their position.
    at_work: BTreeMap<usize, AtWork>,
    /// All of several runs together.
    whole: Option<Whole>,
    /// Notes that were said; none are to be.
    notes: Option<BTreeSet<String>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Bar,
    Lines,
    Nothing,
}

/// A run at work.
struct AtWork {
    name: String,
    bar: ProgressBar,
}

/// Counts the steps of all runs. Those of runs that were not begun are taken to be as many as the others' on average.
struct Whole {
    bar: ProgressBar,
    /// Runs not begun yet.
    left: u64,
    begun: u64,
    steps: u64,
}

const BAR: &str = "{prefix} {wide_bar:.cyan/blue} {percent:>3} %  {eta} left\n{wide_msg}";
const WHOLE: &str = "{prefix} {wide_bar:.green/blue} {percent:>3} %  {eta} left";

impl Display {
    /// A display for standard output as it is, of so many runs of a recipe, or of one of them `alone`.
    pub fn new(output: Output, runs: usize, alone: bool) -> Self {
        let kind = match output {
            Output { quiet: true, .. } | Output { json: true, .. } => Kind::Nothing,
            _ if takes_bars(&io::stdout()) => Kind::Bar,
            _ => Kind::Lines,
        };
        let bars = MultiProgress::with_draw_target(match kind {
            Kind::Bar => ProgressDrawTarget::stdout(),
            Kind::Lines | Kind::Nothing => ProgressDrawTarget::hidden(),
        });
        let alone = alone || runs == 1;
        let whole = (kind == Kind::Bar && !alone).then(|| Whole::new(&bars, runs));
        let notes = (!output.quiet).then(BTreeSet::new);
        Self { kind, runs, alone, bars, at_work: BTreeMap::new(), whole, notes }
    }

    /// Shows one event of run `index`.
    pub fn show(&mut self, index: usize, event: &Event<'_>) {
        match event {
            Event::Started { run, done, steps } => {
                let name = format!("[{}/{}] {}", index + 1, self.runs, run.name);
                if *done > 0 {
                    self.print(&format!("{name}  goes on at step {done} of {steps}"));
                }
                let bar = match &mut self.whole {
                    Some(whole) => {
                        whole.begin(*steps, *done);
                        self.bars.insert_before(&whole.bar, ProgressBar::new(*steps))
                    }
                    None => self.bars.add(ProgressBar::new(*steps)),
                };
                style(&bar, BAR, &name);
                bar.set_position(*done);
                bar.reset_eta();
                self.at_work.insert(index, AtWork { name, bar });
            }
            Event::Note { note } => {
                // Runs of a grid have it in common.
                if self.notes.as_mut().is_some_and(|notes| notes.insert((*note).to_string())) {
                    self.bars.suspend(|| output::note(&format!("note: {note}")));
                }
            }
            Event::Progress(progress) => {
                self.step(index, progress.steps);
                if !progress.evaluations.is_empty() {
                    let accuracies = accuracies(progress.evaluations);
                    let (task, epoch) = (progress.task, progress.epoch);
                    self.say(index, format!("task {task} epoch {epoch}: {accuracies}"));
                }
            }
            Event::Analyzed { steps, message } => {
                self.step(index, *steps);
                if let Some(message) = message {
                    self.say(index, message.clone());
                }
            }
            Event::Finished { summary, found } => {
                self.end(index, *found);
                let how = match found {
                    true => "done before".into(),
                    false => format!("{:.1} s, {} steps", summary.seconds, summary.steps),
                };
                self.print(&match summary.average_accuracy {
                    Some(average) => {
                        format!("{}: average accuracy {} % ({how})", summary.name, percent(average))
                    }
                    None => format!("{}: {how}", summary.name),
                });
            }
            Event::Failed { error } => {
                self.end(index, false);
                if !self.alone {
                    self.print(&format!("failed: {error}"));
                }
            }
        }
    }

    /// Takes all bars away.
    pub fn close(&mut self) {
        self.at_work.values().map(|run| &run.bar).for_each(ProgressBar::finish_and_clear);
        self.whole.iter().for_each(|whole| whole.bar.finish_and_clear());
    }

    fn step(&self, index: usize, steps: u64) {
        if let Some(run) = self.at_work.get(&index) {
            if let Some(whole) = &self.whole {
                whole.bar.inc(steps - run.bar.position().min(steps));
            }
            run.bar.set_position(steps);
        }
    }

    /// Something about a run at work.
    fn say(&self, index: usize, message: String) {
        let Some(run) = self.at_work.get(&index) else { return };
        match self.kind {
            Kind::Lines => print(&format!("{}  {message}", run.name)),
            Kind::Bar => run.bar.set_message(text::line(&message).into_owned()),
            Kind::Nothing => {}
        }
    }

    fn end(&mut self, index: usize, found: bool) {
        if let Some(run) = self.at_work.remove(&index) {
            run.bar.finish_and_clear();
            self.bars.remove(&run.bar);
        }
        if let Some(whole) = self.whole.as_mut().filter(|_| found) {
            whole.left = whole.left.saturating_sub(1);
            whole.estimate();
        }
    }

    /// A line that stays.
    fn print(&self, message: &str) {
        match self.kind {
            Kind::Lines => print(message),
            Kind::Bar => self.bars.suspend(|| print(message)),
            Kind::Nothing => {}
        }
    }
}

impl Whole {
    fn new(bars: &MultiProgress, runs: usize) -> Self {
        let bar = bars.add(ProgressBar::new(1));
        style(&bar, WHOLE, &format!("all {runs} runs"));
        Self { bar, left: runs as u64, begun: 0, steps: 0 }
    }

    /// One more run of so many steps, some of them done in earlier sessions.
    fn begin(&mut self, steps: u64, done: u64) {
        self.left = self.left.saturating_sub(1);
        self.begun += 1;
        self.steps += steps - done.min(steps);
        self.estimate();
    }

    fn estimate(&self) {
        self.bar.set_length(self.steps + self.left * self.steps.checked_div(self.begun).unwrap_or(1));
    }
}

fn style(bar: &ProgressBar, template: &str, name: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_prefix(text::name(name).into_owned());
    // It starts a thread, or panics. A bar that nobody sees needs none, and any other moves with the steps as well.
    if !bar.is_hidden() && thread::Builder::new().spawn(|| {}).is_ok() {
        bar.enable_steady_tick(Duration::from_millis(200));
    }
}

/// Progress that nobody reads any more must not stop a run that writes its results to disk.
fn print(message: &str) {
    let _ = writeln!(io::stdout().lock(), "{}", text::lines(message));
}

/// With more tests than this a line would not be read.
const MANY_TESTS: usize = 50;

/// Accuracies in percent: on each test, or on many on average, then on the images of the task in training and, where they were evaluated, on
/// those of the first task and of all tasks.
fn accuracies(evaluations: &[Evaluation]) -> String {
    let of = |split| evaluations.iter().filter(move |e| e.split == split).map(|e| percent(e.accuracy));
    let tests: Vec<String> = of(Split::Test).collect();
    let mut said = match tests.len() {
        0..=MANY_TESTS => format!("test {} %", tests.join(" ")),
        count => {
            let all = evaluations.iter().filter(|one| one.split == Split::Test).map(|one| one.accuracy);
            format!("test {} % on average over {count} tests", percent(all.sum::<f64>() / count as f64))
        }
    };
    for (split, word) in [(Split::Train, "train"), (Split::All, "all training images")] {
        let accuracies: Vec<String> = of(split).collect();
        if !accuracies.is_empty() {
            said += &format!(", {word} {} %", accuracies.join(" "));
        }
    }
    said
}
