//! The network as it is tested: forward alone, a few features at a time, so that no layer's sums are ever held whole.

use metabnn_infer::WORD;
use metabnn_infer::kernels::Samples;

use super::linear::Input;
use super::norm::{ExactStatistics, exact_sums};
use super::passed::{Share, Shown};
use super::rows::Rows;
use super::{Inputs, Network, NormState};
use crate::recipe::settings::{Precision, Statistics};

/// Features whose sums are held at a time: few, so that they stay in cache.
const FEATURES: usize = 64;
/// The same where every lot makes its own tables of all inputs.
const FEATURES_OF_TABLES: usize = 1024;

/// A layer's output, in the form that the next one receives.
enum Output {
    Signs(Samples),
    Real(Rows),
}

impl Output {
    fn input(&self) -> Input<'_> {
        match self {
            Self::Signs(samples) => Input::Signs(samples),
            Self::Real(rows) => Input::Real(rows),
        }
    }
}

impl Network {
    /// Outputs for `inputs`, (batch, classes), with the batch-norm states `norms` (one per layer). The work of one
    /// thread.
    pub fn logits(&self, inputs: &Inputs, norms: &[NormState], statistics: Statistics) -> Vec<f32> {
        let (last, kernels) = (self.layers.len() - 1, self.machine.kernels);
        let (norm, state) = (&self.layers[last].norm, &norms[last]);
        let classes = state.gamma.len();
        let mut logits = vec![0.0; inputs.batch() * classes];
        self.sums(last, inputs, norms, statistics, |class, sums| {
            norm.normalise_test(kernels, state, class, sums, statistics);
            let column = logits[class..].iter_mut().step_by(classes);
            column.zip(sums).for_each(|(logit, normed)| *logit = state.scale_and_shift(class, *normed));
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
                let keep = |feature: usize, row: &mut [f32]| sums[feature] = exact_sums(row);
                network.sums(depth, &inputs, &norms, Statistics::Recalibrated, keep);
                (inputs.batch(), sums)
            });
            let mut statistics = ExactStatistics::new(features);
            sums.iter().for_each(|(batch, sums)| statistics.add(*batch, sums));
            statistics.store(&mut self.layers[depth].norm.state);
        }
    }

    /// Hands the sums of each feature of layer `depth`, (batch), to `take`, in order.
    fn sums(
        &self,
        depth: usize,
        inputs: &Inputs,
        norms: &[NormState],
        statistics: Statistics,
        mut take: impl FnMut(usize, &mut [f32]),
    ) {
        let mut shown = Shown::default();
        shown.look_at(inputs, self.precision);
        let mut passed: Option<Output> = None;
        for (index, state) in norms.iter().enumerate().take(depth) {
            let input = passed.as_ref().map_or_else(|| shown.input(inputs), Output::input);
            passed = Some(self.activations(index, input, state, statistics, inputs.batch()));
        }
        let input = passed.as_ref().map_or_else(|| shown.input(inputs), Output::input);
        self.in_lots(depth, input, inputs.batch(), |first, rows, features| {
            (0..features).for_each(|row| take(first + row, rows.row_mut(row)));
        });
    }

    /// What layer `index` hands on.
    fn activations(
        &self,
        index: usize,
        input: Input<'_>,
        state: &NormState,
        statistics: Statistics,
        batch: usize,
    ) -> Output {
        let (norm, kernels) = (&self.layers[index].norm, self.machine.kernels);
        let outputs = self.layers[index].linear.outputs();
        let mut output = match self.precision {
            Precision::Binary => Output::Signs(Samples::new(outputs, batch)),
            Precision::FullPrecision => Output::Real(Rows::new(outputs, batch)),
        };
        let mut signs = Vec::new();
        self.in_lots(index, input, batch, |first, rows, features| {
            for row in 0..features {
                norm.normalise_test(kernels, state, first + row, rows.row_mut(row), statistics);
            }
            let columns = rows.columns();
            let normed = &mut rows.flat_mut()[..features * columns.stride];
            let (samples, real): (&mut [_], &mut [_]) = match &mut output {
                Output::Signs(samples) => {
                    signs.resize(features * batch.div_ceil(WORD), 0);
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
            share.activate(kernels, self.precision, state);
        });
        output
    }

    /// The sums of layer `index`, some features at a time: the first of them, their rows, and how many.
    fn in_lots(
        &self,
        index: usize,
        input: Input<'_>,
        batch: usize,
        mut take: impl FnMut(usize, &mut Rows, usize),
    ) {
        let linear = &self.layers[index].linear;
        let lot = if matches!(input, Input::Signs(_)) { FEATURES } else { FEATURES_OF_TABLES };
        let mut rows = Rows::new(lot.min(linear.outputs()), batch);
        let columns = rows.columns();
        for first in (0..linear.outputs()).step_by(lot) {
            let features = lot.min(linear.outputs() - first);
            linear.forward(
                self.machine.kernels,
                input,
                first,
                &mut rows.flat_mut()[..features * columns.stride],
                columns,
            );
            take(first, &mut rows, features);
        }
    }
}
