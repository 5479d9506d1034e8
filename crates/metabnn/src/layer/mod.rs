//! Layers: synapses, then norm, activation and dropout. Each file has the forward pass (training: it fills its cache), the
//! backward pass (the gradient below, and the update of the synapses) and the inference of one thing side by side:
//! `dense.rs`, `conv/`, `norm/`, `activation.rs`, `dropout.rs`, `loss.rs`.
//!
//! A new kind of layer is a file with its config, what that becomes on its inputs (`plan`), `forward`, `infer`, `backward`
//! and the squares of its gradients, and a variant of [`LayerConfig`] and [`LayerShape`] here, where the compiler asks for
//! all of it.

mod activation;
mod block;
mod cache;
mod conv;
mod dense;
mod dropout;
mod error;
mod flatten;
mod linear;
mod loss;
pub(crate) mod memory;
mod norm;
mod pass;
mod update;

pub use activation::Activation;
pub(crate) use activation::Nonlinearity;
pub(crate) use cache::{Activations, LayerCache};
pub(crate) use conv::ConvChunk;
pub use conv::{ConvConfig, Convolution, Patches, Pool};
pub use dense::DenseConfig;
pub use dropout::Dropout;
pub(crate) use dropout::DropoutMask;
pub use error::{LayerError, SizeError};
pub(crate) use flatten::unflatten;
pub use linear::{InputGradient, Linear};
pub use loss::{cross_entropy, predicted_class};
pub(crate) use norm::exact_sums;
pub use norm::{
    BatchStatistics, ExactStatistics, GammaInit, Norm, NormConfig, NormError, NormGradient, NormKind,
    NormState, Statistics,
};
pub use pass::Input;
pub(crate) use pass::{Below, LayerBelow, Learning, Mode, Pass, SideTask, pixels_to_rows};
use serde::{Deserialize, Serialize};
pub use update::{GradientInput, Tiles};

use crate::data::Shape;
use crate::kernels::{Kernels, Lanes};
use crate::machine::Machine;
use crate::optim::Tile;
use crate::tensor::Rows;

/// Synapses, dense or those of a convolution, and the norm behind them.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Its kind.
    pub shape: LayerShape,
    /// The synapses.
    pub linear: Linear,
    /// The norm of the pre-activations.
    pub norm: Norm,
}

/// The kind of a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LayerShape {
    /// Dense: every output has a weight for every input.
    Dense,
    /// A convolution, with pooling.
    Convolution(Convolution),
}

/// A hidden layer before it has weights; what its inputs are follows from the layer below.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerConfig {
    /// A dense layer.
    Dense(DenseConfig),
    /// A convolution, with pooling.
    Convolution(ConvConfig),
}

/// A layer that knows its inputs, and has no weights yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Plan {
    pub shape: LayerShape,
    /// Inputs of each unit.
    pub inputs: usize,
    /// Units, each with a norm scale and shift.
    pub outputs: usize,
    /// What the layer above gets of one sample.
    pub output: Between,
}

/// What goes from one layer to the next, of one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Between {
    /// Maps of this shape.
    Maps(Shape),
    /// A vector of so many units.
    Units(usize),
}

impl Between {
    /// How many numbers it is.
    pub fn width(self) -> usize {
        match self {
            Self::Maps(shape) => shape.width(),
            Self::Units(units) => units,
        }
    }
}

impl LayerConfig {
    /// Most units of a layer, and most channels of a convolution.
    pub const MAX_WIDTH: usize = 1 << 20;

    /// A dense layer of so many units.
    pub const fn dense(units: usize) -> Self {
        Self::Dense(DenseConfig { units })
    }

    /// What it becomes on such inputs.
    pub(crate) fn plan(&self, input: Between) -> Result<Plan, LayerError> {
        match self {
            Self::Dense(config) => config.plan(input),
            Self::Convolution(config) => config.plan(input),
        }
    }
}

impl Plan {
    /// Most numbers of one sample in this layer.
    pub fn numbers(&self) -> u64 {
        match &self.shape {
            LayerShape::Dense => self.inputs.max(self.outputs) as u64,
            LayerShape::Convolution(convolution) => convolution.numbers(),
        }
    }

