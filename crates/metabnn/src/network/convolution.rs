//! Convolutions: a linear layer over the inputs under the kernel, at every position; then pooling, norm, activation.
//!
//! Maps of signs are multiplied as bits. Zeros beyond their edges, which no bit can say, are taken as -1, and what that
//! adds is taken off again: from sums the weights that lie beyond the edge (whole numbers: exact), from gradients of
//! weights the gradients of the positions where they did.

use std::ops::Range;

use metabnn_infer::kernels::Samples;
use metabnn_infer::{BitMatrix, WORD};

use super::linear::{Input, Linear};
use super::passed::{Passed, Share};
use super::rows::Rows;
use super::shape::Convolution;
use super::step::{Aside, Piece as Work};
use super::unfold::across;
use super::update::{GradientInput, Tile};
use super::{Layer, LayerShape, Network, Together};
use crate::kernels::{Kernels, LANES, Left, Matrix, MatrixMut, Signs};
use crate::machine::Machine;
use crate::optim::Moments;

/// Maps that a convolution looks at, (channels, batch * positions).
#[derive(Clone, Copy, Debug)]
pub enum Maps<'a> {
    /// Real numbers.
    Real(&'a Rows),
    /// Signs, in words per sample and position.
    Signs(&'a Samples),
}

/// What a convolution made of some samples of a batch.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    samples: Range<usize>,
    /// Sums after pooling, (features, samples * positions of the output).
    pub pooled: Rows,
    /// Places of the largest sums, likewise; with max pooling.
    winners: Vec<u8>,
    /// Patches of signs in words of 64 columns, (columns / 64, inputs): for training.
    across: Vec<u64>,
}

/// The sums of a convolution over some maps.
pub(super) struct Sums<'a> {
    kernels: Kernels,
    linear: &'a Linear,
    convolution: &'a Convolution,
    maps: Maps<'a>,
    /// See [`Convolution::edges`]; empty where maps are real.
    edges: Vec<(usize, Vec<usize>)>,
}

impl<'a> Sums<'a> {
    pub fn new(kernels: Kernels, linear: &'a Linear, convolution: &'a Convolution, maps: Maps<'a>) -> Self {
        let edges = if let Maps::Signs(_) = maps { convolution.edges() } else { Vec::new() };
        Self { kernels, linear, convolution, maps, edges }
    }

    /// Features `first`.. (a multiple of 16), as many as `features`, of `samples`.
    pub fn of(&self, samples: Range<usize>, first: usize, features: usize, trains: bool) -> Piece {
        let Self { kernels, convolution, .. } = *self;
        let columns = samples.len() * convolution.positions();
        let mut sums = Rows::new(features, columns);
        let mut words = Vec::new();
        let places = sums.columns();
        match self.maps {
            Maps::Real(maps) => {
                let mut patches = Rows::new(convolution.inputs(), columns);
                convolution.unfold(maps, 0, samples.clone(), patches.flat_mut(), places.stride);
                self.linear.forward(kernels, Input::Real(&patches), first, sums.flat_mut(), places);
            }
            Maps::Signs(maps) => {
                let patches = convolution.unfold_signs(maps, samples.clone());
                self.linear.forward(kernels, Input::Signs(&patches), first, sums.flat_mut(), places);
                if let Some(weights) = self.linear.binary() {
                    self.correct(weights, first, &mut sums);
                }
                if trains {
                    words = across(kernels, &patches);
                }
            }
        }
        let outputs = samples.len() * convolution.output.positions();
        let (mut pooled, mut winners) = (Rows::new(features, outputs), vec![0; features * outputs]);
        for (feature, winners) in winners.chunks_exact_mut(outputs).enumerate() {
            convolution.pool(sums.row(feature), pooled.row_mut(feature), winners);
        }
        Piece { samples, pooled, winners, across: words }
    }

    /// Takes off what inputs of -1 beyond the edges gave.
    fn correct(&self, weights: &BitMatrix, first: usize, sums: &mut Rows) {
        let (channels, taps) = (self.convolution.input.channels, self.convolution.taps());
        for feature in 0..sums.features() {
            let of_tap = |tap: usize| sum_of_signs(weights, first + feature, tap * channels, channels) as f32;
            let of_taps: Vec<f32> = (0..taps).map(of_tap).collect();
            for (position, taps) in &self.edges {
                let beyond: f32 = taps.iter().map(|&tap| of_taps[tap]).sum();
                let sums = sums.row_mut(feature)[*position..].iter_mut();
                sums.step_by(self.convolution.positions()).for_each(|sum| *sum += beyond);
            }
        }
    }
}

