//! A number for all layers, or one for each.

use serde::{Deserialize, Serialize};

/// A setting that is the same in every layer, or given layer by layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PerLayer {
    /// The same value in every layer.
    Same(f32),
    /// One value per layer, the first hidden layer first, the output layer last.
    Each(Vec<f32>),
}

impl PerLayer {
    /// The value in `layer`, counted from 0; NaN where a list is too short, which whoever takes a config checks.
    pub fn layer(&self, layer: usize) -> f32 {
        match self {
            Self::Same(value) => *value,
            Self::Each(values) => values.get(layer).copied().unwrap_or(f32::NAN),
        }
    }
}
