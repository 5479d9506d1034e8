//! Matrices of +-1, one bit a value.

use alloc::vec;
use alloc::vec::Vec;

use crate::bits::{WORD, dot, pack, transpose_block};

/// A matrix of +1 and -1, row-major, each row padded with zero bits to whole words.
///
/// Column c of a row is bit c % 64 of word c / 64; a set bit is +1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitMatrix {
    rows: usize,
    columns: usize,
    words: Vec<u64>,
}

impl BitMatrix {
    /// A matrix of -1.
    pub fn new(rows: usize, columns: usize) -> Self {
        Self { rows, columns, words: vec![0; rows * columns.div_ceil(WORD)] }
    }

    /// The signs of `values`, (rows, columns) row-major; sign(0) = +1.
    ///
    /// # Panics
    /// If there are not rows * columns values.
    pub fn from_signs(rows: usize, columns: usize, values: &[f32]) -> Self {
        assert_eq!(values.len(), rows * columns, "a ({rows}, {columns}) matrix has as many values");
        let mut matrix = Self::new(rows, columns);
        for row in 0..rows {
            pack(&values[row * columns..][..columns], matrix.row_mut(row));
        }
        matrix
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Words in a row.
    pub fn stride(&self) -> usize {
        self.columns.div_ceil(WORD)
    }

    /// All words, row after row.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// All words, row after row; padding bits must stay zero.
    pub fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }

    /// The words of a row.
    pub fn row(&self, row: usize) -> &[u64] {
        &self.words[row * self.stride()..][..self.stride()]
    }

    /// The words of a row; padding bits must stay zero.
    pub fn row_mut(&mut self, row: usize) -> &mut [u64] {
        let stride = self.stride();
        &mut self.words[row * stride..][..stride]
    }

    /// The matrix with rows and columns exchanged, (columns, rows).
    pub fn transposed(&self) -> Self {
        let mut transposed = Self::new(self.columns, self.rows);
        let (from, to) = (self.stride(), transposed.stride());
        for (block_row, rows) in self.words.chunks(WORD * from.max(1)).enumerate() {
            for word in 0..from {
                let mut block = [0; WORD];
                for (bits, row) in block.iter_mut().zip(rows.chunks_exact(from)) {
                    *bits = row[word];
                }
                transpose_block(&mut block);
                let columns = transposed.words[word * WORD * to..].chunks_exact_mut(to);
                for (column, bits) in columns.zip(block) {
                    column[block_row] = bits;
                }
            }
        }
        transposed
    }

    /// `WORD` bits of a row from column `start` on, lowest first; zeros beyond its end.
    #[inline(always)]
    pub fn window(&self, row: usize, start: usize) -> u64 {
        let words = self.row(row);
        let (word, shift) = (start / WORD, start % WORD);
        let low = words.get(word).map_or(0, |word| word >> shift);
        let high = words.get(word + 1).map_or(0, |word| word << 1 << (WORD - 1 - shift));
        low | high
    }

    /// Number of values in which two matrices of one shape differ.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn distance(&self, other: &Self) -> u64 {
        assert_eq!((self.rows, self.columns), (other.rows, other.columns), "matrices of one shape");
        self.words.iter().zip(&other.words).map(|(a, b)| u64::from((a ^ b).count_ones())).sum()
    }
}

/// One row of input times every row of weights: `output[o] = sum_i input[row, i] weights[o, i]`.
///
/// Shapes: input (batch, in), weights (out, in), output (out). The sums are whole numbers, exact in f32 up to
/// 2^24 inputs.
///
/// # Panics
/// If the widths or the output's length do not fit.
#[inline(always)]
pub fn xnor_product(input: &BitMatrix, row: usize, weights: &BitMatrix, output: &mut [f32]) {
    assert_eq!(input.columns, weights.columns, "input and weights of one width");
    assert_eq!(output.len(), weights.rows, "one output per row of weights");
    let (input, stride) = (input.row(row), weights.stride());
    for (output, weights_row) in output.iter_mut().zip(weights.words.chunks_exact(stride.max(1))) {
        *output = dot(input, weights_row, weights.columns) as f32;
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use proptest::prelude::*;

    use super::*;
    use crate::unpack;

    /// Rows of +-1 of one ragged width, around the word's edges.
    fn signs() -> impl Strategy<Value = (usize, Vec<f32>, Vec<f32>)> {
        (1usize..200).prop_flat_map(|width| {
            let row = || proptest::collection::vec(prop_oneof![Just(1.0f32), Just(-1.0)], width);
            (Just(width), row(), row())
        })
    }

    proptest! {
        #[test]
        fn packing_and_unpacking_round_trips((width, a, _) in signs()) {
            let mut back = std::vec![0.0; width];
            unpack(BitMatrix::from_signs(1, width, &a).row(0), &mut back);
            prop_assert_eq!(back, a);
        }

        #[test]
        fn the_product_is_the_sum_of_products((width, a, b) in signs()) {
            let expected: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
            let mut output = [0.0];
            xnor_product(
                &BitMatrix::from_signs(1, width, &a), 0, &BitMatrix::from_signs(1, width, &b), &mut output,
            );
            prop_assert_eq!(output[0], expected);
        }

        #[test]
        fn distance_counts_differing_values((width, a, b) in signs()) {
            let expected = a.iter().zip(&b).filter(|(a, b)| a != b).count() as u64;
            let pack = |values| BitMatrix::from_signs(1, width, values);
            prop_assert_eq!(pack(&a).distance(&pack(&b)), expected);
        }
    }

    proptest! {
        #[test]
        fn transposing_exchanges_rows_and_columns(rows in 1usize..140, columns in 1usize..140, seed in any::<u64>()) {
            let bit = |i: usize| (seed.wrapping_mul(2 * i as u64 + 1) >> 40) & 1 == 1;
            let sign = |i: usize| if bit(i) { 1.0 } else { -1.0 };
            let values: Vec<f32> = (0..rows * columns).map(sign).collect();
            let exchanged: Vec<f32> =
                (0..rows * columns).map(|i| values[(i % rows) * columns + i / rows]).collect();
            let matrix = BitMatrix::from_signs(rows, columns, &values);
            prop_assert_eq!(matrix.transposed(), BitMatrix::from_signs(columns, rows, &exchanged));
            prop_assert_eq!(matrix.transposed().transposed(), matrix);
        }

        #[test]
        fn a_window_holds_the_bits_from_its_start_on((width, a, _) in signs(), start in 0usize..200) {
            let matrix = BitMatrix::from_signs(1, width, &a);
            let expected = (start..width.min(start + WORD)).filter(|&i| a[i] > 0.0).map(|i| 1u64 << (i - start)).sum();
            prop_assert_eq!(matrix.window(0, start), expected);
        }
    }

    #[test]
    fn both_zeros_are_plus_one_and_padding_is_zero() {
        let matrix = BitMatrix::from_signs(2, 3, &[0.0, -0.0, -1.0, 1.0, 1.0, 1.0]);
        assert_eq!(matrix.words(), [0b011, 0b111]);
    }
}
