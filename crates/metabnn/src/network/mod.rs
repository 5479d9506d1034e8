//! The network: layers in a row, and the passes through them. `train.rs` has the training step, `infer.rs` inference and
//! recalibration, `fisher.rs` the Fisher information; they only iterate over [`layer`](crate::layer)s, which know how to
//! run themselves. `config.rs` and `plan.rs` say which layers there are.

mod batch;
mod builder;
mod config;
mod error;
mod fisher;
mod infer;
mod init;
mod memory;
mod plan;
mod scratch;
mod train;

pub use batch::{Batch, Inputs};
pub use builder::NetworkBuilder;
pub use config::{Encoding, HiddenActivation, Init, NetworkConfig, Precision};
pub use error::NetworkError;
pub use memory::NetworkMemory;
pub(crate) use plan::{check_memory, plan};
pub use scratch::{Parts, Scratch};

pub use crate::layer::{
    Activation, BatchStatistics, ConvConfig, Convolution, DenseConfig, Dropout, ExactStatistics, GammaInit,
    GradientInput, Input, InputGradient, Layer, LayerConfig, LayerError, LayerShape, Linear, Norm,
    NormConfig, NormError, NormGradient, NormKind, NormState, Patches, Pool, SizeError, Statistics, Tiles,
    cross_entropy, predicted_class,
};
pub use crate::tensor::{Columns, Rows, Tiled};

use crate::data::Shape;
use crate::machine::Machine;
use crate::rule::{Start, Synapses};

/// A network of layers, with one activation between them.
#[derive(Clone, Debug)]
pub struct Network {
    /// Convolutions in order, dense hidden layers, then the output layer.
    pub layers: Vec<Layer>,
    config: NetworkConfig,
    norm_config: NormConfig,
    /// Channels, rows and columns of the samples it takes.
    shape: Shape,
    /// Decides which activations are dropped.
    seed: u64,
    /// Training steps done: each drops other activations.
    steps: u64,
    machine: Machine,
}

impl Network {
    /// A network of `layers`: signs between binarized layers, ReLU in the full-precision control. It works on
    /// [`Machine::get`].
    pub fn from_layers(layers: Vec<Layer>, precision: Precision) -> Self {
        let config = NetworkConfig::for_layers(&layers, precision);
        let norm_config = layers.first().map_or_else(NormConfig::default, |layer| layer.norm.config());
        Self::from_parts(layers, config, norm_config, 0)
    }

    /// A network of `layers` that the configs describe; `seed` decides what is dropped.
    pub(crate) fn from_parts(
        layers: Vec<Layer>,
        config: NetworkConfig,
        norm_config: NormConfig,
        seed: u64,
    ) -> Self {
        let shape = layers.first().map_or(Shape::features(0), Layer::input_shape);
        Self { layers, config, norm_config, shape, seed, steps: 0, machine: Machine::get().clone() }
    }

    /// The same network for samples of this shape.
    pub(crate) fn for_shape(self, shape: Shape) -> Self {
        Self { shape, ..self }
    }

    /// The same network with activation and dropout of `config`; `seed` decides what is dropped.
    #[must_use]
    pub fn with(mut self, config: &NetworkConfig, seed: u64) -> Self {
        (self.config, self.seed) = (config.clone(), seed);
        self
    }

    /// The same network, working on `machine`.
    #[must_use]
    pub fn on(mut self, machine: &Machine) -> Self {
        self.machine = machine.clone();
        self
    }

    /// Works on `machine` from now on.
    pub fn set_machine(&mut self, machine: &Machine) {
        self.machine = machine.clone();
    }

    /// The same network after so many training steps.
    pub(crate) fn after(mut self, steps: u64) -> Self {
        self.steps = steps;
        self
    }

    /// Training steps done.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The machine it works on.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Channels, rows and columns of the samples it takes.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// (inputs, outputs) of the synapses of every layer.
    pub fn widths(&self) -> Vec<(usize, usize)> {
        self.layers.iter().map(|layer| (layer.linear.inputs(), layer.linear.outputs())).collect()
    }

    /// Number of classes: the width of the output layer.
    pub fn classes(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.linear.outputs())
    }

    /// Tests with these means and variances from now on.
    pub fn set_statistics(&mut self, statistics: Statistics) {
        self.norm_config.statistics = statistics;
    }

    /// The synapses of every layer, with room for what a rule of this state keeps of them.
    pub fn synapses_mut(&mut self, state: &[Start]) -> Vec<Synapses<'_>> {
        self.layers.iter_mut().map(|layer| layer.linear.synapses_with(state)).collect()
    }

    /// What it is made of.
    pub fn config(&self) -> &NetworkConfig {
        &self.config
    }

    /// How its layers are normalized.
    pub fn norm_config(&self) -> &NormConfig {
        &self.norm_config
    }

    /// The hidden weights of all layers, in no particular order.
    pub fn hidden_weights(&self) -> impl Iterator<Item = f32> {
        self.layers.iter().flat_map(|layer| layer.linear.hidden().values())
    }

    /// What the rule keeps of all synapses, in no particular order.
    pub fn memory(&self) -> impl Iterator<Item = f32> {
        self.layers.iter().flat_map(|layer| layer.linear.memory().values())
    }

    /// The norm states of all layers, as they are now.
    pub fn norm_states(&self) -> Vec<NormState> {
        self.layers.iter().map(|layer| layer.norm.state.clone()).collect()
    }

    /// What is dropped in training, if anything.
    fn dropout(&self) -> Option<Dropout> {
        let rate = self.config.dropout;
        (rate > 0.0).then_some(Dropout { rate, seed: self.seed })
    }
}
