//! One layer for one sample: its sums, its norm, and both on the way back.

use super::level::Level;
use super::real::{exp, sqrt};

/// What a layer sees of one sample.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seen<'a> {
    /// Pixels, 0 to 255 for 0 to 1.
    Pixels(&'a [u8]),
    /// Numbers behind a norm, of which their signs count, sign(0) = +1.
    Signs(&'a [f32]),
}

impl Seen<'_> {
    /// The value at input `i`, pixels in 0 to 255.
    #[inline(always)]
    pub fn value(self, i: usize) -> f32 {
        match self {
            Self::Pixels(pixels) => pixels.get(i).map_or(0.0, |pixel| f32::from(*pixel)),
            Self::Signs(normed) => {
                normed.get(i).map_or(0.0, |normed| if *normed >= 0.0 { 1.0 } else { -1.0 })
            }
        }
    }

    /// What a value of 1 is given as.
    pub fn scale(self) -> f32 {
        match self {
            Self::Pixels(_) => 1.0 / 255.0,
            Self::Signs(_) => 1.0,
        }
    }
}

/// `value` with the sign of a hidden weight.
#[inline(always)]
fn signed<L: Level>(level: L, value: f32) -> f32 {
    f32::from_bits(value.to_bits() ^ (level.number() as u32 & 0x8000_0000))
}

/// `sums[o] = sum_i sign(levels[i, o]) seen[i]`, whole numbers below 2^24, and so exact. Shapes: levels (in, out), sums
/// (out).
pub(super) fn sums<L: Level>(levels: &[L], seen: Seen<'_>, sums: &mut [f32]) {
    sums.fill(0.0);
    for (i, row) in levels.chunks_exact(sums.len().max(1)).enumerate() {
        let value = seen.value(i);
        if value != 0.0 {
            sums.iter_mut().zip(row).for_each(|(sum, level)| *sum += signed(*level, value));
        }
    }
}

/// Normalises the sums of one sample in place: (y - mean) / sqrt(variance + 1), over the units of a layer.
pub(super) fn normalise(y: &mut [f32]) {
    let units = y.len() as f32;
    let mean = y.iter().sum::<f32>() / units;
    let variance = y.iter().map(|y| (y - mean) * (y - mean)).sum::<f32>() / units;
    let deviation = sqrt(variance + 1.0);
    y.iter_mut().for_each(|y| *y = (*y - mean) / deviation);
}

/// The way back through the norm, but for the factor 1 / deviation: `normed` becomes
/// d - mean(d) - normed mean(d normed), where `d` gives the gradient of each unit's normed sum. All (units).
pub(super) fn back_through_norm(normed: &mut [f32], d: impl Fn(usize, f32) -> f32) {
    let units = normed.len() as f32;
    let (mut mean, mut slope) = (0.0, 0.0);
    for (unit, normed) in normed.iter().enumerate() {
        let d = d(unit, *normed);
        mean += d;
        slope += d * normed;
    }
    let (mean, slope) = (mean / units, slope / units);
    normed
        .iter_mut()
        .enumerate()
        .for_each(|(unit, normed)| *normed = d(unit, *normed) - mean - *normed * slope);
}

/// The same for hidden units: with `errors` of their signs, the gradient of a normed sum is gamma error where
/// |gamma normed| <= 1, else 0. That is the straight-through estimator. All (units).
pub(super) fn back_through_gate(normed: &mut [f32], errors: &[f32], gamma: f32) {
    back_through_norm(normed, |unit, normed| {
        let bound = gamma * normed;
        if (-1.0..=1.0).contains(&bound) { gamma * errors.get(unit).copied().unwrap_or(0.0) } else { 0.0 }
    });
}

/// `errors[i] = sum_o sign(levels[i, o]) g[o] / sqrt(out)`. Shapes: levels (in, out), g (out), errors (in).
pub(super) fn back_through_weights<L: Level>(levels: &[L], g: &[f32], errors: &mut [f32]) {
    let share = 1.0 / sqrt(g.len() as f32);
    for (error, row) in errors.iter_mut().zip(levels.chunks_exact(g.len().max(1))) {
        *error = share * row.iter().zip(g).map(|(level, g)| signed(*level, *g)).sum::<f32>();
    }
}

/// What makes softmax(z) of exp(z), with z = gamma normed, (classes): the largest z, and 1 / sum_c exp(z_c - largest).
pub(super) fn softmax(normed: &[f32], gamma: f32) -> (f32, f32) {
    let most = normed.iter().map(|normed| gamma * normed).fold(f32::NEG_INFINITY, f32::max);
    (most, 1.0 / normed.iter().map(|normed| exp(gamma * normed - most)).sum::<f32>())
}

/// Index of the largest number, the first among equals.
pub(super) fn first_largest(numbers: &[f32]) -> usize {
    let better =
        |best: (usize, f32), one: (usize, &f32)| if *one.1 > best.1 { (one.0, *one.1) } else { best };
    numbers.iter().enumerate().fold((0, f32::NEG_INFINITY), better).0
}
