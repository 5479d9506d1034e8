//! What a layer's forward pass keeps for its backward pass.

use metabnn_infer::kernels::Samples;
use metabnn_infer::{BitMatrix, WORD};

use super::activation::Nonlinearity;
use super::norm::{BatchStatistics, NormGradient};
use super::{ConvChunk, GradientInput, Input};
use crate::tensor::{Columns, Rows};

/// One layer's cache; it is kept from step to step for its room in memory.
#[derive(Debug, Default)]
pub(crate) struct LayerCache {
    /// (y - mean) / sqrt(variance + eps) of the pre-activations y, (features, columns): a column per sample, or per sample
    /// and position.
    pub normed: Rows,
    /// Statistics of the batch: feature after feature, `per_feature` each; or one per sample.
    pub statistics: Vec<BatchStatistics>,
    /// Statistics of a feature; 0: they are those of whole samples.
    per_feature: usize,
    /// The layer's output.
    pub output: Activations,
    /// Where a dense layer's input was maps: that input, a row for each of its numbers.
    pub flat: Option<Flattened>,
    /// Gradient of the pre-activations, after pooling, (features, columns).
    pub gradient: Rows,
    /// Gradients of scale and shift, (features).
    pub norm_gradient: NormGradient,
    /// What a convolution keeps of each chunk of samples.
    pub conv: Vec<ConvChunk>,
}

/// A layer's output, (features, columns).
#[derive(Debug)]
pub(crate) struct Activations {
    /// Where they are signs: in words per feature, for the gradient of the layer above ...
    signs: BitMatrix,
    /// ... and in words per column.
    samples: Samples,
    /// Where they are real.
    real: Rows,
    is_signs: bool,
}

/// Maps with a row for each of their numbers, (channels * positions, batch), and their gradient.
#[derive(Debug, Default)]
pub(crate) struct Flattened {
    pub output: Activations,
    pub gradient: Rows,
}

/// The features that one thread computes at a time, a multiple of 64 from the first one on.
pub(crate) struct Chunk<'a> {
    pub first: usize,
    pub columns: Columns,
    /// Pre-activations, then normalized.
    pub normed: &'a mut [f32],
    /// Statistics, as many per feature; empty where they are per sample.
    pub statistics: &'a mut [BatchStatistics],
    /// Output: signs in both orders, or reals; empty where it is the other.
    pub signs: &'a mut [u64],
    pub samples: &'a mut [u64],
    pub real: &'a mut [f32],
}

impl LayerCache {
    /// Makes room for `columns` of `features` with `per_feature` statistics each (0: one per each of `samples`), and for
    /// the output.
    pub fn reshape(
        &mut self,
        (features, columns): (usize, usize),
        (per_feature, samples): (usize, usize),
        nonlinearity: Option<Nonlinearity>,
    ) {
        self.normed.reshape(features, columns);
        self.gradient.reshape(features, columns);
        self.per_feature = per_feature;
        let statistics = if per_feature == 0 { samples } else { features * per_feature };
        self.statistics.resize(statistics, BatchStatistics::default());
        self.norm_gradient.gamma.resize(features, 0.0);
        self.norm_gradient.beta.resize(features, 0.0);
        if let Some(nonlinearity) = nonlinearity {
            self.output.reshape(features, columns, nonlinearity.is_signs());
        }
    }

    /// The features in chunks of `size`, a multiple of 64.
    pub fn chunks(&mut self, size: usize) -> Vec<Chunk<'_>> {
        let columns = self.normed.columns();
        let Activations { signs, samples, real, .. } = &mut self.output;
        let (signs_stride, samples_stride) = (signs.stride(), samples.stride());
        let mut signs = signs.words_mut().chunks_mut((size * signs_stride).max(1));
        let mut samples = samples.words_mut().chunks_mut((size / WORD * samples_stride).max(1));
        let mut real = real.flat_mut().chunks_mut(size * columns.stride);
        let of_features = if self.per_feature == 0 { &mut [][..] } else { &mut self.statistics[..] };
        let mut statistics = of_features.chunks_mut((size * self.per_feature).max(1));
        let normed = self.normed.flat_mut().chunks_mut(size * columns.stride);
        let chunks = normed.enumerate().map(|(index, normed)| Chunk {
            first: index * size,
            columns,
            normed,
            statistics: statistics.next().unwrap_or_default(),
            signs: signs.next().unwrap_or_default(),
            samples: samples.next().unwrap_or_default(),
            real: real.next().unwrap_or_default(),
        });
        chunks.collect()
    }
}

impl Default for Activations {
    fn default() -> Self {
        let (signs, samples) = (BitMatrix::new(0, 0), Samples::new(0, 0));
        Self { signs, samples, real: Rows::default(), is_signs: false }
    }
}

impl Activations {
    /// Room for what inference hands to the next layer: without the signs' second order, which the gradient takes.
    pub fn for_inference(features: usize, columns: usize, is_signs: bool) -> Self {
        let (samples, real) = match is_signs {
            true => (Samples::new(features, columns), Rows::default()),
            false => (Samples::new(0, 0), Rows::new(features, columns)),
        };
        Self { signs: BitMatrix::new(0, 0), samples, real, is_signs }
    }

    /// From signs in words per feature.
    pub fn from_signs(signs: BitMatrix) -> Self {
        let samples = Samples::from_features(&signs);
        Self { signs, samples, real: Rows::default(), is_signs: true }
    }

    /// Real activations, of another shape if need be.
    pub fn real_mut(&mut self, features: usize, columns: usize) -> &mut Rows {
        self.is_signs = false;
        self.real.reshape(features, columns);
        &mut self.real
    }

    fn reshape(&mut self, features: usize, columns: usize, is_signs: bool) {
        self.is_signs = is_signs;
        if !is_signs {
            self.real.reshape(features, columns);
        } else if (self.signs.rows(), self.signs.columns()) != (features, columns) {
            self.signs = BitMatrix::new(features, columns);
            self.samples = Samples::new(features, columns);
        }
    }

    /// As the forward pass of the next layer takes it.
    pub fn input(&self) -> Input<'_> {
        if self.is_signs { Input::Signs(&self.samples) } else { Input::Real(&self.real) }
    }

    /// As the gradient of the next layer's weights takes it.
    pub fn gradient_input(&self) -> GradientInput<'_> {
        if self.is_signs { GradientInput::Signs(&self.signs) } else { GradientInput::Real(&self.real) }
    }

    /// The features from `first` on, `signs` being room for their second order: what [`Chunk`] holds of an output.
    pub fn chunk<'a>(
        &'a mut self,
        first: usize,
        normed: &'a mut [f32],
        columns: Columns,
        signs: &'a mut Vec<u64>,
    ) -> Chunk<'a> {
        let features = normed.len() / columns.stride;
        let (mut samples, mut real): (&mut [u64], &mut [f32]) = (&mut [], &mut []);
        if self.is_signs {
            signs.resize(features * columns.count.div_ceil(WORD), 0);
            let stride = self.samples.stride();
            samples =
                &mut self.samples.words_mut()[first / WORD * stride..][..features.div_ceil(WORD) * stride];
        } else {
            real = &mut self.real.flat_mut()[first * columns.stride..][..normed.len()];
        }
        Chunk { first, columns, normed, statistics: &mut [], signs, samples, real }
    }
}
