//! Dense layers: every output has a weight for every input.

use metabnn_infer::WORD;
use serde::{Deserialize, Serialize};

use super::cache::{Chunk, Flattened, LayerCache};
use super::flatten::{flatten, flatten_signs, unflatten};
use super::norm::NormGradient;
use super::update::{Tiles, side_by_side};
use super::{
    Activations, Below, Between, Input, Layer, LayerBelow, LayerConfig, LayerError, LayerShape, Learning,
    NormKind, Pass, Plan, SideTask, SizeError,
};
use crate::kernels::{Kernels, LANES, Lanes, Left, Matrix, MatrixMut};
use crate::machine::Machine;
use crate::optim::Tile;
use crate::tensor::{Columns, Rows};

/// Units whose pre-activations inference holds at a time: few, so that they stay in cache.
const FEATURES: usize = 64;
/// The same where every chunk makes its own tables of all inputs.
const FEATURES_OF_TABLES: usize = 1024;
/// Inputs of a layer below which the gradient below it is not shared out further: every share makes its own tables of
/// all outputs.
const LEAST_INPUTS: usize = 256;

/// A dense layer before it has weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenseConfig {
    /// Its units: 1 to [`LayerConfig::MAX_WIDTH`].
    pub units: usize,
}

impl DenseConfig {
    /// What it becomes on such inputs: it flattens maps.
    pub(crate) fn plan(self, input: Between) -> Result<Plan, LayerError> {
        let outputs = self.units;
        SizeError::check("units", outputs, 1, LayerConfig::MAX_WIDTH)?;
        let (inputs, output) = (input.width(), Between::Units(outputs));
        Ok(Plan { shape: LayerShape::Dense, inputs, outputs, output })
    }
}

/// How many values of so many `outputs` a norm of this kind normalizes together in one sample, and what they are.
pub(super) fn normed_values(kind: NormKind, outputs: usize) -> Option<(usize, &'static str)> {
    (kind != NormKind::Batch).then_some((outputs, "unit"))
}

/// A unit of work of the backward pass.
#[allow(clippy::large_enum_variant)] // most are updates, the large ones
enum Work<'a> {
    /// Something else that is due.
    SideTask(SideTask<'a>),
    /// The gradient below, for inputs from the first on, and those of scale and shift there; these are empty where
    /// they have to wait for the whole of it.
    Below { first: usize, gradient: &'a mut [f32], of_norm: (&'a mut [f32], &'a mut [f32]) },
    /// The update of some synapses.
    Update(Tiles<'a>),
}

/// The training pass of `layer`: y = W x, then norm and activation. Maps are flattened first.
pub(super) fn forward(
    layer: &Layer,
    machine: &Machine,
    input: Input<'_>,
    pass: &Pass,
    cache: &mut LayerCache,
) {
    let Machine { kernels, pool, .. } = machine;
    let mut flat = cache.flat.take();
    if input.columns() != pass.batch {
        flatten_into(flat.get_or_insert_default(), input, pass.batch);
    }
    let input = flat.as_ref().map_or(input, |flat| flat.output.input());
    let linear = &layer.linear;
    // With pixels and reals, every share makes its own tables of all inputs.
    let shares = if matches!(input, Input::Signs(_)) { 4 } else { 1 } * pool.threads();
    let size = WORD * linear.outputs().div_ceil(WORD).div_ceil(shares);
    layer.reshape(cache, pass.batch, pass);
    layer.forward_behind(machine, pass, size, cache, |chunk: &mut Chunk<'_>| {
        linear.forward(*kernels, input, chunk.first, chunk.normed, chunk.columns);
    });
    cache.flat = flat;
}

/// The pre-activations of `layer` at inference: [`Layer::infer_chunks`].
pub(super) fn infer(
    layer: &Layer,
    machine: &Machine,
    input: Input<'_>,
    batch: usize,
    take: impl FnMut(usize, &mut Rows, usize),
) {
    let mut flat = Flattened::default();
    let input = if input.columns() == batch {
        input
    } else {
        flatten_into(&mut flat, input, batch);
        flat.output.input()
    };
    let size = match input {
        _ if layer.norm_kind() == NormKind::Layer => layer.linear.outputs(),
        Input::Real(_) | Input::Pixels(_) => FEATURES_OF_TABLES,
        Input::Signs(_) => FEATURES,
    };
    let compute = |first: usize, y: &mut [f32], columns: Columns| {
        layer.linear.forward(machine.kernels, input, first, y, columns);
    };
    layer.infer_chunks(size, batch, compute, take);
}

/// The backward pass of `layer`: the gradient of the pre-activations of the layer below, where there is one, taken with
/// the weights as they were, beside the update of its own synapses.
pub(super) fn backward(
    layer: &mut Layer,
    machine: &Machine,
    cache: &mut LayerCache,
    below: Below<'_>,
    learning: Learning<'_, impl Fn(Tile<'_>) + Sync>,
) {
    let LayerCache { gradient: dy, flat, .. } = cache;
    let source = match below {
        Below::Layer(below) => return backward_onto(layer, machine, dy, flat.as_mut(), below, learning),
        Below::Input(source) => source,
    };
    let Learning { moments, update, aside } = learning;
    if let Some(aside) = aside {
        aside();
    }
    let (_, tiles) = layer.linear.split(machine.kernels, moments);
    machine.pool.share(tiles, |tiles| tiles.update(machine.kernels, dy, source, update));
    layer.linear.finish();
}

