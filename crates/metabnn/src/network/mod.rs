//! The network: linear -> norm -> activation, repeated; the output layer ends with its norm. The first layers may be
//! convolutions: convolution -> pooling -> norm -> activation.
//!
//! Forward and backward of a layer stand side by side in its file; `step.rs` strings them together for training,
//! `test.rs` for tests.

mod activation;
mod convolution;
mod fisher;
mod init;
mod instance;
mod linear;
mod loss;
mod norm;
mod parts;
mod passed;
mod pooling;
mod rows;
mod shape;
mod step;
mod test;
mod tiled;
mod unfold;
mod update;

pub use activation::{Activation, Dropout};
pub use convolution::{Maps, Patches};
pub use linear::{Input, InputGradient, Linear};
pub use loss::{cross_entropy, predicted_class};
pub use norm::{BatchNorm, BatchStatistics, ExactStatistics, NormGradient, NormMoments, NormState};
pub use parts::Parts;
pub use rows::{Columns, Rows};
pub use shape::{Convolution, LayerShape, ShapeError};
pub(crate) use shape::{Plan, plan};
pub use tiled::Tiled;
pub use update::{GradientInput, Tile, Tiles};

use metabnn_infer::BitMatrix;
use metabnn_infer::kernels::Pixels;

use crate::machine::Machine;
use crate::recipe::settings::{NormKind, Precision, Settings};
use activation::HandsOn;
use passed::{Passed, Shown};

/// A linear layer or a convolution, and its norm.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// How it looks at its input.
    pub shape: LayerShape,
    /// The synapses.
    pub linear: Linear,
    /// The norm of their sums.
    pub norm: BatchNorm,
}

/// Which numbers are normalised together, of (features, samples * positions).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Together {
    /// All of a row: batch norm.
    Row,
    /// The positions of each sample in a row: instance norm of a convolution.
    Positions,
    /// A column: instance norm of a dense layer.
    Units,
}

/// A network of layers, with one activation between them.
#[derive(Clone, Debug)]
pub struct Network {
    /// Convolutions in order, dense hidden layers, then the output layer.
    pub layers: Vec<Layer>,
    /// Where the time of training steps went.
    pub parts: Parts,
    precision: Precision,
    activation: Activation,
    dropout: Option<Dropout>,
    /// Training steps done: each drops other activations.
    steps: u64,
    machine: Machine,
    /// What the last step computed, kept for its room in memory.
    passed: Vec<Passed>,
    shown: Shown,
}

/// What a network is shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Inputs {
    /// 8-bit pixels p, taken as p / 255: (width, batch).
    Pixels(Pixels),
    /// Real numbers, (width, batch).
    Real(Rows),
    /// Signs, (width, batch).
    Signs(BitMatrix),
}

/// Inputs with their labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// (width, batch).
    pub inputs: Inputs,
    /// (batch), each below the number of classes.
    pub labels: Vec<u8>,
}

impl Network {
    /// A network of `layers`: signs between binarized layers, ReLU in the full-precision control. It works on
    /// [`Machine::get`].
    pub fn new(layers: Vec<Layer>, precision: Precision) -> Self {
        Self {
            parts: Parts::of(layers.len()),
            layers,
            precision,
            activation: match precision {
                Precision::Binary => Activation::Sign,
                Precision::FullPrecision => Activation::Relu,
            },
            dropout: None,
            steps: 0,
            machine: Machine::get().clone(),
            passed: Vec::new(),
            shown: Shown::default(),
        }
    }

    /// The same network with activation and dropout of `settings`.
    #[must_use]
    pub fn with(mut self, settings: &Settings) -> Self {
        let share = settings.network.dropout;
        self.activation = Activation::of(&settings.network);
        self.dropout = (share > 0.0).then_some(Dropout { share, seed: settings.seed });
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

    /// The hidden weights of all layers, in no particular order.
    pub fn hidden_weights(&self) -> impl Iterator<Item = f32> {
        self.layers.iter().flat_map(|layer| layer.linear.hidden().values())
    }

    /// What the rule keeps of all synapses, in no particular order.
    pub fn memory(&self) -> impl Iterator<Item = f32> {
        self.layers.iter().flat_map(|layer| layer.linear.memory().values())
    }

    /// The batch-norm states of all layers, as they are now.
    pub fn norm_states(&self) -> Vec<NormState> {
        self.layers.iter().map(|layer| layer.norm.state.clone()).collect()
    }

    /// What a hidden layer hands on in a test.
    fn hands_on_in_test(&self) -> HandsOn {
        HandsOn { activation: self.activation, dropout: None }
    }

    /// What layer `index` hands on in the present training step; the last one nothing.
    fn hands_on(&self, index: usize) -> Option<HandsOn> {
        let drops = matches!(self.layers[index].shape, LayerShape::Dense);
        let dropout = self.dropout.filter(|_| drops).map(|dropout| (dropout, self.steps, index));
        (index + 1 < self.layers.len()).then_some(HandsOn { activation: self.activation, dropout })
    }
}

impl Layer {
    /// A dense layer.
    pub fn dense(linear: Linear, norm: BatchNorm) -> Self {
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

    /// Positions of what it hands on: 1 where it is dense.
    pub fn positions(&self) -> usize {
        match &self.shape {
            LayerShape::Dense => 1,
            LayerShape::Convolution(convolution) => convolution.output.positions(),
        }
    }

    fn together(&self) -> Together {
        match (self.norm.kind(), &self.shape) {
            (NormKind::Batch, _) => Together::Row,
            (NormKind::Instance, LayerShape::Convolution(_)) => Together::Positions,
            (NormKind::Instance, LayerShape::Dense) => Together::Units,
        }
    }
}

impl Inputs {
    /// Number of samples.
    pub fn batch(&self) -> usize {
        match self {
            Self::Pixels(pixels) => pixels.batch(),
            Self::Real(rows) => rows.batch(),
            Self::Signs(bits) => bits.columns(),
        }
    }

    /// All values as real numbers, (width, batch).
    pub fn to_real(&self) -> Rows {
        let (width, batch) = match self {
            Self::Pixels(pixels) => (pixels.width(), pixels.batch()),
            Self::Real(rows) => return rows.clone(),
            Self::Signs(bits) => (bits.rows(), bits.columns()),
        };
        let mut rows = Rows::new(width, batch);
        for feature in 0..width {
            let row = rows.row_mut(feature);
            match self {
                Self::Pixels(pixels) => {
                    let pixels = pixels.row(feature).iter();
                    row.iter_mut().zip(pixels).for_each(|(value, &pixel)| *value = f32::from(pixel) / 255.0);
                }
                Self::Real(_) => {}
                Self::Signs(bits) => metabnn_infer::unpack(bits.row(feature), row),
            }
        }
        rows
    }
}
