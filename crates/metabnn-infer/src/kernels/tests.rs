//! Tables, transposes and products against plain sums of whole numbers, on every platform that the machine has.

extern crate std;

use alloc::vec::Vec;
use std::fmt::Debug;
use std::{format, println, vec};

use proptest::prelude::*;

use super::lookup::{DIGIT, ROWS, Tables, Term};
use super::*;
use crate::{WORD, dot, unpack};

/// Numbers that look random: all bits of each matter.
fn noise(n: usize, seed: u64) -> Vec<u64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    };
    (0..n).map(|_| draw()).collect()
}

/// Random signs.
fn signs(rows: usize, columns: usize, seed: u64) -> BitMatrix {
    let values = noise(rows * columns, seed).into_iter().map(|bits| if bits >> 63 == 1 { 1.0 } else { -1.0 });
    BitMatrix::from_signs(rows, columns, &values.collect::<Vec<f32>>())
}

/// The platforms of this machine.
fn platforms() -> Vec<Platform> {
    Platform::ALL.into_iter().filter(|platform| platform.is_available()).collect()
}

#[test]
fn the_widest_platform_of_this_machine_is_detected() {
    let names: Vec<_> = platforms().into_iter().map(Platform::name).collect();
    println!("products tested on: {}", names.join(", "));
    assert_eq!(platforms().first(), Some(&Platform::Portable));
    assert_eq!(platforms().last(), Some(&Platform::detect()));
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    {
        assert_eq!(names.contains(&"avx512"), std::is_x86_feature_detected!("avx512vpopcntdq"));
        if std::env::var_os("METABNN_EXPECT_AVX512").is_some() {
            assert_eq!(Platform::detect(), Platform::Avx512, "METABNN_EXPECT_AVX512 is set");
        }
    }
}

/// What stands where a kernel must not write.
trait Guard: Term + Debug + PartialEq {
    const GUARD: Self;
    fn number(bits: u64) -> Self;
}

impl Guard for f32 {
    const GUARD: Self = -0.5;
    /// Whole, so that every sum of them is exact.
    fn number(bits: u64) -> Self {
        (bits >> 48) as f32 - 32_768.0
    }
}

impl Guard for i16 {
    const GUARD: Self = 12_345;
    /// Of the whole range: what leaves it wraps around, in any order to the same.
    fn number(bits: u64) -> Self {
        (bits >> 48) as i16
    }
}

/// Sums of `rows` rows with the tables of rows used before, against plain ones.
fn check_tables<T: Guard, const L: usize>(
    tables: &mut Tables<T, L>,
    rows: usize,
    (step, stride): (usize, usize),
) {
    const OUTPUTS: usize = 9;
    let numbers: Vec<T> = noise(rows * L, rows as u64).into_iter().map(T::number).collect();
    let mask = if rows == ROWS { u64::MAX } else { (1 << rows) - 1 };
    let words: Vec<u64> = noise(OUTPUTS * step, 7).into_iter().map(|word| word & mask).collect();
    tables.fill(rows, |row| core::array::from_fn(|lane| numbers[row * L + lane]));
    let start: Vec<T> = noise((OUTPUTS - 1) * stride + L, 8).into_iter().map(T::number).collect();
    for fresh in [true, false] {
        let mut y = start.clone();
        (0..y.len()).filter(|i| i % stride >= L).for_each(|i| y[i] = T::GUARD);
        if fresh {
            tables.add_up::<true>(&words, step, &mut y, stride);
        } else {
            tables.add_up::<false>(&words, step, &mut y, stride);
        }
        for (i, value) in y.into_iter().enumerate() {
            let (output, lane) = (i / stride, i % stride);
            let sum = |sum: T, row: usize| match words[output * step] >> row & 1 {
                1 => sum.plus(numbers[row * L + lane]),
                _ => sum.minus(numbers[row * L + lane]),
            };
            let before = if fresh { T::ZERO } else { start[i] };
            let expected = if lane < L { (0..rows).fold(before, sum) } else { T::GUARD };
            assert_eq!(value, expected, "{rows} rows of {L}, stride {stride}, fresh: {fresh}, entry {i}");
        }
    }
}

