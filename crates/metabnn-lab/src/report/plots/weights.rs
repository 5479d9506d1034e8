//! Distributions of hidden weights, layer by layer, after each task: like Fig. 2g and h of the paper.

use std::collections::BTreeSet;

use kuva::render::color::Color;

use crate::report::most::{MOMENTS, PANELS, rest, spread_out};
use crate::report::view::{GroupView, View};
use metabnn::history::WeightHistogram;

use super::Figure;
use super::axes::{Grid, legend, legend_height, round_ticks};
use super::canvas::{Canvas, MUTED, ordered};

const HEIGHT: f64 = 220.0;

/// Histograms have bins of different widths (each spans its own weights); counts per this width can be compared.
const UNIT: f64 = 0.01;

/// Least reach of the axis of hidden weights, for a layer whose weights are all zero.
const NARROWEST: f64 = 1e-3;

/// One row of panels per layer, one panel per group; `None` if no run left histograms.
pub(super) fn figure(view: &View<'_>) -> Option<Figure> {
    let mut panels: Vec<Panel<'_>> =
        view.groups.iter().map(Panel::of).filter(|panel| !panel.histograms.is_empty()).collect();
    let layers: BTreeSet<usize> = panels.iter().flat_map(Panel::histograms).map(|one| one.layer).collect();
    let times: Vec<usize> = panels
        .iter()
        .flat_map(Panel::histograms)
        .map(|one| one.task_trained)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let all = (times.len(), panels.len() * layers.len());
    let layers: BTreeSet<usize> = layers.into_iter().take(PANELS).collect();
    let times: BTreeSet<usize> = spread_out(times.len(), MOMENTS).map(|place| times[place]).collect();
    panels.truncate((PANELS / layers.len().max(1)).max(1));
    for panel in &mut panels {
        panel.histograms.retain(|one| times.contains(&one.task_trained));
    }
    if layers.is_empty() {
        return None;
    }
    let entries = legend_entries(&times);
    // Groups side by side where they fit, so that a row compares them; else as many as fit under each other.
    let columns = panels.len().min(4);
    let rows_per_layer = panels.len().div_ceil(columns);
    let grid = Grid::with_columns(columns, rows_per_layer * layers.len(), HEIGHT);
    let mut canvas = Canvas::new(grid.width, grid.height() + legend_height(grid.width, &entries) + 14.0);
    for (row, layer) in layers.iter().enumerate() {
        let (reach, top) = ranges(&panels, *layer);
        for (index, panel) in panels.iter().enumerate() {
            let index = row * rows_per_layer * columns + index;
            let frame = grid.frame(index, (-reach, reach), (UNIT_LOW, top));
            let detail = format!("layer {layer}, {}", panel.seed);
            frame.heading(&mut canvas, &panel.group.label, &detail);
            frame.y_axis(&mut canvas, &decades(top), grid.is_leftmost(index));
            if grid.is_leftmost(index) {
                frame.y_label(&mut canvas, &format!("weights per {UNIT}"));
            }
            frame.x_axis(&mut canvas, &round_ticks(frame.x, 5));
            frame.x_label(&mut canvas, "hidden weight");
            for histogram in panel.histograms().filter(|one| one.layer == *layer) {
                let place = times.iter().position(|time| *time == histogram.task_trained).unwrap_or(0);
                let outline = outline(histogram).into_iter().map(|(x, y)| frame.at(x, y)).collect();
                canvas.curve(outline, &entries[place].1, 1.8);
            }
        }
    }
    legend(&mut canvas, grid.height() + 4.0, grid.width, &entries);
    Some(Figure {
        name: "hidden_weights",
        title: "Hidden weights",
        caption: "How the hidden weights of each layer are distributed after each task (logarithmic axis). Weights far \
                  from zero are consolidated: they take many updates to change their sign, and so to change what the \
                  binary network computes."
            .to_string()
            + &rest(times.len(), all.0, "moments are drawn", "hidden_weights.csv of each run")
            + &rest(panels.len() * layers.len(), all.1, "layers of settings are drawn", "hidden_weights.csv of each run"),
        drawing: canvas.finish(),
    })
}

