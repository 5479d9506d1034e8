//! What is left of a batch norm before a sign: one comparison of whole numbers.

/// Which sums s of a hidden unit's inputs make it +1: those that are at least some whole number, or those that are at
/// most one. Four bytes: twice the number t that is compared with, and in the lowest bit the direction.
///
/// ```text
/// word = 2 t      +1 where  s >= t
/// word = 2 t + 1  +1 where !s >= t, with !s = -s - 1; that is, s <= !t
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold(i32);

impl Threshold {
    /// Largest |s| and |t|.
    pub const MOST: i32 = 1 << 29;

    /// +1 where s >= t, with |t| <= [`Threshold::MOST`].
    pub const fn at_least(t: i32) -> Self {
        Self(t << 1)
    }

    /// +1 where s <= t, with |t| < [`Threshold::MOST`].
    pub const fn at_most(t: i32) -> Self {
        Self((!t << 1) | 1)
    }

    /// The threshold of a unit that is +1 where `fires(s)`, for s in -`bound`..=`bound`, with `bound` below
    /// [`Threshold::MOST`].
    ///
    /// `fires` has to change once at most on the way from -bound to bound. That holds for the sign of a batch norm,
    /// gamma (scale s - mean) inverse + beta >= 0, as it is computed in floating point: each of its operations, rounded
    /// to the nearest number, keeps the order of what it is given, or turns it around where gamma < 0. So the threshold
    /// that is searched with the very expression is exact for every s.
    pub fn of(bound: i32, fires: impl Fn(i32) -> bool) -> Self {
        let at_first = fires(-bound);
        if at_first == fires(bound) {
            return Self::at_least(if at_first { -bound } else { bound + 1 });
        }
        // It is `at_first` at `same`, and no longer so at `other`.
        let (mut same, mut other) = (-bound, bound);
        while other - same > 1 {
            let middle = same + (other - same) / 2;
            if fires(middle) == at_first { same = middle } else { other = middle }
        }
        if at_first { Self::at_most(same) } else { Self::at_least(other) }
    }

    /// Whether the sum `s` makes the unit +1.
    #[inline(always)]
    pub fn is_reached(self, s: i32) -> bool {
        s ^ -(self.0 & 1) >= self.0 >> 1
    }

    /// The four bytes in the file as a number.
    pub const fn word(self) -> i32 {
        self.0
    }

    /// The threshold of these four bytes; any are one.
    pub const fn from_word(word: i32) -> Self {
        Self(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_function_has_its_threshold() {
        const BOUND: i32 = 9;
        for edge in -BOUND - 1..=BOUND + 1 {
            for below in [false, true] {
                let fires = |s: i32| (s < edge) == below;
                let threshold = Threshold::of(BOUND, fires);
                for s in -BOUND..=BOUND {
                    assert_eq!(threshold.is_reached(s), fires(s), "{s} of {edge}, {below}");
                }
                assert_eq!(Threshold::from_word(threshold.word()), threshold);
            }
        }
    }

    #[test]
    fn thresholds_at_the_ends_of_their_range() {
        let most = Threshold::MOST - 1;
        for t in [-most, most] {
            for s in [t - 1, t, t + 1] {
                assert_eq!(Threshold::at_least(t).is_reached(s), s >= t);
                assert_eq!(Threshold::at_most(t).is_reached(s), s <= t);
            }
        }
        // Any word is a threshold.
        for word in [i32::MIN, -1, 0, i32::MAX] {
            Threshold::from_word(word).is_reached(i32::MIN);
            Threshold::from_word(word).is_reached(i32::MAX);
        }
    }
}
