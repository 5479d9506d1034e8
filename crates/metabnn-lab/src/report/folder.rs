//! The folder of results: what a run writes, and reading all of it back.

use std::fs;
use std::path::Path;

use crate::analysis::RENDERERS;
use metabnn::digest::Digest;
use metabnn::history::{Flips, WeightHistogram};
use metabnn::metrics::Evaluation;

use super::analyzed::Invalid;
pub use super::atomic::write_atomically;
use super::error::ReportError;
pub use super::gather::{Results, read_results, read_results_verified};
use super::manifest;
pub use super::manifest::{MODEL, Verify};
use super::summary::{RunSummary, Summary};
use super::tables;

pub(super) const RECIPE: &str = "recipe.toml";
pub(super) const SUMMARY: &str = "summary.json";
pub(super) const METRICS: &str = "metrics.csv";
pub(super) const MATRIX: &str = "accuracy_matrix.csv";
pub(super) const HISTOGRAMS: &str = "hidden_weights.csv";
pub(super) const FLIPS: &str = "flips.csv";
pub(super) const RUNS: &str = "runs";
/// What a report leaves beside its figures; its page comes last, which names them.
pub(crate) const REPORT_FILES: [&str; 4] = [SUMMARY, "table.md", "table.tex", "report.html"];
/// End of the name of a folder that a run is being written into.
pub(crate) const PARTIAL: &str = ".partial";
/// In the name of a folder that had the name of a run, and held something else beside it.
pub(crate) const REPLACED: &str = ".replaced";

/// One finished run, read back from its folder.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunResults {
    /// `summary.json`
    pub summary: RunSummary,
    /// `recipe.toml`
    pub recipe_toml: String,
    /// `metrics.csv`, of a trained network
    pub evaluations: Vec<Evaluation>,
    /// `hidden_weights.csv`, of a trained network
    pub histograms: Vec<WeightHistogram>,
    /// `flips.csv`, of a binarized network
    pub flips: Vec<Flips>,
}

/// Writes the files of a finished run into `folder`: `recipe.toml`; of a trained network `metrics.csv`,
/// `accuracy_matrix.csv`, `hidden_weights.csv` and, where binarized, `flips.csv`; of an analysis `loss_increase.csv` or
/// `trajectory.csv`; and, last, `summary.json`: a folder that has it is complete. It names the files of the run that are in the
/// folder then, with their sizes and digests.
///
/// # Errors
/// [`ReportError::Invalid`] if a value is not finite, out of range or the accuracy matrix is ragged (nothing is
/// written then); [`ReportError::File`] if the file system refuses.
pub fn write_run(folder: &Path, results: &RunResults) -> Result<(), ReportError> {
    check(&folder.join(SUMMARY), &results.summary)?;
    write_atomically(&folder.join(RECIPE), results.recipe_toml.as_bytes())?;
    for (name, text) in results.tables() {
        write_atomically(&folder.join(name), text.as_bytes())?;
    }
    manifest::write(folder, &results.summary)
}

impl RunResults {
    /// The files that hold what was found, as text, by their names.
    fn tables(&self) -> Vec<(&'static str, String)> {
        let Self { summary, evaluations, histograms, flips, .. } = self;
        let mut tables = Vec::new();
        if summary.is_trained() {
            tables.push((METRICS, tables::metrics(evaluations)));
            tables.push((MATRIX, tables::accuracy_matrix(&summary.tests, &summary.accuracy_matrix)));
            tables.push((HISTOGRAMS, tables::histograms(histograms)));
        }
        if !flips.is_empty() {
            tables.push((FLIPS, tables::flips(flips)));
        }
        let findings = &summary.findings;
        tables.extend(
            RENDERERS.iter().filter(|one| one.is_in(findings)).map(|one| (one.file(), one.csv(findings))),
        );
        tables
    }

    /// A name for the tables and the bytes of `model`: see [`RunSummary::results`].
    pub fn digest(&self, model: Option<&[u8]>) -> String {
        let tables = self.tables();
        let files = tables.iter().map(|(name, text)| (*name, text.as_bytes()));
        let files = files.chain(model.map(|model| (MODEL, model)));
        let add = |digest: Digest, (name, bytes): (&str, &[u8])| {
            digest.with(format!("{name} {}\n", bytes.len())).with(bytes)
        };
        files.fold(Digest::default(), add).digits(16)
    }
}

/// Reads a run back from its folder.
///
/// # Errors
/// [`ReportError`] naming the file and line that is missing, cut off or does not hold what it should, or the file that is
/// not the one that the run wrote.
pub fn read_run(folder: &Path) -> Result<RunResults, ReportError> {
    read_run_verified(folder, Verify::Quick)
}

/// [`read_run`], with as much of its files read as `verify` says.
///
/// # Errors
/// As [`read_run`].
pub fn read_run_verified(folder: &Path, verify: Verify) -> Result<RunResults, ReportError> {
    let path = folder.join(SUMMARY);
    let text = read(&path)?;
    let summary: RunSummary = parse_json(&path, &text, "the summary of a run")?;
    check(&path, &summary)?;
    let results = read_tables(folder, summary)?;
    // Last: what is wrong with a line is said by whoever reads it.
    manifest::verify(folder, &text, verify)?;
    Ok(results)
}

