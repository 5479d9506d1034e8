//! Every platform against the portable one, bit for bit, over ragged shapes, unaligned and between guards; the portable
//! one against plain formulas.

use std::fmt::Debug;
use std::sync::Mutex;

use super::*;
use crate::random::{Purpose, Stream};

mod bits;
mod curve;
mod norms;
mod optimizer;
mod products;

/// Sizes of batches: 1 to 257, around those of lane groups, words and tables.
const BATCHES: [usize; 22] =
    [1, 2, 3, 4, 5, 7, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 255, 256, 257];
/// Widths of layers, likewise.
const WIDTHS: [usize; 15] = [1, 6, 15, 16, 17, 63, 64, 65, 128, 129, 255, 256, 257, 512, 513];

/// No kernel computes this value. It is a NaN: what reads it by mistake shows that.
const GUARD: u32 = 0x7fc1_2345;
/// Guard values before the first one in use: with them, nothing is aligned to more than a number.
const BEFORE: usize = 3;
/// Guard values behind the last one.
const BEHIND: usize = 37;

fn random(n: usize, index: u32) -> Vec<f32> {
    let mut stream = Stream::new(1, Purpose::Init, index);
    (0..n).map(|_| stream.uniform(-1.0, 1.0)).collect()
}

/// `value` rounded to a multiple of 1/64: sums of some thousand products of such numbers are exact in f32.
fn coarse(value: f32) -> f32 {
    (value * 64.0).round() / 64.0
}

fn bits_of(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// What `work` makes with the portable kernels, after it made the same with those of every platform of this machine.
fn on_every_platform<R: PartialEq + Debug>(what: &str, work: impl Fn(Kernels) -> R) -> R {
    let portable = work(Kernels::of(Platform::Portable));
    for platform in Platform::ALL.into_iter().filter(|platform| platform.is_available()) {
        let result = work(Kernels::of(platform));
        assert!(result == portable, "{what}, {platform:?}:\n{result:?}\nportable:\n{portable:?}");
    }
    portable
}

/// A matrix whose rows lie in a longer vector, unaligned: guards before, between and behind them.
struct Guarded {
    values: Vec<f32>,
    rows: usize,
    /// Numbers of a row that a kernel may touch.
    room: usize,
    stride: usize,
}

impl Guarded {
    /// `rows` rows with room for `columns` in groups of `group`; what is not in use of it is NaN.
    fn new(rows: usize, columns: usize, group: usize, mut value: impl FnMut(usize, usize) -> f32) -> Self {
        let room = columns.next_multiple_of(group);
        // As in a batch of reals: groups of sixteen, an odd number of them, and now and then one more.
        let stride = room.next_multiple_of(LANES) + if rows.is_multiple_of(2) { LANES } else { 0 };
        let length = BEFORE + (rows - 1) * stride + room + BEHIND;
        let mut new = Self { values: vec![f32::from_bits(GUARD); length], rows, room, stride };
        for row in 0..rows {
            let numbers = &mut new.values[BEFORE + row * stride..][..room];
            numbers[..columns].iter_mut().enumerate().for_each(|(column, to)| *to = value(row, column));
            numbers[columns..].fill(f32::NAN);
        }
        new
    }

    /// The rows, from the first number to the last that may be touched.
    fn slice(&self) -> &[f32] {
        &self.values[BEFORE..self.values.len() - BEHIND]
    }

    fn slice_mut(&mut self) -> &mut [f32] {
        let end = self.values.len() - BEHIND;
        &mut self.values[BEFORE..end]
    }

    fn matrix(&self) -> Matrix<'_> {
        Matrix { values: self.slice(), stride: self.stride }
    }

    fn matrix_mut(&mut self) -> MatrixMut<'_> {
        let stride = self.stride;
        MatrixMut { values: self.slice_mut(), stride }
    }

    /// The first `columns` numbers of every row, row after row, after a look at the guards.
    fn taken(&self, columns: usize) -> Vec<f32> {
        for (index, value) in self.values.iter().enumerate() {
            let place = index.checked_sub(BEFORE).filter(|place| place / self.stride < self.rows);
            let in_use = place.is_some_and(|place| place % self.stride < self.room);
            assert!(in_use || value.to_bits() == GUARD, "guard {index} of rows of {columns} became {value}");
        }
        self.slice().chunks(self.stride).flat_map(|row| row[..columns].iter().copied()).collect()
    }
}

/// Calls `work` on a copy of `values` that lies unaligned between guards; gives what became of it.
fn guarded<R>(values: &[f32], work: impl FnOnce(&mut [f32]) -> R) -> (Vec<f32>, R) {
    let mut row = Guarded::new(1, values.len(), 1, |_, column| values[column]);
    let result = work(row.slice_mut());
    (row.taken(values.len()), result)
}

/// Words between two others; gives what `work` made of them.
fn guarded_words(count: usize, before: u64, work: impl FnOnce(&mut [u64])) -> Vec<u64> {
    const GUARD: u64 = 0x0123_4567_89ab_cdef;
    let mut words = [&[GUARD][..], &vec![before; count], &[GUARD]].concat();
    work(&mut words[1..=count]);
    assert_eq!((words[0], words[count + 1]), (GUARD, GUARD), "guards of {count} words");
    words[1..=count].to_vec()
}

/// What the processor says that it has, asked for here and not by way of [`Platform`].
fn platforms_of_this_machine() -> Vec<Platform> {
    #[allow(unused_mut)]
    let mut platforms = vec![Platform::Portable];
    #[cfg(target_arch = "x86_64")]
    {
        let avx2 = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vpopcntdq");
        platforms.extend(avx2.then_some(Platform::Avx2));
        platforms.extend((avx2 && avx512).then_some(Platform::Avx512));
    }
    platforms
}

/// These tests do run the wide instructions: all that the processor has and, where `METABNN_EXPECT_AVX512` is set, AVX-512.
#[test]
fn every_platform_of_this_machine_is_tested() {
    let tested = Mutex::new(Vec::new());
    on_every_platform("signs", |kernels| {
        tested.lock().unwrap().push(kernels.platform);
        guarded_words(1, 0, |words| (kernels.norm_signs)(&[1.0, -1.0], 1.0, 0.0, words))
    });
    // The first one is what the others are compared with.
    let tested = tested.into_inner().unwrap().split_off(1);
    let names: Vec<_> = tested.iter().map(|platform| platform.name()).collect();
    println!("kernels tested on {}: {}", std::env::consts::ARCH, names.join(", "));
    assert_eq!(tested, platforms_of_this_machine());
    assert_eq!(tested.last(), Some(&Platform::detect()));
    if std::env::var_os("METABNN_EXPECT_AVX512").is_some() {
        assert_eq!(Platform::detect().name(), "avx512", "METABNN_EXPECT_AVX512 is set");
    }
}

#[test]
fn a_forced_platform_is_the_one_used() {
    for platform in Platform::ALL {
        let made = std::panic::catch_unwind(|| Kernels::of(platform).platform);
        assert_eq!(made.ok(), platform.is_available().then_some(platform), "{}", platform.name());
    }
}
