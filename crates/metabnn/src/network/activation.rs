//! Activations between layers: the sign with its straight-through estimator, and ReLU for the control.

use metabnn_infer::{BitMatrix, WORD};

use super::linear::Activations;
use crate::kernels::Kernels;

/// What stands between a batch norm and the next linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// h = sign(z), sign(0) = +1; backward: the gradient passes where |z| <= 1 (clipped straight-through).
    Sign,
    /// h = max(z, 0); backward: the gradient passes where z > 0.
    Relu,
}

impl Activation {
    /// h(z), (features, batch).
    pub fn forward(self, kernels: Kernels, z: &[f32], batch: usize) -> Activations {
        match self {
            Self::Sign => {
                let mut bits = BitMatrix::new(z.len() / batch, batch);
                let rows = bits.words_mut().chunks_exact_mut(batch.div_ceil(WORD));
                z.chunks_exact(batch).zip(rows).for_each(|(z, words)| (kernels.pack)(z, words));
                Activations::Signs(bits)
            }
            Self::Relu => Activations::Real { batch, values: z.iter().map(|&z| f32::max(z, 0.0)).collect() },
        }
    }

    /// Turns the gradient of h(z) into that of z, in place.
    pub fn backward(self, z: &[f32], dh: &mut [f32]) {
        let passes = match self {
            Self::Sign => |z: f32| z.abs() <= 1.0,
            Self::Relu => |z: f32| z > 0.0,
        };
        for (dh, &z) in dh.iter_mut().zip(z) {
            *dh = if passes(z) { *dh } else { 0.0 };
        }
    }
}
