//! Optimizer state in 16 bits: bfloat16, the upper half of an f32.

/// Numbers as they were before [`narrow`], but for its rounding.
#[inline(always)]
pub(super) fn widen(bits: &[u16], values: &mut [f32]) {
    for (value, &bits) in values.iter_mut().zip(bits) {
        *value = f32::from_bits(u32::from(bits) << 16);
    }
}

/// The upper halves of `values`, rounded up or down at random, the nearer one the more probable: the average over many
/// steps is right.
///
/// To the nearest, a second moment would stand still: 8 bits hold no change of (1 - beta2) = 1/1000. The noise is a
/// hash of `key` and the position, the same on every platform and with any threads.
#[inline(always)]
pub(super) fn narrow(values: &[f32], key: u32, bits: &mut [u16]) {
    for (position, (bits, value)) in bits.iter_mut().zip(values).enumerate() {
        let noise = hash((position as u32) ^ key) >> 16;
        *bits = (value.to_bits().wrapping_add(noise) >> 16) as u16;
    }
}

/// Every bit of the result depends on every bit of `value`.
#[inline(always)]
fn hash(mut value: u32) -> u32 {
    value = (value ^ (value >> 16)).wrapping_mul(0x7feb_352d);
    value = (value ^ (value >> 15)).wrapping_mul(0x846c_a68b);
    value ^ (value >> 16)
}
