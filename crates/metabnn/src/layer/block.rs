//! What stands behind the pre-activations of every kind of layer: norm, activation, dropout.

use metabnn_infer::WORD;

use super::cache::{Activations, Chunk, LayerCache};
use super::norm::BatchStatistics;
use super::{Input, Layer, Mode, Nonlinearity, NormKind, NormState, Pass, Statistics};
use crate::kernels::{Gate, Kernels};
use crate::machine::Machine;
use crate::tensor::{Columns, Rows};

impl Layer {
    /// Makes room in `cache` for a pass with so many `columns`.
    pub(super) fn reshape(&self, cache: &mut LayerCache, columns: usize, pass: &Pass) {
        let per_feature = match self.norm_kind() {
            NormKind::Batch => 1,
            NormKind::Instance => pass.batch,
            NormKind::Layer => 0,
        };
        let shape = (self.linear.outputs(), columns);
        cache.reshape(shape, (per_feature, pass.batch), pass.nonlinearity);
    }

    /// Norm and activation behind the pre-activations that `compute` puts into each chunk, of `size` features.
    pub(super) fn forward_behind(
        &self,
        machine: &Machine,
        pass: &Pass,
        size: usize,
        cache: &mut LayerCache,
        compute: impl Fn(&mut Chunk<'_>) + Sync,
    ) {
        let Machine { kernels, pool, .. } = machine;
        let waits = self.norm_kind() == NormKind::Layer;
        pool.share(cache.chunks(size), |mut chunk| {
            compute(&mut chunk);
            if !waits {
                self.normalize_chunk(*kernels, &mut chunk, pass.mode);
                if let Some(nonlinearity) = pass.nonlinearity {
                    chunk.activate(*kernels, nonlinearity, &self.norm.state);
                }
            }
        });
        if waits {
            self.norm.layer_forward(&mut cache.normed, &mut cache.statistics);
            if let Some(nonlinearity) = pass.nonlinearity {
                let state = &self.norm.state;
                pool.share(cache.chunks(size), |mut chunk| chunk.activate(*kernels, nonlinearity, state));
            }
        }
    }

    /// Normalizes features whose statistics are their own.
    fn normalize_chunk(&self, kernels: Kernels, chunk: &mut Chunk<'_>, mode: Mode) {
        let (norm, Columns { stride, count }) = (&self.norm, chunk.columns);
        let per_feature = chunk.statistics.len() / (chunk.normed.len() / stride);
        let rows = chunk.normed.chunks_exact_mut(stride).zip(chunk.statistics.chunks_exact_mut(per_feature));
        for (row, (y, statistics)) in rows.enumerate() {
            let y = &mut y[..count];
            match (self.norm_kind(), mode) {
                (NormKind::Batch, Mode::Batch) => statistics[0] = norm.batch_forward(kernels, y),
                (NormKind::Batch, Mode::Kept) => {
                    norm.batch_infer(kernels, &norm.state, chunk.first + row, y, Statistics::Running);
                }
                (NormKind::Instance | NormKind::Layer, _) => norm.instance_forward(kernels, y, statistics),
            }
        }
    }

    /// From the gradient of what stands behind `gate` and the norm, in `cache`, to that of the pre-activations.
    pub(crate) fn backward_norm(&self, machine: &Machine, gate: Gate, cache: &mut LayerCache) {
        let LayerCache { normed, statistics, gradient, norm_gradient, .. } = cache;
        let forward = (&*normed, &statistics[..]);
        if self.norm_kind() == NormKind::Layer {
            return self.norm.layer_backward(gate, forward, gradient, norm_gradient);
        }
        let stride = gradient.columns().stride;
        let rows = gradient.flat_mut().chunks_mut(stride).enumerate();
        let rows = rows.zip(norm_gradient.gamma.chunks_mut(1).zip(norm_gradient.beta.chunks_mut(1)));
        machine.pool.share(rows, |((feature, gradient), of_norm)| {
            self.norm.batch_backward(machine.kernels, gate, forward, feature, gradient, of_norm);
        });
    }

    /// The same where every sample was by itself ([`Mode::Kept`]).
    pub(crate) fn backward_norm_kept(&self, machine: &Machine, gate: Gate, cache: &mut LayerCache) {
        match self.norm_kind() {
            NormKind::Batch => self.norm.batch_infer_backward(gate, &cache.normed, &mut cache.gradient),
            NormKind::Instance | NormKind::Layer => self.backward_norm(machine, gate, cache),
        }
    }

    /// Computes pre-activations for inference, `size` features at a time, and gives them to `take`: the first feature,
    /// their rows, and how many there are.
    pub(super) fn infer_chunks(
        &self,
        size: usize,
        batch: usize,
        compute: impl Fn(usize, &mut [f32], Columns),
        mut take: impl FnMut(usize, &mut Rows, usize),
    ) {
        let outputs = self.linear.outputs();
        let mut rows = Rows::new(size.min(outputs), batch * self.positions());
        let columns = rows.columns();
        for first in (0..outputs).step_by(size) {
            let features = size.min(outputs - first);
            compute(first, &mut rows.flat_mut()[..features * columns.stride], columns);
            take(first, &mut rows, features);
        }
    }

    /// Normalizes pre-activations of the features from `first` on as at test time.
    pub(crate) fn normalize_infer(
        &self,
        kernels: Kernels,
        (state, statistics): (&NormState, Statistics),
        first: usize,
        rows: &mut Rows,
        features: usize,
    ) {
        let samples = || vec![BatchStatistics::default(); rows.batch() / self.positions()];
        match self.norm_kind() {
            NormKind::Batch => (0..features).for_each(|row| {
                self.norm.batch_infer(kernels, state, first + row, rows.row_mut(row), statistics);
            }),
            NormKind::Instance => {
                let mut of = samples();
                (0..features).for_each(|row| self.norm.instance_forward(kernels, rows.row_mut(row), &mut of));
            }
            NormKind::Layer => {
                let mut of = samples();
                self.norm.layer_forward(rows, &mut of);
            }
        }
    }

    /// Inference: the layer's activations for `input`, with the norm `state` and `statistics` of a test.
    pub(crate) fn infer(
        &self,
        machine: &Machine,
        input: Input<'_>,
        batch: usize,
        norm: (&NormState, Statistics),
        nonlinearity: Nonlinearity,
    ) -> Activations {
        let (outputs, kernels) = (self.linear.outputs(), machine.kernels);
        let columns = batch * self.positions();
        let mut output = Activations::for_inference(outputs, columns, nonlinearity.is_signs());
        let mut signs = Vec::new();
        self.pre_activations(machine, input, batch, |first, rows, features| {
            self.normalize_infer(kernels, norm, first, rows, features);
            let columns = rows.columns();
            let normed = &mut rows.flat_mut()[..features * columns.stride];
            output.chunk(first, normed, columns, &mut signs).activate(kernels, nonlinearity, norm.0);
        });
        output
    }
}

impl Chunk<'_> {
    /// Computes the output of these features from their normalized pre-activations.
    fn activate(&mut self, kernels: Kernels, nonlinearity: Nonlinearity, norm: &NormState) {
        let Columns { stride, count } = self.columns;
        let rows = self.normed.chunks_exact(stride).enumerate();
        let rows = rows.map(|(row, normed)| {
            let feature = self.first + row;
            (feature, &normed[..count], norm.gamma[feature], norm.beta[feature])
        });
        if nonlinearity.is_signs() {
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
        let activation = nonlinearity.activation;
        for ((feature, normed, gamma, beta), real) in rows.zip(self.real.chunks_exact_mut(stride)) {
            let real = &mut real[..count];
            let outputs = real.iter_mut().zip(normed);
            outputs.for_each(|(real, normed)| *real = activation.value(gamma * normed + beta));
            nonlinearity.drop(feature, real);
        }
    }
}
