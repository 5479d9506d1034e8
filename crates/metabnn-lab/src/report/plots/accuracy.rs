//! Accuracy on every task while the stream of tasks goes by, like Fig. 2 of the paper.

use std::collections::BTreeMap;

use kuva::render::color::Color;

use crate::report::folder::RunResults;
use crate::report::most::CURVES;
use crate::report::view::{GroupView, View, percent};
use metabnn::metrics::{Evaluation, Split};

use super::axes::{Frame, Grid, legend, legend_height, round_ticks, whole_ticks};
use super::canvas::{Anchor, Canvas, GRID, MUTED, TICK, distinct, width_of};
use super::{Figure, boundaries, spread};

const HEIGHT: f64 = 300.0;

/// One panel per group; `None` if no run was evaluated on a test set after an epoch.
pub(super) fn figure(view: &View<'_>) -> Option<Figure> {
    let panels: Vec<Panel<'_>> = view.groups.iter().map(Panel::of).collect();
    let end = panels.iter().map(Panel::epochs).max().filter(|end| *end > 0)?;
    let widest = view.groups.iter().max_by_key(|group| group.tests().len())?;
    // A task has one colour in all panels, wherever it stands in the sequence.
    let mut names: Vec<String> = Vec::new();
    for name in panels.iter().flat_map(Panel::curves) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let trained = panels.iter().any(Panel::follows_training);
    names.extend(trained.then(|| TRAINING.map(String::from)).into_iter().flatten());
    let colors = distinct(names.len());
    let entries: Vec<(String, Color)> = names.into_iter().zip(colors).collect();
    let grid = Grid::of(panels.len(), HEIGHT);
    let mut canvas = Canvas::new(grid.width, grid.height() + legend_height(grid.width, &entries) + 14.0);
    for (index, panel) in panels.iter().enumerate() {
        let frame = grid.frame(index, (0.0, end as f64), (0.0, 100.0));
        panel.draw(&mut canvas, &frame, &panel.colors(&entries), grid.is_leftmost(index));
    }
    legend(&mut canvas, grid.height() + 4.0, grid.width, &entries);
    Some(Figure {
        name: "accuracy",
        title: "Accuracy while learning",
        caption: caption(widest, trained) + most_note(&panels),
        drawing: canvas.finish(),
    })
}

/// Curves of training images, where the run was evaluated on them all along: after those of the tests.
const TRAINING: [&str; 3] =
    ["the task just learned (training)", "the first task (training)", "all training images"];

/// Curves of the tests of a group with too many for one each.
const SUMMARY: [&str; 3] = ["the first task", "the last task", "all tasks so far"];

