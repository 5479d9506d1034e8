//! Products of signs and numbers by lookup instead of multiplication.
//!
//! A *word* of 64 signs says which of 64 rows of numbers are added and which subtracted. The rows are taken in
//! groups of 5, 5 and 6 (a *digit* of 16 signs), and all signed sums of a group are computed once, for a few columns
//! (lanes) at a time: 128 sums a digit, one cache line each. Then a group's bits in a word pick their sum: one
//! addition does the work of 5 multiply-adds or more, and 12 of them serve a word. Four digits of sums fill 32 KiB,
//! the first-level cache.

/// Signs in a digit.
pub const DIGIT: usize = 16;
/// Rows whose signed sums are in the tables at a time: the signs of a word.
pub const ROWS: usize = 4 * DIGIT;
/// Signed sums of a digit: 32 + 32 + 64.
const SUMS: usize = 128;

/// What signed sums are made of.
pub trait Term: Copy {
    /// Nothing.
    const ZERO: Self;
    /// `self + other`.
    fn plus(self, other: Self) -> Self;
    /// `self - other`.
    fn minus(self, other: Self) -> Self;
}

impl Term for f32 {
    const ZERO: Self = 0.0;
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self + other
    }
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self - other
    }
}

/// Sums that leave the range wrap around; it is for the user to keep them inside.
impl Term for i16 {
    const ZERO: Self = 0;
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }
}

/// The signed sums of up to [`ROWS`] rows of L numbers.
#[derive(Clone)]
#[repr(C, align(64))]
pub struct Tables<T, const L: usize> {
    /// For each digit the sums of its three groups, one after the other.
    digits: [[[T; L]; SUMS]; ROWS / DIGIT],
    /// Rows in use.
    rows: usize,
}

impl<T: Term, const L: usize> Default for Tables<T, L> {
    fn default() -> Self {
        Self { digits: [[[T::ZERO; L]; SUMS]; ROWS / DIGIT], rows: 0 }
    }
}

/// An instruction set's way to add signed sums up: [`Tables::add_up`] as a function of its own, compiled for it, so that
/// its loops have the registers to themselves.
pub trait AddUp {
    /// See [`Tables::add_up`].
    ///
    /// # Safety
    /// The machine has the instruction set.
    unsafe fn add_up<T: Term, const L: usize, const FRESH: bool>(
        tables: &Tables<T, L>,
        words: &[u64],
        step: usize,
        y: &mut [T],
        stride: usize,
    );
}

/// What every machine of the architecture has.
#[derive(Debug)]
pub struct Plain;

impl AddUp for Plain {
    #[inline(never)]
    unsafe fn add_up<T: Term, const L: usize, const FRESH: bool>(
        tables: &Tables<T, L>,
        words: &[u64],
        step: usize,
        y: &mut [T],
        stride: usize,
    ) {
        tables.add_up::<FRESH>(words, step, y, stride);
    }
}

impl<T: Term, const L: usize> Tables<T, L> {
    /// Computes the signed sums of rows 0..`rows`, `row(r)` being row r.
    ///
    /// # Panics
    /// If there are more than [`ROWS`].
    #[inline(always)]
    pub fn fill(&mut self, rows: usize, row: impl Fn(usize) -> [T; L]) {
        assert!(rows <= ROWS, "at most {ROWS} rows");
        self.rows = rows;
        for (digit, sums) in self.digits.iter_mut().enumerate() {
            let (first, left) = (digit * DIGIT, rows.saturating_sub(digit * DIGIT));
            let row_or_zero = |r: usize| if r < left { row(first + r) } else { [T::ZERO; L] };
            if left > 0 {
                fill_group::<T, L, 4>(&mut sums[..32], row_or_zero);
            }
            if left > 5 {
                fill_group::<T, L, 4>(&mut sums[32..64], |r| row_or_zero(5 + r));
            }
            if left > 10 {
                fill_group::<T, L, 8>(&mut sums[64..], |r| row_or_zero(10 + r));
            }
        }
    }

    /// `y[r] = sum_k sign[r, k] row[k]`, or `y[r] += ...` unless `FRESH`. Row r of y starts at `y[r * stride]`, L
    /// numbers; its signs are the word `words[r * step]`, lowest bit first: 1 adds, 0 subtracts. Bits beyond the rows
    /// in use have to be 0.
    ///
    /// Sums run over the groups in order: the number of lanes changes none.
    #[inline(always)]
    pub fn add_up<const FRESH: bool>(&self, words: &[u64], step: usize, y: &mut [T], stride: usize) {
        // Spelled out, so that each is a loop without a branch inside.
        match self.rows / DIGIT {
            0 => self.rest_up::<0, FRESH>(words, step, y, stride),
            1 => self.rest_up::<1, FRESH>(words, step, y, stride),
            2 => self.rest_up::<2, FRESH>(words, step, y, stride),
            3 => self.rest_up::<3, FRESH>(words, step, y, stride),
            _ => self.digits_up::<4, 0, FRESH>(words, step, y, stride),
        }
    }

