//! im2col: from maps to the inputs under a kernel, and back.
//!
//! Maps are (channels, batch * positions): a channel's row has all positions of the first sample, then those of the
//! next. The inputs under the kernel, at every position of the sums, are a matrix (kernel places * channels, batch *
//! positions) of *patches*: a convolution is a linear layer on it.

use std::ops::Range;

use metabnn_infer::WORD;
use metabnn_infer::kernels::Samples;

use super::Convolution;
use crate::kernels::Kernels;
use crate::tensor::Rows;

/// Columns of patches that are worked on at a time, if a sample has fewer: few, so that they stay in cache.
const COLUMNS: usize = 512;

impl Convolution {
    /// The samples of a batch in chunks: their size follows from the shape alone, so that it changes no sum.
    pub(super) fn chunks(&self, batch: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let size = self.chunk_size();
        (0..batch).step_by(size).map(move |first| first..batch.min(first + size))
    }

    /// Samples of a chunk.
    pub(in crate::layer) fn chunk_size(&self) -> usize {
        (COLUMNS / self.positions()).max(1)
    }

    /// Positions along one side of the sums at which place `tap` of the kernel lies inside the map.
    fn inside(&self, tap: usize, sums: usize, inputs: usize) -> Range<usize> {
        let low = self.padding.saturating_sub(tap).div_ceil(self.stride).min(sums);
        let high = (inputs + self.padding).saturating_sub(tap).div_ceil(self.stride).min(sums);
        low..high.max(low)
    }

    /// Calls `each` with the stretches of a sample under place `tap` of the kernel: their positions in the sums, the first
    /// one's position in the map. They are in order; further positions of the map are `stride` apart.
    fn stretches(&self, tap: usize, mut each: impl FnMut(Range<usize>, usize)) {
        let (down, right) = (tap / self.kernel, tap % self.kernel);
        let columns = self.inside(right, self.sums.1, self.input.columns);
        if columns.is_empty() {
            return;
        }
        for row in self.inside(down, self.sums.0, self.input.rows) {
            let from = (row * self.stride + down - self.padding) * self.input.columns;
            let from = from + columns.start * self.stride + right - self.padding;
            let start = row * self.sums.1;
            each(start + columns.start..start + columns.end, from);
        }
    }

    /// The values of some samples of a channel under place `tap` of the kernel, `outside` beyond the edges. Shapes: map
    /// (samples, positions of the map), under (samples, positions of the sums).
    fn under_tap<T: Copy>(&self, tap: usize, map: &[T], outside: T, under: &mut [T]) {
        under.fill(outside);
        let samples = map.chunks_exact(self.input.positions());
        for (map, under) in samples.zip(under.chunks_exact_mut(self.positions())) {
            self.stretches(tap, |to, from| {
                let to = &mut under[to];
                if self.stride == 1 {
                    to.copy_from_slice(&map[from..][..to.len()]);
                } else {
                    let from = map[from..].iter().step_by(self.stride);
                    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
                }
            });
        }
    }

    /// Rows `first`.. of the patches of `samples`, as many as `patches` has room for, one after the other: (inputs,
    /// samples * positions).
    pub(super) fn im2col(
        &self,
        maps: &Rows,
        first: usize,
        samples: Range<usize>,
        patches: &mut [f32],
        stride: usize,
    ) {
        let (inside, columns) = (self.input.positions(), samples.len() * self.positions());
        for (row, patches) in patches.chunks_mut(stride).enumerate() {
            let (tap, channel) = ((first + row) / self.input.channels, (first + row) % self.input.channels);
            let map = &maps.row(channel)[samples.start * inside..samples.end * inside];
            self.under_tap(tap, map, 0.0, &mut patches[..columns]);
        }
    }

    /// The patches of `samples` of maps of signs, -1 beyond the edges.
    pub(super) fn im2col_signs(&self, maps: &Samples, samples: Range<usize>) -> Samples {
        let (inside, columns) = (self.input.positions(), samples.len() * self.positions());
        let mut patches = Samples::new(self.inputs(), columns);
        let (stride, mut under) = (patches.stride(), vec![0; columns]);
        for tap in 0..self.taps() {
            for (word, map) in maps.words().chunks_exact(maps.stride()).enumerate() {
                self.under_tap(tap, &map[samples.start * inside..samples.end * inside], 0, &mut under);
                let place = tap * self.input.channels + word * WORD;
                let (low, high) = patches.words_mut()[place / WORD * stride..].split_at_mut(stride);
                let shift = place % WORD;
                low.iter_mut().zip(&under).for_each(|(low, bits)| *low |= bits << shift);
                if shift > 0 {
                    high.iter_mut().zip(&under).for_each(|(high, bits)| *high |= bits >> (WORD - shift));
                }
            }
        }
        patches
    }

    /// Adds the gradient of patches up to that of the maps they came from: every input's is the sum over the places
    /// over it, the kernel's places in order. Shapes: patches (inputs, samples * positions of the sums), the result
    /// (channels, samples * positions of the maps).
    pub(super) fn col2im(&self, patches: &Rows) -> Rows {
        let samples = patches.batch() / self.positions();
        let mut maps = Rows::new(self.input.channels, samples * self.input.positions());
        for input in 0..self.inputs() {
            let (tap, channel) = (input / self.input.channels, input % self.input.channels);
            let maps = maps.row_mut(channel).chunks_exact_mut(self.input.positions());
            for (map, under) in maps.zip(patches.row(input).chunks_exact(self.positions())) {
                self.stretches(tap, |from, to| {
                    let to = map[to..].iter_mut().step_by(self.stride);
                    to.zip(&under[from]).for_each(|(to, from)| *to += *from);
                });
            }
        }
        maps
    }

    /// The positions of the sums at which some places of the kernel lie beyond the edges, with these places.
    pub(super) fn edges(&self) -> Vec<(usize, Vec<usize>)> {
        let mut outside: Vec<(usize, Vec<usize>)> =
            (0..self.positions()).map(|position| (position, Vec::new())).collect();
        for tap in 0..self.taps() {
            let mut is_inside = vec![false; self.positions()];
            self.stretches(tap, |positions, _| is_inside[positions].fill(true));
            let taps = outside.iter_mut().zip(is_inside).filter(|(_, is_inside)| !is_inside);
            taps.for_each(|((_, taps), _)| taps.push(tap));
        }
        outside.retain(|(_, taps)| !taps.is_empty());
        outside
    }
}

/// Patches of signs the other way round: words of 64 columns of all inputs one after the other, (columns / 64, inputs).
pub(super) fn across(kernels: Kernels, patches: &Samples) -> Vec<u64> {
    let (inputs, columns) = (patches.width(), patches.batch());
    let mut words = vec![0; columns.div_ceil(WORD) * inputs];
    for (block, words) in words.chunks_exact_mut(inputs).enumerate() {
        let rows = patches.words().chunks_exact(patches.stride());
        for (row, words) in rows.zip(words.chunks_mut(WORD)) {
            let start = block * WORD;
            (kernels.bits.transpose_samples)(&row[start..columns.min(start + WORD)], words, 1);
        }
    }
    words
}
