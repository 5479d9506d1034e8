//! The result as a plain table, for the end of a run in a terminal.

use metabnn::text;

use super::analyzed::AnalyzedGroup;
use super::columns::TestColumns;
use super::most::{LINES, rest};
use super::summary::{Group, MeanStd, RunSummary, Summary};
use super::view::{label, percent};

/// What the average is called where the task is not told.
pub(super) const NO_LABEL: &str = "no label";

/// Final accuracies of every group in percent: each test, their average with its standard deviation over the seeds, and
/// forgetting.
///
/// Of an analysis: what it found, in a sentence and, where it is short, a table.
pub fn table(summary: &Summary) -> String {
    let trained = summary.groups.iter().any(|group| group.average_accuracy.is_some());
    let accuracies = trained.then(|| accuracy_table(summary));
    let analyzed = AnalyzedGroup::groups(summary, &summary.recipe);
    accuracies.into_iter().chain(analyzed.iter().filter_map(analysis_table)).collect::<Vec<_>>().join("\n")
}

/// What was found, in a sentence and, where it is short, as a table.
fn analysis_table(group: &AnalyzedGroup<'_>) -> Option<String> {
    let renderer = group.renderer()?;
    let sentence = format!("{}: {}\n", group.label, renderer.sentence(group));
    let lines = renderer.lines(group);
    Some(if lines.is_empty() { sentence } else { format!("{sentence}\n{}", aligned(&lines)) })
}

fn accuracy_table(summary: &Summary) -> String {
    let tests = TestColumns::of(&summary.runs);
    let mut header = vec![String::new()];
    header.extend(tests.titles.iter().cloned());
    header.push("average".into());
    let unlabelled = summary.groups.iter().any(|group| group.average_unlabelled.is_some());
    header.extend(unlabelled.then(|| NO_LABEL.into()));
    header.push("forgetting".into());
    let mut lines = vec![header];
    for group in summary.groups.iter().take(LINES) {
        let mut line = vec![label(group, &summary.recipe)];
        line.extend(tests.cells(runs(summary, group), "-"));
        let cell = |value: &Option<MeanStd>| value.as_ref().map_or("-".into(), with_std);
        line.push(cell(&group.average_accuracy));
        line.extend(unlabelled.then(|| cell(&group.average_unlabelled)));
        line.push(cell(&group.forgetting));
        lines.push(line);
    }
    let on = tests.word.map_or(String::new(), |word| format!(", by {word}"));
    let rest = rest(LINES, summary.groups.len(), "settings are listed, the first", "table.md");
    let rest = if rest.is_empty() { rest } else { format!("\n{}\n", rest.trim()) };
    format!("Test accuracy (%) after all training{on}\n\n{}{rest}", aligned(&lines))
}

/// "91.2 ± 0.4"
pub(super) fn with_std(value: &MeanStd) -> String {
    let std = value.std.map_or(String::new(), |std| format!(" ± {}", percent(std)));
    percent(value.mean) + &std
}

/// Runs of a group.
fn runs<'a>(summary: &'a Summary, group: &'a Group) -> impl Iterator<Item = &'a RunSummary> {
    summary.runs.iter().filter(|run| run.arm == group.arm && run.settings == group.settings)
}

/// The first column to the left, the others to the right, two spaces between.
fn aligned(lines: &[Vec<String>]) -> String {
    let cells = |line: &Vec<String>| line.iter().map(|cell| text::name(cell).into_owned()).collect();
    let lines: Vec<Vec<String>> = lines.iter().map(cells).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let mut row = format!("{:<width$}", line[0], width = widths[0]);
        for (cell, width) in line.iter().zip(&widths).skip(1) {
            row += &format!("  {cell:>width$}");
        }
        text += row.trim_end();
        text += "\n";
    }
    text
}
