//! How reports show what binary weights are worth: loss increases, like Fig. 5b to e of the paper.

use super::{LossIncrease, MagnitudeBins};
use crate::analysis::Findings;
use crate::report::analyzed::{AnalyzedGroup, Invalid, NOTHING, Renderer, significant, with_deviation};
use crate::report::grid::{Column, Grid as Table};
use crate::report::plots::Figure;
use crate::report::plots::axes::{Grid, legend, legend_height, round_ticks};
use crate::report::plots::canvas::{Canvas, INK, MUTED, distinct};
use metabnn::metrics::MeanStd;

const FILE: &str = "loss_increase.csv";
const COLUMNS: [&str; 9] =
    ["layer", "bin_low", "bin_high", "weights", "switched", "draws", "mean", "std", "derived"];
const HEIGHT: f64 = 280.0;
/// Between panels, so that each has room for an axis of its own: layers differ by orders of magnitude.
const APART: f64 = 84.0;

/// Loss increases in bins of |W^h|, of signs that were switched.
pub(in crate::analysis) const LOSS_INCREASE: LossIncreases = LossIncreases;

pub(in crate::analysis) struct LossIncreases;

impl Renderer for LossIncreases {
    fn is_in(&self, findings: &Findings) -> bool {
        !findings.loss_increase.is_empty()
    }

    fn file(&self) -> &'static str {
        FILE
    }

    fn check(&self, findings: &Findings) -> Result<(), Invalid> {
        let rows = &findings.loss_increase;
        let mut numbers = rows.iter().flat_map(|row| [Some(row.mean), row.std, row.derived]).flatten();
        if let Some(value) = numbers.find(|value| !value.is_finite()) {
            let (expected, got) = ("a finite number".into(), value.to_string());
            return Err(Invalid { what: "an analysis", expected, got });
        }
        let Some(row) = rows.iter().find(|row| !row.is_bin()) else { return Ok(()) };
        let expected = format!("bins of equal width from 0 on, at most {}", MagnitudeBins::MOST);
        let got = format!("a bin from {:?} to {:?}", row.low, row.high);
        Err(Invalid { what: "loss_increase", expected, got })
    }

    /// One line per bin; what is not defined is left empty.
    fn csv(&self, findings: &Findings) -> String {
        let mut text = COLUMNS.join(",") + "\n";
        let optional = |value: &Option<f64>| value.map_or(String::new(), |value| format!("{value:?}"));
        for row in &findings.loss_increase {
            let LossIncrease { layer, low, high, weights, switched, draws, mean, std, derived } = row;
            let (std, derived) = (optional(std), optional(derived));
            text +=
                &format!("{layer},{low:?},{high:?},{weights},{switched},{draws},{mean:?},{std},{derived}\n");
        }
        text
    }

    fn figure(&self, groups: &[AnalyzedGroup<'_>]) -> Option<Figure> {
        figure(groups)
    }

    fn details(&self, group: &AnalyzedGroup<'_>) -> Table {
        let columns = numbers().collect();
        Table { columns, over: None, rows: rows(group).collect() }
    }

    fn overview(&self, groups: &[AnalyzedGroup<'_>]) -> Table {
        let columns = [Column::text("setting")].into_iter().chain(numbers()).collect();
        let of_group = |group: &AnalyzedGroup<'_>| {
            let label = group.label.clone();
            rows(group).map(|row| [vec![label.clone()], row].concat()).collect::<Vec<_>>()
        };
        Table { columns, over: None, rows: groups.iter().flat_map(of_group).collect() }
    }

    /// "From the smallest hidden weights to the largest, switching the sign of one raises the loss by 19.2 to 180."
    fn sentence(&self, group: &AnalyzedGroup<'_>) -> String {
        let layers = layers(group);
        let of_layer = |layer: &usize| {
            let mut bins = bins(group, *layer);
            if bins.iter().any(|bin| bin.full) {
                bins.retain(|bin| bin.full);
            }
            let [least, most] = [bins.first()?, bins.last()?].map(|bin| significant(bin.increase.mean));
            let place = if layers.len() > 1 { format!(" in layer {layer}") } else { String::new() };
            Some(format!("{least} to {most}{place}"))
        };
        let ranges: Vec<String> = layers.iter().filter_map(of_layer).collect();
        format!(
            "From the smallest hidden weights to the largest, switching the sign of one raises the loss by {}.",
            ranges.join(", ")
        )
    }

    /// One line per bin, one column per layer.
    fn lines(&self, group: &AnalyzedGroup<'_>) -> Vec<Vec<String>> {
        let layers = layers(group);
        let columns: Vec<Vec<Bin>> = layers.iter().map(|layer| bins(group, *layer)).collect();
        let position = |bin: &Bin| format!("{:.2}", bin.position);
        let mut positions: Vec<String> = columns.iter().flatten().map(position).collect();
        positions.sort();
        positions.dedup();
        let titles = layers.iter().map(|layer| format!("layer {layer}"));
        let mut lines = vec![["|W^h| / largest".into()].into_iter().chain(titles).collect()];
        for at in positions {
            let of_layer = |bins: &Vec<Bin>| {
                let bin = bins.iter().find(|bin| position(bin) == at);
                bin.map_or("-".into(), |bin| with_deviation(&bin.increase))
            };
            let cells: Vec<String> = columns.iter().map(of_layer).collect();
            lines.push([vec![at], cells].concat());
        }
        lines
    }
}

