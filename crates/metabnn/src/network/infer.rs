//! Inference: forward alone, a few features at a time, so that no layer's pre-activations are ever held whole; and the
//! recalibration of batch norm.

use super::batch::PreparedInput;
use super::{Inputs, Network};
use crate::layer::{Activations, ExactStatistics, Nonlinearity, NormState, Statistics, exact_sums};
use crate::tensor::Rows;

impl Network {
    /// Outputs for `inputs`, (batch, classes), with the norm states `norms` (one per layer). The work of one thread. Zeros if
    /// the machine is asked to stop meanwhile.
    pub fn logits(&self, inputs: &Inputs, norms: &[NormState], statistics: Statistics) -> Vec<f32> {
        let last = self.layers.len() - 1;
        let (layer, state) = (&self.layers[last], &norms[last]);
        let classes = state.gamma.len();
        let mut logits = vec![0.0; inputs.batch() * classes];
        self.pre_activations(last, inputs, norms, statistics, |first, rows, features| {
            layer.normalize_infer(self.machine.kernels, (state, statistics), first, rows, features);
            for (row, class) in (first..first + features).enumerate() {
                let column = logits[class..].iter_mut().step_by(classes);
                let normed = column.zip(rows.row(row));
                normed.for_each(|(logit, normed)| *logit = state.scale_and_shift(class, *normed));
            }
        });
        logits
    }

    /// Sets the statistics of every norm to the exact ones over batches 0..`count`, `batch(i)` being one, layer after
    /// layer, so that each layer's are those of what it will receive at test time. Layers that are left when the machine is
    /// asked to stop keep theirs.
    pub fn recalibrate(&mut self, count: usize, batch: impl Fn(usize) -> Inputs + Sync) {
        for depth in 0..self.layers.len() {
            let (features, norms) = (self.layers[depth].linear.outputs(), self.norm_states());
            let network = &*self;
            let sums = network.machine.pool.map(0..count, |index| {
                if network.machine.stop.is_requested() {
                    return (0, Vec::new());
                }
                let (inputs, mut sums) = (batch(index), vec![(0.0, 0.0); features]);
                let keep = |first: usize, rows: &mut Rows, features: usize| {
                    (0..features).for_each(|row| sums[first + row] = exact_sums(rows.row(row)));
                };
                network.pre_activations(depth, &inputs, &norms, Statistics::Recalibrated, keep);
                (inputs.batch() * network.layers[depth].positions(), sums)
            });
            if self.machine.stop.is_requested() {
                return;
            }
            let mut statistics = ExactStatistics::new(features);
            sums.iter().for_each(|(batch, sums)| statistics.add(*batch, sums));
            statistics.store(&mut self.layers[depth].norm.state);
        }
    }

    /// The pre-activations of layer `depth`: `take` is given some features at a time in order, as the first of them,
    /// their rows, and how many. Nothing is given once the machine was asked to stop.
    fn pre_activations(
        &self,
        depth: usize,
        inputs: &Inputs,
        norms: &[NormState],
        statistics: Statistics,
        take: impl FnMut(usize, &mut Rows, usize),
    ) {
        let (machine, batch) = (&self.machine, inputs.batch());
        let nonlinearity = Nonlinearity::without_dropout(self.config.activation());
        let mut prepared = PreparedInput::default();
        prepared.prepare_forward(inputs, &self.layers[0]);
        let mut output: Option<Activations> = None;
        for (layer, state) in self.layers.iter().zip(norms).take(depth) {
            if machine.stop.is_requested() {
                return;
            }
            let input = output.as_ref().map_or_else(|| prepared.input(inputs), Activations::input);
            output = Some(layer.infer(machine, input, batch, (state, statistics), nonlinearity));
        }
        let input = output.as_ref().map_or_else(|| prepared.input(inputs), Activations::input);
        self.layers[depth].pre_activations(machine, input, batch, take);
    }
}