#[test]
fn tables_add_and_subtract_rows_as_signs_say() {
    let (mut narrow, mut wide) = (Tables::<f32, 4>::default(), Tables::<f32, 16>::default());
    let (mut few, mut many) = (Tables::<i16, 16>::default(), Tables::<i16, 32>::default());
    // From many to few: what is left of earlier rows must not show.
    for rows in (1..=ROWS).rev() {
        check_tables(&mut narrow, rows, (1, 4));
        check_tables(&mut narrow, rows, (3, 7));
        check_tables(&mut wide, rows, (1, 16));
        check_tables(&mut wide, rows, (2, 48));
        check_tables(&mut few, rows, (1, 16));
        check_tables(&mut few, rows, (5, 21));
        check_tables(&mut many, rows, (2, 32));
    }
    assert_eq!(ROWS % DIGIT, 0);
}

#[test]
#[should_panic(expected = "at most 64 rows")]
fn more_rows_than_a_word_has_signs_are_refused() {
    Tables::<f32, 4>::default().fill(ROWS + 1, |_| [0.0; 4]);
}

proptest! {
    #[test]
    fn samples_are_features_transposed(width in 1usize..300, batch in 1usize..300, seed in any::<u64>()) {
        let features = signs(width, batch, seed);
        let turned = features.transposed();
        let mut samples = Samples::from_features(&features);
        prop_assert_eq!((samples.width(), samples.batch()), (width, batch));
        let stride = samples.stride();
        prop_assert!(stride >= batch && samples.words_mut().len() == stride * width.div_ceil(WORD));
        for (place, word) in samples.words_mut().iter().enumerate() {
            let (index, sample) = (place / stride, place % stride);
            let expected = if sample < batch { turned.row(sample)[index] } else { 0 };
            prop_assert_eq!(*word, expected, "word {} of sample {}", index, sample);
        }
        for platform in platforms() {
            let mut again = vec![u64::MAX; samples.words_mut().len()];
            let rows = features.words().chunks(WORD * features.stride());
            for (rows, words) in rows.zip(again.chunks_exact_mut(stride)) {
                (Kernels::of(platform).transpose_features)(rows, features.stride(), words);
            }
            prop_assert_eq!(again.as_slice(), &*samples.words_mut(), "{:?}", platform);
            let mut back = vec![u64::MAX; features.words().len()];
            for (words, rows) in again.chunks(stride).zip(back.chunks_mut(WORD * features.stride())) {
                (Kernels::of(platform).transpose_samples)(&words[..batch], rows, features.stride());
            }
            prop_assert_eq!(back.as_slice(), features.words(), "{:?}", platform);
        }
    }

    #[test]
    fn xnor_products_of_batches_are_dot_products(
        (width, batch) in (1usize..600, 1usize..140), (first, outputs) in (0usize..4, 1usize..20), seed in any::<u64>(),
    ) {
        let (w, x) = (signs(first + outputs, width, seed), signs(width, batch, !seed));
        let (samples, turned) = (Samples::from_features(&x), x.transposed());
        let stride = batch.next_multiple_of(8) + seed as usize % 3;
        for platform in platforms() {
            let mut y = vec![f32::NAN; outputs * stride];
            (Kernels::of(platform).xnor_product)(&w, first, &samples, &mut y, stride);
            for (output, y) in y.chunks_exact(stride).enumerate() {
                for (sample, y) in y[..batch].iter().enumerate() {
                    let expected = dot(w.row(first + output), turned.row(sample), width) as f32;
                    prop_assert_eq!(*y, expected, "{:?}, {} {}", platform, output, sample);
                }
                prop_assert!(y[batch.next_multiple_of(8)..].iter().all(|y| y.is_nan()));
            }
        }
    }

    #[test]
    fn pixel_products_of_batches_are_sums(
        (width, batch) in (1usize..600, 1usize..80), (first, outputs) in (0usize..4, 1usize..12), seed in any::<u64>(),
    ) {
        let (s, bits) = (signs(first + outputs, width, seed), noise(width * batch, !seed));
        // Some images are white, some black, most neither.
        let value = |pixel: usize, sample: usize| match sample % 5 {
            0 => 255,
            1 => 0,
            _ => (bits[pixel * batch + sample] >> 56) as u8,
        };
        check_pixels(&s, first, batch, value);
    }
}

