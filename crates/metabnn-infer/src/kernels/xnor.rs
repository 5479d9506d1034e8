//! The product of binary weights with batches of signs: XNOR and popcount.

use alloc::vec;
use alloc::vec::Vec;

use crate::BitMatrix;
use crate::bits::{WORD, transpose_block};

/// Samples side by side.
const LANES: usize = 8;
/// Outputs summed together: each word of the samples serves all of them.
const OUTPUTS: usize = 8;

/// A batch of samples of +-1, words of 64 features of all samples one after the other: (words, batch).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Samples {
    width: usize,
    batch: usize,
    words: Vec<u64>,
}

impl Samples {
    /// `batch` samples of `width` times -1.
    pub fn new(width: usize, batch: usize) -> Self {
        Self { width, batch, words: vec![0; width.div_ceil(WORD) * batch.next_multiple_of(LANES)] }
    }

    /// The samples in the columns of `features`, (width, batch).
    pub fn from_features(features: &BitMatrix) -> Self {
        let mut samples = Self::new(features.rows(), features.columns());
        let (stride, step) = (samples.stride(), WORD * features.stride());
        for (words, rows) in samples.words.chunks_mut(stride).zip(features.words().chunks(step)) {
            transpose_features(rows, features.stride(), words);
        }
        samples
    }

    /// Number of features.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of samples.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Words between a sample's word and its next one.
    pub fn stride(&self) -> usize {
        self.batch.next_multiple_of(LANES)
    }

    /// All words, [`Samples::stride`] per 64 features.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// All words, [`Samples::stride`] per 64 features; bits beyond width and batch must stay zero.
    pub fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }
}

/// Up to 64 features, one row of `stride` words each, as one word per sample.
#[inline(always)]
pub fn transpose_features(rows: &[u64], stride: usize, samples: &mut [u64]) {
    for (index, samples) in samples.chunks_mut(WORD).enumerate() {
        let mut block = [0; WORD];
        for (bits, row) in block.iter_mut().zip(rows.chunks_exact(stride)) {
            *bits = row[index];
        }
        transpose_block(&mut block);
        samples.copy_from_slice(&block[..samples.len()]);
    }
}

/// The opposite: up to 64 features, given as one word per sample, as rows of `stride` words each.
#[inline(always)]
pub fn transpose_samples(samples: &[u64], rows: &mut [u64], stride: usize) {
    for (index, samples) in samples.chunks(WORD).enumerate() {
        let mut block = [0; WORD];
        block[..samples.len()].copy_from_slice(samples);
        transpose_block(&mut block);
        for (row, bits) in rows.chunks_exact_mut(stride).zip(block) {
            row[index] = bits;
        }
    }
}

/// `y[o, b] = sum_i w[first + o, i] x[i, b]`, all +-1: width - 2 popcount(w XOR x). Row o of y starts at
/// `y[o * stride]`; `stride` is at least the batch, rounded up to a multiple of 8, and what follows the batch there is
/// undefined. Exact up to 2^24 features.
///
/// # Panics
/// If the widths or the rows of y do not fit.
#[inline(always)]
pub fn xnor_product(w: &BitMatrix, first: usize, x: &Samples, y: &mut [f32], stride: usize) {
    assert_eq!(w.columns(), x.width, "weights and samples of one width");
    assert!(stride >= x.stride(), "rows of at least the batch");
    let (mut row, words) = (first, w.stride());
    for y in y.chunks_mut(OUTPUTS * stride) {
        let rows = y.len().div_ceil(stride);
        let weights = &w.words()[row * words..][..rows * words];
        if rows == OUTPUTS {
            outputs::<OUTPUTS>(weights, x, y, stride);
        } else {
            for (weights, y) in weights.chunks(words.max(1)).zip(y.chunks_mut(stride)) {
                outputs::<1>(weights, x, y, stride);
            }
        }
        row += rows;
    }
}

/// `R` outputs of all samples.
#[inline(always)]
fn outputs<const R: usize>(weights: &[u64], x: &Samples, y: &mut [f32], stride: usize) {
    let words = weights.len() / R;
    let weights: [&[u64]; R] = core::array::from_fn(|row| &weights[row * words..][..words]);
    for start in (0..x.batch).step_by(LANES) {
        let mut differing = [[0_u64; LANES]; R];
        for word in 0..words {
            // Keeps the compiler from doing several words at once, lanes the wrong way.
            core::hint::black_box(());
            let Some(samples) = x.words[word * x.stride() + start..].first_chunk::<LANES>() else { break };
            for (differing, weights) in differing.iter_mut().zip(weights) {
                for (count, sample) in differing.iter_mut().zip(samples) {
                    *count += u64::from((sample ^ weights[word]).count_ones());
                }
            }
        }
        for (row, differing) in differing.iter().enumerate() {
            for (y, count) in y[row * stride + start..][..LANES].iter_mut().zip(differing) {
                *y = (x.width as i32 - 2 * *count as i32) as f32;
            }
        }
    }
}
