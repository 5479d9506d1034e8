//! Distributions of hidden weights.

use serde::{Deserialize, Serialize};

use crate::network::Network;

/// Bins of a histogram of hidden weights.
const BINS: usize = 100;

/// Distribution of one layer's hidden weights after a task: counts in equal bins over [low, high].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WeightHistogram {
    /// Task just trained, counted from 1; 0 before any training.
    pub task_trained: usize,
    /// Layer, counted from 1.
    pub layer: usize,
    /// Lower edge of the first bin.
    pub low: f64,
    /// Upper edge of the last bin.
    pub high: f64,
    /// Number of hidden weights in each bin.
    pub counts: Vec<u64>,
}

impl WeightHistogram {
    /// One histogram per layer of `network`, after `task` (counted from 1; 0: before any training).
    pub fn for_layers(network: &Network, task: usize) -> impl Iterator<Item = Self> {
        let layers = network.layers.iter().enumerate();
        layers.map(move |(index, layer)| Self::new(task, index + 1, || layer.linear.hidden().values(), BINS))
    }

    /// Counts `weights` in `bins` equal bins over the symmetric range that holds them all.
    pub fn new<W: Iterator<Item = f32>>(
        task_trained: usize,
        layer: usize,
        weights: impl Fn() -> W,
        bins: usize,
    ) -> Self {
        let reach = weights().fold(0.0f32, |most, w| most.max(w.abs())).max(f32::MIN_POSITIVE);
        let scale = bins as f64 / (2.0 * f64::from(reach));
        let mut counts = vec![0; bins];
        for weight in weights() {
            let bin = ((f64::from(weight) + f64::from(reach)) * scale) as usize;
            counts[bin.min(bins - 1)] += 1;
        }
        Self { task_trained, layer, low: -f64::from(reach), high: f64::from(reach), counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_weight_is_counted_in_its_bin() {
        let histogram = WeightHistogram::new(1, 2, || [-1.0, -0.6, 0.1, 0.2, 1.0].into_iter(), 4);
        assert_eq!((histogram.low, histogram.high), (-1.0, 1.0));
        assert_eq!(histogram.counts, [2, 0, 2, 1]);
    }
}