/// The product of `s`, from row `first` on, with pixels of which `value(pixel, sample)` is one, on every platform.
fn check_pixels(s: &BitMatrix, first: usize, batch: usize, value: impl Fn(usize, usize) -> u8) {
    let (width, outputs) = (s.columns(), s.rows() - first);
    let mut pixels = Pixels::new(width, batch);
    assert_eq!((pixels.width(), pixels.batch()), (width, batch));
    let step = pixels.stride();
    for (i, to) in pixels.values_mut().iter_mut().enumerate().filter(|(i, _)| i % step < batch) {
        *to = value(i / step, i % step);
    }
    let stride = batch.next_multiple_of(16) + 16 * (batch % 2);
    for platform in platforms() {
        let mut y = vec![f32::NAN; outputs * stride];
        (Kernels::of(platform).pixel_product)(s, first, &pixels, 0.5, &mut y, stride);
        let mut sign = vec![0.0; width];
        for (output, y) in y.chunks_exact(stride).enumerate() {
            unpack(s.row(first + output), &mut sign);
            for (sample, y) in y[..batch].iter().enumerate() {
                let sum: i32 =
                    (0..width).map(|pixel| sign[pixel] as i32 * i32::from(value(pixel, sample))).sum();
                let what = format!("{platform:?}, {width} wide, batch {batch}, {output} {sample}");
                assert_eq!(*y, 0.5 * sum as f32, "{what}");
            }
            assert!(y[batch.next_multiple_of(16)..].iter().all(|y| y.is_nan()), "{platform:?} wrote too far");
        }
    }
}

/// 128 white pixels are as far as 16 bits go; beyond them sums have to be taken out in time.
#[test]
fn white_pixels_leave_no_sum_out_of_range() {
    for width in [1, 63, 64, 65, 127, 128, 129, 191, 192, 193, 256, 257, 320, 784, 1000] {
        for batch in [1, 16, 17, 33] {
            for sign in [1.0, -1.0] {
                check_pixels(&BitMatrix::from_signs(2, width, &vec![sign; 2 * width]), 1, batch, |_, _| 255);
            }
            // As far to one side as it goes, then to the other.
            let turning = (0..width).map(|pixel| if pixel / 128 % 2 == 0 { 1.0 } else { -1.0 });
            let turning = BitMatrix::from_signs(1, width, &turning.collect::<Vec<f32>>());
            check_pixels(&turning, 0, batch, |_, _| 255);
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let refused = |work: &(dyn Fn() + std::panic::RefUnwindSafe)| std::panic::catch_unwind(work).is_err();
    for platform in platforms() {
        let kernels = Kernels::of(platform);
        let xnor = |width: usize, stride: usize| {
            let y = &mut vec![0.0; 3 * stride];
            (kernels.xnor_product)(&signs(3, 10, 1), 0, &Samples::new(width, 9), y, stride);
        };
        let pixel = |width: usize, stride: usize| {
            let y = &mut vec![0.0; 3 * stride];
            (kernels.pixel_product)(&signs(3, 10, 1), 0, &Pixels::new(width, 17), 1.0, y, stride);
        };
        assert!(refused(&|| xnor(11, 16)) && refused(&|| xnor(10, 15)) && !refused(&|| xnor(10, 16)));
        assert!(refused(&|| pixel(11, 32)) && refused(&|| pixel(10, 31)) && !refused(&|| pixel(10, 32)));
    }
}
