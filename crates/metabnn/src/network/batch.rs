//! Batches: what a network is trained on and tested with.

use metabnn_infer::BitMatrix;
use metabnn_infer::kernels::{Pixels, Samples};

use crate::kernels::SparseRows;
use crate::layer::{GradientInput, Input, Layer, pixels_to_rows, unflatten};
use crate::tensor::Rows;

/// The input of a network.
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
        match self {
            Self::Pixels(pixels) => pixels_to_rows(pixels),
            Self::Real(rows) => rows.clone(),
            Self::Signs(bits) => {
                let mut rows = Rows::new(bits.rows(), bits.columns());
                (0..bits.rows()).for_each(|row| metabnn_infer::unpack(bits.row(row), rows.row_mut(row)));
                rows
            }
        }
    }
}

/// A batch in the forms that the passes of the first layer take.
#[derive(Debug, Default)]
pub(super) struct PreparedInput {
    samples: Option<Samples>,
    real: Option<Rows>,
    sparse: SparseRows,
    /// Where the first layer takes maps, whatever the batch is: (channels, batch * positions).
    maps: Option<Rows>,
}

impl PreparedInput {
    /// Prepares the forward pass of `first`, the first layer.
    pub fn prepare_forward(&mut self, inputs: &Inputs, first: &Layer) {
        (self.samples, self.real) = (None, None);
        if let Some(size) = first.input_maps() {
            let maps = self.maps.get_or_insert_default();
            maps.reshape(size.channels, inputs.batch() * size.positions());
            return unflatten(&inputs.to_real(), maps);
        }
        self.maps = None;
        match (inputs, first.linear.binary()) {
            (Inputs::Signs(bits), Some(_)) => self.samples = Some(Samples::from_features(bits)),
            (Inputs::Pixels(_) | Inputs::Signs(_), None) => self.real = Some(inputs.to_real()),
            _ => {}
        }
    }

    /// What the forward pass takes, after [`PreparedInput::prepare_forward`].
    pub fn input<'a>(&'a self, inputs: &'a Inputs) -> Input<'a> {
        match (&self.samples, &self.real, inputs) {
            _ if self.maps.is_some() => Input::Real(self.maps.as_ref().expect("there are maps")),
            (Some(samples), ..) => Input::Signs(samples),
            (_, Some(real), _) | (.., Inputs::Real(real)) => Input::Real(real),
            (.., Inputs::Pixels(pixels)) => Input::Pixels(pixels),
            // Signs have become samples or reals.
            (.., Inputs::Signs(_)) => unreachable!("signs were prepared"),
        }
    }

    /// Prepares the backward pass.
    pub fn prepare_backward(&mut self, inputs: &Inputs) {
        match inputs {
            _ if self.maps.is_some() => {}
            Inputs::Pixels(pixels) => self.sparse.refill_pixels(pixels),
            Inputs::Real(rows) => {
                self.sparse.make_room(rows.features() * rows.batch());
                self.sparse.refill((0..rows.features()).map(|feature| rows.row(feature)));
            }
            Inputs::Signs(_) => {}
        }
    }

    /// What the gradient of the first layer's weights takes, after [`PreparedInput::prepare_backward`].
    pub fn gradient_input<'a>(&'a self, inputs: &'a Inputs) -> GradientInput<'a> {
        match (inputs, &self.real, &self.maps) {
            (.., Some(maps)) => GradientInput::Real(maps),
            (Inputs::Signs(_), Some(real), _) => GradientInput::Real(real),
            (Inputs::Signs(bits), None, _) => GradientInput::Signs(bits),
            _ => GradientInput::Sparse(&self.sparse),
        }
    }
}
