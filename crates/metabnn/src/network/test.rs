//! The network as it is tested: forward alone, a few features at a time, so that no layer's sums are ever held whole.

use metabnn_infer::WORD;
use metabnn_infer::kernels::Samples;

use super::convolution::{Maps, Sums, put_together};
use super::linear::Input;
use super::norm::{BatchStatistics, ExactStatistics, exact_sums};
use super::passed::{Share, Shown};
use super::rows::Rows;
use super::unfold::{flatten, flatten_signs};
use super::{Inputs, Layer, LayerShape, Network, NormState, Together};
use crate::machine::Machine;
use crate::recipe::settings::Statistics;

/// Features whose sums are held at a time: few, so that they stay in cache.
const FEATURES: usize = 64;
/// The same where every lot makes its own tables of all inputs.
const FEATURES_OF_TABLES: usize = 1024;

/// A layer's output, in the form that the next one receives.
enum Output {
    Signs(Samples),
    Real(Rows),
}

/// What a layer receives.
#[derive(Clone, Copy)]
enum Given<'a> {
    Dense(Input<'a>),
    Maps(Maps<'a>),
}

impl Output {
    /// Maps of `batch` samples with a row for each of their numbers.
    fn flat(self, batch: usize) -> Self {
        match self {
            Self::Signs(samples) => Self::Signs(Samples::from_features(&flatten_signs(&samples, batch))),
            Self::Real(rows) => {
                let mut flat = Rows::new(rows.features() * (rows.batch() / batch), batch);
                flatten(&rows, batch, &mut flat);
                Self::Real(flat)
            }
        }
    }
}

impl Network {
    /// Outputs for `inputs`, (batch, classes), with the batch-norm states `norms` (one per layer). The work of one
    /// thread.
    pub fn logits(&self, inputs: &Inputs, norms: &[NormState], statistics: Statistics) -> Vec<f32> {
        let last = self.layers.len() - 1;
        let state = &norms[last];
        let classes = state.gamma.len();
        let mut logits = vec![0.0; inputs.batch() * classes];
        self.sums(last, inputs, norms, statistics, |first, rows, features| {
            self.normalise_test(last, state, statistics, first, rows, features);
            for (row, class) in (first..first + features).enumerate() {
                let column = logits[class..].iter_mut().step_by(classes);
                let normed = column.zip(rows.row(row));
                normed.for_each(|(logit, normed)| *logit = state.scale_and_shift(class, *normed));
            }
        });
        logits
    }

    /// Sets the statistics of every batch norm to the exact ones over batches 0..`count`, `batch(i)` being one, layer
    /// after layer, so that each layer sees what it will see at test time.
    pub fn recalibrate(&mut self, count: usize, batch: impl Fn(usize) -> Inputs + Sync) {
        for depth in 0..self.layers.len() {
            let (features, norms) = (self.layers[depth].linear.outputs(), self.norm_states());
            let network = &*self;
            let sums = network.machine.pool.map(0..count, |index| {
                let (inputs, mut sums) = (batch(index), vec![(0.0, 0.0); features]);
                let keep = |first: usize, rows: &mut Rows, features: usize| {
                    (0..features).for_each(|row| sums[first + row] = exact_sums(rows.row(row)));
                };
                network.sums(depth, &inputs, &norms, Statistics::Recalibrated, keep);
                (inputs.batch() * network.layers[depth].positions(), sums)
            });
            let mut statistics = ExactStatistics::new(features);
            sums.iter().for_each(|(batch, sums)| statistics.add(*batch, sums));
            statistics.store(&mut self.layers[depth].norm.state);
        }
    }

    /// Hands the sums of layer `depth` to `take`, some features at a time in order: the first of them, their rows, and
    /// how many.
    fn sums(
        &self,
        depth: usize,
        inputs: &Inputs,
        norms: &[NormState],
        statistics: Statistics,
        take: impl FnMut(usize, &mut Rows, usize),
    ) {
        let mut shown = Shown::default();
        shown.look_at(inputs, &self.layers[0].shape, self.precision);
        let mut passed: Option<Output> = None;
        for (index, state) in norms.iter().enumerate().take(depth) {
            let given = self.given(index, &shown, inputs, passed.as_ref());
            let output = self.activations(index, given, state, statistics, inputs.batch());
            let flattens = matches!(
                (self.layers[index].shape, self.layers[index + 1].shape),
                (LayerShape::Convolution(_), LayerShape::Dense)
            );
            passed = Some(if flattens { output.flat(inputs.batch()) } else { output });
        }
        self.in_lots(depth, self.given(depth, &shown, inputs, passed.as_ref()), inputs.batch(), take);
    }

    /// What layer `index` receives: what the layer before it handed on, or what is shown.
    fn given<'a>(
        &self,
        index: usize,
        shown: &'a Shown,
        inputs: &'a Inputs,
        passed: Option<&'a Output>,
    ) -> Given<'a> {
        match (self.layers[index].shape, passed) {
            (LayerShape::Dense, None) => Given::Dense(shown.input(inputs)),
            (LayerShape::Dense, Some(Output::Signs(samples))) => Given::Dense(Input::Signs(samples)),
            (LayerShape::Dense, Some(Output::Real(rows))) => Given::Dense(Input::Real(rows)),
            (LayerShape::Convolution(_), None) => Given::Maps(Maps::Real(shown.maps())),
            (LayerShape::Convolution(_), Some(Output::Signs(samples))) => Given::Maps(Maps::Signs(samples)),
            (LayerShape::Convolution(_), Some(Output::Real(rows))) => Given::Maps(Maps::Real(rows)),
        }
    }

    /// Normalises the sums of some features from `first` on as a test does.
    fn normalise_test(
        &self,
        index: usize,
        state: &NormState,
        statistics: Statistics,
        first: usize,
        rows: &mut Rows,
        features: usize,
    ) {
        let (layer, kernels) = (&self.layers[index], self.machine.kernels);
        let norm = &layer.norm;
        match layer.together() {
            Together::Row => (0..features).for_each(|row| {
                norm.normalise_test(kernels, state, first + row, rows.row_mut(row), statistics);
            }),
            Together::Positions => {
                let mut seen = vec![BatchStatistics::default(); rows.batch() / layer.positions()];
                (0..features).for_each(|row| norm.normalise_pieces(kernels, rows.row_mut(row), &mut seen));
            }
            Together::Units => {
                let mut seen = vec![BatchStatistics::default(); rows.batch()];
                norm.normalise_units(rows, &mut seen);
            }
        }
    }

    /// What layer `index` hands on.
    fn activations(
        &self,
        index: usize,
        given: Given<'_>,
        state: &NormState,
        statistics: Statistics,
        batch: usize,
    ) -> Output {
        let (kernels, hands_on) = (self.machine.kernels, self.hands_on_in_test());
        let outputs = self.layers[index].linear.outputs();
        let places = batch * self.layers[index].positions();
        let mut output = match hands_on.is_signs() {
            true => Output::Signs(Samples::new(outputs, places)),
            false => Output::Real(Rows::new(outputs, places)),
        };
        let mut signs = Vec::new();
        self.in_lots(index, given, batch, |first, rows, features| {
            self.normalise_test(index, state, statistics, first, rows, features);
            let columns = rows.columns();
            let normed = &mut rows.flat_mut()[..features * columns.stride];
            let (samples, real): (&mut [_], &mut [_]) = match &mut output {
                Output::Signs(samples) => {
                    signs.resize(features * places.div_ceil(WORD), 0);
                    let stride = samples.stride();
                    let words = &mut samples.words_mut()[first / WORD * stride..];
                    (&mut words[..features.div_ceil(WORD) * stride], &mut [])
                }
                Output::Real(real) => {
                    (&mut [], &mut real.flat_mut()[first * columns.stride..][..features * columns.stride])
                }
            };
            let seen = &mut [];
            let mut share = Share { first, columns, normed, seen, signs: &mut signs, samples, real };
            share.activate(kernels, hands_on, state);
        });
        output
    }

    /// The sums of layer `index`, after pooling, some features at a time: the first of them, their rows, and how many.
    fn in_lots(
        &self,
        index: usize,
        given: Given<'_>,
        batch: usize,
        mut take: impl FnMut(usize, &mut Rows, usize),
    ) {
        let (layer, Machine { kernels, pool }) = (&self.layers[index], &self.machine);
        let Layer { shape, linear, .. } = layer;
        let lot = match given {
            _ if layer.together() == Together::Units => linear.outputs(),
            Given::Dense(Input::Real(_) | Input::Pixels(_)) => FEATURES_OF_TABLES,
            Given::Dense(Input::Signs(_)) | Given::Maps(_) => FEATURES,
        };
        let mut rows = Rows::new(lot.min(linear.outputs()), batch * layer.positions());
        let columns = rows.columns();
        let maps = match (given, shape) {
            (Given::Maps(maps), LayerShape::Convolution(convolution)) => {
                Some((Sums::new(*kernels, linear, convolution, maps), convolution))
            }
            _ => None,
        };
        for first in (0..linear.outputs()).step_by(lot) {
            let features = lot.min(linear.outputs() - first);
            let sums = &mut rows.flat_mut()[..features * columns.stride];
            match (given, &maps) {
                (_, Some((of, convolution))) => {
                    let samples = convolution.lots(batch);
                    let pieces = pool.map(samples, |samples| of.of(samples, first, features, false));
                    put_together(pieces.iter().map(|piece| &piece.pooled), 0, sums, columns.stride);
                }
                (Given::Dense(input), None) => linear.forward(*kernels, input, first, sums, columns),
                (Given::Maps(_), None) => unreachable!("dense layers are given no maps"),
            }
            take(first, &mut rows, features);
        }
    }
}
