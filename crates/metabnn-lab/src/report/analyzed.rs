//! What the analyses of a recipe found, as a report shows it.

use super::grid::Grid;
use super::plots::Figure;
use super::summary::{MeanStd, RunSummary, Summary};
use super::view::label;
use crate::analysis::{Findings, RENDERERS};

/// What stands where nothing is defined.
pub(crate) const NOTHING: &str = "–";

/// How reports show one thing that analyses find.
pub(crate) trait Renderer: Sync {
    /// Whether a run has found something of it.
    fn is_in(&self, findings: &Findings) -> bool;

    /// Whether what a run has found can be written and drawn: finite numbers, in range.
    fn check(&self, findings: &Findings) -> Result<(), Invalid>;

    /// Name of the file of a run that holds it.
    fn file(&self) -> &'static str;

    /// The text of that file; only asked if there is something of it.
    fn csv(&self, findings: &Findings) -> String;

    /// The figure over all groups; `None` if none of them has anything of it.
    fn figure(&self, groups: &[AnalyzedGroup<'_>]) -> Option<Figure>;

    /// The table of one group, on the page.
    fn details(&self, group: &AnalyzedGroup<'_>) -> Grid;

    /// The table of all groups, in the files beside the page.
    fn overview(&self, groups: &[AnalyzedGroup<'_>]) -> Grid;

    /// What was found in a group, in a sentence.
    fn sentence(&self, group: &AnalyzedGroup<'_>) -> String;

    /// A table of one group for a terminal, its titles first; none where it would be long.
    fn lines(&self, _: &AnalyzedGroup<'_>) -> Vec<Vec<String>> {
        Vec::new()
    }
}

/// What is wrong with a finding.
pub(crate) struct Invalid {
    pub what: &'static str,
    pub expected: String,
    pub got: String,
}

/// Runs of an analysis that differ in their seed alone, under one name.
#[derive(Clone)]
pub(crate) struct AnalyzedGroup<'a> {
    /// "m = 1.35"; the name of the recipe where nothing varies.
    pub label: String,
    /// At least one.
    pub runs: Vec<&'a RunSummary>,
}

impl<'a> AnalyzedGroup<'a> {
    /// The groups of one recipe; `otherwise` names a group in which nothing varies.
    pub fn groups(summary: &'a Summary, otherwise: &str) -> Vec<Self> {
        let groups = summary.groups.iter().map(|group| {
            let of_group =
                summary.runs.iter().filter(|run| run.arm == group.arm && run.settings == group.settings);
            let analyzed =
                of_group.filter(|run| RENDERERS.iter().any(|renderer| renderer.is_in(&run.findings)));
            Self { label: label(group, otherwise), runs: analyzed.collect() }
        });
        groups.filter(|group| !group.runs.is_empty()).collect()
    }

    /// How what it found is shown.
    pub fn renderer(&self) -> Option<&'static dyn Renderer> {
        renderer(std::slice::from_ref(self))
    }

    /// "seed 0" or "mean of 3 seeds"
    pub fn seeds(&self) -> String {
        match self.runs.as_slice() {
            [run] => format!("seed {}", run.seed),
            runs => format!("mean of {} seeds", runs.len()),
        }
    }
}

/// How what these groups found is shown in one table.
pub(super) fn renderer(groups: &[AnalyzedGroup<'_>]) -> Option<&'static dyn Renderer> {
    let is_in = |renderer: &&dyn Renderer| {
        groups.iter().flat_map(|group| &group.runs).any(|run| renderer.is_in(&run.findings))
    };
    RENDERERS.into_iter().find(is_in)
}

/// A number with three significant digits: 190, 21.9, 0.0142, 1.42e-5.
pub(crate) fn significant(value: f64) -> String {
    let rounded = format!("{value:.2e}");
    let power: i32 = rounded.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0);
    match power {
        -3..=2 => format!("{value:.*}", (2 - power) as usize),
        3..=6 => format!("{value:.0}"),
        _ => rounded,
    }
}

/// "190 ± 3"
pub(crate) fn with_deviation(value: &MeanStd) -> String {
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
