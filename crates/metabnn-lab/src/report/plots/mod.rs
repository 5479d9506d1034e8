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
pub(super) fn figures(view: &View<'_>) -> Vec<Figure> {
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
    analyses.chain(figures).flatten().collect()
}

/// The values of `runs`: their mean, and the least and the greatest.
fn spread(values: &[f64]) -> (f64, f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (mean, least, greatest)
}
