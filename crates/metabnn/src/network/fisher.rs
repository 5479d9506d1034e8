//! How much each weight matters to what was learned: the diagonal of the empirical Fisher information.

use metabnn_infer::WORD;

use super::activation::HandsOn;
use super::linear::Input;
use super::passed::{Passed, Shown};
use super::rows::Rows;
use super::update::side_by_side;
use super::{Batch, Inputs, Layer, Network, Tiled, cross_entropy};
use crate::kernels::{Gate, Kernels, LANES, Lanes, Left, Matrix, MatrixMut};
use crate::machine::Machine;
use crate::recipe::settings::Statistics;

/// One layer's share in the Fisher information of a batch: the gradient of sample b for the weight (o, i) is
/// dy[o, b] x[i, b], so the sum of its squares is a product of squares.
struct Squares {
    /// x^2, (in, batch); `None` where the inputs are signs, whose squares are 1.
    inputs: Option<Rows>,
    /// dy^2, (out, batch).
    gradient: Rows,
}

impl Network {
    /// Diagonal of the empirical Fisher information of every layer's weights, (out, in) each:
    /// `F[o, i] = 1/N sum_n (d -log softmax(z(x_n))[label_n] / dW[o, i])^2` over the N samples of batches 0..`count`,
    /// `batch(i)` being one. W are the weights in use: the signs of the hidden ones in a binarized network.
    ///
    /// The layers have to be dense, their norms batch norms; recipes with others are refused. Every sample is by itself: batch norms use the running (or recalibrated) statistics of their state. Signs are
    /// passed straight through, as in training. Source: Kirkpatrick et al. 2017, as in the authors' code.
    pub fn fisher(&self, count: usize, batch: impl Fn(usize) -> Batch + Sync) -> Vec<Tiled> {
        let Machine { kernels, pool } = &self.machine;
        let zeros = |layer: &Layer| Tiled::new(layer.linear.inputs(), layer.linear.outputs());
        let mut sums: Vec<Tiled> = self.layers.iter().map(zeros).collect();
        let mut samples = 0;
        for first in (0..count).step_by(pool.threads()) {
            // A batch per thread; they are added up in order.
            let lot = first..count.min(first + pool.threads());
            for squares in pool.map(lot, |index| self.squares(&batch(index))) {
                samples += squares.first().map_or(0, |squares| squares.gradient.batch());
                for (sums, squares) in sums.iter_mut().zip(&squares) {
                    let inputs = sums.inputs();
                    let tiles = sums.groups_mut().chunks_mut(inputs).enumerate();
                    pool.share(tiles, |(tile, sums)| squares.add_to(*kernels, tile, sums));
                }
            }
        }
        let sums_of_all = sums.iter_mut().flat_map(|sums| Lanes::flat_mut(sums.groups_mut()));
        sums_of_all.for_each(|sum| *sum /= samples as f32);
        sums
    }

    /// The squares of every layer. The work of one thread.
    fn squares(&self, batch: &Batch) -> Vec<Squares> {
        let mut passed = self.pass_test(batch);
        let kernels = self.machine.kernels;
        for index in (1..self.layers.len()).rev() {
            let (before, now) = passed.split_at_mut(index);
            let Passed { normed, gradient, .. } = &mut before[index - 1];
            self.layers[index].linear.input_gradient(kernels, &now[0].gradient, 0, gradient.flat_mut());
            self.layers[index - 1].norm.backward_test(self.activation.gate(), normed, gradient);
        }
        let squared = |mut rows: Rows| {
            rows.flat_mut().iter_mut().for_each(|value| *value *= *value);
            rows
        };
        let first = match &batch.inputs {
            Inputs::Signs(_) => None,
            inputs => Some(squared(inputs.to_real())),
        };
        let mut inputs = Some(first);
        let squares = passed.into_iter().map(|Passed { handed, gradient, .. }| {
            let next = handed.into_real().map(squared);
            let inputs = inputs.replace(next).flatten();
            Squares { inputs, gradient: squared(gradient) }
        });
        squares.collect()
    }

    /// Forward through all layers as in a test, each sample by itself; the gradient of the last layer's sums.
    fn pass_test(&self, batch: &Batch) -> Vec<Passed> {
        let mut shown = Shown::default();
        shown.look_at(&batch.inputs, &self.layers[0].shape, self.precision);
        let mut passed = vec![Passed::default(); self.layers.len()];
        for (index, layer) in self.layers.iter().enumerate() {
            let (before, now) = passed.split_at_mut(index);
            let input = match before.last() {
                Some(below) => below.handed.input(),
                None => shown.input(&batch.inputs),
            };
            let next = (index + 1 < self.layers.len()).then(|| self.hands_on_in_test());
            layer.pass_test(self.machine.kernels, input, &mut now[0], batch.labels.len(), next);
        }
        if let (Some(Passed { normed, gradient, .. }), Some(Layer { norm, .. })) =
            (passed.last_mut(), self.layers.last())
        {
            let classes = normed.features();
            let mut logits = normed.to_samples(|class, normed| norm.state.scale_and_shift(class, normed));
            for (sample, (logits, label)) in logits.chunks_exact_mut(classes).zip(&batch.labels).enumerate() {
                cross_entropy(logits, &[*label]);
                (0..classes).for_each(|class| gradient.row_mut(class)[sample] = logits[class]);
            }
            norm.backward_test(Gate::Open, normed, gradient);
        }
        passed
    }
}

impl Layer {
    /// Sums, batch norm with the statistics of its state and, where there is a `next` layer, what that receives.
    fn pass_test(
        &self,
        kernels: Kernels,
        input: Input<'_>,
        passed: &mut Passed,
        batch: usize,
        next: Option<HandsOn>,
    ) {
        let Self { linear, norm, .. } = self;
        passed.reshape(linear.outputs(), batch, 1, next);
        for mut share in passed.shares(linear.outputs().next_multiple_of(WORD)) {
            linear.forward(kernels, input, share.first, share.normed, share.columns);
            for (feature, row) in share.normed.chunks_exact_mut(share.columns.stride).enumerate() {
                norm.normalise_test(kernels, &norm.state, feature, &mut row[..batch], Statistics::Running);
            }
            if let Some(hands_on) = next {
                share.activate(kernels, hands_on, &norm.state);
            }
        }
    }
}

impl Squares {
    /// Adds `sum_b dy^2[o, b] x^2[i, b]` of the sixteen outputs of `tile` to `sums`, (in) lane groups.
    fn add_to(&self, kernels: Kernels, tile: usize, sums: &mut [Lanes]) {
        let first = tile * LANES;
        let dy = side_by_side(&self.gradient, first, LANES.min(self.gradient.features() - first), 1);
        if let Some(x) = &self.inputs {
            let left = Left { values: x.flat(), row: x.columns().stride, step: 1, depth: x.batch() };
            let dy = Matrix { values: Lanes::flat(&dy), stride: LANES };
            let sums = MatrixMut { values: Lanes::flat_mut(sums), stride: LANES };
            return (kernels.product)(left, dy, sums, LANES);
        }
        let mut of_output = Lanes::default();
        for dy in &dy {
            of_output.0.iter_mut().zip(dy.0).for_each(|(sum, square)| *sum += square);
        }
        for sums in sums {
            sums.0.iter_mut().zip(of_output.0).for_each(|(sum, of_output)| *sum += of_output);
        }
    }
}
