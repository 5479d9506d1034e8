//! Instance norm: the mean and variance of one channel of one sample, over its positions. Inference is its forward pass: a
//! sample's statistics are its own. Its backward pass is that of batch norm, which takes statistics of every sample.

use super::{BatchStatistics, Norm};
use crate::kernels::Kernels;

impl Norm {
    /// Instance norm, forward and at inference: normalizes one channel's pre-activations, (samples * positions), in place,
    /// each of the samples with its own statistics, which go to `statistics`, (samples).
    pub fn instance_forward(&self, kernels: Kernels, y: &mut [f32], statistics: &mut [BatchStatistics]) {
        let size = y.len() / statistics.len().max(1);
        let samples = y.chunks_exact_mut(size.max(1));
        samples.zip(statistics).for_each(|(y, statistics)| *statistics = self.batch_forward(kernels, y));
    }
}
