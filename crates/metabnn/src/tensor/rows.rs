//! Matrices of reals between the layers, one row per feature.

use crate::kernels::{LANES, Lanes, Matrix};

/// Where the columns of [`Rows`] are.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    /// Distance from a row to the next in [`Rows::flat`], a multiple of 16.
    pub stride: usize,
    /// Columns in use.
    pub count: usize,
}

/// Real numbers, (features, batch): a row per feature, each starting a cache line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    batch: usize,
    /// Lane groups of a row: an odd number, so that equal columns of many rows do not compete for the same few places
    /// of a cache.
    groups: usize,
    values: Vec<Lanes>,
}

impl Rows {
    /// A matrix of zeros.
    pub fn new(features: usize, batch: usize) -> Self {
        let groups = batch.div_ceil(LANES) | 1;
        Self { batch, groups, values: vec![Lanes::default(); features * groups] }
    }

    /// From samples in rows: `values` is (batch, width).
    pub fn from_samples(values: &[f32], width: usize) -> Self {
        let mut rows = Self::new(width, values.len() / width);
        for (sample, values) in values.chunks_exact(width).enumerate() {
            for (feature, value) in values.iter().enumerate() {
                rows.row_mut(feature)[sample] = *value;
            }
        }
        rows
    }

    /// Gives it another shape; the numbers are then anyone's guess. Nothing happens where it has that shape.
    pub fn reshape(&mut self, features: usize, batch: usize) {
        if (self.features(), self.batch) != (features, batch) {
            *self = Self::new(features, batch);
        }
    }

    /// Number of rows.
    pub fn features(&self) -> usize {
        self.values.len() / self.groups.max(1)
    }

    /// Number of columns.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Distance from a row to the next in [`Rows::flat`], and the number of columns.
    pub fn columns(&self) -> Columns {
        Columns { stride: self.groups * LANES, count: self.batch }
    }

    /// One row, (batch).
    pub fn row(&self, feature: usize) -> &[f32] {
        &self.flat()[feature * self.groups * LANES..][..self.batch]
    }

    /// One row, (batch).
    pub fn row_mut(&mut self, feature: usize) -> &mut [f32] {
        let (start, batch) = (feature * self.groups * LANES, self.batch);
        &mut self.flat_mut()[start..][..batch]
    }

    /// All numbers, with what stands between the rows.
    pub fn flat(&self) -> &[f32] {
        Lanes::flat(&self.values)
    }

    /// The rows from `first` on.
    pub fn matrix(&self, first: usize) -> Matrix<'_> {
        let stride = self.columns().stride;
        Matrix { values: &self.flat()[first * stride..], stride }
    }

    /// All numbers, with what stands between the rows; in gradients that must stay zero.
    pub fn flat_mut(&mut self) -> &mut [f32] {
        Lanes::flat_mut(&mut self.values)
    }

    /// The samples in rows, (batch, features), each number as `value(feature, number)` makes it.
    pub fn to_samples(&self, value: impl Fn(usize, f32) -> f32) -> Vec<f32> {
        let features = self.features();
        let mut samples = vec![0.0; self.batch * features];
        for feature in 0..features {
            for (sample, number) in self.row(feature).iter().enumerate() {
                samples[sample * features + feature] = value(feature, *number);
            }
        }
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_become_rows_and_rows_samples() {
        for (batch, width) in [(1, 1), (3, 5), (16, 2), (17, 33), (100, 7), (257, 3)] {
            let samples: Vec<f32> = (0..batch * width).map(|i| i as f32).collect();
            let rows = Rows::from_samples(&samples, width);
            assert_eq!((rows.features(), rows.batch()), (width, batch));
            for feature in 0..width {
                let expected: Vec<f32> = samples.iter().copied().skip(feature).step_by(width).collect();
                assert_eq!(rows.row(feature), expected);
            }
            assert_eq!(rows.to_samples(|_, value| value), samples);
            let of_feature = rows.to_samples(|feature, _| feature as f32);
            assert!(of_feature.iter().enumerate().all(|(i, &value)| value == (i % width) as f32));
        }
    }

    #[test]
    fn rows_start_cache_lines_and_lie_apart() {
        for batch in [1, 16, 17, 32, 33, 256, 257] {
            let mut rows = Rows::new(6, batch);
            let Columns { stride, count } = rows.columns();
            assert!(count == batch && stride >= batch && stride / LANES % 2 == 1 && stride % LANES == 0);
            assert_eq!(rows.row(0).as_ptr().align_offset(64), 0);
            rows.row_mut(4).fill(1.0);
            let ones = rows.flat().iter().enumerate().filter(|(_, value)| **value != 0.0);
            assert_eq!(
                ones.map(|(i, _)| i).collect::<Vec<_>>(),
                (4 * stride..4 * stride + batch).collect::<Vec<_>>()
            );
            let from_row_2 = rows.matrix(2);
            assert_eq!((from_row_2.values.len(), from_row_2.stride), (4 * stride, stride));
            assert_eq!(from_row_2.values[2 * stride..][..batch], vec![1.0; batch]);
        }
    }

    #[test]
    fn another_shape_is_made_of_zeros_and_the_same_one_kept() {
        let mut rows = Rows::new(3, 20);
        rows.row_mut(1).fill(2.0);
        rows.reshape(3, 20);
        assert_eq!(rows.row(1), [2.0; 20]);
        // As many lane groups, another batch.
        rows.reshape(3, 21);
        assert_eq!((rows.features(), rows.batch()), (3, 21));
        assert!(rows.flat().iter().all(|&value| value == 0.0));
        rows.reshape(5, 21);
        assert_eq!((rows.features(), rows.row(4).len()), (5, 21));
    }
}
