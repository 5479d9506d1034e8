//! The product of a matrix of signs with a real one, by lookup: see [`metabnn_infer::kernels::lookup`].

use metabnn_infer::kernels::lookup::{AddUp, ROWS, Tables};

use super::lanes::LANES;

/// Columns summed together where no more are left.
const NARROW: usize = 4;

/// A matrix of signs in words of 64, wherever these lie.
#[derive(Clone, Copy, Debug)]
pub struct Signs<'a> {
    /// The words, from the first one of the first row on; unused bits are zero.
    pub words: &'a [u64],
    /// Distance from a row's word to that of the next row.
    pub row: usize,
    /// Distance from a row's word to its next one.
    pub word: usize,
    /// Signs in a row.
    pub depth: usize,
}

/// A row-major matrix of reals.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// The numbers, from the first one of the first row on.
    pub values: &'a [f32],
    /// Distance from a row to the next.
    pub stride: usize,
}

/// A row-major matrix of reals, to be written.
#[derive(Debug)]
pub struct MatrixMut<'a> {
    /// The numbers, from the first one of the first row on; there are as many rows as they make.
    pub values: &'a mut [f32],
    /// Distance from a row to the next.
    pub stride: usize,
}

/// `y[r, j] = sum_k s[r, k] m[k, j]`, s of +-1. Shapes: s (rows, depth), m (depth, columns), y (rows, columns). Rows of
/// m and y have room for columns in groups of sixteen; what is not in use there may be read and written.
///
/// The sum runs over words of 64 in order and within them over groups of 5, 5, 6, ...: the lanes do not change it.
///
/// # Safety
/// The machine has the instruction set of `A`.
#[inline(always)]
pub(super) unsafe fn signed_product<A: AddUp>(s: Signs<'_>, m: Matrix<'_>, y: MatrixMut<'_>, columns: usize) {
    let mut start = 0;
    while start < columns {
        start += match columns - start {
            // SAFETY (both): as of this function.
            left if left > NARROW => unsafe { lanes::<A, LANES>(s, m, y.values, y.stride, start) },
            _ => unsafe { lanes::<A, NARROW>(s, m, y.values, y.stride, start) },
        };
    }
}

/// Columns start..start + L of the product; gives L.
///
/// # Safety
/// The machine has the instruction set of `A`.
#[inline(always)]
unsafe fn lanes<A: AddUp, const L: usize>(
    s: Signs<'_>,
    m: Matrix<'_>,
    y: &mut [f32],
    stride: usize,
    start: usize,
) -> usize {
    let tables = &mut Tables::<f32, L>::default();
    for (word, rows) in m.values.chunks(ROWS * m.stride).enumerate() {
        let count = ROWS.min(s.depth - word * ROWS);
        tables.fill(count, |row| {
            rows[row * m.stride + start..].first_chunk::<L>().copied().unwrap_or([0.0; L])
        });
        let words = &s.words[word * s.word..];
        // SAFETY (both): as of this function.
        if word == 0 {
            unsafe { A::add_up::<_, L, true>(tables, words, s.row, &mut y[start..], stride) };
        } else {
            unsafe { A::add_up::<_, L, false>(tables, words, s.row, &mut y[start..], stride) };
        }
    }
    L
}
