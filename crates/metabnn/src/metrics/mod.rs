//! What a run is judged by: accuracies during the run, the accuracy matrix, forgetting and transfer.

use serde::{Deserialize, Serialize};

/// Which images an evaluation saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Training images of one task.
    Train,
    /// Training images of all tasks together.
    All,
    /// Images kept apart.
    Test,
}

/// One row of `metrics.csv`: how well the network does on one task at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Task in training, counted from 1; 0 before any training.
    pub task_trained: usize,
    /// Epochs done of that task, counted from 1; 0 before any training.
    pub epoch: usize,
    /// Which images.
    pub split: Split,
    /// Task the images belong to, counted from 1; 0 for those of all tasks.
    pub task_evaluated: usize,
    /// Fraction of images classified correctly, in [0, 1].
    pub accuracy: f64,
    /// Mean cross-entropy in nats.
    pub loss: f64,
}

/// The accuracy of each evaluation, in order.
pub fn accuracies(evaluations: &[Evaluation]) -> Vec<f64> {
    evaluations.iter().map(|evaluation| evaluation.accuracy).collect()
}

/// Test accuracies after each training: `rows[i][j]`, `a[i][j]` below, is the accuracy on test j after training i.
///
/// A row for each training, in order; a column for each test, of which there is one per experience. Experiences may be
/// learned in any order, several times, or not at all: `trained` says of every row which column it trained. In a stream of
/// subsets, which has one test for all of them, and where several tasks are learned at once, a row trained no column in
/// particular; then only the average is defined.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AccuracyMatrix {
    /// Accuracy of the untrained network on each test.
    pub untrained: Vec<f64>,
    /// (trainings, tests), fractions in [0, 1].
    pub rows: Vec<Vec<f64>>,
    /// For each row the column, counted from 0, of the experience that was trained.
    #[serde(default)]
    pub trained: Vec<Option<usize>>,
}

impl AccuracyMatrix {
    /// The matrix before any training: accuracies of the untrained network on each test.
    pub fn new(untrained: Vec<f64>) -> Self {
        Self { untrained, rows: Vec::new(), trained: Vec::new() }
    }

    /// The accuracies on each test after one more training, of the experience with this column: see
    /// [`TaskStream::column`](crate::stream::TaskStream::column).
    pub fn push(&mut self, column: Option<usize>, row: Vec<f64>) {
        self.rows.push(row);
        self.trained.push(column);
    }

    /// The first `rows` rows alone.
    pub(crate) fn truncate(&mut self, rows: usize) {
        self.rows.truncate(rows);
        self.trained.truncate(rows);
    }

    /// Mean over all tests of the last row: what is known at the end. `None` before any training.
    pub fn average_accuracy(&self) -> Option<f64> {
        mean(self.rows.last()?.iter().copied())
    }

    /// Forgetting: mean over the experiences that were learned, but not in the last training T, of (max over k < T of
    /// `a[k][j]`) - `a[T][j]`. `None` if there is none.
    pub fn forgetting(&self) -> Option<f64> {
        let (last, earlier) = self.rows.split_last()?;
        let best = |column: usize| earlier.iter().map(|row| row[column]).fold(f64::MIN, f64::max);
        mean(self.learned_before()?.into_iter().map(|column| best(column) - last[column]))
    }

    /// Backward transfer: mean over the experiences that were learned, but not in the last training T, of `a[T][j]` - `a[r][j]`,
    /// r being the last training of j. `None` if there is none.
    pub fn backward_transfer(&self) -> Option<f64> {
        let last = self.rows.last()?;
        let learned = |column| self.trained.iter().rposition(|trained| *trained == Some(column));
        let change = |column: usize| Some(last[column] - self.rows[learned(column)?][column]);
        let changes: Option<Vec<f64>> = self.learned_before()?.into_iter().map(change).collect();
        mean(changes?.into_iter())
    }

    /// Forward transfer: mean over the experiences whose first training f is not the first of all of `a[f-1][j]` - (accuracy of
    /// the untrained network on j). `None` if there is none.
    pub fn forward_transfer(&self) -> Option<f64> {
        let columns = self.columns()?;
        let first = |column| self.trained.iter().position(|trained| *trained == Some(column));
        let gain = |&column: &usize| {
            let before = first(column)?.checked_sub(1)?;
            Some(self.rows[before][column] - self.untrained[column])
        };
        let gains: Vec<f64> = columns.iter().filter_map(gain).collect();
        mean(gains.into_iter())
    }

