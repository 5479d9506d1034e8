//! The folder of results: what a run writes, and reading all of it back.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::analysis::RENDERERS;
use crate::recipe::{Recipe, name_in};
use metabnn::digest::Digest;
use metabnn::history::{Flips, WeightHistogram};
use metabnn::metrics::Evaluation;

use super::analyzed::Invalid;
use super::error::ReportError;
use super::export::Live;
use super::summary::{RunSummary, Summary};
use super::tables;

const RECIPE: &str = "recipe.toml";
/// The trained network of a run.
pub const MODEL: &str = "model.safetensors";
const SUMMARY: &str = "summary.json";
const METRICS: &str = "metrics.csv";
const MATRIX: &str = "accuracy_matrix.csv";
const HISTOGRAMS: &str = "hidden_weights.csv";
const FLIPS: &str = "flips.csv";
const RUNS: &str = "runs";
/// What a run may leave in its folder.
pub(crate) const RUN_FILES: [&str; 11] = [
    SUMMARY,
    RECIPE,
    METRICS,
    MATRIX,
    HISTOGRAMS,
    FLIPS,
    "loss_increase.csv",
    "trajectory.csv",
    MODEL,
    Live::FILES[0],
    Live::FILES[1],
];
/// What a report leaves beside its figures; its page comes last, which names them.
pub(crate) const REPORT_FILES: [&str; 4] = [SUMMARY, "table.md", "table.tex", "report.html"];
/// End of the name of a folder that a run is being written into.
pub(crate) const PARTIAL: &str = ".partial";
/// Beginning of the names of temporary files.
const TEMPORARY: &str = ".metabnn-";

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

/// All finished runs of a recipe, read back from the folder of results.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// The runs and their groups.
    pub summary: Summary,
    /// `recipe.toml`
    pub recipe_toml: String,
    /// The runs, in the order of `summary.runs`.
    pub runs: Vec<RunResults>,
}

/// Writes `bytes` to `path` so that a reader sees the old file or the new one, never half of it: into a temporary
/// file of the same folder, synchronised with the disk, then renamed. The folder is made if need be; on failure the
/// temporary file is removed.
///
/// # Errors
/// [`ReportError::File`] if the file system refuses.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || {
        fs::create_dir_all(folder)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(TEMPORARY);
        // Temporary files are private by default; results are as readable as any other file (umask applies).
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder)?;
        // Tells the file from one that a killed process left; a file system without locks has no such leftovers told.
        let _ = file.as_file().try_lock();
        file.as_file_mut().write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(ReportError::file(path, "write"))
}