/// [`backward`] where there is a layer below.
fn backward_onto(
    layer: &mut Layer,
    machine: &Machine,
    dy: &Rows,
    mut flat: Option<&mut Flattened>,
    below: LayerBelow<'_>,
    learning: Learning<'_, impl Fn(Tile<'_>) + Sync>,
) {
    let (Machine { kernels, pool, .. }, Learning { moments, update, aside }) = (machine, learning);
    let (linear, nonlinearity, norm) = (&mut layer.linear, below.nonlinearity, &below.layer.norm);
    // Else the norm below waits for the whole gradient.
    let at_once = flat.is_none() && below.layer.norm_kind() == NormKind::Batch;
    let LayerCache { normed, statistics, output, gradient, norm_gradient, .. } = &mut *below.cache;
    let (source, gradient) = match flat.as_deref_mut() {
        Some(Flattened { output, gradient }) => (output.gradient_input(), gradient),
        None => (output.gradient_input(), gradient),
    };
    let share = linear.inputs().div_ceil(pool.threads()).max(LEAST_INPUTS).next_multiple_of(WORD);
    let mut lists = pool.parts(gradients_below(gradient, at_once.then_some(norm_gradient), share));
    // To the thread whose part is the smallest where they are not even.
    if let (Some(aside), Some(list)) = (aside, lists.first_mut()) {
        list.push(Work::SideTask(aside));
    }
    let work = |work: Work<'_>, dx: &dyn Fn(usize, &mut [f32])| match work {
        Work::SideTask(aside) => aside(),
        Work::Below { first, gradient, of_norm } => {
            dx(first, gradient);
            nonlinearity.drop_rows(first, gradient, dy.columns());
            if at_once {
                let gate = nonlinearity.activation.gate();
                norm.batch_backward(*kernels, gate, (normed, statistics), first, gradient, of_norm);
            }
        }
        Work::Update(tiles) => tiles.update(*kernels, dy, source, update),
    };
    if linear.binary().is_some() {
        let (old, tiles) = linear.split(*kernels, moments);
        for (list, tiles) in lists.iter_mut().zip(pool.parts(tiles)) {
            list.extend(tiles.into_iter().map(Work::Update));
        }
        pool.share_lists(lists, |item| work(item, &|first, dx| old.rows(*kernels, dy, first, dx)));
    } else {
        // Real weights have no copy from before the update.
        let dx = |first, dx: &mut [f32]| linear.real_input_gradient(*kernels, dy, first, dx);
        pool.share_lists(lists, |item| work(item, &dx));
        let (_, tiles) = linear.split(*kernels, moments);
        pool.share(tiles, |tiles| tiles.update(*kernels, dy, source, update));
    }
    linear.finish();
    below.finish(machine, flat.map(|flat| &flat.gradient), at_once);
}

