//! What switching binary weights costs, by the magnitude of their hidden weights.

mod render;

use serde::{Deserialize, Serialize};

pub(super) use render::LOSS_INCREASE;

use metabnn::metrics::MeanStd;

/// The increase of the loss for one binary weight switched, of hidden weights of one magnitude: a row of
/// `loss_increase.csv`, and of the table `loss_increase` in `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossIncrease {
    /// Layer, counted from 1.
    pub layer: usize,
    /// Least magnitude |W^h| of the bin.
    pub low: f64,
    /// Greatest magnitude of the bin.
    pub high: f64,
    /// Hidden weights in the bin.
    pub weights: usize,
    /// Binary weights switched at once.
    pub switched: usize,
    /// Number of such draws.
    pub draws: usize,
    /// Mean over the draws of the increase of the loss, divided by `switched`.
    pub mean: f64,
    /// Sample standard deviation of the same; `null` of a single draw.
    pub std: Option<f64>,
    /// What the hidden weights alone say of it, 2 H_ii + 2 |W_i^h| / (lr t) on average: in the quadratic binary task.
    pub derived: Option<f64>,
}

impl LossIncrease {
    /// Of a bin with these `edges` that holds `weights` hidden weights of `layer`, `switched` of which were switched in
    /// every draw; `increases` are those of the loss for one weight. `None` without a draw.
    pub fn new(
        layer: usize,
        edges: (f64, f64),
        weights: usize,
        switched: usize,
        increases: &[f64],
    ) -> Option<Self> {
        let MeanStd { mean, std } = MeanStd::of(increases)?;
        let (low, high) = edges;
        Some(Self { layer, low, high, weights, switched, draws: increases.len(), mean, std, derived: None })
    }

    /// Whether its edges are those of one of some equal bins from zero on, at most [`MagnitudeBins::MOST`].
    pub fn is_bin(&self) -> bool {
        let place = self.low / (self.high - self.low);
        self.low >= 0.0 && self.high.is_finite() && (0.0..MagnitudeBins::MOST as f64).contains(&place)
    }

    /// The middle of the bin.
    pub fn magnitude(&self) -> f64 {
        0.5 * (self.low + self.high)
    }
}

/// Equal bins of magnitude from zero to the largest of a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MagnitudeBins {
    /// The largest magnitude.
    reach: f64,
    count: usize,
}

impl MagnitudeBins {
    /// Most bins.
    pub const MOST: usize = 1000;

    /// `count` bins for these hidden weights.
    pub fn new(weights: impl Iterator<Item = f64>, count: usize) -> Self {
        let reach = weights.fold(0.0f64, |most, weight| most.max(weight.abs()));
        // Weights that are all zero lie in the first of bins of some width.
        Self { reach: reach.max(f64::MIN_POSITIVE), count }
    }

    /// The bin of a hidden weight, counted from 0.
    pub fn bin(&self, weight: f64) -> usize {
        let bin = (weight.abs() / self.reach * self.count as f64) as usize;
        bin.min(self.count - 1)
    }

    /// Least and greatest magnitude of a bin.
    pub fn edges(&self, bin: usize) -> (f64, f64) {
        let edge = |bin: usize| self.reach * bin as f64 / self.count as f64;
        (edge(bin), edge(bin + 1))
    }
}

/// Pearson's correlation of `a` with `b`, (n) each; `None` where one of them does not vary.
pub fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let product =
        |f: fn(f64, f64) -> f64| -> f64 { a.iter().zip(b).map(|(a, b)| f(a - mean_a, b - mean_b)).sum() };
    let variances = product(|a, _| a * a) * product(|_, b| b * b);
    (variances > 0.0).then(|| product(|a, b| a * b) / variances.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_magnitude_has_its_bin() {
        let weights = [-2.0, 0.0, 0.3, -0.5, 1.0, 1.99];
        let bins = MagnitudeBins::new(weights.into_iter(), 4);
        assert_eq!(weights.map(|weight| bins.bin(weight)), [3, 0, 0, 1, 2, 3]);
        assert_eq!((bins.edges(0), bins.edges(3)), ((0.0, 0.5), (1.5, 2.0)));
        assert_eq!(MagnitudeBins::new([0.0].into_iter(), 4).bin(0.0), 0);
    }

    #[test]
    fn correlation_of_known_pairs() {
        let a = [1.0, 2.0, 3.0, 4.0];
        assert!((correlation(&a, &a.map(|x| 3.0 * x - 1.0)).unwrap() - 1.0).abs() < 1e-15);
        assert!((correlation(&a, &a.map(|x| -x)).unwrap() + 1.0).abs() < 1e-15);
        // By hand: deviations (-1.5, -0.5, 0.5, 1.5) and (-1, 1, -1, 1), 2 / sqrt(5 * 4).
        assert!((correlation(&a, &[0.0, 2.0, 0.0, 2.0]).unwrap() - 2.0 / 20f64.sqrt()).abs() < 1e-15);
        assert_eq!(correlation(&a, &[1.0; 4]), None);
    }
}
