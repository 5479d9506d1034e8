//! Progress of an experiment: a bar on a terminal, a line per epoch elsewhere.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use metabnn::analysis::LossIncrease;
use metabnn::experiment::Event;
use metabnn::metrics::{Evaluation, Split};

use crate::arguments::Output;
use crate::output::percent;

/// Shows the events of an experiment.
pub struct Display {
    kind: Kind,
    bar: ProgressBar,
    run: String,
}

enum Kind {
    Bar,
    Lines,
    Nothing,
}

const BAR: &str = "{prefix} {wide_bar:.cyan/blue} {percent:>3} %  {eta} left\n{wide_msg}";

impl Display {
    /// A display for standard output as it is.
    pub fn new(output: Output) -> Self {
        let kind = match output {
            Output { quiet: true, .. } | Output { json: true, .. } => Kind::Nothing,
            _ if io::stdout().is_terminal() => Kind::Bar,
            _ => Kind::Lines,
        };
        Self { kind, bar: ProgressBar::hidden(), run: String::new() }
    }

    /// Shows one event.
    pub fn show(&mut self, event: &Event<'_>) {
        match event {
            Event::Started { run, index, runs, steps } => {
                self.run = format!("[{}/{runs}] {}", index + 1, run.name);
                if let Kind::Bar = self.kind {
                    self.bar = bar(*steps, &self.run);
                }
            }
            Event::Progress(progress) => {
                self.bar.set_position(progress.steps);
                if !progress.evaluations.is_empty() {
                    let message = format!(
                        "task {} epoch {}: {}",
                        progress.task,
                        progress.epoch,
                        accuracies(progress.evaluations)
                    );
                    self.line(&message);
                    self.bar.set_message(message);
                }
            }
            Event::Analysed { steps, row } => {
                self.bar.set_position(*steps);
                if let Some(row) = row {
                    let message = increase(row);
                    self.line(&message);
                    self.bar.set_message(message);
                }
            }
            Event::Finished { summary, found } => {
                self.bar.finish_and_clear();
                self.run.clone_from(&summary.name);
                let how = match found {
                    true => "done before".into(),
                    false => format!("{:.1} s, {} steps", summary.seconds, summary.steps),
                };
                let message = match summary.average_accuracy {
                    Some(average) => {
                        format!("{}: average accuracy {} % ({how})", summary.name, percent(average))
                    }
                    None => format!("{}: {how}", summary.name),
                };
                if let Kind::Bar | Kind::Lines = self.kind {
                    print(&message);
                }
            }
        }
    }

    fn line(&self, message: &str) {
        if let Kind::Lines = self.kind {
            print(&format!("{}  {message}", self.run));
        }
    }
}

/// What was found in a bin of hidden weights.
fn increase(row: &LossIncrease) -> String {
    let LossIncrease { layer, low, high, switched, mean, .. } = row;
    format!("layer {layer}, |W^h| from {low:.3} to {high:.3}: {switched} switched, loss {mean:+.2e} for each")
}

fn bar(steps: u64, name: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stdout());
    if let Ok(style) = ProgressStyle::with_template(BAR) {
        bar.set_style(style);
    }
    bar.set_prefix(name.to_string());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Progress that nobody reads any more must not stop a run that writes its results to disk.
fn print(message: &str) {
    let _ = writeln!(io::stdout().lock(), "{message}");
}

/// Accuracies in percent: on each test, then on the images of the task in training and, where they were evaluated, on
/// those of the first task and of all tasks.
fn accuracies(evaluations: &[Evaluation]) -> String {
    let of = |split| evaluations.iter().filter(move |e| e.split == split).map(|e| percent(e.accuracy));
    let tests: Vec<String> = of(Split::Test).collect();
    let mut said = format!("test {} %", tests.join(" "));
    for (split, word) in [(Split::Train, "train"), (Split::All, "all training images")] {
        let accuracies: Vec<String> = of(split).collect();
        if !accuracies.is_empty() {
            said += &format!(", {word} {} %", accuracies.join(" "));
        }
    }
    said
}
