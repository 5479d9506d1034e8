//! The same bodies, compiled for the wider instructions of x86-64.

use super::lookup::{AddUp, Tables, Term};
use super::{Kernels, Pixels, Samples};
use crate::BitMatrix;

pub(super) fn has_avx2() -> bool {
    std::is_x86_feature_detected!("avx2")
        && std::is_x86_feature_detected!("fma")
        && std::is_x86_feature_detected!("popcnt")
        && std::is_x86_feature_detected!("bmi1")
        && std::is_x86_feature_detected!("bmi2")
}

pub(super) fn has_avx512() -> bool {
    has_avx2()
        && std::is_x86_feature_detected!("avx512f")
        && std::is_x86_feature_detected!("avx512vl")
        && std::is_x86_feature_detected!("avx512bw")
        && std::is_x86_feature_detected!("avx512dq")
        && std::is_x86_feature_detected!("avx512vpopcntdq")
}

/// Compiles every product with `$features`; `Kernels::of` has checked that the machine has them.
macro_rules! kernels_with {
    ($name:ident, $set:ident, $features:literal) => {
        /// The instruction set, as a way to add signed sums up.
        #[derive(Debug)]
        pub struct $set;

        impl AddUp for $set {
            #[inline(always)]
            unsafe fn add_up<T: Term, const L: usize, const FRESH: bool>(
                tables: &Tables<T, L>,
                words: &[u64],
                step: usize,
                y: &mut [T],
                stride: usize,
            ) {
                #[target_feature(enable = $features)]
                #[inline(never)]
                fn add_up<T: Term, const L: usize, const FRESH: bool>(
                    tables: &Tables<T, L>,
                    words: &[u64],
                    step: usize,
                    y: &mut [T],
                    stride: usize,
                ) {
                    tables.add_up::<FRESH>(words, step, y, stride);
                }
                // SAFETY: the caller's promise.
                unsafe { add_up::<T, L, FRESH>(tables, words, step, y, stride) }
            }
        }

        pub(super) fn $name() -> Kernels {
            #[target_feature(enable = $features)]
            fn xnor_product(w: &BitMatrix, first: usize, x: &Samples, y: &mut [f32], stride: usize) {
                super::xnor_product(w, first, x, y, stride);
            }
            #[target_feature(enable = $features)]
            fn pixel_product(
                s: &BitMatrix,
                first: usize,
                p: &Pixels,
                scale: f32,
                y: &mut [f32],
                stride: usize,
            ) {
                // SAFETY: compiled for the same features as this function.
                unsafe { super::pixel_product::<$set>(s, first, p, scale, y, stride) };
            }
            #[target_feature(enable = $features)]
            fn transpose_features(rows: &[u64], stride: usize, samples: &mut [u64]) {
                super::transpose_features(rows, stride, samples);
            }
            #[target_feature(enable = $features)]
            fn transpose_samples(samples: &[u64], rows: &mut [u64], stride: usize) {
                super::transpose_samples(samples, rows, stride);
            }
            Kernels {
                // SAFETY (all): reached only through `Kernels::of`, which asserts that the machine has the
                // features; the functions themselves are safe code.
                xnor_product: |w, first, x, y, stride| unsafe { xnor_product(w, first, x, y, stride) },
                pixel_product: |s, first, p, scale, y, stride| unsafe {
                    pixel_product(s, first, p, scale, y, stride)
                },
                transpose_features: |rows, stride, samples| unsafe {
                    transpose_features(rows, stride, samples)
                },
                transpose_samples: |samples, rows, stride| unsafe {
                    transpose_samples(samples, rows, stride)
                },
            }
        }
    };
}

kernels_with!(avx2, Avx2, "avx2,fma,popcnt,bmi1,bmi2");
kernels_with!(avx512, Avx512, "avx2,fma,popcnt,bmi1,bmi2,avx512f,avx512vl,avx512bw,avx512dq,avx512vpopcntdq");
