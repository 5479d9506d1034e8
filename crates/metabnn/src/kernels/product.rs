//! Products of real matrices, dense or with mostly zeros on the left.
//!
//! Every sum runs over k in order, whatever the number of lanes or rows at a time: the bits of a result do not depend
//! on the platform.

use metabnn_infer::kernels::Pixels;

use super::lanes::LANES;
use super::signed::{Matrix, MatrixMut};

/// Repeats a block for i = 0, 1, ... below a constant, in the text of the program: a loop would be unrolled too late for
/// its sums to stay in registers, or be vectorised the wrong way, with gathers.
macro_rules! unrolled {
    ($i:ident < $n:expr, $body:block) => {
        unrolled!(@ $i < $n, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    (@ $i:ident < $n:expr, $body:block, $($k:literal)*) => {
        $(if $k < $n {
            let $i: usize = $k;
            $body
        })*
    };
}

/// A row-major or column-major matrix, (rows, depth), wherever its numbers lie.
#[derive(Clone, Copy, Debug)]
pub struct Left<'a> {
    /// The numbers, from the first one on.
    pub values: &'a [f32],
    /// Distance from a row to the next.
    pub row: usize,
    /// Distance from a number to the next one of its row.
    pub step: usize,
    /// Numbers in a row.
    pub depth: usize,
}

/// `y[r, j] += sum_k x[r, k] m[k, j]`, k in order. Shapes: x (rows, depth), m (depth, columns), y (rows, columns). Rows
/// of m and y have room for columns in groups of sixteen.
///
/// `R` rows by up to `C` groups of sixteen columns are summed in registers.
#[inline(always)]
pub(super) fn product<const R: usize, const C: usize>(
    x: Left<'_>,
    m: Matrix<'_>,
    y: MatrixMut<'_>,
    columns: usize,
) {
    let (stride, groups) = (y.stride, columns.div_ceil(LANES));
    for (block, y) in y.values.chunks_mut(R * stride).enumerate() {
        let values = &x.values[block * R * x.row..];
        let mut group = 0;
        while group < groups {
            let start = group * LANES;
            group += match (y.len().div_ceil(stride) == R, groups - group >= C) {
                (true, true) => block_of::<R, C>(Left { values, ..x }, m, y, stride, start),
                (true, false) => block_of::<R, 1>(Left { values, ..x }, m, y, stride, start),
                _ => {
                    for (row, y) in y.chunks_mut(stride).enumerate() {
                        block_of::<1, 1>(Left { values: &values[row * x.row..], ..x }, m, y, stride, start);
                    }
                    1
                }
            };
        }
    }
}

/// `R` rows by `C` groups of columns from `start` on; gives C.
#[inline(always)]
fn block_of<const R: usize, const C: usize>(
    x: Left<'_>,
    m: Matrix<'_>,
    y: &mut [f32],
    stride: usize,
    start: usize,
) -> usize {
    const { assert!(R <= 16 && C <= 16) };
    let mut sums = [[[0.0; LANES]; C]; R];
    for (row, sums) in sums.iter_mut().enumerate() {
        *sums = *groups::<C>(&y[row * stride + start..]);
    }
    for k in 0..x.depth {
        // Keeps the compiler from doing several k at once, lanes the wrong way.
        std::hint::black_box(());
        let values = groups::<C>(&m.values[k * m.stride + start..]);
        unrolled!(row < R, {
            let factor = x.values[row * x.row + k * x.step];
            unrolled!(group < C, { add_scaled(&mut sums[row][group], factor, &values[group]) });
        });
    }
    for (row, sums) in sums.iter().enumerate() {
        y[row * stride + start..][..C * LANES].copy_from_slice(sums.as_flattened());
    }
    C
}

/// The first `C` lane groups.
#[inline(always)]
fn groups<const C: usize>(values: &[f32]) -> &[[f32; LANES]; C] {
    values[..C * LANES].as_chunks::<LANES>().0.first_chunk().expect("as many groups")
}

#[inline(always)]
fn add_scaled(sums: &mut [f32; LANES], factor: f32, values: &[f32; LANES]) {
    for lane in 0..LANES {
        sums[lane] += factor * values[lane];
    }
}

/// value / 255 of every 8-bit value.
static SHARES: [f32; 256] = {
    let (mut shares, mut value) = ([0.0; 256], 0);
    while value < 256 {
        shares[value] = value as f32 / 255.0;
        value += 1;
    }
    shares
};

/// The rows of a matrix with its zeros left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SparseRows {
    /// Where each row ends in `entries`; it starts where the one before ends.
    ends: Vec<usize>,
    /// Column and value, row after row.
    entries: Vec<(u32, f32)>,
}

