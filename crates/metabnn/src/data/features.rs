//! Features: labelled samples of real numbers, such as what a pretrained network says of an image.

use super::SampleError;
use crate::digest::Cached;

/// Labelled vectors of real numbers, all of one width.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    width: usize,
    classes: usize,
    values: Vec<f32>,
    labels: Vec<u8>,
    digest: Cached,
}

impl Features {
    /// Added to the variance of a sample before its root is taken, so that a constant sample becomes zeros. It is far
    /// below the variance of any sample that says something: the features of a pretrained network are of order 1.
    pub const EPS: f64 = 1e-10;

    /// `values` is (labels.len(), width), row-major and finite; each label is below `classes`.
    ///
    /// # Errors
    /// [`SampleError::Ragged`], [`SampleError::CountMismatch`], [`SampleError::LabelOutOfRange`], [`SampleError::NotFinite`].
    pub fn new(width: usize, classes: usize, values: Vec<f32>, labels: Vec<u8>) -> Result<Self, SampleError> {
        let samples = values.len() / width.max(1);
        if samples * width != values.len() {
            return Err(SampleError::Ragged { values: values.len(), width });
        }
        if samples != labels.len() {
            return Err(SampleError::CountMismatch { images: samples, labels: labels.len() });
        }
        if let Some(index) = labels.iter().position(|&label| usize::from(label) >= classes) {
            return Err(SampleError::LabelOutOfRange { label: labels[index], index, classes });
        }
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return Err(SampleError::NotFinite {
                value: values[index],
                row: index / width,
                column: index % width,
            });
        }
        Ok(Self { width, classes, values, labels, digest: Cached::default() })
    }

    pub(super) fn digest(&self) -> &Cached {
        &self.digest
    }

    /// The first `count` samples, or all when there are fewer.
    #[must_use]
    pub fn take(&self, count: usize) -> Self {
        let count = count.min(self.len());
        let values = self.values[..count * self.width].to_vec();
        Self { values, labels: self.labels[..count].to_vec(), digest: Cached::default(), ..*self }
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Features of a sample: the input width of a network.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of classes: the output width of a network.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Sample `index`, (width).
    pub fn sample(&self, index: usize) -> &[f32] {
        &self.values[index * self.width..][..self.width]
    }

    /// Label of sample `index`.
    pub fn label(&self, index: usize) -> u8 {
        self.labels[index]
    }

    /// Each sample by itself: (x - mean) / sqrt(variance + [`EPS`](Self::EPS)), with mean and (biased) variance over
    /// the sample's own features. A constant sample becomes zeros. Sums are in f64, from the first feature to the last.
    #[must_use]
    pub fn normalised(&self) -> Self {
        let mut values = self.values.clone();
        for sample in values.chunks_exact_mut(self.width.max(1)) {
            let count = sample.len() as f64;
            let mean = sample.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
            let square = |value: f32| (f64::from(value) - mean) * (f64::from(value) - mean);
            let variance = sample.iter().map(|&value| square(value)).sum::<f64>() / count;
            let deviation = (variance + Self::EPS).sqrt();
            sample.iter_mut().for_each(|value| *value = ((f64::from(*value) - mean) / deviation) as f32);
        }
        Self { values, labels: self.labels.clone(), digest: Cached::default(), ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_normalised_sample_has_mean_0_and_variance_1_and_a_constant_one_is_0() {
        let values = vec![1.0, 2.0, 3.0, 6.0, 0.1, 0.1, 0.1, 0.1, -1e30, 1e30, -1e30, 1e30];
        let normalised = Features::new(4, 2, values, vec![0, 1, 0]).unwrap().normalised();
        // Mean 3, variance (4 + 1 + 0 + 9) / 4 = 3.5.
        let expected = [-2.0, -1.0, 0.0, 3.0].map(|value: f64| (value / 3.5_f64.sqrt()) as f32);
        for (got, expected) in normalised.sample(0).iter().zip(expected) {
            // EPS moves the result by 1.4e-11 of itself: half a unit in the last place at most.
            assert!((got - expected).abs() <= 1e-7, "{got} is not {expected}");
        }
        assert_eq!(normalised.sample(1), [0.0; 4]);
        assert_eq!(normalised.sample(2), [-1.0, 1.0, -1.0, 1.0]);
        assert_eq!((normalised.label(1), normalised.classes()), (1, 2));
    }

    #[test]
    fn values_that_are_no_features_are_refused() {
        let error =
            |values: Vec<f32>, labels: Vec<u8>| Features::new(2, 3, values, labels).unwrap_err().to_string();
        assert_eq!(error(vec![1.0; 5], vec![0, 0]), "5 values are no whole number of samples of 2");
        assert!(error(vec![1.0; 4], vec![0, 3]).starts_with("label 3 of image 1"));
        assert_eq!(
            error(vec![1.0, 2.0, 3.0, f32::NAN], vec![0, 0]),
            "NaN in row 1, column 1 (counting from 0)"
        );
    }
}
