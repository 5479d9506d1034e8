//! Products of real matrices, dense or with mostly zeros on the left.
//!
//! Every sum runs over k in order, whatever the number of lanes: the bits of a result do not depend on the platform.

/// Rows of a product that are summed together: each value read of the other operand serves all of them.
const ROWS: usize = 4;
/// Columns summed together where fewer than a platform's `LANES` are left.
const NARROW: usize = 8;

/// `y[b, j] += sum_k x[b, k] m[k, j]`, k in order. Shapes: x (batch, depth), m (depth, n), y (batch, n).
///
/// `ROWS` times `LANES` sums are kept in registers: enough to hide the latency of an addition. Their number does not
/// change a sum.
#[inline(always)]
pub(super) fn product<const LANES: usize>(x: &[f32], m: &[f32], depth: usize, y: &mut [f32]) {
    let (batch, n) = (x.len() / depth, m.len() / depth);
    assert_eq!((batch * depth, depth * n, batch * n), (x.len(), m.len(), y.len()), "shapes of a product");
    let mut start = 0;
    while start < n {
        start += match n - start {
            left if left >= LANES => columns::<LANES>(x, m, depth, start, y),
            left if left >= NARROW => columns::<NARROW>(x, m, depth, start, y),
            _ => columns::<1>(x, m, depth, start, y),
        };
    }
}

/// Columns start..start + L of a product; gives L.
#[inline(always)]
fn columns<const L: usize>(x: &[f32], m: &[f32], depth: usize, start: usize, y: &mut [f32]) -> usize {
    let n = m.len() / depth;
    let (mut x, mut y) = (x.chunks_exact(ROWS * depth), y.chunks_exact_mut(ROWS * n));
    for (x, y) in (&mut x).zip(&mut y) {
        block::<L, ROWS>(x, m, depth, n, start, y);
    }
    for (x, y) in x.remainder().chunks_exact(depth).zip(y.into_remainder().chunks_exact_mut(n)) {
        block::<L, 1>(x, m, depth, n, start, y);
    }
    L
}

/// The part of a product in columns start..start + L, for R rows of x.
#[inline(always)]
fn block<const L: usize, const R: usize>(
    x: &[f32],
    m: &[f32],
    depth: usize,
    n: usize,
    start: usize,
    y: &mut [f32],
) {
    let mut sums = [[0.0; L]; R];
    for (row, sums) in sums.iter_mut().enumerate() {
        sums.copy_from_slice(&y[row * n + start..][..L]);
    }
    for (k, values) in m.chunks_exact(n).enumerate() {
        let values = &values[start..start + L];
        for (row, sums) in sums.iter_mut().enumerate() {
            let factor = x[row * depth + k];
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += factor * value;
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        y[row * n + start..][..L].copy_from_slice(sums);
    }
}

/// The rows of a matrix with its zeros left out.
#[derive(Clone, Debug, PartialEq)]
pub struct SparseRows {
    /// Where each row starts in `entries`, and where the last one ends.
    starts: Vec<usize>,
    /// Column and value, row after row.
    entries: Vec<(u32, f32)>,
}

impl SparseRows {
    /// The rows of `x`, (rows, width), without their zeros.
    pub fn new(x: &[f32], width: usize) -> Self {
        let (mut starts, mut entries) = (vec![0], Vec::with_capacity(x.len()));
        for row in x.chunks_exact(width) {
            let columns = row.iter().enumerate().filter(|(_, value)| **value != 0.0);
            entries.extend(columns.map(|(column, &value)| (column as u32, value)));
            starts.push(entries.len());
        }
        Self { starts, entries }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }
}

/// `y[r, j] = sum_k x[first + r, k] m[k, j]`, the zeros of x left out. Shapes: m (depth, n), y (rows, n).
#[inline(always)]
pub(super) fn sparse_product<const LANES: usize>(
    x: &SparseRows,
    first: usize,
    m: &[f32],
    n: usize,
    y: &mut [f32],
) {
    for (row, y) in y.chunks_exact_mut(n).enumerate() {
        let entries = &x.entries[x.starts[first + row]..x.starts[first + row + 1]];
        let mut start = 0;
        while start < n {
            start += match n - start {
                left if left >= LANES => sparse_sum::<LANES>(entries, m, n, start, y),
                left if left >= NARROW => sparse_sum::<NARROW>(entries, m, n, start, y),
                _ => sparse_sum::<1>(entries, m, n, start, y),
            };
        }
    }
}

/// Columns start..start + L of one row; gives L.
#[inline(always)]
fn sparse_sum<const L: usize>(
    entries: &[(u32, f32)],
    m: &[f32],
    n: usize,
    start: usize,
    y: &mut [f32],
) -> usize {
    let mut sums = [0.0; L];
    for &(k, factor) in entries {
        let values = &m[k as usize * n + start..][..L];
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += factor * value;
        }
    }
    y[start..start + L].copy_from_slice(&sums);
    L
}
