//! What a hidden layer hands on: the activation behind its norm, some of it dropped while it trains.

use super::rows::Columns;
use crate::kernels::Gate;
use crate::random::{Purpose, hash};
use crate::recipe::settings::{self, Precision};

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

/// Dropout: an activation becomes 0 with probability `share`, else it is divided by 1 - `share`.
///
/// In a binary network what is kept is +-1 / (1 - share). The authors hand on +-1 instead; the next norm undoes the factor
/// (up to its eps), on the way back as well, but for the running statistics, which with it have the mean that a test
/// finds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// Probability in [0, 1).
    pub share: f32,
    /// Seed of what is dropped.
    pub seed: u64,
}

/// What one layer hands on in one training step, or in a test.
#[derive(Clone, Copy, Debug)]
pub(super) struct HandsOn {
    pub activation: Activation,
    /// With step and layer.
    pub dropout: Option<(Dropout, u64, usize)>,
}

impl Activation {
    /// That of a network with these settings.
    pub fn of(network: &settings::Network) -> Self {
        match (network.precision, network.activation) {
            (Precision::Binary, _) => Self::Sign,
            (Precision::FullPrecision, settings::Activation::ByPrecision) => Self::Relu,
            (Precision::FullPrecision, settings::Activation::Hardtanh) => Self::Hardtanh,
        }
    }

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

impl Dropout {
    /// Drops some of the activations of `unit` in layer `layer` (from 0) in step `step`, one per sample, and scales the
    /// others; and so it does with their gradients.
    pub fn drop(&self, step: u64, layer: usize, unit: usize, values: &mut [f32]) {
        let scale = 1.0 / (1.0 - self.share);
        for (sample, value) in values.iter_mut().enumerate() {
            let place = [step, layer as u64, (unit as u64) << 32 | sample as u64];
            // Uniform in [0, 1), as `Stream::unit`.
            let unit = (hash(self.seed, Purpose::Dropout, place) >> 40) as f32 * (1.0 / (1 << 24) as f32);
            *value = if unit < self.share { 0.0 } else { *value * scale };
        }
    }
}

impl HandsOn {
    /// Whether it is all signs, one bit each.
    pub fn is_signs(&self) -> bool {
        self.activation == Activation::Sign && self.dropout.is_none()
    }

    /// Drops some values of a unit, if any are to be.
    pub fn drop(&self, unit: usize, values: &mut [f32]) {
        if let Some((dropout, step, layer)) = self.dropout {
            dropout.drop(step, layer, unit, values);
        }
    }

    /// The same for the units from `first` on, a row each.
    pub fn drop_rows(&self, first: usize, rows: &mut [f32], columns: Columns) {
        if self.dropout.is_some() {
            let rows = rows.chunks_exact_mut(columns.stride).zip(first..);
            rows.for_each(|(row, unit)| self.drop(unit, &mut row[..columns.count]));
        }
    }
}
