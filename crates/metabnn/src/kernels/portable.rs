//! The bodies of the kernels: plain loops, shaped so that a compiler turns them into vector instructions of any
//! width. `x86` compiles the same bodies again with wider instructions.

use metabnn_infer::BitMatrix;

use super::{Kernels, Platform};

pub(super) fn kernels() -> Kernels {
    Kernels {
        platform: Platform::Portable,
        xnor_product,
        product: |x, m, depth, y| product::<8>(x, m, depth, y),
        adam_tile: |step, m, gradient, hidden, mean, square| {
            adam_tile(step, m, gradient, hidden, mean, square)
        },
    }
}

fn xnor_product(input: &BitMatrix, row: usize, weights: &BitMatrix, output: &mut [f32]) {
    metabnn_infer::xnor_product(input, row, weights, output);
}

/// Rows of a product that are summed together: each value read of the other operand serves all of them.
const ROWS: usize = 4;
/// Columns summed together where fewer than a platform's `LANES` are left.
const NARROW: usize = 8;

/// `y[b, j] += sum_k x[b, k] m[k, j]`, k in order. Shapes: x (batch, depth), m (depth, n), y (batch, n).
///
/// `ROWS` times `LANES` sums are kept in registers: enough to hide the latency of an addition. Their number does not
/// change a sum.
#[inline(always)]
pub(super) fn product<const LANES: usize>(x: &[f32], m: &[f32], depth: usize, y: &mut [f32]) {
    let (batch, n) = (x.len() / depth, m.len() / depth);
    assert_eq!((batch * depth, depth * n, batch * n), (x.len(), m.len(), y.len()), "shapes of a product");
    let mut start = 0;
    while start < n {
        start += match n - start {
            left if left >= LANES => columns::<LANES>(x, m, depth, start, y),
            left if left >= NARROW => columns::<NARROW>(x, m, depth, start, y),
            _ => columns::<1>(x, m, depth, start, y),
        };
    }
}

/// Columns start..start + L of a product; gives L.
#[inline(always)]
fn columns<const L: usize>(x: &[f32], m: &[f32], depth: usize, start: usize, y: &mut [f32]) -> usize {
    let n = m.len() / depth;
    let (mut x, mut y) = (x.chunks_exact(ROWS * depth), y.chunks_exact_mut(ROWS * n));
    for (x, y) in (&mut x).zip(&mut y) {
        block::<L, ROWS>(x, m, depth, n, start, y);
    }
    for (x, y) in x.remainder().chunks_exact(depth).zip(y.into_remainder().chunks_exact_mut(n)) {
        block::<L, 1>(x, m, depth, n, start, y);
    }
    L
}

/// The part of a product in columns start..start + L, for R rows of x.
#[inline(always)]
fn block<const L: usize, const R: usize>(
    x: &[f32],
    m: &[f32],
    depth: usize,
    n: usize,
    start: usize,
    y: &mut [f32],
) {
    let mut sums = [[0.0; L]; R];
    for (row, sums) in sums.iter_mut().enumerate() {
        sums.copy_from_slice(&y[row * n + start..][..L]);
    }
    for (k, values) in m.chunks_exact(n).enumerate() {
        let values = &values[start..start + L];
        for (row, sums) in sums.iter_mut().enumerate() {
            let factor = x[row * depth + k];
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += factor * value;
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        y[row * n + start..][..L].copy_from_slice(sums);
    }
}

/// What one Adam step has in common for all parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment, without bias correction.
    pub eps: f32,
    /// lr * sqrt(1 - beta2^t) / (1 - beta1^t): the bias corrections sit in the step size.
    pub size: f32,
    /// L2 penalty.
    pub weight_decay: f32,
}

/// One step of Adam for a tile of synapses, metaplastic with strength `m` (0: plain Adam). All (n).
///
/// ```text
/// g <- g + weight_decay W;   M <- beta1 M + (1 - beta1) g;   V <- beta2 V + (1 - beta2) g^2
/// U  = size M / (sqrt(V) + eps)
/// W <- W - U f_meta(m, W)   where sign(W) M > 0: the step would shrink |W|
/// W <- W - U                elsewhere
/// ```
/// Source: the paper's Methods; order of operations as in the authors' code.
#[inline(always)]
pub(super) fn adam_tile(
    step: &AdamStep,
    m: f32,
    gradient: &[f32],
    hidden: &mut [f32],
    mean: &mut [f32],
    square: &mut [f32],
) {
    let n = hidden.len();
    let (gradient, mean, square) = (&gradient[..n], &mut mean[..n], &mut square[..n]);
    for i in 0..n {
        let weight = hidden[i];
        let g = gradient[i] + step.weight_decay * weight;
        let first = step.beta1 * mean[i] + (1.0 - step.beta1) * g;
        let second = step.beta2 * square[i] + (1.0 - step.beta2) * g * g;
        let factor = if weight * first > 0.0 { attenuation(m * weight.abs()) } else { 1.0 };
        mean[i] = first;
        square[i] = second;
        hidden[i] = weight - step.size * (factor * first) / (second.sqrt() + step.eps);
    }
}

/// f_meta = 1 - tanh^2(x) for x = m |W| >= 0, as 4 e / (1 + e)^2 with e = exp(-2 x).
///
/// Relative error below 5e-7; an x beyond 43 gives what 43 gives, about 1e-37.
#[inline(always)]
pub fn attenuation(x: f32) -> f32 {
    let e = exp2(f32::max(-2.0 * std::f32::consts::LOG2_E * x, -124.0));
    4.0 * e / ((1.0 + e) * (1.0 + e))
}

/// 2^y for y in [-126, 127]: y = n + f with n whole and |f| <= 1/2; 2^f by its Taylor series to the seventh power
/// (error 6e-9), 2^n by writing n into the exponent bits.
///
/// Adding 1.5 * 2^23 rounds y to a whole number and leaves that number in the lowest bits of the sum.
#[inline(always)]
fn exp2(y: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    /// ln(2)^k / k!, k = 7 down to 0.
    const TAYLOR: [f32; 8] = [
        1.525_273_4e-5,
        1.540_353e-4,
        1.333_355_8e-3,
        9.618_129e-3,
        5.550_411e-2,
        2.402_265e-1,
        6.931_472e-1,
        1.0,
    ];
    let rounded = y + ROUND;
    let fraction = y - (rounded - ROUND);
    let power = TAYLOR.into_iter().fold(0.0, |sum, coefficient| sum * fraction + coefficient);
    power * f32::from_bits((rounded.to_bits() << 23).wrapping_add(0x3f80_0000))
}
