//! A run's evaluations in the formats of other programs: a file written whole afterwards with [`export`], or one that
//! grows while the run goes on with [`Live`].

mod authors_csv;
mod json_lines;
mod live;
mod tensorboard;

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

pub use authors_csv::AuthorsCsv;
pub use json_lines::JsonLines;
pub use live::Live;
pub use tensorboard::TensorBoard;

use super::error::ReportError;
use super::folder::{RunResults, read_results, write_atomically};
use crate::recipe::RecipeErrors;
use metabnn::metrics::Evaluation;

/// An encoder of evaluations: a header, then any number of rows, one after the other, so that a file can be written
/// at once or bit by bit.
pub trait Encoder {
    /// Name of the file.
    fn file_name(&self) -> &'static str;

    /// The bytes that a file begins with, before any row.
    fn header(&self, context: &Context) -> Vec<u8>;

    /// The bytes of `rows`. They are whole moments of a run: of an epoch, either all evaluations or none.
    fn encode(&self, context: &Context, rows: &[Evaluation]) -> Vec<u8>;
}

/// What the numbers in an [`Evaluation`] stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Names of the tests, in the order in which they are counted.
    pub tests: Vec<String>,
    /// Epochs of each training phase.
    pub epochs: usize,
}

impl Context {
    /// Name of a test, counted from 1; with its number if any two tests have the same name.
    pub fn test(&self, number: usize) -> String {
        let Some(name) = number.checked_sub(1).and_then(|index| self.tests.get(index)) else {
            return format!("test {number}");
        };
        let distinct = self.tests.iter().collect::<BTreeSet<_>>().len() == self.tests.len();
        if distinct { name.clone() } else { format!("{name} (test {number})") }
    }

    /// Epochs done since the start of the run.
    pub fn epochs_done(&self, row: &Evaluation) -> usize {
        row.task_trained.saturating_sub(1).saturating_mul(self.epochs).saturating_add(row.epoch)
    }
}

/// Every format that finished runs can be exported to, in the order in which help lists them.
pub static EVALUATION_FORMATS: [&EvaluationFormat; 3] =
    [&tensorboard::FORMAT, &authors_csv::FORMAT, &json_lines::FORMAT];

/// A format that finished runs can be exported to, as the command and Python offer it: one `FORMAT` in the file of each.
#[derive(Debug)]
#[non_exhaustive]
pub struct EvaluationFormat {
    /// Its name, as in `metabnn export RESULTS --to tensorboard`.
    pub name: &'static str,
    /// What it is, in a few words.
    pub help: &'static str,
    /// The encoder for a finished run; the text says where its recipe is from.
    encoder: fn(&RunResults, &str) -> EncoderResult,
}

/// The encoder for a run, or why its recipe cannot be read.
type EncoderResult = Result<Box<dyn Encoder>, RecipeErrors>;

impl EvaluationFormat {
    /// The format of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        EVALUATION_FORMATS.into_iter().find(|format| format.name == name)
    }
}

/// Writes the evaluations of every finished run in `results` into `out`, one file per run: `out/RUN/FILE`. Gives the
/// files.
///
/// # Errors
/// [`ReportError::Invalid`] if no run trained a network, or one's name does not fit a folder; [`ReportError::Recipe`] if
/// the format needs the settings of a run and this version does not understand its recipe; otherwise as
/// [`super::write_report`]. Nothing is written unless all can be.
pub fn export(results: &Path, format: &EvaluationFormat, out: &Path) -> Result<Vec<PathBuf>, ReportError> {
    export_telling(results, format, out, |_| ())
}

/// [`export`]; `tell` is given a line for each run that is left out: see
/// [`left_out`](super::folder::Results::left_out).
///
/// # Errors
/// As [`export`].
pub fn export_telling(
    results: &Path,
    format: &EvaluationFormat,
    out: &Path,
    tell: impl FnMut(&str),
) -> Result<Vec<PathBuf>, ReportError> {
    let found = read_results(results)?;
    found.left_out.iter().map(String::as_str).for_each(tell);
    let mut files = Vec::new();
    let mut names = BTreeSet::new();
    for run in found.runs.iter().filter(|run| run.summary.is_trained()) {
        let name = &run.summary.name;
        let mut parts = Path::new(name).components();
        let fits = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
        if !(fits && names.insert(name)) {
            let expected = "one that fits a folder, different from those of other runs";
            return Err(ReportError::invalid(results, "the name of a run", expected, format!("{name:?}")));
        }
        let origin = results.join(&run.summary.folder).join("recipe.toml");
        let encoder = (format.encoder)(run, &origin.to_string_lossy())?;
        let context = Context { tests: run.summary.tests.clone(), epochs: run.summary.epochs };
        let path = out.join(name).join(encoder.file_name());
        files.push((path, whole(encoder.as_ref(), &context, &run.evaluations)));
    }
    if files.is_empty() {
        let expected = "at least one of a trained network";
        return Err(ReportError::invalid(results, "runs", expected, "analyses alone"));
    }
    files
        .into_iter()
        .map(|(path, bytes)| {
            write_atomically(&path, &bytes)?;
            Ok(path)
        })
        .collect()
}

/// A whole file.
fn whole(encoder: &dyn Encoder, context: &Context, rows: &[Evaluation]) -> Vec<u8> {
    let mut bytes = encoder.header(context);
    bytes.extend(encoder.encode(context, rows));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use metabnn::metrics::Split;

    #[test]
    fn names_of_tests_are_told_apart() {
        let of = |names: &[&str]| {
            let context = Context { tests: names.iter().map(ToString::to_string).collect(), epochs: 3 };
            (0..=names.len() + 1).map(|number| context.test(number)).collect::<Vec<_>>()
        };
        assert_eq!(of(&["mnist", "usps"]), ["test 0", "mnist", "usps", "test 3"]);
        let found = of(&["a", "a", "a (test 1)"]);
        assert_eq!(found[1..4], ["a (test 1)", "a (test 2)", "a (test 1) (test 3)"]);
    }

    #[test]
    fn epochs_are_counted_over_all_tasks() {
        let context = Context { tests: Vec::new(), epochs: 40 };
        let at = |task_trained, epoch| {
            let split = Split::Test;
            let row = Evaluation { task_trained, epoch, split, task_evaluated: 1, accuracy: 0.5, loss: 1.0 };
            context.epochs_done(&row)
        };
        assert_eq!([at(0, 0), at(1, 1), at(1, 40), at(2, 1), at(6, 40)], [0, 1, 40, 41, 240]);
        assert_eq!(at(usize::MAX, usize::MAX), usize::MAX, "no file can make it overflow");
    }
}
