//! Activations: what stands behind the norm of a hidden layer.

use super::dropout::DropoutMask;
use crate::kernels::Gate;
use crate::tensor::Columns;

/// What stands behind a norm in hidden layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// +1 or -1, sign(0) = +1. Hardtanh, then sign, is the same, and so is its gradient.
    Sign,
    /// max(z, 0).
    Relu,
    /// clip(z, -1, 1).
    Hardtanh,
}

impl Activation {
    /// Where its gradient passes.
    pub fn gate(self) -> Gate {
        match self {
            // Both where |z| <= 1.
            Self::Sign | Self::Hardtanh => Gate::Sign,
            Self::Relu => Gate::Relu,
        }
    }

    /// Its value at z.
    pub fn value(self, z: f32) -> f32 {
        match self {
            Self::Sign if z >= 0.0 => 1.0,
            Self::Sign => -1.0,
            Self::Relu => f32::max(z, 0.0),
            Self::Hardtanh => z.clamp(-1.0, 1.0),
        }
    }
}

/// The activation of a layer in one pass and, in training, the dropout behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nonlinearity {
    pub activation: Activation,
    /// `None` outside training, and where nothing is dropped.
    pub dropout: Option<DropoutMask>,
}

impl Nonlinearity {
    /// The activation alone, as at test time.
    pub fn without_dropout(activation: Activation) -> Self {
        Self { activation, dropout: None }
    }

    /// Whether its outputs are signs, which take one bit each.
    pub fn is_signs(&self) -> bool {
        self.activation == Activation::Sign && self.dropout.is_none()
    }

    /// Drops activations of `unit`, one per sample, if any are to be.
    pub fn drop(&self, unit: usize, values: &mut [f32]) {
        if let Some(dropout) = self.dropout {
            dropout.apply(unit, values);
        }
    }

    /// The same for the units from `first` on, a row each: for their gradients.
    pub fn drop_rows(&self, first: usize, rows: &mut [f32], columns: Columns) {
        if self.dropout.is_some() {
            let rows = rows.chunks_exact_mut(columns.stride).zip(first..);
            rows.for_each(|(row, unit)| self.drop(unit, &mut row[..columns.count]));
        }
    }
}
