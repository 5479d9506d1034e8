//! Convolutions: a linear layer over the inputs under the kernel, at every position; then pooling.
//!
//! Maps of signs are multiplied as bits. Zero padding, which no bit can say, is taken as -1, and what that adds is taken
//! off again: from sums the weights that lie beyond the edge (whole numbers: exact), from gradients of weights the
//! gradients of the positions where they did.

mod config;
mod fisher;
mod geometry;
mod gradient;
mod im2col;
mod pool;

use std::ops::Range;

use metabnn_infer::{BitMatrix, WORD};

pub use config::ConvConfig;
pub(crate) use fisher::ConvSquares;
pub use geometry::Convolution;
pub use gradient::Patches;
use gradient::Source;
use im2col::across;
pub use pool::Pool;

use super::cache::{Chunk, LayerCache};
use super::update::Tiles;
use super::{Below, GradientInput, Input, Layer, Learning, Linear, NormKind, Pass, SideTask};
use crate::kernels::Kernels;
use crate::machine::Machine;
use crate::optim::Tile;
use crate::tensor::{Columns, Rows};

/// Output channels whose sums inference holds at a time: few, so that they stay in cache.
const FEATURES: usize = 64;

/// What the forward pass computes of one chunk of a batch's samples.
#[derive(Clone, Debug)]
pub(crate) struct ConvChunk {
    samples: Range<usize>,
    /// Sums after pooling, (features, samples * positions of the output).
    pooled: Rows,
    /// Positions of the largest sums in their squares, likewise; with max pooling.
    winners: Vec<u8>,
    /// im2col of signs in words of 64 columns, (columns / 64, inputs): for the gradient of the weights.
    across: Vec<u64>,
}

/// A unit of work of the backward pass.
#[allow(clippy::large_enum_variant)] // all but one are updates, the large ones
enum Work<'a> {
    SideTask(SideTask<'a>),
    Update(Tiles<'a>),
}

/// The training pass of `layer`: its pooled sums, then norm and activation.
pub(super) fn forward(
    layer: &Layer,
    convolution: &Convolution,
    machine: &Machine,
    input: Input<'_>,
    pass: &Pass,
    cache: &mut LayerCache,
) {
    let Machine { kernels, pool, .. } = machine;
    let outputs = layer.linear.outputs();
    let sums = Sums::new(*kernels, &layer.linear, convolution, input);
    let mut chunks =
        pool.map(convolution.chunks(pass.batch), |samples| sums.compute(samples, 0, outputs, true));
    let columns = pass.batch * convolution.output.positions();
    let size = WORD * outputs.div_ceil(WORD).div_ceil(4 * pool.threads());
    layer.reshape(cache, columns, pass);
    layer.forward_behind(machine, pass, size, cache, |chunk: &mut Chunk<'_>| {
        let pooled = chunks.iter().map(|of| &of.pooled);
        side_by_side(pooled, chunk.first, chunk.normed, chunk.columns.stride);
    });
    chunks.iter_mut().for_each(|chunk| chunk.pooled = Rows::default());
    cache.conv = chunks;
}

/// The pooled sums of `layer` at inference: [`Layer::infer_chunks`].
pub(super) fn infer(
    layer: &Layer,
    convolution: &Convolution,
    machine: &Machine,
    input: Input<'_>,
    batch: usize,
    take: impl FnMut(usize, &mut Rows, usize),
) {
    let sums = Sums::new(machine.kernels, &layer.linear, convolution, input);
    let size = if layer.norm_kind() == NormKind::Layer { layer.linear.outputs() } else { FEATURES };
    let compute = |first: usize, y: &mut [f32], columns: Columns| {
        let features = y.len() / columns.stride;
        let samples = convolution.chunks(batch);
        let chunks = machine.pool.map(samples, |samples| sums.compute(samples, first, features, false));
        side_by_side(chunks.iter().map(|chunk| &chunk.pooled), 0, y, columns.stride);
    };
    layer.infer_chunks(size, batch, compute, take);
}

/// The backward pass of `layer`: the gradient of the pre-activations of the layer below, where there is one, and the
/// update of its own synapses.
pub(super) fn backward(
    layer: &mut Layer,
    convolution: &Convolution,
    machine: &Machine,
    cache: &mut LayerCache,
    below: Below<'_>,
    learning: Learning<'_, impl Fn(Tile<'_>) + Sync>,
) {
    let Machine { kernels, pool, .. } = machine;
    let Learning { moments, update, aside } = learning;
    let batch = cache.gradient.batch() / convolution.output.positions();
    let dy = unpooled(convolution, cache, machine, batch);
    let has_below = matches!(below, Below::Layer(_));
    let dx = has_below.then(|| gradient_below(&layer.linear, convolution, machine, &dy, batch));
    let edges = convolution.edges();
    let source = match &below {
        Below::Input(input) => *input,
        Below::Layer(below) => below.cache.output.gradient_input(),
    };
    let source = match source {
        GradientInput::Real(maps) => Source::Real(maps),
        _ => Source::Signs { chunks: &cache.conv, edges: &edges },
    };
    let source = GradientInput::Patches(Patches::new(convolution, batch, source));
    let (_, tiles) = layer.linear.split(*kernels, moments);
    let mut work: Vec<_> = tiles.into_iter().map(Work::Update).collect();
    if let Some(aside) = aside {
        work.push(Work::SideTask(aside));
    }
    pool.share(work, |work| match work {
        Work::SideTask(aside) => aside(),
        Work::Update(tiles) => tiles.update(*kernels, &dy, source, update),
    });
    layer.linear.finish();
    if let (Below::Layer(below), Some(dx)) = (below, dx) {
        let gradient = &mut below.cache.gradient;
        let stride = gradient.columns().stride;
        side_by_side(dx.iter(), 0, gradient.flat_mut(), stride);
        below.layer.backward_norm(machine, below.nonlinearity.activation.gate(), below.cache);
    }
}

