//! The figures of a report, drawn as panels side by side, as SVG and as PNG.

mod accuracy;
pub(crate) mod axes;
pub(crate) mod canvas;
mod comparison;
pub mod curves;
mod flips;
mod matrix;
mod tasks;
mod weights;
mod widths;

use super::most::{self, PANELS};
use super::view::View;
use crate::analysis::RENDERERS;
pub(crate) use canvas::Drawing;

/// A figure with what to see in it.
pub(crate) struct Figure {
    /// Name of its files, without the ending.
    pub name: &'static str,
    /// Heading in the report.
    pub title: &'static str,
    /// What is drawn and what to look for.
    pub caption: String,
    /// The drawing.
    pub drawing: Drawing,
}

/// The figures that the results give: without histograms none of hidden weights, with one group no comparison.
///
/// Of many settings the best are drawn.
pub(super) fn figures(view: &View<'_>) -> Vec<Figure> {
    let rest = |all: usize, which: &str| {
        most::rest(PANELS, all, &format!("settings are drawn, {which}"), "table.md")
    };
    let rest = rest(view.groups.len(), "the best") + &rest(view.analyzed.len(), "the first");
    let view = &view.best(PANELS);
    let analyses = RENDERERS.iter().map(|renderer| renderer.figure(&view.analyzed));
    let figures = [
        accuracy::figure(view),
        widths::figure(view),
        comparison::figure(view),
        tasks::figure(view),
        matrix::figure(view),
        weights::figure(view),
        flips::figure(view),
    ];
    let mut figures: Vec<Figure> = analyses.chain(figures).flatten().collect();
    figures.iter_mut().for_each(|figure| figure.caption += &rest);
    figures
}

/// Epochs done when each of so many training phases begins, and at the end; of what was seen in them, the phase and the
/// epoch, both counted from 1.
fn boundaries(phases: usize, seen: impl Iterator<Item = (usize, usize)>) -> Vec<usize> {
    let mut epochs = vec![0; phases + 1];
    for (phase, epoch) in seen {
        if let Some(most) = epochs.get_mut(phase).filter(|_| phase > 0) {
            *most = epoch.max(*most);
        }
    }
    for phase in 1..=phases {
        epochs[phase] += epochs[phase - 1];
    }
    epochs
}

/// The values of `runs`: their mean, and the least and the greatest.
fn spread(values: &[f64]) -> (f64, f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (mean, least, greatest)
}
