//! The network: linear -> batch norm -> activation, repeated; the output layer ends with its batch norm.
//!
//! Forward and backward of a layer stand side by side in its file; this file strings them together.

mod activation;
mod init;
mod linear;
mod loss;
mod norm;
mod product;

pub use activation::Activation;
pub use linear::{Activations, Linear, Tile};
pub use loss::{cross_entropy, predicted_class};
pub use norm::{BatchNorm, ExactStatistics, NormCache, NormGradient, NormMoments, NormState};

use product::transpose;

use crate::kernels::Kernels;
use crate::optim::Adam;
use crate::plasticity::Rule;
use crate::recipe::settings::{Precision, Statistics};

/// A linear layer and its batch norm.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// The synapses.
    pub linear: Linear,
    /// The batch norm of their sums.
    pub norm: BatchNorm,
}

/// A network of layers, with one activation between them.
#[derive(Clone, Debug)]
pub struct Network {
    /// Hidden layers in order, then the output layer.
    pub layers: Vec<Layer>,
    activation: Activation,
    kernels: Kernels,
}

/// Inputs with their labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// (width, batch).
    pub inputs: Activations,
    /// (batch), each below the number of classes.
    pub labels: Vec<u8>,
}

/// What the backward pass needs of one layer's forward pass.
struct Passed {
    input: Activations,
    cache: NormCache,
    /// Output of the batch norm, (features, batch).
    z: Vec<f32>,
}

impl Network {
    /// A network of `layers`: signs between binarized layers, ReLU in the full-precision control.
    pub fn new(layers: Vec<Layer>, precision: Precision) -> Self {
        let activation = match precision {
            Precision::Binary => Activation::Sign,
            Precision::FullPrecision => Activation::Relu,
        };
        Self { layers, activation, kernels: Kernels::get() }
    }

    /// The hidden weights of all layers.
    pub fn hidden_weights(&self) -> impl Iterator<Item = f32> {
        self.layers.iter().flat_map(|layer| layer.linear.hidden().iter().copied())
    }

    /// One training step on `batch`; gives the mean loss before the update.
    ///
    /// Weights are updated layer by layer from the output down, each right after the gradient of its input was
    /// taken with the old weights.
    pub fn step(&mut self, batch: Batch, adam: &mut Adam, rule: &Rule) -> f32 {
        let (kernels, last) = (self.kernels, self.layers.len() - 1);
        let passed = self.forward(batch.inputs);
        let mut logits = transpose(&passed[last].z, batch.labels.len());
        let loss = cross_entropy(&mut logits, &batch.labels);
        let mut gradient = transpose(&logits, logits.len() / batch.labels.len());
        let step = adam.next_step();
        for (index, (layer, passed)) in self.layers.iter_mut().zip(&passed).enumerate().rev() {
            if index < last {
                self.activation.backward(&passed.z, &mut gradient);
            }
            let norm_gradient = layer.norm.backward(&passed.cache, &mut gradient);
            let below = (index > 0).then(|| layer.linear.backward_input(kernels, &gradient));
            layer.linear.backward_weights(
                kernels,
                &gradient,
                &passed.input,
                &mut adam.weights[index],
                |tile| {
                    rule.update(kernels, &step, index, tile);
                },
            );
            Adam::update_norm(kernels, &step, &norm_gradient, &mut layer.norm.state, &mut adam.norms[index]);
            gradient = below.unwrap_or_default();
        }
        loss
    }

    /// The training pass, keeping what the way back needs.
    fn forward(&mut self, inputs: Activations) -> Vec<Passed> {
        let (kernels, last) = (self.kernels, self.layers.len() - 1);
        let mut passed = Vec::with_capacity(self.layers.len());
        let mut next = Some(inputs);
        for (index, layer) in self.layers.iter_mut().enumerate() {
            let Some(input) = next.take() else { break };
            let batch = input.batch();
            let mut z = layer.linear.forward(kernels, &input);
            let cache = layer.norm.forward(&mut z, batch);
            next = (index < last).then(|| self.activation.forward(self.kernels, &z, batch));
            passed.push(Passed { input, cache, z });
        }
        passed
    }

    /// Outputs for `inputs`, (batch, classes), with the batch-norm states `norms` (one per layer).
    pub fn logits(&self, inputs: &Activations, norms: &[NormState], statistics: Statistics) -> Vec<f32> {
        let batch = inputs.batch();
        let mut z = self.sums(0, inputs);
        for (index, (layer, state)) in self.layers.iter().zip(norms).enumerate() {
            if index > 0 {
                z = self.sums(index, &self.activation.forward(self.kernels, &z, batch));
            }
            layer.norm.forward_test(state, &mut z, batch, statistics);
        }
        transpose(&z, batch)
    }

    /// Sets the statistics of every batch norm to the exact ones over all of `batches`, layer after layer, so that
    /// each layer sees what it will see at test time.
    pub fn recalibrate<I: Iterator<Item = Activations>>(&mut self, batches: impl Fn() -> I) {
        for depth in 0..self.layers.len() {
            let mut statistics = ExactStatistics::new(self.layers[depth].linear.outputs());
            for inputs in batches() {
                let batch = inputs.batch();
                let mut sums = self.sums(0, &inputs);
                for index in 0..depth {
                    let norm = &self.layers[index].norm;
                    norm.forward_test(&norm.state, &mut sums, batch, Statistics::Recalibrated);
                    sums = self.sums(index + 1, &self.activation.forward(self.kernels, &sums, batch));
                }
                statistics.add(&sums, batch);
            }
            statistics.store(&mut self.layers[depth].norm.state);
        }
    }

    /// The batch-norm states of all layers, as they are now.
    pub fn norm_states(&self) -> Vec<NormState> {
        self.layers.iter().map(|layer| layer.norm.state.clone()).collect()
    }

    fn sums(&self, layer: usize, inputs: &Activations) -> Vec<f32> {
        self.layers[layer].linear.forward(self.kernels, inputs)
    }
}
