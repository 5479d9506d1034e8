//! How many binary weights every epoch changes, layer by layer.

use std::collections::{BTreeMap, BTreeSet};

use kuva::render::color::Color;

use crate::report::view::{GroupView, View};
use metabnn::history::Flips;

use super::axes::{Frame, Grid, legend, legend_height, whole_ticks};
use super::canvas::{Canvas, GRID, distinct};
use super::{Figure, boundaries, spread};

const HEIGHT: f64 = 200.0;
/// Logarithms of the least and the greatest share drawn, in percent; what is less lies on the axis.
const LEAST: i32 = -4;
const MOST: i32 = 2;

/// One panel per group; `None` if no network was binarized.
pub(super) fn figure(view: &View<'_>) -> Option<Figure> {
    let groups: Vec<&GroupView<'_>> =
        view.groups.iter().filter(|group| group.runs.iter().any(|run| !run.flips.is_empty())).collect();
    let layers: BTreeSet<usize> =
        groups.iter().flat_map(|group| &group.runs).flat_map(|run| &run.flips).map(|one| one.layer).collect();
    if layers.is_empty() {
        return None;
    }
    let shares =
        groups.iter().flat_map(|group| &group.runs).flat_map(|run| &run.flips).map(|one| one.flipped);
    let least = shares.filter(|share| *share > 0.0).fold(0.01, f64::min);
    let y = ((least * 100.0).log10().floor().max(f64::from(LEAST)), f64::from(MOST));
    let colors = distinct(layers.len());
    let entries: Vec<(String, Color)> =
        layers.iter().map(|layer| format!("layer {layer}")).zip(colors.iter().cloned()).collect();
    let grid = Grid::of(groups.len(), HEIGHT);
    let mut canvas = Canvas::new(grid.width, grid.height() + legend_height(grid.width, &entries) + 14.0);
    for (index, group) in groups.iter().enumerate() {
        let starts = starts(group);
        let end = starts.last().copied().unwrap_or(0).max(2);
        let frame = grid.frame(index, (0.0, end as f64), y);
        frame.heading(&mut canvas, &group.label, &group.seeds());
        frame.y_axis(&mut canvas, &powers(y.0), grid.is_leftmost(index));
        if grid.is_leftmost(index) {
            frame.y_label(&mut canvas, "binary weights that change in an epoch (%)");
        }
        if frame.width / starts.len() as f64 > 10.0 {
            for start in &starts[1..starts.len() - 1] {
                let x = *start as f64;
                canvas.line(frame.at(x, y.0), frame.at(x, y.1), &GRID, 1.5);
            }
        }
        frame.x_axis(&mut canvas, &whole_ticks(frame.x, (frame.width / 60.0) as usize));
        frame.x_label(&mut canvas, "epochs since the start");
        for (layer, color) in layers.iter().zip(&colors) {
            draw_layer(&mut canvas, &frame, (group, &starts), *layer, color);
        }
    }
    legend(&mut canvas, grid.height() + 4.0, grid.width, &entries);
    Some(Figure {
        name: "flips",
        title: "Binary weights that change",
        caption: "Share of the binary weights of each layer whose sign at the end of an epoch is another than at its \
                  beginning (logarithmic axis). Where hidden weights are consolidated, fewer signs change."
            .into(),
        drawing: canvas.finish(),
    })
}

/// Powers of ten up to all of them, at their logarithms: 0.1, 1, 10, 100.
fn powers(least: f64) -> Vec<(f64, String)> {
    let label = |power: i32| format!("{:.*}", (-power).max(0) as usize, 10f64.powi(power));
    (least as i32..=MOST).map(|power| (f64::from(power), label(power))).collect()
}

/// Epochs done when each training phase begins, and at the end.
fn starts(group: &GroupView<'_>) -> Vec<usize> {
    let flips = group.runs.iter().flat_map(|run| &run.flips);
    boundaries(group.phases(), flips.map(|one| (one.task_trained, one.epoch)))
}

/// Mean over the seeds, epoch by epoch.
fn draw_layer(
    canvas: &mut Canvas,
    frame: &Frame,
    (group, starts): (&GroupView<'_>, &[usize]),
    layer: usize,
    color: &Color,
) {
    let mut by_time: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    let flips = group.runs.iter().flat_map(|run| &run.flips).filter(|one| one.layer == layer);
    for Flips { task_trained, epoch, flipped, .. } in flips {
        if (1..starts.len()).contains(task_trained) && *epoch > 0 {
            by_time.entry(starts[task_trained - 1] + epoch).or_default().push(*flipped);
        }
    }
    let at = |(time, values): (&usize, &Vec<f64>)| {
        frame.at(*time as f64, (spread(values).0 * 100.0).log10().max(frame.y.0))
    };
    let points: Vec<(f64, f64)> = by_time.iter().map(at).collect();
    if points.len() == 1 {
        canvas.dot(points[0], 3.0, color);
    }
    canvas.curve(points, color, 2.0);
}
