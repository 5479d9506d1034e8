//! The metaplastic Adam update of a tile of synapses.

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
/// g is rounded to multiples of about 1e-17, M and V to multiples of about 1e-30. With e = exp(-2 m |W|) and
/// d = (1 + e) / 2, f_meta = e / d^2: one division serves it and the root. Multiplications and additions are fused
/// (rounded once) where they can be, on every platform; where the processor cannot, that is slow. Source: the paper's
/// Methods; order of operations as in the authors' code.
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
    let (step, exponent) = (*step, EXPONENT * m);
    let AdamStep { eps, size, .. } = step;
    for i in 0..n {
        let weight = hidden[i];
        let (first, second) = moments(step, gradient[i], weight, mean[i], square[i]);
        // The signs alone are compared: where either is 0, the update or its attenuation is nothing.
        let grows = ((weight.to_bits() ^ first.to_bits()) as i32) < 0;
        let e = exp2(f32::max(exponent * weight.abs(), LEAST));
        let e = if grows { 1.0 } else { e };
        let d = e.mul_add(0.5, 0.5);
        mean[i] = first;
        square[i] = second;
        hidden[i] = weight - size * first * e / ((second.sqrt() + eps) * (d * d));
    }
}

/// The moments M and V after a gradient: see [`adam_tile`].
#[inline(always)]
pub(crate) fn moments(step: AdamStep, gradient: f32, weight: f32, mean: f32, square: f32) -> (f32, f32) {
    let AdamStep { beta1, beta2, weight_decay, .. } = step;
    let (share1, share2) = (1.0 - beta1, 1.0 - beta2);
    // Adding and subtracting a coarse number leaves multiples of its last place: see `MOMENT_DUST`.
    let g = weight_decay.mul_add(weight, gradient + GRADIENT_DUST) - GRADIENT_DUST;
    let first = beta1.mul_add(mean, share1.mul_add(g, MOMENT_DUST)) - MOMENT_DUST;
    let second = beta2.mul_add(square, (share2 * g).mul_add(g, MOMENT_DUST)) - MOMENT_DUST;
    (first, second)
}

/// Synapses of black pixels have no gradient but that of the weight decay, and their moments fade until they are
/// denormal numbers, with which some processors compute a hundred times slower. What is smaller than half the last
/// place of this, 5e-31, becomes 0. It has no effect: sqrt(1e-30) is nothing beside eps = 1e-8.
const MOMENT_DUST: f32 = 1e-23;
/// 2^-32: likewise for gradients, so that their squares are no denormal numbers either.
const GRADIENT_DUST: f32 = 2.328_306_4e-10;

/// exp(-2 x) = 2^(EXPONENT x).
const EXPONENT: f32 = -2.0 * std::f32::consts::LOG2_E;
/// The least exponent of 2 that is computed with.
const LEAST: f32 = -124.0;

/// 1.5 * 2^23: added to a small number, it rounds it to a whole one, which the lowest bits of the sum are.
pub(super) const ROUND: f32 = 12_582_912.0;

/// f_meta = 1 - tanh^2(x) for x = m |W| >= 0, as e / d^2 with e = exp(-2 x) and d = (1 + e) / 2.
///
/// Relative error below 5e-7; an x beyond 43 gives what 43 gives, about 1e-37.
pub fn attenuation(x: f32) -> f32 {
    let e = exp2(f32::max(EXPONENT * x, LEAST));
    let d = e.mul_add(0.5, 0.5);
    e / (d * d)
}

/// 2^y for y in [-126, 127]: y = n + f with n whole and |f| <= 1/2; 2^f by a polynomial of the fifth degree (relative
/// error 2e-7 in all), 2^n by writing n into the exponent bits.
///
/// Adding [`ROUND`] rounds y to a whole number and leaves that number in the lowest bits of the sum.
#[inline(always)]
fn exp2(y: f32) -> f32 {
    /// The polynomial of least relative error on [-1/2, 1/2] whose value at 0 is 1: 9e-8.
    #[allow(clippy::approx_constant)] // near ln 2, and not ln 2
    const POWERS: [f32; 5] = [1.326_472_7e-3, 9.671_513e-3, 5.550_733_6e-2, 2.402_224_2e-1, 6.931_47e-1];
    let rounded = y + ROUND;
    let f = y - (rounded - ROUND);
    let [mut power, lower @ ..] = POWERS;
    lower.into_iter().for_each(|coefficient| power = power.mul_add(f, coefficient));
    power.mul_add(f, 1.0) * f32::from_bits((rounded.to_bits() << 23).wrapping_add(0x3f80_0000))
}
