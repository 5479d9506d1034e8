//! What a training step computes on its way forward and needs on its way back; kept from step to step for its room in
//! memory.

use metabnn_infer::kernels::Samples;
use metabnn_infer::{BitMatrix, WORD};

use super::activation::HandsOn;
use super::convolution::{Maps, Piece};
use super::linear::Input;
use super::norm::{BatchNorm, BatchStatistics, NormGradient, NormState};
use super::rows::{Columns, Rows};
use super::unfold;
use super::update::GradientInput;
use super::{Inputs, LayerShape};
use crate::kernels::{Kernels, SparseRows};
use crate::recipe::settings::Precision;

/// One layer's part.
#[derive(Clone, Debug, Default)]
pub(super) struct Passed {
    /// (y - mean) / sqrt(variance + eps), (features, columns): a column per sample, or per sample and position.
    pub normed: Rows,
    /// Statistics of the batch: row after row as many as a row has; or one per sample, where units are normalised
    /// together.
    pub seen: Vec<BatchStatistics>,
    /// Statistics of a row; 0: of none.
    per_row: usize,
    /// What the layer hands on.
    pub handed: Handed,
    /// The same of a convolution before a dense layer, which takes a row per feature and position.
    pub flat: Option<Flat>,
    /// Gradient of the sums, after pooling, (features, columns).
    pub gradient: Rows,
    /// Gradients of scale and shift, (features).
    pub norm_gradient: NormGradient,
    /// What a convolution saw, for the gradient of its weights.
    pub pieces: Vec<Piece>,
}

/// What a layer hands on, (features, columns).
#[derive(Clone, Debug)]
pub(super) struct Handed {
    /// Where that is signs: in words per feature, and in words per column.
    signs: BitMatrix,
    samples: Samples,
    /// Where that is real.
    real: Rows,
    is_signs: bool,
}

/// Maps with a row for each of their numbers, (features * positions, batch), and their gradient.
#[derive(Clone, Debug, Default)]
pub(super) struct Flat {
    pub handed: Handed,
    pub gradient: Rows,
}

impl Default for Handed {
    fn default() -> Self {
        let (signs, samples) = (BitMatrix::new(0, 0), Samples::new(0, 0));
        Self { signs, samples, real: Rows::default(), is_signs: false }
    }
}

/// The features that one thread takes on the way forward, a multiple of 64 from the first one on.
pub(super) struct Share<'a> {
    pub first: usize,
    pub columns: Columns,
    pub normed: &'a mut [f32],
    /// Statistics, as many per feature; empty where they are per sample.
    pub seen: &'a mut [BatchStatistics],
    /// What the next layer receives: signs in both orders, or reals; empty where it is the other.
    pub signs: &'a mut [u64],
    pub samples: &'a mut [u64],
    pub real: &'a mut [f32],
}

impl Passed {
    /// Makes room for `columns` of `features` with `per_row` statistics of each feature (0: one of each column), and for
    /// what the layer hands on.
    pub fn reshape(&mut self, features: usize, columns: usize, per_row: usize, hands_on: Option<HandsOn>) {
        self.normed.reshape(features, columns);
        self.gradient.reshape(features, columns);
        self.per_row = per_row;
        let statistics = if per_row == 0 { columns } else { features * per_row };
        self.seen.resize(statistics, BatchStatistics::default());
        self.norm_gradient.gamma.resize(features, 0.0);
        self.norm_gradient.beta.resize(features, 0.0);
        if let Some(hands_on) = hands_on {
            self.handed.reshape(features, columns, hands_on);
        }
    }

    /// The features in shares of `size`, a multiple of 64.
    pub fn shares(&mut self, size: usize) -> Vec<Share<'_>> {
        let columns = self.normed.columns();
        let Handed { signs, samples, real, .. } = &mut self.handed;
        let (signs_stride, samples_stride) = (signs.stride(), samples.stride());
        let mut signs = signs.words_mut().chunks_mut((size * signs_stride).max(1));
        let mut samples = samples.words_mut().chunks_mut((size / WORD * samples_stride).max(1));
        let mut real = real.flat_mut().chunks_mut(size * columns.stride);
        let of_rows = if self.per_row == 0 { &mut [][..] } else { &mut self.seen[..] };
        let mut seen = of_rows.chunks_mut((size * self.per_row).max(1));
        let normed = self.normed.flat_mut().chunks_mut(size * columns.stride);
        let shares = normed.enumerate().map(|(index, normed)| Share {
            first: index * size,
            columns,
            normed,
            seen: seen.next().unwrap_or_default(),
            signs: signs.next().unwrap_or_default(),
            samples: samples.next().unwrap_or_default(),
            real: real.next().unwrap_or_default(),
        });
        shares.collect()
    }

    /// What a dense layer above receives.
    pub fn dense(&self) -> &Handed {
        self.flat.as_ref().map_or(&self.handed, |flat| &flat.handed)
    }

    /// Gives maps of `batch` samples a row for each of their numbers.
    pub fn flatten(&mut self, batch: usize) {
        let flat = self.flat.get_or_insert_default();
        let rows = self.normed.features() * (self.normed.batch() / batch);
        flat.gradient.reshape(rows, batch);
        flat.handed.is_signs = self.handed.is_signs;
        if self.handed.is_signs {
            flat.handed.signs = unfold::flatten_signs(&self.handed.samples, batch);
            flat.handed.samples = Samples::from_features(&flat.handed.signs);
        } else {
            flat.handed.real.reshape(rows, batch);
            unfold::flatten(&self.handed.real, batch, &mut flat.handed.real);
        }
    }
}