fn read_tables(folder: &Path, summary: RunSummary) -> Result<RunResults, ReportError> {
    let recipe_toml = read(&folder.join(RECIPE))?;
    if !summary.is_trained() {
        return Ok(RunResults { summary, recipe_toml, ..RunResults::default() });
    }
    let path = folder.join(METRICS);
    let evaluations = tables::parse_metrics(&path, &read(&path)?)?;
    let path = folder.join(HISTOGRAMS);
    let histograms = tables::parse_histograms(&path, &read(&path)?)?;
    // Only of binarized networks.
    let path = folder.join(FLIPS);
    let flips = if path.exists() { tables::parse_flips(&path, &read(&path)?)? } else { Vec::new() };
    let path = folder.join(MATRIX);
    let matrix = tables::parse_accuracy_matrix(&path, &read(&path)?)?;
    if matrix != (summary.tests.clone(), summary.accuracy_matrix.clone()) {
        let got = "other tests or accuracies";
        return Err(ReportError::invalid(&path, "the matrix", "that of summary.json", got));
    }
    Ok(RunResults { summary, recipe_toml, evaluations, histograms, flips })
}

/// Writes `recipe.toml` and `summary.json` of all runs into `out`.
///
/// # Errors
/// As [`write_run`].
pub fn write_summary(out: &Path, recipe_toml: &str, summary: &Summary) -> Result<(), ReportError> {
    let path = out.join(SUMMARY);
    summary.runs.iter().try_for_each(|run| check(&path, run))?;
    let recipe = out.join(RECIPE);
    // Processes at work there hold the file, not its name.
    if !fs::read_to_string(&recipe).is_ok_and(|there| there == recipe_toml) {
        write_atomically(&recipe, recipe_toml.as_bytes())?;
    }
    write_json(&path, summary)
}

/// Reads `summary.json` of all runs from `out`.
///
/// # Errors
/// As [`read_run`].
pub fn read_summary(out: &Path) -> Result<Summary, ReportError> {
    let path = out.join(SUMMARY);
    let summary: Summary = read_json(&path, "the summary of all runs")?;
    summary.runs.iter().try_for_each(|run| check(&path, run))?;
    Ok(summary)
}

/// JSON has no NaN, and figures need a matrix: both are seen to before anything is written or drawn.
fn check(path: &Path, run: &RunSummary) -> Result<(), ReportError> {
    let RunSummary { name, tests, accuracy_matrix: rows, untrained_accuracy, unlabelled_accuracy, .. } = run;
    let error = |what: &str, expected: String, got: String| {
        Err(ReportError::invalid(path, format!("{what} of run {name}"), expected, got))
    };
    let fraction = |value: &f64| (0.0..=1.0).contains(value);
    let averages = run.average_accuracy.iter().chain(&run.average_unlabelled);
    let accuracies =
        rows.iter().flatten().chain(untrained_accuracy).chain(unlabelled_accuracy).chain(averages);
    if let Some(value) = accuracies.clone().find(|value| !fraction(value)) {
        return error("an accuracy", "a fraction in [0, 1]".into(), value.to_string());
    }
    for renderer in RENDERERS {
        if let Err(Invalid { what, expected, got }) = renderer.check(&run.findings) {
            return error(what, expected, got);
        }
    }
    let differences = [run.forgetting, run.backward_transfer, run.forward_transfer];
    if let Some(value) = differences.iter().flatten().find(|value| !(-1.0..=1.0).contains(*value)) {
        return error("forgetting or transfer", "a difference in [-1, 1]".into(), value.to_string());
    }
    if !(run.seconds.is_finite() && run.seconds >= 0.0) {
        return error("seconds", "a duration".into(), run.seconds.to_string());
    }
    if !run.is_trained() {
        let found = RENDERERS.iter().any(|renderer| renderer.is_in(&run.findings));
        let expected = "accuracies, or what an analysis found".into();
        return if found { Ok(()) } else { error("the result", expected, "none".into()) };
    }
    if tests.is_empty() || rows.is_empty() {
        return error("accuracy_matrix", "at least one row and one column".into(), "none".into());
    }
    let columns = |count: usize| format!("{count} values, one per test");
    let unlabelled = Some(unlabelled_accuracy).filter(|row| !row.is_empty());
    if let Some(row) =
        rows.iter().chain([untrained_accuracy]).chain(unlabelled).find(|row| row.len() != tests.len())
    {
        return error("a row of accuracies", columns(tests.len()), row.len().to_string());
    }
    let RunSummary { trained, .. } = run;
    let is_test = |column: &Option<usize>| column.is_none_or(|column| column < tests.len());
    if !trained.is_empty() && (trained.len() != rows.len() || !trained.iter().all(is_test)) {
        let expected = format!("for each of {} rows one of {} tests", rows.len(), tests.len());
        return error("trained", expected, format!("{trained:?}"));
    }
    Ok(())
}

pub(super) fn read(path: &Path) -> Result<String, ReportError> {
    fs::read_to_string(path).map_err(ReportError::file(path, "read"))
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path, expected: &str) -> Result<T, ReportError> {
    parse_json(path, &read(path)?, expected)
}

fn parse_json<T: serde::de::DeserializeOwned>(
    path: &Path,
    text: &str,
    expected: &str,
) -> Result<T, ReportError> {
    serde_json::from_str(text)
        .map_err(|error| ReportError::malformed(path, error.line() as u64, expected, error.to_string()))
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), ReportError> {
    let text = serde_json::to_string_pretty(value).map_err(std::io::Error::from);
    write_atomically(path, (text.map_err(ReportError::file(path, "write"))? + "\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn json_reads_back_to_the_bit(values in prop::collection::vec(any::<f64>(), 1..20)) {
            let values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("values.json");
            write_json(&path, &values).unwrap();
            prop_assert_eq!(read_json::<Vec<f64>>(&path, "numbers").unwrap(), values);
        }
    }
}