    /// Refuses a norm over one value of each sample, which would make it 0.
    pub fn check_norm(&self, kind: NormKind) -> Result<(), LayerError> {
        let values = match &self.shape {
            LayerShape::Dense => dense::normed_values(kind, self.outputs),
            LayerShape::Convolution(convolution) => convolution.normed_values(kind),
        };
        match values {
            Some((1, of)) => Err(LayerError::OneValue { kind, of }),
            _ => Ok(()),
        }
    }
}

/// What the squared gradients of a batch's samples need, for the Fisher information.
pub(crate) enum Squares {
    Dense(dense::DenseSquares),
    Convolution(conv::ConvSquares),
}

impl LayerShape {
    /// Dimensions of the hidden weights of so many `inputs` of each of the `outputs` units, as they are in files.
    pub fn dimensions(&self, inputs: usize, outputs: usize) -> Vec<usize> {
        match self {
            Self::Dense => vec![outputs, inputs],
            Self::Convolution(Convolution { input, kernel, .. }) => {
                vec![outputs, input.channels, *kernel, *kernel]
            }
        }
    }

    /// Weights in the order of files put in that in which they are kept: the opposite of what [`Layer::hidden_weights`] does.
    pub(crate) fn kept_order(&self, weights: Vec<f32>) -> Vec<f32> {
        match self {
            Self::Dense => weights,
            Self::Convolution(convolution) => convolution.from_channels_first(&weights),
        }
    }

    /// Weights of each input or output in a unit's view: the places of a kernel, 1 in a dense layer.
    pub(crate) fn taps(&self) -> usize {
        match self {
            Self::Dense => 1,
            Self::Convolution(convolution) => convolution.taps(),
        }
    }

    /// Positions of an output: 1 in a dense layer.
    pub fn positions(&self) -> usize {
        match self {
            Self::Dense => 1,
            Self::Convolution(convolution) => convolution.output.positions(),
        }
    }
}

impl Layer {
    /// A dense layer.
    pub fn dense(linear: Linear, norm: Norm) -> Self {
        Self { shape: LayerShape::Dense, linear, norm }
    }

    /// Hidden weights with their dimensions: (out, in) of a dense layer, (out channels, in channels, kernel rows, kernel
    /// columns) of a convolution.
    pub fn hidden_weights(&self) -> (Vec<usize>, Vec<f32>) {
        let (rows, linear) = (self.linear.hidden().to_rows(), &self.linear);
        let dimensions = self.shape.dimensions(linear.inputs(), linear.outputs());
        match &self.shape {
            LayerShape::Dense => (dimensions, rows),
            LayerShape::Convolution(convolution) => (dimensions, convolution.to_channels_first(&rows)),
        }
    }

    /// What it was made from.
    pub(crate) fn config(&self) -> LayerConfig {
        match &self.shape {
            LayerShape::Dense => LayerConfig::dense(self.linear.outputs()),
            LayerShape::Convolution(convolution) => LayerConfig::Convolution(convolution.config()),
        }
    }

    /// The plan that it was made from.
    pub(crate) fn plan(&self) -> Plan {
        let (inputs, outputs) = (self.linear.inputs(), self.linear.outputs());
        let output = match &self.shape {
            LayerShape::Dense => Between::Units(outputs),
            LayerShape::Convolution(convolution) => Between::Maps(convolution.output),
        };
        Plan { shape: self.shape, inputs, outputs, output }
    }

    /// Positions of its output: 1 where it is dense.
    pub fn positions(&self) -> usize {
        self.shape.positions()
    }

    /// Shape of the maps that it takes; `None` if it takes vectors.
    pub(crate) fn input_maps(&self) -> Option<Shape> {
        match &self.shape {
            LayerShape::Dense => None,
            LayerShape::Convolution(convolution) => Some(convolution.input),
        }
    }

    /// Channels, rows and columns of the samples it takes as a first layer; of a dense layer, whatever has as many values.
    pub(crate) fn input_shape(&self) -> Shape {
        self.input_maps().unwrap_or(Shape::features(self.linear.inputs()))
    }

