//! The product of binary weights with 8-bit pixels: the first layer.

use alloc::vec;
use alloc::vec::Vec;

use super::lookup::{AddUp, ROWS, Tables};
use crate::BitMatrix;

/// Words of weights whose sums stay inside 16 bits: 128 pixels of at most 255.
const WORDS: usize = 2;

/// A batch of images, one row per pixel: (pixels, batch).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    batch: usize,
    stride: usize,
    values: Vec<u8>,
}

impl Pixels {
    /// `batch` black images of `width` pixels.
    pub fn new(width: usize, batch: usize) -> Self {
        // Kernels read 32 samples at a time.
        let stride = batch.next_multiple_of(32);
        Self { batch, stride, values: vec![0; width * stride] }
    }

    /// Number of pixels of an image.
    pub fn width(&self) -> usize {
        self.values.len() / self.stride.max(1)
    }

    /// Number of images.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// One pixel of every image, (batch).
    pub fn row(&self, pixel: usize) -> &[u8] {
        &self.values[pixel * self.stride..][..self.batch]
    }

    /// Distance from a row to the next in [`Pixels::values_mut`].
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// All rows, [`Pixels::stride`] apart; what is between them must stay zero.
    pub fn values_mut(&mut self) -> &mut [u8] {
        &mut self.values
    }
}

/// `y[o, b] = scale sum_i s[first + o, i] p[i, b]`, s of +-1. Row o of y starts at `y[o * stride]`; `stride` is at
/// least the batch, rounded up to a multiple of 16, and what follows the batch there is undefined.
///
/// Sums of whole numbers in f32 are exact up to 2^24: 65,793 pixels.
///
/// # Panics
/// If the widths or the rows of y do not fit.
///
/// # Safety
/// The machine has the instruction set of `A`.
#[inline(always)]
pub unsafe fn pixel_product<A: AddUp>(
    s: &BitMatrix,
    first: usize,
    p: &Pixels,
    scale: f32,
    y: &mut [f32],
    stride: usize,
) {
    assert_eq!(s.columns(), p.width(), "weights and pixels of one width");
    assert!(stride >= p.batch.next_multiple_of(16), "rows of at least the batch");
    let mut start = 0;
    while start < p.batch {
        start += match p.batch - start {
            // SAFETY (both): as of this function.
            left if left > 16 => unsafe { samples::<A, 32>(s, first, p, start, scale, y, stride) },
            _ => unsafe { samples::<A, 16>(s, first, p, start, scale, y, stride) },
        };
    }
}

/// Samples start..start + L of the product; gives L.
///
/// # Safety
/// The machine has the instruction set of `A`.
#[inline(always)]
unsafe fn samples<A: AddUp, const L: usize>(
    s: &BitMatrix,
    first: usize,
    p: &Pixels,
    start: usize,
    scale: f32,
    y: &mut [f32],
    stride: usize,
) -> usize {
    let (rows, words) = (y.len().div_ceil(stride), s.stride());
    let tables = &mut Tables::<i16, L>::default();
    let mut sums = vec![0_i16; rows * L];
    for word in 0..words {
        let count = ROWS.min(s.columns() - word * ROWS);
        tables.fill(count, |row| {
            let mut wide = [0; L];
            let values = &p.values[(word * ROWS + row) * p.stride + start..][..L];
            wide.iter_mut().zip(values).for_each(|(wide, value)| *wide = i16::from(*value));
            wide
        });
        let weights = &s.words()[first * words + word..];
        // SAFETY (both): as of this function.
        if word % WORDS == 0 {
            unsafe { A::add_up::<_, L, true>(tables, weights, words, &mut sums, L) };
        } else {
            unsafe { A::add_up::<_, L, false>(tables, weights, words, &mut sums, L) };
        }
        if word % WORDS == WORDS - 1 || word + 1 == words {
            let factor = if word + 1 == words { scale } else { 1.0 };
            for (y, sums) in y.chunks_mut(stride).zip(sums.chunks_exact(L)) {
                take_out(sums, word < WORDS, factor, &mut y[start..]);
            }
        }
    }
    L
}

/// `y = (y + sums) factor`, y counting as 0 where it is `fresh`.
#[inline(always)]
fn take_out(sums: &[i16], fresh: bool, factor: f32, y: &mut [f32]) {
    for (y, sums) in y.as_chunks_mut::<16>().0.iter_mut().zip(sums.as_chunks::<16>().0) {
        // Keeps the compiler from doing several groups at once, with gathers.
        core::hint::black_box(());
        let mut wide = [0.0; 16];
        for lane in 0..16 {
            wide[lane] = f32::from(sums[lane]);
        }
        let before = if fresh { [0.0; 16] } else { *y };
        for lane in 0..16 {
            y[lane] = (before[lane] + wide[lane]) * factor;
        }
    }
}