/// Removes temporary files that processes killed in [`write_atomically`] left in `folder`. What cannot be removed
/// stays: it is in nobody's way.
pub(crate) fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_temporary = entry.file_name().to_string_lossy().starts_with(TEMPORARY);
        let abandoned = || fs::File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
        if is_temporary && abandoned() {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Writes the files of a finished run into `folder`: `recipe.toml`; of a trained network `metrics.csv`,
/// `accuracy_matrix.csv`, `hidden_weights.csv` and, where binarized, `flips.csv`; of an analysis `loss_increase.csv` or
/// `trajectory.csv`; and, last, `summary.json`: a folder that has it is complete.
///
/// # Errors
/// [`ReportError::Invalid`] if a value is not finite, out of range or the accuracy matrix is ragged (nothing is
/// written then); [`ReportError::File`] if the file system refuses.
pub fn write_run(folder: &Path, results: &RunResults) -> Result<(), ReportError> {
    let path = folder.join(SUMMARY);
    check(&path, &results.summary)?;
    write_atomically(&folder.join(RECIPE), results.recipe_toml.as_bytes())?;
    for (name, text) in results.tables() {
        write_atomically(&folder.join(name), text.as_bytes())?;
    }
    write_json(&path, &results.summary)
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
        tables.extend(RENDERERS.iter().filter(|one| one.is_in(findings)).map(|one| one.csv(findings)));
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
/// [`ReportError`] naming the file and line that is missing, cut off or does not hold what it should.
pub fn read_run(folder: &Path) -> Result<RunResults, ReportError> {
    let path = folder.join(SUMMARY);
    let summary: RunSummary = read_json(&path, "the summary of a run")?;
    check(&path, &summary)?;
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
    write_atomically(&out.join(RECIPE), recipe_toml.as_bytes())?;
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

/// Reads every finished run under `out/runs`, in the order of the recipe; those that are not in it, and all where this
/// version does not understand it, in the order of `out/summary.json` where it is there, then by name.
/// The summary is made anew from what is found: runs may have been added one by one, by several processes,
/// and more of them may be at work.
///
/// # Errors
/// [`ReportError::NoRuns`] if none is finished; [`ReportError::Invalid`] if runs that differ in their seed alone had
/// different tasks (leftovers of another recipe); otherwise as [`read_run`].
pub fn read_results(out: &Path) -> Result<Results, ReportError> {
    fs::read_dir(out).map_err(ReportError::file(out, "read"))?;
    let folders = finished(&out.join(RUNS))?;
    if folders.is_empty() {
        return Err(ReportError::NoRuns { path: out.into() });
    }
    let recipe_toml = read(&out.join(RECIPE))?;
    let known = if out.join(SUMMARY).exists() { Some(read_summary(out)?) } else { None };
    let recipe = Recipe::from_toml(&recipe_toml, RECIPE, &[], None).and_then(|recipe| recipe.runs());
    let planned: Vec<String> = recipe.unwrap_or_default().into_iter().map(|run| run.name).collect();
    let planned = places(planned.iter());
    let summarised = places(known.iter().flat_map(|summary| &summary.runs).map(|run| &run.name));
    let place = |run: &RunResults| {
        let name = run.summary.name.as_str();
        [&planned, &summarised].map(|places| places.get(name).copied().unwrap_or(usize::MAX))
    };
    let mut runs = folders.iter().map(|folder| read_run(folder)).collect::<Result<Vec<_>, _>>()?;
    runs.sort_by_key(place);
    check_groups(out, &runs)?;
    let name = known.as_ref().map_or_else(|| recipe_name(out, &recipe_toml), |known| known.recipe.clone());
    let summary = Summary::new(&name, runs.iter().map(|run| run.summary.clone()).collect());
    Ok(Results { summary, recipe_toml, runs })
}

/// The text of the recipe in a folder of results.
pub(super) fn recipe_text(out: &Path) -> Result<String, ReportError> {
    read(&out.join(RECIPE))
}

/// What the finished runs in a folder of results say of themselves; those that cannot be read are left out.
pub(super) fn read_finished(out: &Path) -> Vec<RunSummary> {
    let folders = finished(&out.join(RUNS)).unwrap_or_default();
    let read = |folder: &PathBuf| read_json(&folder.join(SUMMARY), "the summary of a run").ok();
    folders.iter().filter_map(read).collect()
}

/// The position of each name.
fn places<'a>(names: impl Iterator<Item = &'a String>) -> BTreeMap<&'a str, usize> {
    names.enumerate().map(|(index, name)| (name.as_str(), index)).collect()
}

/// Folders of finished runs, by name; without those that runs are still being written into.
fn finished(runs: &Path) -> Result<Vec<PathBuf>, ReportError> {
    if !runs.exists() {
        return Ok(Vec::new());
    }
    let folders =
        || -> std::io::Result<Vec<PathBuf>> { fs::read_dir(runs)?.map(|entry| Ok(entry?.path())).collect() };
    let mut folders = folders().map_err(ReportError::file(runs, "read"))?;
    let complete = |folder: &PathBuf| !folder.to_string_lossy().ends_with(PARTIAL);
    folders.retain(|folder| complete(folder) && folder.join(SUMMARY).is_file());
    folders.sort();
    Ok(folders)
}

/// What the recipe calls itself, else the name of the folder.
fn recipe_name(out: &Path, recipe_toml: &str) -> String {
    let folder = || out.file_name().map_or("results".into(), |name| name.to_string_lossy().into_owned());
    name_in(recipe_toml).unwrap_or_else(folder)
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

/// Averages over seeds need runs of one shape.
fn check_groups(out: &Path, runs: &[RunResults]) -> Result<(), ReportError> {
    let shape = |run: &RunSummary| (run.tests.clone(), run.matrix().trained);
    for (index, RunResults { summary: run, .. }) in runs.iter().enumerate() {
        let same = |other: &&RunSummary| other.arm == run.arm && other.settings == run.settings;
        let first = runs[..index].iter().map(|run| &run.summary).find(same);
        if let Some(first) = first.filter(|first| shape(first) != shape(run)) {
            let got = format!("{} and {}", first.name, run.name);
            let what = "runs that differ in their seed alone";
            return Err(ReportError::invalid(out, what, "the same tests and training phases", got));
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, ReportError> {
    fs::read_to_string(path).map_err(ReportError::file(path, "read"))
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path, expected: &str) -> Result<T, ReportError> {
    serde_json::from_str(&read(path)?)
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
