//! The product of a matrix of signs with a real one, by lookup instead of multiplication.
//!
//! Five rows of the real matrix have 32 signed sums. They are computed once, for a few columns (lanes) at a time, and
//! put into a table; then five bits of the sign matrix name the table's row, and one addition does the work of five
//! multiply-adds. Ten such tables stay in the first-level cache.

use metabnn_infer::BitMatrix;

/// Rows of the real matrix in one table.
const GROUP: usize = 5;
/// Signed sums of a group.
const SUMS: usize = 1 << GROUP;
/// Tables in use at a time: 10 x 32 rows of 32 lanes are 40 KiB.
const GROUPS: usize = 10;
/// Rows of the real matrix in use at a time; their bits fit a word.
const ROWS: usize = GROUP * GROUPS;
/// Columns summed together where fewer than a platform's `LANES` are left.
const NARROW: usize = 4;

/// The tables in use, aligned to cache lines: a load that crosses one takes twice as long.
#[repr(align(64))]
struct Tables<const L: usize>([[[f32; L]; SUMS]; GROUPS]);

/// `y[r, j] = sum_k s[first + r, k] m[k, j]`, s of +-1. Shapes: s (.., depth), m (depth, n), y (rows, n).
///
/// The sum runs over groups of five k in order; the lanes do not change it.
#[inline(always)]
pub(super) fn signed_product<const LANES: usize>(
    s: &BitMatrix,
    first: usize,
    m: &[f32],
    n: usize,
    y: &mut [f32],
) {
    assert_eq!(m.len(), s.columns() * n, "a row of m per column of s");
    y.fill(0.0);
    let mut start = 0;
    while start < n {
        start += match n - start {
            left if left >= LANES => columns::<LANES>(s, first, m, n, start, y),
            left if left >= NARROW => columns::<NARROW>(s, first, m, n, start, y),
            _ => columns::<1>(s, first, m, n, start, y),
        };
    }
}

/// Columns start..start + L of the product; gives L.
#[inline(always)]
fn columns<const L: usize>(
    s: &BitMatrix,
    first: usize,
    m: &[f32],
    n: usize,
    start: usize,
    y: &mut [f32],
) -> usize {
    let Tables(tables) = &mut Tables([[[0.0; L]; SUMS]; GROUPS]);
    for (chunk, m) in m.chunks(ROWS * n).enumerate() {
        let groups = (m.len() / n).div_ceil(GROUP);
        for (table, m) in tables.iter_mut().zip(m.chunks(GROUP * n)) {
            fill(table, m, n, start);
        }
        for (row, y) in y.chunks_exact_mut(n).enumerate() {
            let bits = s.window(first + row, chunk * ROWS);
            let mut sums = [0.0; L];
            if groups == GROUPS {
                // Spelled with a constant, so that the loop is unrolled.
                add_up::<L>(&tables[..GROUPS], bits, &mut sums);
            } else {
                add_up::<L>(&tables[..groups], bits, &mut sums);
            }
            for (y, sum) in y[start..start + L].iter_mut().zip(sums) {
                *y += sum;
            }
        }
    }
    L
}

#[inline(always)]
fn add_up<const L: usize>(tables: &[[[f32; L]; SUMS]], mut bits: u64, sums: &mut [f32; L]) {
    for table in tables {
        let values = &table[bits as usize % SUMS];
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += value;
        }
        bits >>= GROUP;
    }
}

/// The signed sums of up to five rows of m in columns start..start + L; rows that are not there count as 0.
///
/// Entry 0 has all signs negative; every other entry differs in one sign from an earlier one, by 2 m[k].
#[inline(always)]
fn fill<const L: usize>(table: &mut [[f32; L]; SUMS], m: &[f32], n: usize, start: usize) {
    let mut rows = [[0.0; L]; GROUP];
    for (row, m) in rows.iter_mut().zip(m.chunks_exact(n)) {
        row.copy_from_slice(&m[start..start + L]);
    }
    let mut negative = [0.0; L];
    for row in &rows {
        for (sum, value) in negative.iter_mut().zip(row) {
            *sum -= value;
        }
    }
    table[0] = negative;
    for entry in 1..SUMS {
        let (earlier, row) = (table[entry & (entry - 1)], &rows[entry.trailing_zeros() as usize]);
        for ((sum, earlier), value) in table[entry].iter_mut().zip(earlier).zip(row) {
            *sum = earlier + 2.0 * value;
        }
    }
}