    /// Whether dropout is for its activations, where it is a hidden layer.
    pub(crate) fn takes_dropout(&self) -> bool {
        match self.shape {
            LayerShape::Dense => true,
            LayerShape::Convolution(_) => false,
        }
    }

    /// What is normalized together: in a dense layer, whose units have one position each, instance norm is layer norm.
    pub(crate) fn norm_kind(&self) -> NormKind {
        match (&self.shape, self.norm.kind()) {
            (LayerShape::Dense, NormKind::Instance) => NormKind::Layer,
            (LayerShape::Dense | LayerShape::Convolution(_), kind) => kind,
        }
    }

    /// The training pass: fills `cache`, and moves the running statistics of batch norm.
    pub(crate) fn forward(
        &mut self,
        machine: &Machine,
        input: Input<'_>,
        pass: &Pass,
        cache: &mut LayerCache,
    ) {
        self.run(machine, input, pass, cache);
        if self.norm_kind() == NormKind::Batch {
            self.norm.update_running(&cache.statistics, cache.normed.batch());
        }
    }

    /// Fills `cache`, and changes nothing else.
    pub(crate) fn run(&self, machine: &Machine, input: Input<'_>, pass: &Pass, cache: &mut LayerCache) {
        match &self.shape {
            LayerShape::Dense => dense::forward(self, machine, input, pass, cache),
            LayerShape::Convolution(shape) => conv::forward(self, shape, machine, input, pass, cache),
        }
    }

    /// The gradient of the pre-activations `below`, where there is a layer, and the update of the synapses, from the
    /// gradient of the pre-activations in `cache`.
    pub(crate) fn backward(
        &mut self,
        machine: &Machine,
        cache: &mut LayerCache,
        below: Below<'_>,
        learning: Learning<'_, impl Fn(Tile<'_>) + Sync>,
    ) {
        match self.shape {
            LayerShape::Dense => dense::backward(self, machine, cache, below, learning),
            LayerShape::Convolution(shape) => conv::backward(self, &shape, machine, cache, below, learning),
        }
    }

    /// The pre-activations at inference, after pooling, some features at a time in order: `take` is given the first of
    /// them, their rows, and how many there are. All at a time where layer norm needs them.
    pub(crate) fn pre_activations(
        &self,
        machine: &Machine,
        input: Input<'_>,
        batch: usize,
        take: impl FnMut(usize, &mut Rows, usize),
    ) {
        match &self.shape {
            LayerShape::Dense => dense::infer(self, machine, input, batch, take),
            LayerShape::Convolution(shape) => conv::infer(self, shape, machine, input, batch, take),
        }
    }

    /// What the squared gradients of every sample need, from a `cache` with the gradient of the pre-activations; `below`
    /// becomes the gradient of the input, which may be signs in the form of reals (`is_signs`).
    pub(crate) fn squares(
        &self,
        machine: &Machine,
        (input, is_signs): (Input<'_>, bool),
        cache: &mut LayerCache,
        batch: usize,
        below: Option<&mut Rows>,
    ) -> Squares {
        match &self.shape {
            LayerShape::Dense => {
                Squares::Dense(dense::DenseSquares::new(self, machine, (input, is_signs), cache, below))
            }
            LayerShape::Convolution(shape) => {
                Squares::Convolution(conv::ConvSquares::new(self, shape, machine, input, cache, batch, below))
            }
        }
    }
}

impl Squares {
    /// Adds the squares, summed over the samples, of the weights of sixteen outputs to `sums`, (in) lane groups.
    pub fn add_to(&self, kernels: Kernels, tile: usize, sums: &mut [Lanes]) {
        match self {
            Self::Dense(squares) => squares.add_to(kernels, tile, sums),
            Self::Convolution(squares) => squares.add_to(kernels, tile, sums),
        }
    }

    /// Number of samples.
    pub fn samples(&self) -> usize {
        match self {
            Self::Dense(squares) => squares.samples(),
            Self::Convolution(squares) => squares.samples(),
        }
    }
}
