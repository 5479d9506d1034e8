//! Products of whole matrices, their rows shared out to the threads.

use metabnn_infer::BitMatrix;
use rayon::prelude::*;

use crate::kernels::Kernels;

/// The left operand of a product, (rows, depth).
#[derive(Clone, Copy)]
pub(super) enum Left<'a> {
    /// Signs.
    Signs(&'a BitMatrix),
    /// Real numbers.
    Real(&'a [f32]),
}

/// `y[r, j] = sum_k left[r, k] m[k, j]`. Shapes: left (rows, depth), m (depth, n), y (rows, n).
///
/// Rows are split by the number of threads, which changes no sum.
pub(super) fn multiply(kernels: Kernels, left: Left<'_>, m: &[f32], n: usize) -> Vec<f32> {
    let depth = m.len() / n.max(1);
    let rows = match left {
        Left::Signs(bits) => bits.rows(),
        Left::Real(values) => values.len() / depth.max(1),
    };
    let mut y = vec![0.0; rows * n];
    let share = rows.div_ceil(rayon::current_num_threads()).max(1);
    y.par_chunks_mut(share * n).enumerate().for_each(|(index, y)| {
        let first = index * share;
        match left {
            Left::Signs(bits) => (kernels.signed_product)(bits, first, m, n, y),
            Left::Real(values) => {
                (kernels.product)(&values[first * depth..][..y.len() / n * depth], m, depth, y)
            }
        }
    });
    y
}

/// `values`, (rows, width), with rows and columns exchanged, block by block so that both sides stay in cache.
pub(super) fn transpose(values: &[f32], width: usize) -> Vec<f32> {
    const BLOCK: usize = 16;
    let rows = values.len() / width;
    let mut transposed = vec![0.0; values.len()];
    for row in (0..rows).step_by(BLOCK) {
        for column in (0..width).step_by(BLOCK) {
            for r in row..rows.min(row + BLOCK) {
                for c in column..width.min(column + BLOCK) {
                    transposed[c * rows + r] = values[r * width + c];
                }
            }
        }
    }
    transposed
}