impl SparseRows {
    /// Makes room for so many entries: a vector that grew to them would be up to three times as large on its way.
    pub fn make_room(&mut self, entries: usize) {
        self.entries.reserve_exact(entries.saturating_sub(self.entries.len()));
    }

    /// Takes the rows in, in place of those before.
    pub fn refill<'a>(&mut self, rows: impl Iterator<Item = &'a [f32]>) {
        self.clear();
        rows.for_each(|row| self.push(row.iter().copied()));
    }

    /// Takes the rows of `pixels` in, each value divided by 255.
    pub fn refill_pixels(&mut self, pixels: &Pixels) {
        self.clear();
        // Eight entries are written before those of zeros are cut off.
        self.make_room(pixels.width() * pixels.batch() + 8);
        for pixel in 0..pixels.width() {
            // Eight black ones at a time: most are.
            let (eights, rest) = pixels.row(pixel).as_chunks::<8>();
            for (index, eight) in eights.iter().enumerate() {
                if *eight != [0; 8] {
                    // Without a branch per pixel, which could not be foreseen: every entry is written, those of zeros
                    // are written over or cut off.
                    let mut end = self.entries.len();
                    self.entries.resize(end + 8, (0, 0.0));
                    for (column, &value) in (8 * index as u32..).zip(eight) {
                        self.entries[end] = (column, SHARES[usize::from(value)]);
                        end += usize::from(value > 0);
                    }
                    self.entries.truncate(end);
                }
            }
            for (column, &value) in (8 * eights.len() as u32..).zip(rest) {
                if value > 0 {
                    self.entries.push((column, SHARES[usize::from(value)]));
                }
            }
            self.ends.push(self.entries.len());
        }
    }

    fn clear(&mut self) {
        self.ends.clear();
        self.entries.clear();
    }

    fn push(&mut self, row: impl Iterator<Item = f32>) {
        let columns = row.enumerate().filter(|(_, value)| *value != 0.0);
        self.entries.extend(columns.map(|(column, value)| (column as u32, value)));
        self.ends.push(self.entries.len());
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// The entries of a row.
    fn row(&self, row: usize) -> &[(u32, f32)] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.entries[start..self.ends[row]]
    }
}

/// `y[t, r, j] = sum_k x[first + r, k] m[k, t, j]`, k in order, the zeros of x left out. Shapes: m (depth, tiles, 16),
/// y (tiles, rows, 16).
#[inline(always)]
pub(super) fn sparse_product(x: &SparseRows, first: usize, m: Matrix<'_>, y: &mut [f32], tiles: usize) {
    let rows = y.len() / LANES / tiles.max(1);
    let y = y.as_chunks_mut::<LANES>().0;
    for row in 0..rows {
        if tiles == 4 {
            let sums = sparse_sums::<4>(x.row(first + row), m, 0);
            (0..4).for_each(|tile| y[tile * rows + row] = sums[tile]);
        } else {
            (0..tiles)
                .for_each(|tile| [y[tile * rows + row]] = sparse_sums::<1>(x.row(first + row), m, tile));
        }
    }
}

/// One row, in `T` tiles from `first` on: the next number of the row serves all of them.
#[inline(always)]
fn sparse_sums<const T: usize>(entries: &[(u32, f32)], m: Matrix<'_>, first: usize) -> [[f32; LANES]; T] {
    let mut sums = [[0.0; LANES]; T];
    for &(k, factor) in entries {
        // Keeps the compiler from doing several k at once, lanes the wrong way.
        std::hint::black_box(());
        let values = groups::<T>(&m.values[k as usize * m.stride + first * LANES..]);
        unrolled!(tile < T, { add_scaled(&mut sums[tile], factor, &values[tile]) });
    }
    sums
}
