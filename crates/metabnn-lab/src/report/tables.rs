//! The CSV files of a run: text from values and values from text.
//!
//! Floats are written in the shortest form that reads back as the same bits. A file always ends with a newline, so
//! that one cut off in the middle of a number is noticed.

use std::path::Path;
use std::str::FromStr;

use metabnn::history::{Flips, WeightHistogram};
use metabnn::metrics::{Evaluation, Split};

use super::error::ReportError;

const METRICS: [&str; 6] = ["task_trained", "epoch", "split", "task_evaluated", "accuracy", "loss"];
const HISTOGRAMS: [&str; 5] = ["task_trained", "layer", "bin_low", "bin_high", "count"];
const FLIPS: [&str; 4] = ["task_trained", "epoch", "layer", "flipped"];
const TASK_TRAINED: &str = "task_trained";

const ACCURACY: &str = "an accuracy in [0, 1]";

/// Text of `metrics.csv`.
pub(super) fn metrics(evaluations: &[Evaluation]) -> String {
    let mut text = METRICS.join(",") + "\n";
    for evaluation in evaluations {
        let Evaluation { task_trained, epoch, split, task_evaluated, accuracy, loss } = evaluation;
        let split = match split {
            Split::Train => "train",
            Split::All => "all",
            Split::Test => "test",
        };
        text += &format!("{task_trained},{epoch},{split},{task_evaluated},{accuracy:?},{loss:?}\n");
    }
    text
}

/// Evaluations from the text of `metrics.csv`.
pub(super) fn parse_metrics(path: &Path, text: &str) -> Result<Vec<Evaluation>, ReportError> {
    let table = Table::parse(path, text)?;
    table.expect_header(&METRICS)?;
    let evaluation = |line: Result<Line<'_>, _>| {
        let line = line?;
        let split = match &line.fields[2] {
            "train" => Split::Train,
            "all" => Split::All,
            "test" => Split::Test,
            _ => return Err(line.error(2, "split train, all or test")),
        };
        Ok(Evaluation {
            task_trained: line.number(0, "the number of a task")?,
            epoch: line.number(1, "a number of epochs")?,
            split,
            task_evaluated: line.number(3, "the number of a task")?,
            accuracy: line.fraction(4, ACCURACY)?,
            // Not restricted to finite numbers: a run that diverged should leave its record, too.
            loss: line.number(5, "a loss")?,
        })
    };
    table.lines().map(evaluation).collect()
}

/// Text of `accuracy_matrix.csv`: after each task (row) the accuracy on every test (column).
pub(super) fn accuracy_matrix(tests: &[String], rows: &[Vec<f64>]) -> String {
    let mut text = String::from(TASK_TRAINED);
    for test in tests {
        text += ",";
        text += &quoted(test);
    }
    text += "\n";
    for (task, row) in rows.iter().enumerate() {
        text += &format!("{}", task + 1);
        for accuracy in row {
            text += &format!(",{accuracy:?}");
        }
        text += "\n";
    }
    text
}

/// Names of the tests and rows of the matrix, from the text of `accuracy_matrix.csv`.
pub(super) fn parse_accuracy_matrix(
    path: &Path,
    text: &str,
) -> Result<(Vec<String>, Vec<Vec<f64>>), ReportError> {
    let table = Table::parse(path, text)?;
    let Some((TASK_TRAINED, tests)) =
        table.header.split_first().map(|(first, tests)| (first.as_str(), tests))
    else {
        let expected = "header task_trained,NAME OF TEST...";
        return Err(ReportError::malformed(path, 1, expected, table.header.join(",")));
    };
    let row = |(index, line): (usize, Result<Line<'_>, _>)| {
        let line = line?;
        let task: usize = line.number(0, "the number of a task")?;
        if task != index + 1 {
            return Err(line.error(0, &format!("task {}", index + 1)));
        }
        (1..line.fields.len()).map(|field| line.fraction(field, ACCURACY)).collect()
    };
    let rows = table.lines().enumerate().map(row).collect::<Result<_, _>>()?;
    Ok((tests.to_vec(), rows))
}