    /// `D` whole digits and the groups of the rows that are left.
    #[inline(always)]
    fn rest_up<const D: usize, const FRESH: bool>(
        &self,
        words: &[u64],
        step: usize,
        y: &mut [T],
        stride: usize,
    ) {
        match self.rows % DIGIT {
            0 => self.digits_up::<D, 0, FRESH>(words, step, y, stride),
            1..=5 => self.digits_up::<D, 1, FRESH>(words, step, y, stride),
            6..=10 => self.digits_up::<D, 2, FRESH>(words, step, y, stride),
            _ => self.digits_up::<D, 3, FRESH>(words, step, y, stride),
        }
    }

    /// `D` whole digits and the first `REST` groups of the next one.
    #[inline(always)]
    fn digits_up<const D: usize, const REST: usize, const FRESH: bool>(
        &self,
        words: &[u64],
        step: usize,
        y: &mut [T],
        stride: usize,
    ) {
        for (y, word) in y.chunks_mut(stride).zip(words.chunks(step)) {
            // Keeps the compiler from doing several rows at once, with gathers a number at a time.
            core::hint::black_box(());
            let Some(y) = y.first_chunk_mut::<L>() else { break };
            let mut sums = if FRESH { [T::ZERO; L] } else { *y };
            for (digit, table) in self.digits[..D].iter().enumerate() {
                let bits = (word[0] >> (DIGIT * digit)) as usize;
                add(&mut sums, &table[bits % 32]);
                add(&mut sums, &table[32 + bits / 32 % 32]);
                add(&mut sums, &table[64 + bits / 1024 % 64]);
            }
            let (table, bits) = (&self.digits[D % 4], (word[0] >> (DIGIT * D % 64)) as usize);
            if REST > 0 {
                add(&mut sums, &table[bits % 32]);
            }
            if REST > 1 {
                add(&mut sums, &table[32 + bits / 32 % 32]);
            }
            if REST > 2 {
                add(&mut sums, &table[64 + bits / 1024 % 64]);
            }
            *y = sums;
        }
    }
}

#[inline(always)]
fn add<T: Term, const L: usize>(sums: &mut [T; L], values: &[T; L]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum = sum.plus(*value);
    }
}

/// All signed sums of a group, entry i adding the rows whose bit is set in i and subtracting the others: the 8 sums of
/// its first three rows, to each of which the `HIGH` sums of the others (4 of two rows, 8 of three) are added.
#[inline(always)]
fn fill_group<T: Term, const L: usize, const HIGH: usize>(
    table: &mut [[T; L]],
    row: impl Fn(usize) -> [T; L],
) {
    let low = sums_of([row(0), row(1), row(2)]);
    let high = sums_of([row(3), row(4), if HIGH == 8 { row(5) } else { [T::ZERO; L] }]);
    for (table, high) in table.chunks_exact_mut(8).zip(&high[..HIGH]) {
        core::hint::black_box(());
        let Some(table) = table.first_chunk_mut::<8>() else { break };
        table[0] = plus(low[0], high);
        table[1] = plus(low[1], high);
        table[2] = plus(low[2], high);
        table[3] = plus(low[3], high);
        table[4] = plus(low[4], high);
        table[5] = plus(low[5], high);
        table[6] = plus(low[6], high);
        table[7] = plus(low[7], high);
    }
}

/// The eight signed sums of three rows.
#[inline(always)]
fn sums_of<T: Term, const L: usize>(rows: [[T; L]; 3]) -> [[T; L]; 8] {
    let mut none = [T::ZERO; L];
    for lane in 0..L {
        none[lane] = none[lane].minus(rows[0][lane]).minus(rows[1][lane]).minus(rows[2][lane]);
    }
    let [first, second, third] = [plus(rows[0], &rows[0]), plus(rows[1], &rows[1]), plus(rows[2], &rows[2])];
    let (one, two) = (plus(none, &first), plus(none, &second));
    let three = plus(one, &second);
    [none, one, two, three, plus(none, &third), plus(one, &third), plus(two, &third), plus(three, &third)]
}

#[inline(always)]
fn plus<T: Term, const L: usize>(mut sums: [T; L], values: &[T; L]) -> [T; L] {
    add(&mut sums, values);
    sums
}
