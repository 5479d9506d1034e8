//! The network: linear -> batch norm -> activation, repeated; the output layer ends with its batch norm.
//!
//! Forward and backward of a layer stand side by side in its file; `step.rs` strings them together for training,
//! `test.rs` for tests.

mod fisher;
mod init;
mod linear;
mod loss;
mod norm;
mod parts;
mod passed;
mod rows;
mod step;
mod test;
mod tiled;
mod update;

pub use linear::{Input, InputGradient, Linear};
pub use loss::{cross_entropy, predicted_class};
pub use norm::{BatchNorm, BatchStatistics, ExactStatistics, NormGradient, NormMoments, NormState};
pub use parts::Parts;
pub use rows::{Columns, Rows};
pub use tiled::Tiled;
pub use update::{GradientInput, Tile, Tiles};

use metabnn_infer::BitMatrix;
use metabnn_infer::kernels::Pixels;

use crate::machine::Machine;
use crate::recipe::settings::Precision;
use passed::{Passed, Shown};

/// A linear layer and its batch norm.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// The synapses.
    pub linear: Linear,
    /// The batch norm of their sums.
    pub norm: BatchNorm,
}

/// A network of layers, with one activation between them: the sign, or ReLU in the full-precision control.
#[derive(Clone, Debug)]
pub struct Network {
    /// Hidden layers in order, then the output layer.
    pub layers: Vec<Layer>,
    /// Where the time of training steps went.
    pub parts: Parts,
    precision: Precision,
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
        let (parts, machine) = (Parts::of(layers.len()), Machine::get().clone());
        Self { layers, parts, precision, machine, passed: Vec::new(), shown: Shown::default() }
    }

    /// The same network, working on `machine`.
    #[must_use]
    pub fn on(mut self, machine: &Machine) -> Self {
        self.machine = machine.clone();
        self
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