/// Logarithm of the least density drawn.
const UNIT_LOW: f64 = -1.0;

/// The histograms of a group's first run: ranges differ from seed to seed, so they cannot be averaged bin by bin.
struct Panel<'a> {
    group: &'a GroupView<'a>,
    seed: String,
    histograms: Vec<&'a WeightHistogram>,
}

impl<'a> Panel<'a> {
    fn of(group: &'a GroupView<'a>) -> Self {
        let run = group.runs[0];
        let filled = |one: &&WeightHistogram| one.counts.iter().any(|count| *count > 0);
        let histograms = run.histograms.iter().filter(filled).collect();
        Self { group, seed: format!("seed {}", run.summary.seed), histograms }
    }

    fn histograms(&self) -> impl Iterator<Item = &'a WeightHistogram> {
        self.histograms.iter().copied()
    }
}

fn legend_entries(times: &BTreeSet<usize>) -> Vec<(String, Color)> {
    let ramp = ordered(times.iter().filter(|time| **time > 0).count());
    let mut colors = ramp.into_iter();
    let entry = |time: &usize| match time {
        0 => ("before training".into(), MUTED),
        task => (format!("after task {task}"), colors.next().unwrap_or(MUTED)),
    };
    times.iter().map(entry).collect()
}

/// The farthest hidden weight of a layer over all panels, and the power of ten above its greatest density.
fn ranges(panels: &[Panel<'_>], layer: usize) -> (f64, f64) {
    let of_layer = || panels.iter().flat_map(Panel::histograms).filter(|one| one.layer == layer);
    let reach = of_layer().map(|one| one.low.abs().max(one.high.abs())).fold(NARROWEST, f64::max);
    let top = of_layer().flat_map(outline).map(|(_, density)| density).fold(0.0, f64::max);
    (reach * 1.02, top.ceil().max(1.0))
}

/// Corners of the histogram as a staircase: hidden weight, and logarithm of the number of weights per [`UNIT`].
fn outline(histogram: &WeightHistogram) -> Vec<(f64, f64)> {
    let width = (histogram.high - histogram.low) / histogram.counts.len() as f64;
    let mut corners = vec![(histogram.low, UNIT_LOW)];
    for (bin, count) in histogram.counts.iter().enumerate() {
        let density = (*count as f64 * UNIT / width).log10().max(UNIT_LOW);
        let left = histogram.low + width * bin as f64;
        corners.extend([(left, density), (left + width, density)]);
    }
    corners.push((histogram.high, UNIT_LOW));
    corners
}

/// Powers of ten up to 10^top, not more than about six of them.
fn decades(top: f64) -> Vec<(f64, String)> {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let step = (top / 6.0).ceil().max(1.0) as usize;
    let label = |power: usize| match power {
        0 => "1".into(),
        1 => "10".into(),
        power => {
            let digits = power.to_string();
            format!("10{}", digits.bytes().map(|byte| DIGITS[usize::from(byte - b'0')]).collect::<String>())
        }
    };
    (0..=top as usize).step_by(step).map(|power| (power as f64, label(power))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn densities_do_not_depend_on_the_bins() {
        // 100 weights per 0.01 over [-1, 1], in two and in four bins.
        let of =
            |counts: Vec<u64>| WeightHistogram { task_trained: 1, layer: 1, low: -1.0, high: 1.0, counts };
        for histogram in [of(vec![10_000; 2]), of(vec![5_000; 4])] {
            let top = outline(&histogram).into_iter().map(|(_, density)| density).fold(0.0, f64::max);
            assert!((top - 2.0).abs() < 1e-12, "{top}");
        }
    }

    #[test]
    fn an_empty_bin_rests_on_the_axis() {
        let histogram =
            WeightHistogram { task_trained: 1, layer: 1, low: -1.0, high: 1.0, counts: vec![0, 9] };
        assert!(outline(&histogram)[..3].iter().all(|(_, density)| *density == UNIT_LOW));
    }
}
