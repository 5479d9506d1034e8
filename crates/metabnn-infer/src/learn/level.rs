//! Hidden weights in a few levels: what they are stored in, and how they step.

use super::plasticity::Plasticity;
use super::random::Row;

/// What a hidden weight is stored in: `i8` or `i16`.
pub trait Level: Copy + Into<i32> + sealed::Sealed {
    /// The most bits of a hidden weight.
    const BITS: u32;
    /// Bits behind the point of a step: one level is 2^FRACTION.
    #[doc(hidden)]
    const FRACTION: u32 = 32 - Self::BITS;

    /// The level as a number.
    #[inline(always)]
    fn number(self) -> i32 {
        self.into()
    }

    /// The level of a number in the range of its bits.
    #[doc(hidden)]
    fn from_number(number: i32) -> Self;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for i8 {}
    impl Sealed for i16 {}
}

impl Level for i8 {
    const BITS: u32 = 8;

    #[inline(always)]
    fn from_number(number: i32) -> Self {
        number as Self
    }
}

impl Level for i16 {
    const BITS: u32 = 16;

    #[inline(always)]
    fn from_number(number: i32) -> Self {
        number as Self
    }
}

/// How deep a level lies on its side: 0 beside the change of sign, on either side, to 2^(bits - 1) - 1.
#[inline(always)]
pub(super) fn depth(level: i32) -> i32 {
    level ^ (level >> 31)
}

/// A step of the hidden weights behind one input, for all units of a layer. Both (units).
///
/// `steps` are in levels, to be taken off. Each is rounded up or down at random, so that on the average it is kept; one
/// that would bring its weight back towards the change of sign is attenuated before. See the [module](super). Where no
/// step is to be taken, no bits are drawn: with none, black pixels cost little.
pub(super) fn step_row<L: Level>(levels: &mut [L], steps: &[f32], plasticity: &Plasticity, row: Row) {
    let (most, one) = (plasticity.half() - 1, (1_u64 << L::FRACTION) as f32);
    for (place, (level, step)) in levels.iter_mut().zip(steps).enumerate() {
        // The cast keeps what is too large at the ends of 32 bits.
        let exact = (step * one) as i32;
        if exact == 0 {
            continue;
        }
        let old = level.number();
        // They have the same sign where the step, taken off, would shrink the weight.
        let shrinks = (old ^ exact) >= 0;
        let attenuated = if shrinks { plasticity.of(depth(old)).times(exact) } else { exact };
        let whole = round(attenuated, L::FRACTION, row.bits(place));
        *level = L::from_number((old - whole).clamp(-most - 1, most));
    }
}

/// `exact` / 2^`fraction`, rounded up with the probability of what is behind the point, else down.
#[inline(always)]
pub(super) fn round(exact: i32, fraction: u32, random: u32) -> i32 {
    ((i64::from(exact) + i64::from(random >> (32 - fraction))) >> fraction) as i32
}