/// The columns of a table of bins.
fn numbers() -> impl Iterator<Item = Column> {
    ["layer", "|W^h| / largest", "loss increase", "derived"].into_iter().map(Column::numbers)
}

/// The bins of all layers, as rows of a table.
fn rows(group: &AnalyzedGroup<'_>) -> impl Iterator<Item = Vec<String>> {
    let bins = layers(group).into_iter().flat_map(move |layer| bins(group, layer));
    bins.map(|bin| {
        vec![
            bin.layer.to_string(),
            format!("{:.2}", bin.position),
            with_deviation(&bin.increase),
            bin.derived.map_or(NOTHING.into(), significant),
        ]
    })
}

/// Loss increases in one bin of one layer, over the seeds.
struct Bin {
    /// Layer, counted from 1.
    layer: usize,
    /// The middle of the bin, as a fraction of the layer's largest |W^h|.
    position: f64,
    /// Mean and deviation: over the seeds, or over the draws of a single run.
    increase: MeanStd,
    /// Whether as many weights were switched as should be, in every run: with few of them, chance has much to say.
    full: bool,
    /// What the hidden weights alone say of it, see [`LossIncrease::derived`].
    derived: Option<f64>,
}

/// Layers that signs were switched in, counted from 1.
fn layers(group: &AnalyzedGroup<'_>) -> Vec<usize> {
    let mut layers: Vec<usize> =
        group.runs.iter().flat_map(|run| &run.findings.loss_increase).map(|row| row.layer).collect();
    layers.sort_unstable();
    layers.dedup();
    layers
}

/// The bins of a layer, from small to large |W^h|; those that are empty in every run are left out.
fn bins(group: &AnalyzedGroup<'_>, layer: usize) -> Vec<Bin> {
    let mut rows = Vec::new();
    for run in &group.runs {
        let of_layer = || run.findings.loss_increase.iter().filter(move |row| row.layer == layer);
        let largest = of_layer().map(|row| row.high).fold(0.0, f64::max);
        rows.extend(of_layer().map(|row| {
            let place = (row.low / (row.high - row.low)).round() as usize;
            (place, row.magnitude() / largest, row)
        }));
    }
    let places = rows.iter().map(|(place, ..)| *place).max().map_or(0, |last| last + 1);
    let bin = |place: usize| {
        let here: Vec<_> = rows.iter().filter(|row| row.0 == place).collect();
        let over = |value: &dyn Fn(usize) -> Option<f64>| {
            MeanStd::of(&(0..here.len()).filter_map(value).collect::<Vec<_>>())
        };
        let mut increase = over(&|i| Some(here[i].2.mean))?;
        if let ([_], [(_, _, row)]) = (group.runs.as_slice(), here.as_slice()) {
            increase.std = row.std;
        }
        let position = over(&|i| Some(here[i].1))?.mean;
        let derived = over(&|i| here[i].2.derived).map(|derived| derived.mean);
        let full = here.iter().all(|(_, _, row)| row.derived.is_some() || row.draws > 1);
        Some(Bin { layer, position, increase, full, derived })
    };
    (0..places).filter_map(bin).collect()
}

/// One row of panels per group, one panel per layer; `None` where no signs were switched.
fn figure(all: &[AnalyzedGroup<'_>]) -> Option<Figure> {
    let groups: Vec<(&AnalyzedGroup<'_>, Vec<usize>)> =
        all.iter().map(|group| (group, layers(group))).collect();
    let columns = groups.iter().map(|(_, layers)| layers.len()).max().filter(|most| *most > 0)?;
    let panels: Vec<Panel<'_>> = groups
        .iter()
        .flat_map(|(group, layers)| layers.iter().map(|layer| Panel::new(group, *layer)))
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
    let spread = if all.iter().all(|group| group.runs.len() > 1) {
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
    group: &'a AnalyzedGroup<'a>,
    layer: usize,
    bins: Vec<Bin>,
}

impl<'a> Panel<'a> {
    fn new(group: &'a AnalyzedGroup<'a>, layer: usize) -> Self {
        Self { group, layer, bins: bins(group, layer) }
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
        let detail = match layers(self.group).len() {
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
