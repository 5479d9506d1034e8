//! What part of a step goes through, by the depth of the level: a table.

use super::LearnError;
use super::real::exp;

/// Entries of the table.
const ENTRIES: usize = 128;
/// 1 as an [`Share`].
const ONE: u32 = 1 << 31;

/// What part of a step towards the change of sign goes through, for every depth of a hidden weight of some bits.
///
/// A weight of b bits has the levels k = -2^(b-1) to 2^(b-1) - 1. It stands for the hidden weight (k + 1/2) / 2^(b-1), in
/// (-1, 1), and has the sign of k, sign(0) = +1. Its depth is k, or -1 - k on the negative side. Beyond 8 bits, levels of
/// neighbouring depths share an entry: the table has 128 of 4 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plasticity {
    bits: u32,
    table: [u32; ENTRIES],
    fault: Option<Fault>,
}

/// A number that it cannot be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fault {
    what: &'static str,
    /// Its bits, which are equal where they are the same, not a number included.
    got: u32,
    expected: &'static str,
}

impl Plasticity {
    /// That of metaplasticity, f_meta = 1 - tanh^2(m |W|), for hidden weights of `bits` bits; m = 0: all of a step goes
    /// through. |W| is a share of the range, so m says how consolidated the deepest level is: its steps back go through
    /// with 1 - tanh^2(m). Source: the paper's Methods, where the range has no end.
    ///
    /// Bits other than 2 to 16, and an m that is negative or not finite, are refused when a learner is made.
    pub fn metaplastic(bits: u32, m: f32) -> Self {
        let plasticity = Self::of_share(bits, |share| {
            let e = exp(-2.0 * m * share);
            let d = (1.0 + e) / 2.0;
            // At most 1, but for a rounding.
            (e / (d * d)).min(1.0)
        });
        let fault = Fault { what: "m", got: m.to_bits(), expected: "a finite number, at least 0" };
        Self { fault: (!(0.0..f32::INFINITY).contains(&m)).then_some(fault), ..plasticity }
    }

    /// One of your own: `through` says what part in [0, 1] of a step goes through at |W| in (0, 1). It is asked for the
    /// middle of every entry.
    ///
    /// Bits other than 2 to 16, and a part that is not in [0, 1], are refused when a learner is made.
    pub fn of_share(bits: u32, through: impl Fn(f32) -> f32) -> Self {
        let used = ENTRIES.min(1 << (bits.clamp(2, 16) - 1));
        let (mut table, mut fault) = ([ONE; ENTRIES], None);
        for (entry, part) in table.iter_mut().take(used).enumerate() {
            let through = through((entry as f32 + 0.5) / used as f32);
            if !(0.0..=1.0).contains(&through) {
                let what = "what part of a step goes through";
                fault = Some(Fault { what, got: through.to_bits(), expected: "0 to 1" });
            }
            *part = (through.clamp(0.0, 1.0) * ONE as f32) as u32;
        }
        Self { bits, table, fault }
    }

    /// Whether hidden weights of at most so many bits can learn by it.
    ///
    /// # Errors
    /// [`LearnError::Bits`] and [`LearnError::Setting`].
    pub(super) fn check(&self, most: u32) -> Result<(), LearnError> {
        let got = self.bits;
        match self.fault {
            _ if !(2..=most).contains(&got) => Err(LearnError::Bits { most, got }),
            Some(Fault { what, got, expected }) => {
                Err(LearnError::Setting { what, got: f32::from_bits(got), expected })
            }
            None => Ok(()),
        }
    }

    /// Bits of the hidden weights, as they were asked for.
    pub const fn bits(&self) -> u32 {
        self.bits
    }

    /// Levels on one side of the change of sign.
    pub(super) const fn half(&self) -> i32 {
        1 << (self.bits - 1)
    }

    /// What part goes through at this depth.
    #[inline(always)]
    pub(super) fn of(&self, depth: i32) -> Share {
        let entry = depth as usize >> self.bits.saturating_sub(8);
        Share(self.table[entry % ENTRIES])
    }
}

/// A part of a step: 2^31 is all of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share(u32);

impl Share {
    /// `exact` times this, rounded towards 0.
    #[inline(always)]
    pub fn times(self, exact: i32) -> i32 {
        (i64::from(exact) * i64::from(self.0) / i64::from(ONE)) as i32
    }
}
