//! The columns of single tests in the tables of accuracies.

use super::summary::{MeanStd, RunSummary};
use super::view::{percent, short_names};

/// With more tests than this, a line would not fit: single tests are left to the accuracy matrix.
const MANY_TESTS: usize = 10;

/// A column per test; none where runs differ in their tests, or have too many.
#[derive(Default)]
pub(super) struct TestColumns {
    /// Titles, short where the tests have a word in common.
    pub titles: Vec<String>,
    /// The word that they have in common.
    pub word: Option<String>,
}

impl TestColumns {
    /// Of all `runs` in a table.
    pub fn of<'a>(runs: impl IntoIterator<Item = &'a RunSummary>) -> Self {
        let mut runs = runs.into_iter();
        let tests = runs.next().map_or(&[][..], |run| &run.tests);
        let same = runs.all(|run| run.tests == tests);
        let (titles, word) = short_names(if same && tests.len() <= MANY_TESTS { tests } else { &[] });
        Self { titles, word }
    }

    /// The heading over these columns, the last ones of a table, and their number.
    pub fn over(&self) -> Option<(String, usize)> {
        self.word.clone().map(|word| (word, self.titles.len()))
    }

    /// Accuracies at the end in percent, one per column, means over `runs`; `otherwise` where there is none.
    pub fn cells<'a>(&self, runs: impl IntoIterator<Item = &'a RunSummary>, otherwise: &str) -> Vec<String> {
        let last: Vec<&Vec<f64>> = runs.into_iter().filter_map(|run| run.accuracy_matrix.last()).collect();
        let cell = |test: usize| {
            let values: Vec<f64> = last.iter().filter_map(|row| row.get(test).copied()).collect();
            MeanStd::of(&values).map_or(otherwise.into(), |value| percent(value.mean))
        };
        (0..self.titles.len()).map(cell).collect()
    }
}