/// Text of `hidden_weights.csv`: one line per bin.
pub(super) fn histograms(histograms: &[WeightHistogram]) -> String {
    let mut text = HISTOGRAMS.join(",") + "\n";
    for WeightHistogram { task_trained, layer, low, high, counts } in histograms {
        // The outer edges are written as they are, so that the range reads back exactly.
        let edge = |bin: usize| match bin {
            0 => *low,
            bin if bin == counts.len() => *high,
            bin => low + (high - low) * bin as f64 / counts.len() as f64,
        };
        for (bin, count) in counts.iter().enumerate() {
            text += &format!("{task_trained},{layer},{:?},{:?},{count}\n", edge(bin), edge(bin + 1));
        }
    }
    text
}

/// Histograms from the text of `hidden_weights.csv`: consecutive lines of one task and layer are one histogram.
pub(super) fn parse_histograms(path: &Path, text: &str) -> Result<Vec<WeightHistogram>, ReportError> {
    let table = Table::parse(path, text)?;
    table.expect_header(&HISTOGRAMS)?;
    let mut histograms: Vec<WeightHistogram> = Vec::new();
    for line in table.lines() {
        let line = line?;
        let task_trained = line.number(0, "the number of a task")?;
        let layer = line.number(1, "the number of a layer")?;
        let low = line.finite(2, "the lower edge of a bin")?;
        let high = line.finite(3, "the upper edge of a bin")?;
        if high <= low {
            return Err(line.error(3, &format!("an upper edge above {low:?}")));
        }
        let count = line.number(4, "a number of weights")?;
        match histograms.last_mut() {
            Some(last) if (last.task_trained, last.layer) == (task_trained, layer) => {
                if low != last.high {
                    return Err(line.error(2, &format!("the next bin, from {:?}", last.high)));
                }
                last.high = high;
                last.counts.push(count);
            }
            _ => histograms.push(WeightHistogram { task_trained, layer, low, high, counts: vec![count] }),
        }
    }
    Ok(histograms)
}

/// Text of `flips.csv`.
pub(super) fn flips(flips: &[Flips]) -> String {
    let mut text = FLIPS.join(",") + "\n";
    for Flips { task_trained, epoch, layer, flipped } in flips {
        text += &format!("{task_trained},{epoch},{layer},{flipped:?}\n");
    }
    text
}

/// Flips from the text of `flips.csv`.
pub(super) fn parse_flips(path: &Path, text: &str) -> Result<Vec<Flips>, ReportError> {
    let table = Table::parse(path, text)?;
    table.expect_header(&FLIPS)?;
    let flips = |line: Result<Line<'_>, _>| {
        let line = line?;
        Ok(Flips {
            task_trained: line.number(0, "the number of a task")?,
            epoch: line.number(1, "a number of epochs")?,
            layer: line.number(2, "the number of a layer")?,
            flipped: line.fraction(3, "a fraction in [0, 1]")?,
        })
    };
    table.lines().map(flips).collect()
}

/// A test's name, in double quotes where a comma, a quote or a line break would tear it apart.
pub(super) fn quoted(name: &str) -> String {
    if name.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", name.replace('"', "\"\""))
    } else {
        name.into()
    }
}

/// A CSV file, whose lines are taken apart one by one: of a file of millions, all at once would be many times as large.
struct Table<'a> {
    path: &'a Path,
    header: Vec<String>,
    /// Everything, the header included.
    text: &'a str,
}

impl<'a> Table<'a> {
    /// A file with its header.
    fn parse(path: &'a Path, text: &'a str) -> Result<Self, ReportError> {
        if !text.ends_with('\n') {
            let got = "the end of the file: it was cut off";
            let last = text.lines().count() as u64;
            return Err(ReportError::malformed(path, last.max(1), "a line that ends", got));
        }
        let mut table = Self { path, header: Vec::new(), text };
        let Some(header) = table.records().next() else {
            return Err(ReportError::malformed(path, 1, "a header", "an empty file"));
        };
        table.header = header?.iter().map(String::from).collect();
        Ok(table)
    }