    /// The column that each row trained, if each trained one, and all rows are whole.
    fn trained_columns(&self) -> Option<Vec<usize>> {
        let tests = self.untrained.len();
        let is_whole =
            self.rows.iter().all(|row| row.len() == tests) && self.trained.len() == self.rows.len();
        let columns: Vec<usize> = self.trained.iter().copied().collect::<Option<_>>()?;
        (is_whole && columns.iter().all(|&column| column < tests)).then_some(columns)
    }

    /// The columns that were trained, in the order of their first trainings.
    fn columns(&self) -> Option<Vec<usize>> {
        let mut columns = Vec::new();
        for column in self.trained_columns()? {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        Some(columns)
    }

    /// The columns that were trained, but not in the last row.
    fn learned_before(&self) -> Option<Vec<usize>> {
        let last = self.trained.last()?;
        Some(self.columns()?.into_iter().filter(|&column| Some(column) != *last).collect())
    }
}

/// Mean and sample standard deviation (n - 1); the deviation of a single value is undefined.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanStd {
    /// Mean.
    pub mean: f64,
    /// Sample standard deviation; `null` for a single value.
    pub std: Option<f64>,
}

impl MeanStd {
    /// Of `values`; `None` if there is none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let std = || (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt();
        (!values.is_empty()).then(|| Self { mean, std: (values.len() > 1).then(std) })
    }
}

/// Mean of `values`; `None` if there is none.
pub fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = values.len();
    (count > 0).then(|| values.sum::<f64>() / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(value: Option<f64>, expected: f64) {
        assert!((value.unwrap() - expected).abs() < 1e-12, "{value:?} is not {expected}");
    }

    #[test]
    fn metrics_of_a_known_matrix() {
        let matrix = AccuracyMatrix {
            untrained: vec![0.10, 0.12, 0.08],
            rows: vec![vec![0.90, 0.20, 0.10], vec![0.95, 0.80, 0.30], vec![0.60, 0.70, 0.85]],
            trained: vec![Some(0), Some(1), Some(2)],
        };
        close(matrix.average_accuracy(), (0.60 + 0.70 + 0.85) / 3.0);
        close(matrix.forgetting(), ((0.95 - 0.60) + (0.80 - 0.70)) / 2.0);
        close(matrix.backward_transfer(), ((0.60 - 0.90) + (0.70 - 0.80)) / 2.0);
        close(matrix.forward_transfer(), ((0.20 - 0.12) + (0.30 - 0.08)) / 2.0);
    }

    #[test]
    fn metrics_of_any_order_with_repetition_and_an_experience_left_out() {
        // The third, the first, the third again, the second; the fourth never.
        let mut matrix = AccuracyMatrix::new(vec![0.10, 0.12, 0.08, 0.11]);
        matrix.push(Some(2), vec![0.20, 0.15, 0.90, 0.12]);
        matrix.push(Some(0), vec![0.85, 0.25, 0.70, 0.13]);
        matrix.push(Some(2), vec![0.80, 0.35, 0.95, 0.14]);
        matrix.push(Some(1), vec![0.75, 0.88, 0.60, 0.16]);
        close(matrix.average_accuracy(), (0.75 + 0.88 + 0.60 + 0.16) / 4.0);
        close(matrix.forgetting(), ((0.95 - 0.60) + (0.85 - 0.75)) / 2.0);
        close(matrix.backward_transfer(), ((0.60 - 0.95) + (0.75 - 0.85)) / 2.0);
        close(matrix.forward_transfer(), ((0.20 - 0.10) + (0.35 - 0.12)) / 2.0);
        // The last one was learned before: what it lost and got back is no forgetting.
        matrix.push(Some(0), vec![0.90, 0.50, 0.40, 0.10]);
        close(matrix.forgetting(), ((0.95 - 0.40) + (0.88 - 0.50)) / 2.0);
        close(matrix.backward_transfer(), ((0.40 - 0.95) + (0.50 - 0.88)) / 2.0);
    }

    #[test]
    fn transfer_needs_to_know_what_was_trained() {
        let mut interleaved = AccuracyMatrix::new(vec![0.1, 0.1]);
        interleaved.push(None, vec![0.9, 0.7]);
        assert_eq!(interleaved.average_accuracy(), Some(0.8));
        assert_eq!(interleaved.forgetting(), None);
        let mut one = AccuracyMatrix::new(vec![0.1, 0.1]);
        one.push(Some(1), vec![0.2, 0.7]);
        assert_eq!((one.forgetting(), one.backward_transfer(), one.forward_transfer()), (None, None, None));
        assert_eq!(AccuracyMatrix::default().average_accuracy(), None);
        let of_another_stream = AccuracyMatrix { trained: vec![Some(7)], ..one };
        assert_eq!(of_another_stream.forgetting(), None);
    }
}
