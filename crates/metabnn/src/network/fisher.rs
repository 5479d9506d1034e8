//! How much each weight matters to what was learned: the diagonal of the empirical Fisher information.

use super::batch::PreparedInput;
use super::{Batch, Inputs, Network};
use crate::kernels::{Gate, Lanes};
use crate::layer::{Layer, LayerCache, Mode, Nonlinearity, Pass, Squares, cross_entropy};
use crate::tensor::Tiled;

impl Network {
    /// Diagonal of the empirical Fisher information of every layer's weights, (out, in) each as in [`Layer::linear`]:
    /// `F[o, i] = 1/N sum_n (d -log softmax(z(x_n))[label_n] / dW[o, i])^2` over the N samples of batches 0..`count`,
    /// `batch(i)` being one. W are the weights in use: the signs of the hidden ones in a binarized network.
    ///
    /// Every sample is by itself: batch norms use the running (or recalibrated) statistics of their state, layer and
    /// instance norms those of the sample, and nothing is dropped. Signs pass the gradient straight through, as in training.
    /// Source: Kirkpatrick et al. 2017, as in the authors' code. Batches that are left when the machine is asked to stop are
    /// left out.
    pub fn fisher(&self, count: usize, batch: impl Fn(usize) -> Batch + Sync) -> Vec<Tiled> {
        let pool = &self.machine.pool;
        let zeros = |layer: &Layer| Tiled::new(layer.linear.inputs(), layer.linear.outputs());
        let mut sums: Vec<Tiled> = self.layers.iter().map(zeros).collect();
        let mut samples = 0;
        // A batch per thread, added up in order; maps are so large that all threads share one batch.
        let has_maps = self.layers.iter().any(|layer| layer.positions() > 1);
        let at_once = if has_maps { 1 } else { pool.threads() };
        for first in (0..count).step_by(at_once) {
            if self.machine.stop.is_requested() {
                break;
            }
            let batches = first..count.min(first + at_once);
            let of_batches = if has_maps {
                batches.map(|index| self.squares(&batch(index))).collect()
            } else {
                pool.map(batches, |index| self.squares(&batch(index)))
            };
            for squares in of_batches {
                samples += squares.first().map_or(0, Squares::samples);
                for (sums, squares) in sums.iter_mut().zip(&squares) {
                    let inputs = sums.inputs();
                    let tiles = sums.groups_mut().chunks_mut(inputs).enumerate();
                    pool.share(tiles, |(tile, sums)| squares.add_to(self.machine.kernels, tile, sums));
                }
            }
        }
        let sums_of_all = sums.iter_mut().flat_map(|sums| Lanes::flat_mut(sums.groups_mut()));
        sums_of_all.for_each(|sum| *sum /= samples as f32);
        sums
    }

    /// The squares of every layer.
    fn squares(&self, batch: &Batch) -> Vec<Squares> {
        let mut prepared = PreparedInput::default();
        prepared.prepare_forward(&batch.inputs, &self.layers[0]);
        let mut caches = self.forward_kept(batch, &prepared);
        let mut squares = Vec::new();
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let (below, cache) = caches.split_at_mut(index);
            let (machine, samples) = (&self.machine, batch.labels.len());
            match below.last_mut() {
                Some(below) => {
                    let LayerCache { output, gradient, .. } = &mut *below;
                    let input = (output.input(), false);
                    squares.push(layer.squares(machine, input, &mut cache[0], samples, Some(gradient)));
                    let gate = self.config.activation().gate();
                    self.layers[index - 1].backward_norm_kept(machine, gate, below);
                }
                None => {
                    let is_signs = matches!(batch.inputs, Inputs::Signs(_));
                    let input = (prepared.input(&batch.inputs), is_signs);
                    squares.push(layer.squares(machine, input, &mut cache[0], samples, None));
                }
            }
        }
        squares.reverse();
        squares
    }

    /// Forward through all layers, each sample by itself; and the gradient of the last layer's pre-activations.
    fn forward_kept(&self, batch: &Batch, prepared: &PreparedInput) -> Vec<LayerCache> {
        let mut caches: Vec<LayerCache> = Vec::new();
        let hidden = Nonlinearity::without_dropout(self.config.activation());
        for (index, layer) in self.layers.iter().enumerate() {
            let nonlinearity = (index + 1 < self.layers.len()).then_some(hidden);
            let pass = Pass { batch: batch.labels.len(), mode: Mode::Kept, nonlinearity };
            let mut cache = LayerCache::default();
            let input =
                caches.last().map_or_else(|| prepared.input(&batch.inputs), |below| below.output.input());
            layer.run(&self.machine, input, &pass, &mut cache);
            caches.push(cache);
        }
        if let (Some(cache), Some(layer)) = (caches.last_mut(), self.layers.last()) {
            let (classes, state) = (cache.normed.features(), &layer.norm.state);
            let mut logits = cache.normed.to_samples(|class, normed| state.scale_and_shift(class, normed));
            for (sample, (logits, label)) in logits.chunks_exact_mut(classes).zip(&batch.labels).enumerate() {
                cross_entropy(logits, &[*label]);
                (0..classes).for_each(|class| cache.gradient.row_mut(class)[sample] = logits[class]);
            }
            layer.backward_norm_kept(&self.machine, Gate::Open, cache);
        }
        caches
    }
}
