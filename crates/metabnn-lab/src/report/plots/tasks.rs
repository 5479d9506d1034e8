//! Accuracy on each task when all are learned, setting beside setting, like Table 1 of the paper.

use kuva::render::color::Color;

use crate::report::summary::MeanStd;
use crate::report::view::{View, short_names};

use super::Figure;
use super::axes::{Frame, legend, legend_height, round_ticks};
use super::canvas::{Anchor, Canvas, GRID, INK, LABEL, MUTED, TICK, distinct, shortened};

const WIDTH: f64 = 820.0;
const HEIGHT: f64 = 300.0;
/// With more tasks or settings, dots beside each other can no longer be told apart.
const MANY: usize = 12;

/// For every task one dot per group; `None` for a single group or task, for groups with other tasks, or for too many.
pub(super) fn figure(view: &View<'_>) -> Option<Figure> {
    let tests = view.groups.first()?.tests();
    let same = view.groups.iter().all(|group| group.tests() == tests);
    let fits = (2..=MANY).contains(&tests.len()) && (2..=MANY).contains(&view.groups.len());
    if !(same && fits) {
        return None;
    }
    let colors = distinct(view.groups.len());
    let entries: Vec<(String, Color)> =
        view.groups.iter().map(|group| group.label.clone()).zip(colors.iter().cloned()).collect();
    let frame = Frame {
        left: 68.0,
        top: 50.0,
        width: WIDTH - 88.0,
        height: HEIGHT,
        x: (0.0, tests.len() as f64),
        y: (0.0, 100.0),
    };
    let mut canvas = Canvas::new(WIDTH, frame.bottom() + 64.0 + legend_height(WIDTH, &entries));
    frame.y_axis(&mut canvas, &round_ticks(frame.y, 5), true);
    frame.y_label(&mut canvas, "test accuracy at the end (%)");
    let (names, word) = short_names(tests);
    let room = frame.width / tests.len() as f64;
    for (test, name) in names.iter().enumerate() {
        let (x, bottom) = (frame.at(test as f64 + 0.5, 0.0).0, frame.bottom());
        canvas.text((x, bottom + 18.0), &shortened(name, TICK, room), TICK, Anchor::Middle, &MUTED);
        if test > 0 {
            canvas.line(frame.at(test as f64, 0.0), frame.at(test as f64, 100.0), &GRID, 1.0);
        }
    }
    canvas.line((frame.left, frame.bottom()), (frame.right(), frame.bottom()), &MUTED, 1.0);
    let middle = (frame.left + frame.width / 2.0, frame.bottom() + 38.0);
    canvas.text(middle, word.as_deref().unwrap_or("task"), LABEL, Anchor::Middle, &INK);
    for (index, (group, color)) in view.groups.iter().zip(&colors).enumerate() {
        let beside = 0.14 + 0.72 * (index as f64 + 0.5) / view.groups.len() as f64;
        for test in 0..tests.len() {
            let last = group.runs.iter().filter_map(|run| run.summary.accuracy_matrix.last()?.get(test));
            let percents: Vec<f64> = last.map(|accuracy| accuracy * 100.0).collect();
            let Some(MeanStd { mean, std }) = MeanStd::of(&percents) else { continue };
            let at = |percent: f64| frame.at(test as f64 + beside, percent);
            if let Some(std) = std {
                canvas.whisker(at(mean - std), at((mean + std).min(100.0)), color);
            }
            canvas.dot(at(mean), 4.5, color);
        }
    }
    legend(&mut canvas, frame.bottom() + 52.0, WIDTH, &entries);
    let several = view.groups.iter().any(|group| group.runs.len() > 1);
    let spread = if several { " Dots are means, whiskers standard deviations over the seeds." } else { "" };
    Some(Figure {
        name: "tasks",
        title: "Task by task",
        caption: format!("Test accuracy on each task when training on all of them has ended.{spread}"),
        drawing: canvas.finish(),
    })
}
