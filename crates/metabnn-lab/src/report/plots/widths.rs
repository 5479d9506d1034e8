//! Average accuracy against the width of the hidden layers, like Fig. 3 of the paper.

use kuva::render::color::Color;
use serde_json::Value;

use crate::report::summary::MeanStd;
use crate::report::view::{GroupView, View, label, value};

use super::Figure;
use super::axes::{Frame, legend, legend_height, round_ticks};
use super::canvas::{Canvas, TICK, distinct, shortened};

const WIDTH: f64 = 820.0;
const HEIGHT: f64 = 320.0;
/// The setting on the axis.
const HIDDEN: &str = "network.hidden";

/// One line per arm and other setting; `None` where the width of the hidden layers is the same in all runs.
pub(super) fn figure(view: &View<'_>) -> Option<Figure> {
    let mut widths: Vec<&Value> =
        view.groups.iter().filter_map(|group| group.group.settings.get(HIDDEN)).collect();
    widths.sort_by_key(|hidden| units(hidden));
    widths.dedup();
    if widths.len() < 2 {
        return None;
    }
    let mut lines: Vec<(String, Vec<&GroupView<'_>>)> = Vec::new();
    for group in view.groups.iter().filter(|group| group.group.settings.contains_key(HIDDEN)) {
        let name = without_width(group);
        match lines.iter_mut().find(|(other, _)| *other == name) {
            Some((_, groups)) => groups.push(group),
            None => lines.push((name, vec![group])),
        }
    }
    let colors = distinct(lines.len());
    let entries: Vec<(String, Color)> =
        lines.iter().map(|(name, _)| name.clone()).zip(colors.iter().cloned()).collect();
    let named = lines.len() > 1 || !lines[0].0.is_empty();
    let under = if named { legend_height(WIDTH, &entries) } else { 0.0 };
    let (width, x) = (WIDTH - 88.0, (-0.5, widths.len() as f64 - 0.5));
    let frame = Frame { left: 68.0, top: 50.0, width, height: HEIGHT, x, y: (0.0, 100.0) };
    let mut canvas = Canvas::new(WIDTH, frame.bottom() + 64.0 + under);
    frame.y_axis(&mut canvas, &round_ticks(frame.y, 5), true);
    frame.y_label(&mut canvas, "average test accuracy at the end (%)");
    let room = frame.width / widths.len() as f64;
    let ticks = widths
        .iter()
        .enumerate()
        .map(|(place, hidden)| (place as f64, shortened(&short(hidden), TICK, room)));
    frame.x_axis(&mut canvas, &ticks.collect::<Vec<_>>());
    frame.x_label(&mut canvas, "units in each hidden layer");
    for (index, ((_, groups), color)) in lines.iter().zip(&colors).enumerate() {
        // A little beside each other, so that whiskers do not hide each other.
        let beside = 0.03 * (index as f64 - 0.5 * (lines.len() - 1) as f64);
        draw_line(&mut canvas, &frame, (&widths, groups), beside, color);
    }
    if named {
        legend(&mut canvas, frame.bottom() + 52.0, WIDTH, &entries);
    }
    let several = view.groups.iter().any(|group| group.runs.len() > 1);
    let spread = if several { " Dots are means, whiskers standard deviations over the seeds." } else { "" };
    Some(Figure {
        name: "widths",
        title: "Against width",
        caption: format!(
            "Mean test accuracy over all tasks when training has ended, by the width of the hidden layers.{spread}"
        ),
        drawing: canvas.finish(),
    })
}

/// The groups of one line, each at the place of its width and a little `beside` it.
fn draw_line(
    canvas: &mut Canvas,
    frame: &Frame,
    (widths, groups): (&[&Value], &[&GroupView<'_>]),
    beside: f64,
    color: &Color,
) {
    let at = |place: usize, share: f64| frame.at(place as f64 + beside, 100.0 * share);
    let of_width = |hidden: &Value| {
        groups
            .iter()
            .find(|group| group.group.settings.get(HIDDEN) == Some(hidden))
            .map(|group| group.average)
    };
    let points = widths.iter().enumerate().filter_map(|(place, hidden)| Some((place, of_width(hidden)?)));
    canvas.curve(points.clone().map(|(place, average)| at(place, average.mean)).collect(), color, 2.2);
    for (place, MeanStd { mean, std }) in points {
        if let Some(std) = std {
            canvas.whisker(at(place, mean - std), at(place, (mean + std).min(1.0)), color);
        }
        canvas.dot(at(place, mean), 4.5, color);
    }
}

/// What a group is called if its width goes without saying.
fn without_width(view: &GroupView<'_>) -> String {
    let mut group = view.group.clone();
    group.settings.remove(HIDDEN);
    label(&group, "")
}

/// Units of all hidden layers.
fn units(hidden: &Value) -> u64 {
    hidden.as_array().into_iter().flatten().filter_map(Value::as_u64).sum()
}

/// "512" of layers of one width, "512-2048" of others.
fn short(hidden: &Value) -> String {
    let widths = hidden.as_array().map(Vec::as_slice).unwrap_or_default();
    match widths {
        [first, rest @ ..] if rest.iter().all(|width| width == first) => value(first),
        [] => "none".into(),
        _ => value(hidden),
    }
}