/// Sum of `count` signs of a row from column `start` on.
fn sum_of_signs(signs: &BitMatrix, row: usize, start: usize, count: usize) -> i32 {
    let ones = (0..count).step_by(WORD).map(|at| {
        let used = u64::MAX >> (WORD - WORD.min(count - at));
        (signs.window(row, start + at) & used).count_ones()
    });
    2 * ones.sum::<u32>() as i32 - count as i32
}

/// Puts rows `first`.. of all pieces together, side by side; `rows` are as far apart as `stride`.
pub(super) fn put_together<'a>(
    pieces: impl Iterator<Item = &'a Rows> + Clone,
    first: usize,
    rows: &mut [f32],
    stride: usize,
) {
    for (row, to) in rows.chunks_exact_mut(stride).enumerate() {
        let mut start = 0;
        for piece in pieces.clone() {
            let from = piece.row(row + first);
            to[start..start + from.len()].copy_from_slice(from);
            start += from.len();
        }
    }
}

/// What the gradient of a convolution's weights needs of its input.
#[derive(Clone, Copy, Debug)]
pub struct Patches<'a> {
    convolution: &'a Convolution,
    batch: usize,
    source: Source<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    Real(&'a Rows),
    Signs { pieces: &'a [Piece], edges: &'a [(usize, Vec<usize>)] },
}

impl Patches<'_> {
    /// `g[r, j] = sum_k x[first + r, k] dy[k, j]` over all samples and positions k of the sums in order. Shapes: dy (batch
    /// * positions, 16), g (inputs, 16).
    pub(super) fn weight_gradient(&self, kernels: Kernels, first: usize, dy: Matrix<'_>, g: MatrixMut<'_>) {
        let Self { convolution, batch, source } = *self;
        let positions = convolution.positions();
        let of_lot = |start: usize| Matrix { values: &dy.values[start * positions * dy.stride..], ..dy };
        match source {
            Source::Real(maps) => {
                g.values.fill(0.0);
                let inputs = g.values.len() / LANES;
                let mut patches = Vec::new();
                for samples in convolution.lots(batch) {
                    let depth = samples.len() * positions;
                    patches.resize(inputs * depth, 0.0);
                    convolution.unfold(maps, first, samples.clone(), &mut patches, depth);
                    let left = Left { values: &patches, row: depth, step: 1, depth };
                    let g = MatrixMut { values: &mut *g.values, stride: LANES };
                    (kernels.product)(left, of_lot(samples.start), g, LANES);
                }
            }
            Source::Signs { pieces, edges } => {
                self.add_edges(edges, first, dy, g.values);
                let mut sums = vec![0.0; g.values.len()];
                for Piece { samples, across, .. } in pieces {
                    let depth = samples.len() * positions;
                    let words = &across[first..];
                    let signs = Signs { words, row: 1, word: convolution.inputs(), depth };
                    let y = MatrixMut { values: &mut sums, stride: LANES };
                    let m = of_lot(samples.start);
                    let m = Matrix { values: &m.values[..(depth - 1) * m.stride + LANES], ..m };
                    (kernels.signed_product)(signs, m, y, LANES);
                    g.values.iter_mut().zip(&sums).for_each(|(g, sum)| *g += sum);
                }
            }
        }
    }

    /// What makes up for inputs of -1 beyond the edges: the sum of `dy` where a weight lay there.
    fn add_edges(&self, edges: &[(usize, Vec<usize>)], first: usize, dy: Matrix<'_>, g: &mut [f32]) {
        let Convolution { input, .. } = self.convolution;
        let mut of_taps = vec![[0.0; LANES]; self.convolution.taps()];
        for (position, taps) in edges {
            let mut sum = [0.0; LANES];
            for sample in 0..self.batch {
                let dy = &dy.values[(sample * self.convolution.positions() + position) * dy.stride..];
                sum.iter_mut().zip(dy).for_each(|(sum, dy)| *sum += dy);
            }
            for &tap in taps {
                of_taps[tap].iter_mut().zip(sum).for_each(|(of_tap, sum)| *of_tap += sum);
            }
        }
        for (input_of_kernel, g) in (first..).zip(g.chunks_exact_mut(LANES)) {
            g.copy_from_slice(&of_taps[input_of_kernel / input.channels]);
        }
    }
}

