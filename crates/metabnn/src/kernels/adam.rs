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
/// g below 1e-15 and moments below 1e-30 count as 0. Source: the paper's Methods; order of operations as in the
/// authors' code.
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
        let g = without_dust(gradient[i] + step.weight_decay * weight, 1e-15);
        let first = without_dust(step.beta1 * mean[i] + (1.0 - step.beta1) * g, 1e-30);
        let second = without_dust(step.beta2 * square[i] + (1.0 - step.beta2) * g * g, 1e-30);
        let factor = if weight * first > 0.0 { attenuation(m * weight.abs()) } else { 1.0 };
        mean[i] = first;
        square[i] = second;
        hidden[i] = weight - step.size * (factor * first) / (second.sqrt() + step.eps);
    }
}

/// `value`, or 0 where it is closer to 0 than `least`.
///
/// Synapses of black pixels have no gradient but that of the weight decay, and their moments fade until they are
/// denormal numbers, with which a processor computes a hundred times slower. Far above that they have no effect:
/// sqrt(1e-30) is nothing beside eps = 1e-8.
#[inline(always)]
fn without_dust(value: f32, least: f32) -> f32 {
    if value.abs() < least { 0.0 } else { value }
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
