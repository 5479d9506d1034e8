//! What the analyses of a recipe found, as a report shows it.

use super::summary::{MeanStd, RunSummary, Summary};
use super::view::label;
use crate::analysis::quadratic::Trajectory;

/// Runs of an analysis that differ in their seed alone, under one name.
pub(super) struct Analysed<'a> {
    /// "m = 1.35"; the name of the recipe where nothing varies.
    pub label: String,
    /// At least one.
    pub runs: Vec<&'a RunSummary>,
}

/// Loss increases in one bin of one layer, over the seeds.
pub(super) struct Bin {
    /// Layer, counted from 1.
    pub layer: usize,
    /// The middle of the bin, as a fraction of the layer's largest |W^h|.
    pub position: f64,
    /// Mean and deviation: over the seeds, or over the draws of a single run.
    pub increase: MeanStd,
    /// Whether as many weights were switched as should be, in every run: with few of them, chance has much to say.
    pub full: bool,
    /// What the hidden weights alone say of it, see [`crate::analysis::LossIncrease::derived`].
    pub derived: Option<f64>,
}

impl<'a> Analysed<'a> {
    /// Of one recipe; `otherwise` names a group in which nothing varies.
    pub fn of(summary: &'a Summary, otherwise: &str) -> Vec<Self> {
        let groups = summary.groups.iter().map(|group| {
            let of_group =
                summary.runs.iter().filter(|run| run.arm == group.arm && run.settings == group.settings);
            let analysed = of_group.filter(|run| run.trajectory.is_some() || !run.loss_increase.is_empty());
            Self { label: label(group, otherwise), runs: analysed.collect() }
        });
        groups.filter(|group| !group.runs.is_empty()).collect()
    }

    /// The path on the plane, of the first seed.
    pub fn trajectory(&self) -> Option<&'a Trajectory> {
        self.runs[0].trajectory.as_ref()
    }

    /// Layers that signs were switched in, counted from 1.
    pub fn layers(&self) -> Vec<usize> {
        let mut layers: Vec<usize> =
            self.runs.iter().flat_map(|run| &run.loss_increase).map(|row| row.layer).collect();
        layers.sort_unstable();
        layers.dedup();
        layers
    }

    /// The bins of a layer, from small to large |W^h|; those that are empty in every run are left out.
    pub fn bins(&self, layer: usize) -> Vec<Bin> {
        let mut rows = Vec::new();
        for run in &self.runs {
            let of_layer = || run.loss_increase.iter().filter(move |row| row.layer == layer);
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
            if let ([_], [(_, _, row)]) = (self.runs.as_slice(), here.as_slice()) {
                increase.std = row.std;
            }
            let position = over(&|i| Some(here[i].1))?.mean;
            let derived = over(&|i| here[i].2.derived).map(|derived| derived.mean);
            let full = here.iter().all(|(_, _, row)| row.derived.is_some() || row.draws > 1);
            Some(Bin { layer, position, increase, full, derived })
        };
        (0..places).filter_map(bin).collect()
    }

    /// "seed 0" or "mean of 3 seeds"
    pub fn seeds(&self) -> String {
        match self.runs.as_slice() {
            [run] => format!("seed {}", run.seed),
            runs => format!("mean of {} seeds", runs.len()),
        }
    }

    /// "From the smallest hidden weights to the largest, switching the sign of one raises the loss by 19.2 to 180."
    pub fn sentence(&self) -> String {
        if let Some(path) = self.trajectory() {
            let steps = path.hidden_weights.len().saturating_sub(1);
            let [x, y] = [0, 1].map(|weight| format!("W_{} {}", ["x", "y"][weight], course(path, weight)));
            return format!("In {steps} steps {x}; {y}.");
        }
        let layers = self.layers();
        let of_layer = |layer: &usize| {
            let mut bins = self.bins(*layer);
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
}

/// What a hidden weight did in the second half of its path.
fn course(path: &Trajectory, weight: usize) -> String {
    let values: Vec<f64> = path.hidden_weights.iter().map(|weights| weights[weight]).collect();
    let late = &values[values.len() / 2..];
    let (least, most) =
        late.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), w| (low.min(*w), high.max(*w)));
    if least < 0.0 && most >= 0.0 {
        format!("oscillates between {} and {}", significant(least), significant(most))
    } else {
        format!("goes from {} to {}", significant(values[0]), significant(values[values.len() - 1]))
    }
}

/// A number with three significant digits: 190, 21.9, 0.0142, 1.42e-5.
pub(super) fn significant(value: f64) -> String {
    let rounded = format!("{value:.2e}");
    let power: i32 = rounded.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0);
    match power {
        -3..=2 => format!("{value:.*}", (2 - power) as usize),
        3..=6 => format!("{value:.0}"),
        _ => rounded,
    }
}

/// "190 ± 3"
pub(super) fn with_deviation(value: &MeanStd) -> String {
    let std = value.std.map_or(String::new(), |std| format!(" ± {}", significant(std)));
    significant(value.mean) + &std
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_tell_a_number() {
        let cases = [
            (190.4, "190"),
            (21.94, "21.9"),
            (0.014_23, "0.0142"),
            (1.423e-5, "1.42e-5"),
            (-2.5, "-2.50"),
            (0.0, "0.00"),
            (12_345.6, "12346"),
            (99.96, "100"),
        ];
        for (value, expected) in cases {
            assert_eq!(significant(value), expected);
        }
    }
}
