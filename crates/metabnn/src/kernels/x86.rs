//! The same bodies, compiled for the wider instructions of x86-64.

use metabnn_infer::kernels::x86::{Avx2, Avx512};

use super::mask::put_signs;
use super::{
    AdamStep, CurveTable, Gate, Kernels, Left, Matrix, MatrixMut, NormRow, Platform, Signs, SparseRows, adam,
    compact, curve, norm, product, signed,
};

/// Compiles every kernel with `$features` and collects them; `Kernels::of` has checked that the machine has them.
/// `$r` rows by `$c` groups of columns of a dense product fit into registers; `$set` is the instruction set.
macro_rules! kernels_with {
    ($name:ident, $platform:expr, $set:ident, $r:literal, $c:literal, $features:literal) => {
        pub(super) fn $name(bits: metabnn_infer::kernels::Kernels) -> Kernels {
            #[target_feature(enable = $features)]
            fn signs_put(values: &[f32], used: u16, place: usize, words: &mut [u64]) {
                put_signs::<$set>(values, used, place, words);
            }
            #[target_feature(enable = $features)]
            fn signed_product(s: Signs<'_>, m: Matrix<'_>, y: MatrixMut<'_>, columns: usize) {
                // SAFETY: compiled for the same features as this function.
                unsafe { signed::signed_product::<$set>(s, m, y, columns) };
            }
            #[target_feature(enable = $features)]
            fn dense_product(x: Left<'_>, m: Matrix<'_>, y: MatrixMut<'_>, columns: usize) {
                if columns > 16 {
                    product::product::<$r, $c>(x, m, y, columns);
                } else {
                    // One group of columns: more rows instead, to hide the latency of an addition.
                    product::product::<{ $r * $c }, 1>(x, m, y, columns);
                }
            }
            #[target_feature(enable = $features)]
            fn sparse_product(x: &SparseRows, first: usize, m: Matrix<'_>, y: &mut [f32], tiles: usize) {
                product::sparse_product(x, first, m, y, tiles);
            }
            #[target_feature(enable = $features)]
            fn adam_tile(
                s: &AdamStep,
                m: f32,
                g: &[f32],
                w: &mut [f32],
                mean: &mut [f32],
                square: &mut [f32],
            ) {
                adam::adam_tile(s, m, g, w, mean, square);
            }
            #[target_feature(enable = $features)]
            fn adam_curve_tile(
                s: &AdamStep,
                table: &CurveTable,
                g: &[f32],
                w: &mut [f32],
                mean: &mut [f32],
                square: &mut [f32],
            ) {
                curve::adam_curve_tile(s, table, g, w, mean, square);
            }
            #[target_feature(enable = $features)]
            fn widen(bits: &[u16], values: &mut [f32]) {
                compact::widen(bits, values);
            }
            #[target_feature(enable = $features)]
            fn narrow(values: &[f32], key: u32, bits: &mut [u16]) {
                compact::narrow(values, key, bits);
            }
            #[target_feature(enable = $features)]
            fn statistics(y: &[f32]) -> (f32, f32) {
                norm::statistics(y)
            }
            #[target_feature(enable = $features)]
            fn normalise(y: &mut [f32], mean: f32, inverse: f32) {
                norm::normalise(y, mean, inverse);
            }
            #[target_feature(enable = $features)]
            fn norm_signs(normed: &[f32], gamma: f32, beta: f32, words: &mut [u64]) {
                norm::norm_signs::<$set>(normed, gamma, beta, words);
            }
            #[target_feature(enable = $features)]
            fn norm_backward(gate: Gate, row: NormRow, normed: &[f32], d: &mut [f32]) -> (f32, f32) {
                norm::norm_backward(gate, row, normed, d)
            }
            Kernels {
                platform: $platform,
                bits,
                // SAFETY (all): reached only through `Kernels::of`, which asserts that the machine has the features;
                // the functions themselves are safe code.
                put_signs: |values, used, place, words| unsafe { signs_put(values, used, place, words) },
                signed_product: |s, m, y, columns| unsafe { signed_product(s, m, y, columns) },
                product: |x, m, y, columns| unsafe { dense_product(x, m, y, columns) },
                sparse_product: |x, first, m, y, tiles| unsafe { sparse_product(x, first, m, y, tiles) },
                adam_tile: |s, m, g, w, mean, square| unsafe { adam_tile(s, m, g, w, mean, square) },
                adam_curve_tile: |s, table, g, w, mean, square| unsafe {
                    adam_curve_tile(s, table, g, w, mean, square)
                },
                widen: |bits, values| unsafe { widen(bits, values) },
                narrow: |values, key, bits| unsafe { narrow(values, key, bits) },
                statistics: |y| unsafe { statistics(y) },
                normalise: |y, mean, inverse| unsafe { normalise(y, mean, inverse) },
                norm_signs: |normed, gamma, beta, words| unsafe { norm_signs(normed, gamma, beta, words) },
                norm_backward: |gate, row, normed, d| unsafe { norm_backward(gate, row, normed, d) },
            }
        }
    };
}

kernels_with!(avx2, Platform::Avx2, Avx2, 4, 1, "avx2,fma,popcnt,bmi1,bmi2");
kernels_with!(
    avx512,
    Platform::Avx512,
    Avx512,
    4,
    4,
    "avx2,fma,popcnt,bmi1,bmi2,avx512f,avx512vl,avx512bw,avx512dq,avx512vpopcntdq"
);
