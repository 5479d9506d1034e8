//! What switching a binary weight costs against the magnitude of its hidden weight, like Fig. 5b to e of the paper.

use crate::report::analysed::{Analysed, Bin};
use crate::report::view::View;

use super::Figure;
use super::axes::{Grid, legend, legend_height, round_ticks};
use super::canvas::{Canvas, INK, MUTED, distinct};

const HEIGHT: f64 = 280.0;
/// Between panels, so that each has room for an axis of its own: layers differ by orders of magnitude.
const APART: f64 = 84.0;

/// One row of panels per group, one panel per layer; `None` where no signs were switched.
pub(super) fn figure(view: &View<'_>) -> Option<Figure> {
    let groups: Vec<(&Analysed<'_>, Vec<usize>)> =
        view.analysed.iter().map(|group| (group, group.layers())).collect();
    let columns = groups.iter().map(|(_, layers)| layers.len()).max().filter(|most| *most > 0)?;
    let panels: Vec<Panel<'_>> = groups
        .iter()
        .flat_map(|(group, layers)| layers.iter().map(|layer| Panel::of(group, *layer)))
        .collect();
    let grid = Grid::with_columns(columns, panels.len().div_ceil(columns), HEIGHT).apart(APART);
    let color = distinct(1).remove(0);
    let derived = panels.iter().any(|panel| panel.bins.iter().any(|bin| bin.derived.is_some()));
    let entries = [("measured".into(), color.clone()), ("2 H + 2 |W| / (lr t)".into(), INK)];
    let under = if derived { legend_height(grid.width, &entries) + 14.0 } else { 0.0 };
    let mut canvas = Canvas::new(grid.width, grid.height() + under);
    for (index, panel) in panels.iter().enumerate() {
        panel.draw(&mut canvas, &grid, index);
    }
    if derived {
        legend(&mut canvas, grid.height() + 4.0, grid.width, &entries);
    }
    let line = if derived {
        " The line is what the hidden weights alone say of it, with H the mean curvature and t the number of steps."
    } else {
        ""
    };
    let few = if panels.iter().all(|panel| panel.bins.iter().all(|bin| bin.full)) {
        ""
    } else {
        " Grey: bins with fewer weights than are switched at once; all of theirs are switched. What lies outside the \
         frame is in the table."
    };
    let spread = if view.analysed.iter().all(|group| group.runs.len() > 1) {
        "standard deviation over the seeds"
    } else {
        "standard deviation, over the seeds or, of a single run, over the draws"
    };
    Some(Figure {
        name: "loss_increase",
        title: "What binary weights are worth",
        caption: format!(
            "Increase of the loss for one binary weight switched, in bins of the magnitude of its hidden weight. Where \
             it grows, hidden weights say how much their signs matter.{line}{few} Whiskers: {spread}."
        ),
        drawing: canvas.finish(),
    })
}

struct Panel<'a> {
    group: &'a Analysed<'a>,
    layer: usize,
    bins: Vec<Bin>,
}

impl<'a> Panel<'a> {
    fn of(group: &'a Analysed<'a>, layer: usize) -> Self {
        Self { group, layer, bins: group.bins(layer) }
    }

    /// Least and greatest value drawn, zero among them: those of bins with enough weights, where there are any. A few
    /// weights, switched once, give anything.
    fn range(&self) -> (f64, f64) {
        let any_full = self.bins.iter().any(|bin| bin.full);
        let ends = self.bins.iter().filter(|bin| bin.full || !any_full).flat_map(|bin| {
            let std = bin.increase.std.unwrap_or(0.0);
            [Some(bin.increase.mean - std), Some(bin.increase.mean + std), bin.derived]
        });
        let (low, high) = ends.flatten().fold((0.0f64, 0.0f64), |(low, high), y| (low.min(y), high.max(y)));
        // More room above for the bins that are not counted here.
        let margin = if self.bins.iter().all(|bin| bin.full) { 0.06 } else { 0.4 };
        let whole = (high - low).max(f64::MIN_POSITIVE);
        (if low < 0.0 { low - 0.06 * whole } else { 0.0 }, high + margin * whole)
    }

    fn draw(&self, canvas: &mut Canvas, grid: &Grid, index: usize) {
        // Small numbers are drawn in units of a power of ten, so that their ticks have few digits.
        let (low, high) = self.range();
        let power = high.max(-low).log10().floor() as i32;
        let power = if (-1..=3).contains(&power) { 0 } else { power };
        let unit = 10f64.powi(power);
        let frame = grid.frame(index, (0.0, 1.0), (low / unit, high / unit));
        let detail = match self.group.layers().len() {
            1 => self.group.seeds(),
            _ => format!("layer {}, {}", self.layer, self.group.seeds()),
        };
        frame.heading(canvas, &self.group.label, &detail);
        frame.y_axis(canvas, &round_ticks(frame.y, 5), true);
        let scale = if power == 0 { String::new() } else { format!(" (1e{power})") };
        frame.y_label(canvas, &format!("loss increase{scale}"));
        frame.x_axis(canvas, &round_ticks(frame.x, 5));
        frame.x_label(canvas, "|hidden weight| / largest");
        let derived = self.bins.iter().filter_map(|bin| Some(frame.at(bin.position, bin.derived? / unit)));
        canvas.curve(derived.collect(), &INK, 1.6);
        let color = distinct(1).remove(0);
        canvas.line(frame.at(0.0, 0.0), frame.at(1.0, 0.0), &MUTED, 1.0);
        for bin in self.bins.iter().filter(|bin| (low..=high).contains(&bin.increase.mean)) {
            let color = if bin.full { &color } else { &MUTED };
            let std = bin.increase.std.unwrap_or(0.0);
            let at = |value: f64| frame.at(bin.position, value / unit);
            if std > 0.0 {
                canvas.whisker(at(bin.increase.mean - std), at(bin.increase.mean + std), color);
            }
            canvas.dot(at(bin.increase.mean), 4.0, color);
        }
    }
}