impl Handed {
    fn reshape(&mut self, features: usize, columns: usize, hands_on: HandsOn) {
        self.is_signs = hands_on.is_signs();
        if !self.is_signs {
            self.real.reshape(features, columns);
        } else if (self.signs.rows(), self.signs.columns()) != (features, columns) {
            self.signs = BitMatrix::new(features, columns);
            self.samples = Samples::new(features, columns);
        }
    }

    /// The values, unless they are signs.
    pub fn into_real(self) -> Option<Rows> {
        (!self.is_signs).then_some(self.real)
    }

    /// As a dense layer takes it.
    pub fn input(&self) -> Input<'_> {
        if self.is_signs { Input::Signs(&self.samples) } else { Input::Real(&self.real) }
    }

    /// As a convolution takes it.
    pub fn maps(&self) -> Maps<'_> {
        if self.is_signs { Maps::Signs(&self.samples) } else { Maps::Real(&self.real) }
    }

    /// As the gradient of a dense layer's weights takes it.
    pub fn gradient_input(&self) -> GradientInput<'_> {
        if self.is_signs { GradientInput::Signs(&self.signs) } else { GradientInput::Real(&self.real) }
    }
}

impl Share<'_> {
    /// Normalises the sums of these features, each by itself.
    pub fn normalise(&mut self, kernels: Kernels, norm: &BatchNorm) {
        let Columns { stride, count } = self.columns;
        let per_row = self.seen.len() / (self.normed.len() / stride);
        let rows = self.normed.chunks_exact_mut(stride).zip(self.seen.chunks_exact_mut(per_row));
        rows.for_each(|(row, seen)| norm.normalise_pieces(kernels, &mut row[..count], seen));
    }

    /// Computes what the next layer receives of these features, from their normalised sums.
    pub fn activate(&mut self, kernels: Kernels, hands_on: HandsOn, norm: &NormState) {
        let Columns { stride, count } = self.columns;
        let rows = self.normed.chunks_exact(stride).enumerate();
        let rows = rows.map(|(row, normed)| {
            let feature = self.first + row;
            (feature, &normed[..count], norm.gamma[feature], norm.beta[feature])
        });
        if hands_on.is_signs() {
            let stride = count.div_ceil(WORD);
            for ((_, normed, gamma, beta), words) in rows.zip(self.signs.chunks_exact_mut(stride)) {
                (kernels.norm_signs)(normed, gamma, beta, words);
            }
            let features = self.signs.chunks(WORD * stride);
            let words = self.samples.len() / features.len();
            for (features, samples) in features.zip(self.samples.chunks_exact_mut(words)) {
                (kernels.bits.transpose_features)(features, stride, samples);
            }
            return;
        }
        let activation = hands_on.activation;
        for ((feature, normed, gamma, beta), real) in rows.zip(self.real.chunks_exact_mut(stride)) {
            let real = &mut real[..count];
            let outputs = real.iter_mut().zip(normed);
            outputs.for_each(|(real, normed)| *real = activation.value(gamma * normed + beta));
            hands_on.drop(feature, real);
        }
    }
}

/// The batch a network is shown, in the forms that its first layer wants.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    samples: Option<Samples>,
    real: Option<Rows>,
    sparse: SparseRows,
    /// Where the first layer is a convolution, whatever it is shown: (channels, batch * positions).
    maps: Option<Rows>,
}

impl Shown {
    /// What the way forward needs of `inputs` in a first layer of this `shape`.
    pub fn look_at(&mut self, inputs: &Inputs, shape: &LayerShape, precision: Precision) {
        (self.samples, self.real) = (None, None);
        if let LayerShape::Convolution(convolution) = shape {
            let size = convolution.input;
            let maps = self.maps.get_or_insert_default();
            maps.reshape(size.channels, inputs.batch() * size.positions());
            return unfold::unflatten(&inputs.to_real(), maps);
        }
        match (inputs, precision) {
            (Inputs::Signs(bits), Precision::Binary) => self.samples = Some(Samples::from_features(bits)),
            (Inputs::Pixels(_) | Inputs::Signs(_), Precision::FullPrecision) => {
                self.real = Some(inputs.to_real())
            }
            _ => {}
        }
    }

    /// What a first layer that is a convolution receives, after [`Shown::look_at`].
    pub fn maps(&self) -> &Rows {
        self.maps.as_ref().expect("a convolution was shown something")
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
            _ if self.maps.is_some() => {}
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