    /// Every line, the header first.
    fn records(&self) -> impl Iterator<Item = Result<csv::StringRecord, ReportError>> + use<'a> {
        let (path, text) = (self.path, self.text);
        let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        // Text is valid UTF-8 and lengths are free: what is left of the library's errors cannot occur.
        reader.into_records().map(move |record| {
            record.map_err(|error| {
                let last = text.lines().count() as u64;
                ReportError::malformed(path, last, "comma-separated values", error.to_string())
            })
        })
    }

    fn expect_header(&self, expected: &[&str]) -> Result<(), ReportError> {
        if self.header == expected {
            return Ok(());
        }
        let expected = format!("header {}", expected.join(","));
        Err(ReportError::malformed(self.path, 1, expected, self.header.join(",")))
    }

    /// The lines after the header, each with as many fields as it has.
    fn lines(&self) -> impl Iterator<Item = Result<Line<'_>, ReportError>> {
        self.records().skip(1).map(|record| {
            let fields = record?;
            let number = fields.position().map_or(0, csv::Position::line);
            if fields.len() != self.header.len() {
                let expected = format!("{} values, one per column of the header", self.header.len());
                return Err(ReportError::malformed(self.path, number, expected, fields.len().to_string()));
            }
            Ok(Line { table: self, number, fields })
        })
    }
}

/// One line after the header.
struct Line<'a> {
    table: &'a Table<'a>,
    number: u64,
    fields: csv::StringRecord,
}

impl Line<'_> {
    fn number<T: FromStr>(&self, field: usize, expected: &str) -> Result<T, ReportError> {
        self.fields[field].parse().map_err(|_| self.error(field, expected))
    }

    fn finite(&self, field: usize, expected: &str) -> Result<f64, ReportError> {
        let value: f64 = self.number(field, expected)?;
        if value.is_finite() { Ok(value) } else { Err(self.error(field, expected)) }
    }

    fn fraction(&self, field: usize, expected: &str) -> Result<f64, ReportError> {
        let value = self.number(field, expected)?;
        if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(self.error(field, expected)) }
    }

    fn error(&self, field: usize, expected: &str) -> ReportError {
        let expected = format!("{expected} in column {}", self.table.header[field]);
        ReportError::malformed(self.table.path, self.number, expected, format!("\"{}\"", &self.fields[field]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split() -> impl Strategy<Value = Split> {
        prop_oneof![Just(Split::Train), Just(Split::All), Just(Split::Test)]
    }

    proptest! {
        #[test]
        fn evaluations_read_back_to_the_bit(
            rows in prop::collection::vec((0..99usize, 0..99usize, split(), 1..99usize, 0.0..=1.0, any::<f64>()), 0..9)
        ) {
            let written: Vec<Evaluation> = rows
                .into_iter()
                .map(|(task_trained, epoch, split, task_evaluated, accuracy, loss)| Evaluation {
                    task_trained, epoch, split, task_evaluated, accuracy, loss,
                })
                .collect();
            let text = metrics(&written);
            let read = parse_metrics(Path::new("m"), &text).unwrap();
            // Compared as text: a loss may be NaN, which equals nothing.
            prop_assert_eq!(format!("{written:?}"), format!("{read:?}"));
        }

        #[test]
        fn matrices_read_back_with_any_name(
            tests in prop::collection::vec("[a-z ,\"\n$é-]{1,9}", 1..5),
            rows in prop::collection::vec(prop::collection::vec(0.0..=1.0, 4), 0..5),
        ) {
            let rows: Vec<Vec<f64>> = rows.into_iter().map(|row| row[..tests.len()].to_vec()).collect();
            let text = accuracy_matrix(&tests, &rows);
            let (read_tests, read_rows) = parse_accuracy_matrix(Path::new("a"), &text).unwrap();
            prop_assert_eq!(read_tests, tests);
            prop_assert_eq!(read_rows, rows);
        }

        #[test]
        fn histograms_read_back_to_the_bit(
            weights in prop::collection::vec(-1e3f32..1e3, 1..50),
            bins in 1..70usize,
        ) {
            let written: Vec<WeightHistogram> =
                (0..3).map(|task| WeightHistogram::new(task, 2, || weights.iter().copied(), bins)).collect();
            let text = histograms(&written);
            prop_assert_eq!(parse_histograms(Path::new("h"), &text).unwrap(), written);
        }
    }
}