impl Network {
    /// Layer `index`, a convolution: sums, pooling, norm, activation.
    pub(super) fn convolve(
        &mut self,
        (index, convolution): (usize, &Convolution),
        maps: Maps<'_>,
        passed: &mut Passed,
        batch: usize,
    ) {
        let (Machine { kernels, pool }, hands_on) = (self.machine.clone(), self.hands_on(index));
        let is_last_of_them =
            matches!(self.layers.get(index + 1), Some(Layer { shape: LayerShape::Dense, .. }));
        let together = self.layers[index].together();
        let Layer { linear, norm, .. } = &mut self.layers[index];
        let outputs = linear.outputs();
        let sums = Sums::new(kernels, linear, convolution, maps);
        let mut pieces = pool.map(convolution.lots(batch), |samples| sums.of(samples, 0, outputs, true));
        let columns = batch * convolution.output.positions();
        passed.reshape(outputs, columns, if together == Together::Row { 1 } else { batch }, hands_on);
        let size = WORD * outputs.div_ceil(WORD).div_ceil(4 * pool.threads());
        pool.share(passed.shares(size), |mut share: Share<'_>| {
            let pooled = pieces.iter().map(|piece| &piece.pooled);
            put_together(pooled, share.first, share.normed, share.columns.stride);
            share.normalise(kernels, norm);
            if let Some(hands_on) = hands_on {
                share.activate(kernels, hands_on, &norm.state);
            }
        });
        norm.keep_running(&passed.seen, columns);
        pieces.iter_mut().for_each(|piece| piece.pooled = Rows::default());
        passed.pieces = pieces;
        if is_last_of_them {
            passed.flatten(batch);
        }
        self.parts.done(index);
    }

    /// Back through layer `index`, a convolution on `maps`, of which it `passed` this: the update of its synapses, and the
    /// gradient of the sums of the layer below, where there is one.
    pub(super) fn back_through_convolution(
        &mut self,
        (index, convolution): (usize, &Convolution),
        maps: Maps<'_>,
        passed: &Passed,
        moments: &mut Moments,
        update: &(impl Fn(Tile<'_>) + Sync),
        aside: Option<Aside<'_>>,
    ) -> Vec<Rows> {
        let Machine { kernels, pool } = self.machine.clone();
        let batch = passed.gradient.batch() / convolution.output.positions();
        let dy = unpooled(convolution, passed, &pool, batch);
        let linear = &mut self.layers[index].linear;
        let below = if index == 0 {
            Vec::new()
        } else {
            let linear = &*linear;
            pool.map(convolution.lots(batch), |samples| {
                let dy = columns_of(&dy, samples, convolution.positions());
                let mut dx = Rows::new(convolution.inputs(), dy.batch());
                linear.input_gradient(kernels, &dy, 0, dx.flat_mut());
                convolution.fold(&dx)
            })
        };
        let edges = convolution.edges();
        let source = match maps {
            Maps::Real(maps) => Source::Real(maps),
            Maps::Signs(_) => Source::Signs { pieces: &passed.pieces, edges: &edges },
        };
        let source = GradientInput::Patches(Patches { convolution, batch, source });
        let (_, tiles) = linear.split(kernels, moments);
        let mut work: Vec<_> = tiles.into_iter().map(Work::Update).collect();
        if let Some(aside) = aside {
            work.push(Work::Aside(aside));
        }
        pool.share(work, |work| match work {
            Work::Aside(aside) => aside(),
            Work::Update(tiles) => tiles.update(kernels, &dy, source, update),
            Work::Below { .. } => {}
        });
        linear.finish();
        below
    }
}

/// The gradient of the sums before pooling.
fn unpooled(convolution: &Convolution, passed: &Passed, pool: &crate::kernels::Pool, batch: usize) -> Rows {
    let mut dy = Rows::new(passed.gradient.features(), batch * convolution.positions());
    let (stride, outputs) = (dy.columns().stride, convolution.output.positions());
    pool.share(dy.flat_mut().chunks_exact_mut(stride).enumerate(), |(feature, dy)| {
        for Piece { samples, winners, .. } in &passed.pieces {
            let pooled = &passed.gradient.row(feature)[samples.start * outputs..samples.end * outputs];
            let winners = &winners[feature * pooled.len()..][..pooled.len()];
            let positions = convolution.positions();
            convolution.unpool(pooled, winners, &mut dy[samples.start * positions..samples.end * positions]);
        }
    });
    dy
}

/// The columns of some samples, `positions` each.
fn columns_of(rows: &Rows, samples: Range<usize>, positions: usize) -> Rows {
    let mut some = Rows::new(rows.features(), samples.len() * positions);
    for feature in 0..rows.features() {
        let from = &rows.row(feature)[samples.start * positions..samples.end * positions];
        some.row_mut(feature).copy_from_slice(from);
    }
    some
}
