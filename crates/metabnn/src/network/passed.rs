//! What a training step computes on its way forward and needs on its way back; kept from step to step for its room in
//! memory.

use metabnn_infer::kernels::Samples;
use metabnn_infer::{BitMatrix, WORD};

use super::Inputs;
use super::linear::Input;
use super::norm::{BatchStatistics, NormGradient, NormState};
use super::rows::{Columns, Rows};
use super::update::GradientInput;
use crate::kernels::{Kernels, SparseRows};
use crate::recipe::settings::Precision;

/// One layer's part.
#[derive(Clone, Debug)]
pub(super) struct Passed {
    /// (y - mean) / sqrt(variance + eps), (features, batch).
    pub normed: Rows,
    /// Statistics of the batch, (features).
    pub seen: Vec<BatchStatistics>,
    /// What the next layer receives where that is signs, (features, batch), and the same in words per sample.
    pub signs: BitMatrix,
    samples: Samples,
    /// What the next layer receives where that is real, (features, batch).
    pub real: Rows,
    /// Gradient of the sums, (features, batch).
    pub gradient: Rows,
    /// Gradients of scale and shift, (features).
    pub norm_gradient: NormGradient,
}

impl Default for Passed {
    fn default() -> Self {
        Self {
            normed: Rows::default(),
            seen: Vec::new(),
            signs: BitMatrix::new(0, 0),
            samples: Samples::new(0, 0),
            real: Rows::default(),
            gradient: Rows::default(),
            norm_gradient: NormGradient::default(),
        }
    }
}

/// The features that one thread takes on the way forward, a multiple of 64 from the first one on.
pub(super) struct Share<'a> {
    pub first: usize,
    pub columns: Columns,
    pub normed: &'a mut [f32],
    pub seen: &'a mut [BatchStatistics],
    /// What the next layer receives: signs in both orders, or reals; empty where it is the other.
    pub signs: &'a mut [u64],
    pub samples: &'a mut [u64],
    pub real: &'a mut [f32],
}

impl Passed {
    /// Makes room for a batch of `batch` samples of `features`, and for what the next layer receives: signs, reals or
    /// nothing.
    pub fn reshape(&mut self, features: usize, batch: usize, next: Option<Precision>) {
        self.normed.reshape(features, batch);
        self.gradient.reshape(features, batch);
        self.seen.resize(features, BatchStatistics::default());
        self.norm_gradient.gamma.resize(features, 0.0);
        self.norm_gradient.beta.resize(features, 0.0);
        match next {
            Some(Precision::Binary) if (self.signs.rows(), self.signs.columns()) != (features, batch) => {
                self.signs = BitMatrix::new(features, batch);
                self.samples = Samples::new(features, batch);
            }
            Some(Precision::FullPrecision) => self.real.reshape(features, batch),
            _ => {}
        }
    }

    /// The features in shares of `size`, a multiple of 64.
    pub fn shares(&mut self, size: usize) -> Vec<Share<'_>> {
        let columns = self.normed.columns();
        let (signs_stride, samples_stride) = (self.signs.stride(), self.samples.stride());
        let mut signs = self.signs.words_mut().chunks_mut((size * signs_stride).max(1));
        let mut samples = self.samples.words_mut().chunks_mut((size / WORD * samples_stride).max(1));
        let mut real = self.real.flat_mut().chunks_mut(size * columns.stride);
        let normed = self.normed.flat_mut().chunks_mut(size * columns.stride);
        let shares =
            normed.zip(self.seen.chunks_mut(size)).enumerate().map(|(index, (normed, seen))| Share {
                first: index * size,
                columns,
                normed,
                seen,
                signs: signs.next().unwrap_or_default(),
                samples: samples.next().unwrap_or_default(),
                real: real.next().unwrap_or_default(),
            });
        shares.collect()
    }

    /// What the next layer receives.
    pub fn output(&self, precision: Precision) -> Input<'_> {
        match precision {
            Precision::Binary => Input::Signs(&self.samples),
            Precision::FullPrecision => Input::Real(&self.real),
        }
    }
}

impl Share<'_> {
    /// Computes what the next layer receives of these features, from their normalised sums.
    pub fn activate(&mut self, kernels: Kernels, precision: Precision, norm: &NormState) {
        let Columns { stride, count } = self.columns;
        let rows = self.normed.chunks_exact(stride).enumerate();
        let rows = rows.map(|(row, normed)| {
            let feature = self.first + row;
            (&normed[..count], norm.gamma[feature], norm.beta[feature])
        });
        match precision {
            Precision::Binary => {
                let stride = count.div_ceil(WORD);
                for ((normed, gamma, beta), words) in rows.zip(self.signs.chunks_exact_mut(stride)) {
                    (kernels.norm_signs)(normed, gamma, beta, words);
                }
                let features = self.signs.chunks(WORD * stride);
                let words = self.samples.len() / features.len();
                for (features, samples) in features.zip(self.samples.chunks_exact_mut(words)) {
                    (kernels.bits.transpose_features)(features, stride, samples);
                }
            }
            Precision::FullPrecision => {
                for ((normed, gamma, beta), real) in rows.zip(self.real.chunks_exact_mut(stride)) {
                    let outputs = real.iter_mut().zip(normed);
                    outputs.for_each(|(real, normed)| *real = f32::max(gamma * normed + beta, 0.0));
                }
            }
        }
    }
}

/// The batch a network is shown, in the forms that its first layer wants.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    samples: Option<Samples>,
    real: Option<Rows>,
    sparse: SparseRows,
}

impl Shown {
    /// What the way forward needs of `inputs`.
    pub fn look_at(&mut self, inputs: &Inputs, precision: Precision) {
        (self.samples, self.real) = (None, None);
        match (inputs, precision) {
            (Inputs::Signs(bits), Precision::Binary) => self.samples = Some(Samples::from_features(bits)),
            (Inputs::Pixels(_) | Inputs::Signs(_), Precision::FullPrecision) => {
                self.real = Some(inputs.to_real())
            }
            _ => {}
        }
    }

    /// What the first layer receives, after [`Shown::look_at`].
    pub fn input<'a>(&'a self, inputs: &'a Inputs) -> Input<'a> {
        match (&self.samples, &self.real, inputs) {
            (Some(samples), ..) => Input::Signs(samples),
            (_, Some(real), _) | (.., Inputs::Real(real)) => Input::Real(real),
            (.., Inputs::Pixels(pixels)) => Input::Pixels(pixels),
            // Signs have become samples or reals.
            (.., Inputs::Signs(_)) => unreachable!("signs were looked at"),
        }
    }

    /// What the way back needs of `inputs`.
    pub fn make_ready(&mut self, inputs: &Inputs) {
        match inputs {
            Inputs::Pixels(pixels) => self.sparse.refill_pixels(pixels),
            Inputs::Real(rows) => self.sparse.refill((0..rows.features()).map(|feature| rows.row(feature))),
            Inputs::Signs(_) => {}
        }
    }

    /// The first layer's input for its gradient, after [`Shown::make_ready`].
    pub fn gradient_input<'a>(&'a self, inputs: &'a Inputs) -> GradientInput<'a> {
        match (inputs, &self.real) {
            (Inputs::Signs(_), Some(real)) => GradientInput::Real(real),
            (Inputs::Signs(bits), None) => GradientInput::Signs(bits),
            _ => GradientInput::Sparse(&self.sparse),
        }
    }
}
