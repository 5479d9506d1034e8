//! Rows of +-1, one bit a value.

/// Bits in a word.
pub const WORD: usize = 64;

/// Exchanges rows and columns of 64 x 64 bits: halves of ever smaller blocks trade places across the diagonal.
#[inline(always)]
pub fn transpose_block(block: &mut [u64; WORD]) {
    trade::<32>(block, 0x0000_0000_ffff_ffff);
    trade::<16>(block, 0x0000_ffff_0000_ffff);
    trade::<8>(block, 0x00ff_00ff_00ff_00ff);
    trade::<4>(block, 0x0f0f_0f0f_0f0f_0f0f);
    trade::<2>(block, 0x3333_3333_3333_3333);
    trade::<1>(block, 0x5555_5555_5555_5555);
}

/// Blocks of `HALF` rows and columns trade places with those beside and below them; `mask` has their columns.
#[inline(always)]
fn trade<const HALF: usize>(block: &mut [u64; WORD], mask: u64) {
    for rows in block.chunks_exact_mut(2 * HALF) {
        let (upper, lower) = rows.split_at_mut(HALF);
        for (upper, lower) in upper.iter_mut().zip(lower) {
            let swapped = ((*upper >> HALF) ^ *lower) & mask;
            *upper ^= swapped << HALF;
            *lower ^= swapped;
        }
    }
}

/// Packs the signs of `values` into `words`, lowest bit first; sign(0) = +1, padding bits become zero.
///
/// # Panics
/// If `words` is not as long as the values need.
#[inline(always)]
pub fn pack(values: &[f32], words: &mut [u64]) {
    assert_eq!(words.len(), values.len().div_ceil(WORD), "words for {} values", values.len());
    for (word, values) in words.iter_mut().zip(values.chunks(WORD)) {
        *word =
            values.iter().enumerate().fold(0, |word, (bit, &value)| word | (u64::from(value >= 0.0) << bit));
    }
}

/// Writes the first bits of `words`, lowest first, as +1.0 and -1.0 into `values`.
///
/// # Panics
/// If there are fewer bits than values.
pub fn unpack(words: &[u64], values: &mut [f32]) {
    assert!(words.len() * WORD >= values.len(), "{} values from {} words", values.len(), words.len());
    for (values, &word) in values.chunks_mut(WORD).zip(words) {
        for (bit, value) in values.iter_mut().enumerate() {
            // Without a branch: the inverted bit becomes the sign bit of 1.0.
            *value = f32::from_bits(0x3f80_0000 | ((!(word >> bit) as u32) << 31));
        }
    }
}

/// Dot product of two rows of `columns` values of +-1: columns - 2 popcount(a XOR b).
#[inline(always)]
pub fn dot(a: &[u64], b: &[u64], columns: usize) -> i32 {
    let differing: u32 = a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum();
    columns as i32 - 2 * differing as i32
}
