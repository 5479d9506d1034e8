//! Batch norm, the sign after it and its straight-through estimator, one feature (row) at a time.

use super::lanes::LANES;
use super::mask::{Mask, pack};

/// What stands after a batch norm, for the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Nothing: the gradient passes.
    Open,
    /// The sign, or hardtanh: the gradient passes where |z| <= 1 (clipped straight-through).
    Sign,
    /// ReLU: the gradient passes where z > 0.
    Relu,
}

impl Gate {
    /// Whether the gradient passes at `z`.
    pub fn passes(self, z: f32) -> bool {
        match self {
            Self::Open => true,
            Self::Sign => z.abs() <= 1.0,
            Self::Relu => z > 0.0,
        }
    }
}

/// Scale and shift of one feature, with 1 / sqrt(variance + eps) of the batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormRow {
    /// Scale gamma.
    pub gamma: f32,
    /// Shift beta.
    pub beta: f32,
    /// 1 / sqrt(variance + eps).
    pub inverse: f32,
}

/// Mean and biased variance of `y`.
#[inline(always)]
pub(super) fn statistics(y: &[f32]) -> (f32, f32) {
    let count = y.len() as f32;
    let [sum] = sums(y.len(), |i| [y[i]]);
    // Divided, not multiplied by 1/n: a mean of whole numbers that is whole has to be exact, or a z of 0 loses its sign.
    let mean = sum / count;
    let [squares] = sums(y.len(), |i| [(y[i] - mean) * (y[i] - mean)]);
    (mean, squares / count)
}

/// y <- (y - mean) inverse.
#[inline(always)]
pub(super) fn normalise(y: &mut [f32], mean: f32, inverse: f32) {
    y.iter_mut().for_each(|y| *y = (*y - mean) * inverse);
}

/// The signs of z = gamma normed + beta, in words of 64 bits.
#[inline(always)]
pub(super) fn norm_signs<M: Mask>(normed: &[f32], gamma: f32, beta: f32, words: &mut [u64]) {
    let mut z = [0.0; 64];
    for (word, normed) in words.chunks_mut(1).zip(normed.chunks(64)) {
        for (z, normed) in z.iter_mut().zip(normed) {
            *z = gamma * normed + beta;
        }
        pack::<M>(&z[..normed.len()], word);
    }
}

/// Turns the gradient `d` of what stands after z = gamma normed + beta into that of the row before the batch norm;
/// gives (dL/dgamma, dL/dbeta).
///
/// ```text
/// dz = d where the gate lets it pass, else 0
/// dy = gamma inverse (dz - mean(dz) - normed mean(dz normed)), means over the batch
/// ```
#[inline(always)]
pub(super) fn norm_backward(gate: Gate, row: NormRow, normed: &[f32], d: &mut [f32]) -> (f32, f32) {
    let NormRow { gamma, beta, inverse } = row;
    let normed = &normed[..d.len()];
    let z = |i: usize| gamma * normed[i] + beta;
    match gate {
        Gate::Open => {}
        Gate::Sign => (0..d.len()).for_each(|i| d[i] = if z(i).abs() <= 1.0 { d[i] } else { 0.0 }),
        Gate::Relu => (0..d.len()).for_each(|i| d[i] = if z(i) > 0.0 { d[i] } else { 0.0 }),
    }
    let [of_beta, of_gamma] = sums(d.len(), |i| [d[i], d[i] * normed[i]]);
    let share = 1.0 / d.len() as f32;
    let (scale, mean, slope) = (gamma * inverse, of_beta * share, of_gamma * share);
    for (d, normed) in d.iter_mut().zip(normed) {
        *d = scale * (*d - mean - normed * slope);
    }
    (of_gamma, of_beta)
}

/// The sums of `values(0..n)`, each added up in sixteen interleaved sums and these by halves: an order that vectors of
/// any width can keep.
#[inline(always)]
fn sums<const N: usize>(n: usize, values: impl Fn(usize) -> [f32; N]) -> [f32; N] {
    let mut lanes = [[0.0; LANES]; N];
    let whole = n - n % LANES;
    for start in (0..whole).step_by(LANES) {
        for lane in 0..LANES {
            let values = values(start + lane);
            for (lanes, value) in lanes.iter_mut().zip(values) {
                lanes[lane] += value;
            }
        }
    }
    for i in whole..n {
        for (lanes, value) in lanes.iter_mut().zip(values(i)) {
            lanes[i - whole] += value;
        }
    }
    lanes.map(|mut lanes| {
        for half in [8, 4, 2, 1] {
            for lane in 0..half {
                lanes[lane] += lanes[lane + half];
            }
        }
        lanes[0]
    })
}
