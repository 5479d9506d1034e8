//! What the passes through a layer take.

use metabnn_infer::kernels::{Pixels, Samples};

use super::activation::Nonlinearity;
use super::cache::LayerCache;
use super::flatten::unflatten;
use super::{GradientInput, Layer};
use crate::machine::Machine;
use crate::optim::Moments;
use crate::tensor::Rows;

/// A layer's input, in the form that its forward pass takes: (width, batch), or maps, (channels, batch * positions).
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// 8-bit pixels p, taken as p / 255: (width, batch).
    Pixels(&'a Pixels),
    /// Real numbers.
    Real(&'a Rows),
    /// Signs, in words per column.
    Signs(&'a Samples),
}

/// One forward pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    /// Samples.
    pub batch: usize,
    pub mode: Mode,
    /// What stands behind the norm; `None` in the output layer.
    pub nonlinearity: Option<Nonlinearity>,
}

/// Whose statistics batch norm normalizes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Those of the batch: training.
    Batch,
    /// Those it has kept: every sample is by itself.
    Kept,
}

/// What a training step does while it has threads to spare.
pub(crate) type SideTask<'a> = &'a mut (dyn FnMut() + Send);

/// What is below a layer in the backward pass.
pub(crate) enum Below<'a> {
    /// The batch, which takes no gradient.
    Input(GradientInput<'a>),
    /// Another layer.
    Layer(LayerBelow<'a>),
}

/// The layer below in the backward pass.
pub(crate) struct LayerBelow<'a> {
    pub layer: &'a Layer,
    pub cache: &'a mut LayerCache,
    pub nonlinearity: Nonlinearity,
}

/// What changes the synapses of a layer.
pub(crate) struct Learning<'a, U> {
    pub moments: &'a mut Moments,
    pub update: &'a U,
    pub aside: Option<SideTask<'a>>,
}

impl Input<'_> {
    /// Columns: samples, or samples times positions.
    pub fn columns(&self) -> usize {
        match self {
            Self::Pixels(pixels) => pixels.batch(),
            Self::Real(rows) => rows.batch(),
            Self::Signs(samples) => samples.batch(),
        }
    }
}

/// Pixels p as p / 255, (width, batch).
pub(crate) fn pixels_to_rows(pixels: &Pixels) -> Rows {
    let mut rows = Rows::new(pixels.width(), pixels.batch());
    for feature in 0..pixels.width() {
        let values = rows.row_mut(feature).iter_mut().zip(pixels.row(feature));
        values.for_each(|(value, &pixel)| *value = f32::from(pixel) / 255.0);
    }
    rows
}

impl LayerBelow<'_> {
    /// What had to wait for the whole gradient of the layer's output: the backward pass of its norm, unless that was done
    /// `at_once`. Of flattened maps the gradient is in `flat`.
    pub fn finish(self, machine: &Machine, flat: Option<&Rows>, at_once: bool) {
        if let Some(flat) = flat {
            unflatten(flat, &mut self.cache.gradient);
        }
        if !at_once {
            self.layer.backward_norm(machine, self.nonlinearity.activation.gate(), self.cache);
        }
    }
}
