//! The same bodies, compiled for the wider instructions of x86-64.

use metabnn_infer::BitMatrix;

use super::{AdamStep, Kernels, Platform, SparseRows, adam, product, signed};

pub(super) fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt")
}

pub(super) fn has_avx512() -> bool {
    has_avx2()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vpopcntdq")
}

/// Compiles every kernel with `$features` and collects them; `Kernels::of` has checked that the machine has them.
macro_rules! kernels_with {
    ($name:ident, $platform:expr, $lanes:literal, $features:literal) => {
        pub(super) fn $name() -> Kernels {
            #[target_feature(enable = $features)]
            fn xnor_product(input: &BitMatrix, row: usize, weights: &BitMatrix, output: &mut [f32]) {
                metabnn_infer::xnor_product(input, row, weights, output);
            }
            #[target_feature(enable = $features)]
            fn pack(values: &[f32], words: &mut [u64]) {
                metabnn_infer::pack(values, words);
            }
            #[target_feature(enable = $features)]
            fn signed_product(s: &BitMatrix, first: usize, m: &[f32], n: usize, y: &mut [f32]) {
                signed::signed_product::<32>(s, first, m, n, y);
            }
            #[target_feature(enable = $features)]
            fn product(x: &[f32], m: &[f32], depth: usize, y: &mut [f32]) {
                product::product::<$lanes>(x, m, depth, y);
            }
            #[target_feature(enable = $features)]
            fn sparse_product(x: &SparseRows, first: usize, m: &[f32], n: usize, y: &mut [f32]) {
                product::sparse_product::<32>(x, first, m, n, y);
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
            Kernels {
                platform: $platform,
                // SAFETY (all): reached only through `Kernels::of`, which asserts that the machine has the features;
                // the functions themselves are safe code.
                xnor_product: |input, row, weights, output| unsafe {
                    xnor_product(input, row, weights, output)
                },
                pack: |values, words| unsafe { pack(values, words) },
                signed_product: |s, first, m, n, y| unsafe { signed_product(s, first, m, n, y) },
                product: |x, m, depth, y| unsafe { product(x, m, depth, y) },
                sparse_product: |x, first, m, n, y| unsafe { sparse_product(x, first, m, n, y) },
                adam_tile: |s, m, g, w, mean, square| unsafe { adam_tile(s, m, g, w, mean, square) },
            }
        }
    };
}

kernels_with!(avx2, Platform::Avx2, 16, "avx2,popcnt");
kernels_with!(avx512, Platform::Avx512, 32, "avx2,popcnt,avx512f,avx512vl,avx512bw,avx512dq,avx512vpopcntdq");