/// The gradient of the input maps, chunk after chunk of the samples: (channels, samples * positions) each. Shapes: dy
/// (features, batch * positions of the sums).
pub(super) fn gradient_below(
    linear: &Linear,
    convolution: &Convolution,
    machine: &Machine,
    dy: &Rows,
    batch: usize,
) -> Vec<Rows> {
    machine.pool.map(convolution.chunks(batch), |samples| {
        let dy = columns_of(dy, samples, convolution.positions());
        let mut dx = Rows::new(convolution.inputs(), dy.batch());
        linear.input_gradient(machine.kernels, &dy, 0, dx.flat_mut());
        convolution.col2im(&dx)
    })
}

/// The sums of a convolution over some maps.
struct Sums<'a> {
    kernels: Kernels,
    linear: &'a Linear,
    convolution: &'a Convolution,
    input: Input<'a>,
    /// See [`Convolution::edges`]; empty where maps are real.
    edges: Vec<(usize, Vec<usize>)>,
}

impl<'a> Sums<'a> {
    fn new(kernels: Kernels, linear: &'a Linear, convolution: &'a Convolution, input: Input<'a>) -> Self {
        let edges = if let Input::Signs(_) = input { convolution.edges() } else { Vec::new() };
        Self { kernels, linear, convolution, input, edges }
    }

    /// Pooled sums of `samples`: of the features from `first` (a multiple of 16) on, as many as `features`.
    fn compute(&self, samples: Range<usize>, first: usize, features: usize, trains: bool) -> ConvChunk {
        let Self { kernels, convolution, .. } = *self;
        let count = samples.len() * convolution.positions();
        let mut sums = Rows::new(features, count);
        let mut words = Vec::new();
        let columns = sums.columns();
        match self.input {
            Input::Real(maps) => {
                let mut patches = Rows::new(convolution.inputs(), count);
                convolution.im2col(maps, 0, samples.clone(), patches.flat_mut(), columns.stride);
                self.linear.forward(kernels, Input::Real(&patches), first, sums.flat_mut(), columns);
            }
            Input::Signs(maps) => {
                let patches = convolution.im2col_signs(maps, samples.clone());
                self.linear.forward(kernels, Input::Signs(&patches), first, sums.flat_mut(), columns);
                if let Some(weights) = self.linear.binary() {
                    self.correct(weights, first, &mut sums);
                }
                if trains {
                    words = across(kernels, &patches);
                }
            }
            // The network makes real maps of the batch.
            Input::Pixels(_) => unreachable!("a convolution takes maps"),
        }
        let outputs = samples.len() * convolution.output.positions();
        let (mut pooled, mut winners) = (Rows::new(features, outputs), vec![0; features * outputs]);
        for (feature, winners) in winners.chunks_exact_mut(outputs).enumerate() {
            convolution.pool(sums.row(feature), pooled.row_mut(feature), winners);
        }
        ConvChunk { samples, pooled, winners, across: words }
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

/// Writes rows `first`.. of all chunks side by side; `rows` are as far apart as `stride`.
pub(super) fn side_by_side<'a>(
    chunks: impl Iterator<Item = &'a Rows> + Clone,
    first: usize,
    rows: &mut [f32],
    stride: usize,
) {
    for (row, to) in rows.chunks_exact_mut(stride).enumerate() {
        let mut start = 0;
        for chunk in chunks.clone() {
            let from = chunk.row(row + first);
            to[start..start + from.len()].copy_from_slice(from);
            start += from.len();
        }
    }
}

/// The gradient of the sums before pooling.
pub(super) fn unpooled(
    convolution: &Convolution,
    cache: &LayerCache,
    machine: &Machine,
    batch: usize,
) -> Rows {
    let mut dy = Rows::new(cache.gradient.features(), batch * convolution.positions());
    let (stride, outputs) = (dy.columns().stride, convolution.output.positions());
    machine.pool.share(dy.flat_mut().chunks_exact_mut(stride).enumerate(), |(feature, dy)| {
        for ConvChunk { samples, winners, .. } in &cache.conv {
            let pooled = &cache.gradient.row(feature)[samples.start * outputs..samples.end * outputs];
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