/// What [`SUMMARY`] shows.
fn most_note(panels: &[Panel<'_>]) -> &'static str {
    if panels.iter().any(|panel| panel.is_summarised()) {
        " Of more tasks than can be told apart there are curves of the first, the last, and of the mean over all, its \
         band from the worst to the best; metrics.csv of each run has all of them."
    } else {
        ""
    }
}

fn caption(group: &GroupView<'_>, trained: bool) -> String {
    let several = group.runs.len() > 1;
    let seeds =
        if several { " Lines are means over the seeds; bands reach from the worst to the best." } else { "" };
    let what = if group.is_square() && group.phases() > 1 {
        "Accuracy on the test images of each task, from the start of that task's own training on; vertical lines \
         mark where the next task begins. A network that remembers keeps its curves up after those lines; one that \
         forgets lets them fall."
    } else if group.phases() > 1 {
        "Accuracy on the test images while one training phase follows the other; vertical lines mark where the next \
         begins. Without forgetting the curve keeps rising."
    } else {
        "Accuracy on the test images after every epoch."
    };
    let training = if trained {
        " Curves of training images: of the task in training, of the first task, and of all tasks together, the ones \
         still to come included."
    } else {
        ""
    };
    format!("{what}{training}{seeds}")
}

/// A group's curves.
struct Panel<'a> {
    group: &'a GroupView<'a>,
    /// Epochs done when each training phase begins, and at the end.
    boundaries: Vec<usize>,
}

impl<'a> Panel<'a> {
    fn of(group: &'a GroupView<'a>) -> Self {
        let tests = |run: &&'a RunResults| run.evaluations.iter().filter(|one| one.split == Split::Test);
        let seen = group.runs.iter().flat_map(tests).map(|one| (one.task_trained, one.epoch));
        Self { group, boundaries: boundaries(group.phases(), seen) }
    }

    /// The colour of each test, then those of [`TRAINING`] where there are such curves.
    fn colors(&self, entries: &[(String, Color)]) -> Vec<Color> {
        let color = |curve: String| {
            entries.iter().find(|(name, _)| *name == curve).map_or(MUTED, |(_, color)| color.clone())
        };
        let training = TRAINING.into_iter().filter(|_| self.follows_training()).map(String::from);
        self.curves().into_iter().chain(training).map(color).collect()
    }

    /// Whether there are too many tests for a curve each.
    fn is_summarised(&self) -> bool {
        self.group.tests().len() > CURVES
    }

    /// Names of the curves of tests.
    fn curves(&self) -> Vec<String> {
        if self.is_summarised() { SUMMARY.map(String::from).to_vec() } else { self.group.tests().to_vec() }
    }

    /// Accuracies of curve `index` in percent, by time: of all runs, or of all runs and tests.
    fn curve(&self, index: usize) -> BTreeMap<usize, Vec<f64>> {
        let last = self.group.tests().len() - 1;
        match (self.is_summarised(), index) {
            (false, test) => self.accuracies(test),
            (true, 0) => self.accuracies(0),
            (true, 1) => self.accuracies(last),
            (true, _) => {
                let is_square = self.group.is_square();
                // Those whose own training has begun.
                let counts = |one: &Evaluation| !is_square || one.task_evaluated <= one.task_trained;
                self.by_time(0, |one| one.split == Split::Test && counts(one))
            }
        }
    }

    fn epochs(&self) -> usize {
        self.boundaries[self.boundaries.len() - 1]
    }

    /// Epochs since the start of the stream; `None` for a phase that the accuracy matrix does not know.
    fn time(&self, evaluation: &Evaluation) -> Option<usize> {
        match evaluation.task_trained {
            0 => Some(0),
            phase if phase <= self.group.phases() => Some(self.boundaries[phase - 1] + evaluation.epoch),
            _ => None,
        }
    }

    /// Accuracies on test `test` (counted from 0) in percent, of all runs, by time, from its own training on.
    fn accuracies(&self, test: usize) -> BTreeMap<usize, Vec<f64>> {
        let start = if self.group.is_square() { self.boundaries[test] } else { 0 };
        self.by_time(start, |one| one.split == Split::Test && one.task_evaluated == test + 1)
    }

    /// Accuracies of the evaluations that are `wanted`, in percent, of all runs, by time, from `start` on.
    fn by_time(&self, start: usize, wanted: impl Fn(&Evaluation) -> bool) -> BTreeMap<usize, Vec<f64>> {
        let mut accuracies: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for evaluation in self.group.runs.iter().flat_map(|run| &run.evaluations) {
            if let Some(time) = self.time(evaluation).filter(|time| wanted(evaluation) && *time >= start) {
                accuracies.entry(time).or_default().push(evaluation.accuracy * 100.0);
            }
        }
        accuracies
    }

    /// Whether its runs were evaluated on the training images of the whole stream.
    fn follows_training(&self) -> bool {
        self.group.runs.iter().flat_map(|run| &run.evaluations).any(|one| one.split == Split::All)
    }

    /// The curves of [`TRAINING`].
    fn training(&self) -> [BTreeMap<usize, Vec<f64>>; 3] {
        let train = |one: &Evaluation| one.split == Split::Train;
        [
            self.by_time(0, |one| train(one) && one.task_evaluated == one.task_trained),
            self.by_time(0, |one| train(one) && one.task_evaluated == 1),
            self.by_time(0, |one| one.split == Split::All),
        ]
    }

    fn draw(&self, canvas: &mut Canvas, frame: &Frame, colors: &[Color], leftmost: bool) {
        let average = percent(self.group.average.mean);
        let over_tests = if self.group.tests().len() > 1 { " on average" } else { "" };
        let detail = format!("{}, {average} %{over_tests} at the end", self.group.seeds());
        frame.heading(canvas, &self.group.label, &detail);
        let percents = round_ticks(frame.y, 5);
        frame.y_axis(canvas, &percents, leftmost);
        if leftmost {
            frame.y_label(canvas, if self.follows_training() { "accuracy (%)" } else { "test accuracy (%)" });
        }
        self.draw_boundaries(canvas, frame, colors);
        frame.x_axis(canvas, &whole_ticks(frame.x, (frame.width / 60.0) as usize));
        frame.x_label(canvas, "epochs since the start");
        for (index, color) in colors.iter().enumerate().take(self.curves().len()) {
            self.draw_curve(canvas, frame, &self.curve(index), color);
        }
        if self.follows_training() {
            let colors = &colors[colors.len() - TRAINING.len()..];
            for (accuracies, color) in self.training().iter().zip(colors) {
                self.draw_curve(canvas, frame, accuracies, color);
            }
        }
    }

    fn draw_curve(
        &self,
        canvas: &mut Canvas,
        frame: &Frame,
        accuracies: &BTreeMap<usize, Vec<f64>>,
        color: &Color,
    ) {
        let curve = |pick: fn((f64, f64, f64)) -> f64| -> Vec<(f64, f64)> {
            accuracies.iter().map(|(time, values)| frame.at(*time as f64, pick(spread(values)))).collect()
        };
        if accuracies.values().any(|values| values.len() > 1) {
            canvas.band(&curve(|(_, least, _)| least), &curve(|(_, _, greatest)| greatest), color);
        }
        let means = curve(|(mean, _, _)| mean);
        if let [only] = means.as_slice() {
            canvas.dot(*only, 3.0, color);
        }
        canvas.curve(means, color, 2.2);
    }

    /// Where one training phase ends, and above the frame which one is going on, as far as there is room.
    fn draw_boundaries(&self, canvas: &mut Canvas, frame: &Frame, colors: &[Color]) {
        let phases = self.group.phases();
        let widest = width_of(&phases.to_string(), TICK) + 6.0;
        let narrowest = frame.width / phases as f64;
        let every = (widest / narrowest).ceil() as usize;
        for phase in 1..=phases {
            let (from, to) = (self.boundaries[phase - 1] as f64, self.boundaries[phase] as f64);
            if phases > 1 && phase < phases && narrowest > 10.0 {
                canvas.line(frame.at(to, 0.0), frame.at(to, 100.0), &GRID, 1.5);
            }
            if phases == 1 || (phase - 1) % every != 0 {
                continue;
            }
            let (x, y) = frame.at((from + to) / 2.0, 100.0);
            let word = format!("task {phase}");
            let name = if width_of(&word, TICK) < narrowest { word } else { phase.to_string() };
            let is_own = self.group.is_square() && !self.is_summarised();
            let color = if is_own { &colors[phase - 1] } else { &MUTED };
            canvas.text((x, y - 6.0), &name, TICK, Anchor::Middle, color);
        }
    }
}
