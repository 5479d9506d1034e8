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

/// Test accuracies after each task: `rows[i][j]` is the accuracy on task j after training task i.
///
/// Rows and columns are as many as tasks, except where one test set serves several training phases (a stream of
/// subsets) or several test sets follow one training phase (interleaved); then only the average is defined.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AccuracyMatrix {
    /// Accuracy of the untrained network on each task.
    pub untrained: Vec<f64>,
    /// (tasks trained, tasks evaluated), fractions in [0, 1].
    pub rows: Vec<Vec<f64>>,
}

impl AccuracyMatrix {
    /// Mean over j of `a[T][j]`: what is known at the end. `None` before any task is done.
    pub fn average_accuracy(&self) -> Option<f64> {
        mean(self.rows.last()?.iter().copied())
    }

    /// Mean over j < T of (max over k < T of `a[k][j]`) - `a[T][j]`; `None` unless square with T >= 2.
    pub fn forgetting(&self) -> Option<f64> {
        let (last, earlier) = self.square()?;
        mean((0..earlier.len()).map(|j| earlier.iter().map(|row| row[j]).fold(f64::MIN, f64::max) - last[j]))
    }

    /// Mean over j < T of `a[T][j]` - `a[j][j]`; `None` unless square with T >= 2.
    pub fn backward_transfer(&self) -> Option<f64> {
        let (last, earlier) = self.square()?;
        mean(earlier.iter().enumerate().map(|(j, row)| last[j] - row[j]))
    }

    /// Mean over j > 1 of `a[j-1][j]` - (accuracy of the untrained network on j); `None` unless square, T >= 2.
    pub fn forward_transfer(&self) -> Option<f64> {
        let (_, earlier) = self.square()?;
        mean(earlier.iter().enumerate().map(|(j, row)| row[j + 1] - self.untrained[j + 1]))
    }

    /// The last row and those before it, if the matrix is square with at least two tasks.
    fn square(&self) -> Option<(&[f64], &[Vec<f64>])> {
        let (last, earlier) = self.rows.split_last()?;
        let tasks = self.rows.len();
        let square =
            tasks >= 2 && self.untrained.len() == tasks && self.rows.iter().all(|row| row.len() == tasks);
        square.then_some((last.as_slice(), earlier))
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
pub(crate) fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = values.len();
    (count > 0).then(|| values.sum::<f64>() / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_of_a_known_matrix() {
        let matrix = AccuracyMatrix {
            untrained: vec![0.10, 0.12, 0.08],
            rows: vec![vec![0.90, 0.20, 0.10], vec![0.95, 0.80, 0.30], vec![0.60, 0.70, 0.85]],
        };
        let close = |value: Option<f64>, expected: f64| {
            assert!((value.unwrap() - expected).abs() < 1e-12, "{value:?} is not {expected}");
        };
        close(matrix.average_accuracy(), (0.60 + 0.70 + 0.85) / 3.0);
        close(matrix.forgetting(), ((0.95 - 0.60) + (0.80 - 0.70)) / 2.0);
        close(matrix.backward_transfer(), ((0.60 - 0.90) + (0.70 - 0.80)) / 2.0);
        close(matrix.forward_transfer(), ((0.20 - 0.12) + (0.30 - 0.08)) / 2.0);
    }

    #[test]
    fn transfer_needs_a_square_matrix() {
        let interleaved = AccuracyMatrix { untrained: vec![0.1, 0.1], rows: vec![vec![0.9, 0.7]] };
        assert_eq!(interleaved.average_accuracy(), Some(0.8));
        assert_eq!(interleaved.forgetting(), None);
        assert_eq!(AccuracyMatrix::default().average_accuracy(), None);
    }
}