/// The gradient below a layer in shares of as many inputs each, with those of scale and shift where they can be taken at
/// once.
fn gradients_below<'a>(
    gradient: &'a mut Rows,
    of_norm: Option<&'a mut NormGradient>,
    share: usize,
) -> impl Iterator<Item = Work<'a>> {
    let (gamma, beta) = of_norm.map_or_else(Default::default, |of| (&mut of.gamma[..], &mut of.beta[..]));
    let (mut gamma, mut beta) = (gamma.chunks_mut(share), beta.chunks_mut(share));
    let stride = gradient.columns().stride;
    let gradients = gradient.flat_mut().chunks_mut(share * stride).enumerate();
    gradients.map(move |(index, gradient)| Work::Below {
        first: index * share,
        gradient,
        of_norm: (gamma.next().unwrap_or_default(), beta.next().unwrap_or_default()),
    })
}

/// Gives maps of `batch` samples a row for each of their numbers.
fn flatten_into(flat: &mut Flattened, input: Input<'_>, batch: usize) {
    let rows = match input {
        Input::Real(maps) => {
            let rows = maps.features() * (maps.batch() / batch);
            flatten(maps, batch, flat.output.real_mut(rows, batch));
            rows
        }
        Input::Signs(maps) => {
            flat.output = Activations::from_signs(flatten_signs(maps, batch));
            maps.width() * (maps.batch() / batch)
        }
        // Pixels have a column per sample.
        Input::Pixels(pixels) => pixels.width(),
    };
    flat.gradient.reshape(rows, batch);
}

/// What the squared gradients of a batch need: the gradient of sample b for the weight (o, i) is dy[o, b] x[i, b], so the
/// sum of its squares is a product of squares.
pub(crate) struct DenseSquares {
    /// x^2, (in, batch); `None` where the inputs are signs, whose squares are 1.
    inputs: Option<Rows>,
    /// dy^2, (out, batch).
    gradient: Rows,
}

impl DenseSquares {
    /// From the `cache` of a pass over `input`, in whatever form it `is_signs` or not, with the gradient of the
    /// pre-activations in it; `below` becomes the gradient of the input.
    pub fn new(
        layer: &Layer,
        machine: &Machine,
        (input, is_signs): (Input<'_>, bool),
        cache: &mut LayerCache,
        below: Option<&mut Rows>,
    ) -> Self {
        let LayerCache { gradient, flat, .. } = cache;
        if let Some(below) = below {
            match flat {
                Some(flat) => {
                    layer.linear.input_gradient(machine.kernels, gradient, 0, flat.gradient.flat_mut());
                    unflatten(&flat.gradient, below);
                }
                None => layer.linear.input_gradient(machine.kernels, gradient, 0, below.flat_mut()),
            }
        }
        let inputs = match flat.as_ref().map_or(input, |flat| flat.output.input()) {
            // Signs may come as reals.
            _ if is_signs => None,
            Input::Signs(_) => None,
            Input::Real(rows) => Some(rows.clone()),
            Input::Pixels(pixels) => Some(super::pixels_to_rows(pixels)),
        };
        let squared = |mut rows: Rows| {
            rows.flat_mut().iter_mut().for_each(|value| *value *= *value);
            rows
        };
        Self { inputs: inputs.map(squared), gradient: squared(std::mem::take(gradient)) }
    }

    /// Adds `sum_b dy^2[o, b] x^2[i, b]` of the sixteen outputs of `tile` to `sums`, (in) lane groups.
    pub fn add_to(&self, kernels: Kernels, tile: usize, sums: &mut [Lanes]) {
        let first = tile * LANES;
        let dy = side_by_side(&self.gradient, first, LANES.min(self.gradient.features() - first), 1);
        if let Some(x) = &self.inputs {
            let left = Left { values: x.flat(), row: x.columns().stride, step: 1, depth: x.batch() };
            let dy = Matrix { values: Lanes::flat(&dy), stride: LANES };
            let sums = MatrixMut { values: Lanes::flat_mut(sums), stride: LANES };
            return (kernels.product)(left, dy, sums, LANES);
        }
        let mut of_output = Lanes::default();
        for dy in &dy {
            of_output.0.iter_mut().zip(dy.0).for_each(|(sum, square)| *sum += square);
        }
        for sums in sums {
            sums.0.iter_mut().zip(of_output.0).for_each(|(sum, of_output)| *sum += of_output);
        }
    }

    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.gradient.batch()
    }
}
