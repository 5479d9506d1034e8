//! One training step: forward through all layers, then back, each layer's synapses updated as soon as their gradient
//! is known.

use metabnn_infer::WORD;

use super::convolution::{Maps, put_together};
use super::linear::Input;
use super::norm::NormGradient;
use super::passed::{Passed, Shown};
use super::rows::Rows;
use super::unfold::unflatten;
use super::update::{Tile, Tiles};
use super::{Batch, Inputs, Layer, LayerShape, Network, Together, cross_entropy};
use crate::kernels::{AdamStep, Gate};
use crate::machine::Machine;
use crate::optim::{Adam, Moments};
use crate::plasticity::SynapticRule;
use crate::recipe::settings::Precision;

/// Inputs of a layer below which the gradient below it is not shared out further: every share makes its own tables of
/// all outputs.
const LEAST_INPUTS: usize = 256;

/// What is done while a step has threads to spare.
pub(super) type Aside<'a> = &'a mut (dyn FnMut() + Send);

/// A piece of work on the way back through a layer.
#[allow(clippy::large_enum_variant)] // most are updates, the large ones
pub(super) enum Piece<'a> {
    /// Something else that is due.
    Aside(Aside<'a>),
    /// The gradient below, for inputs from the first on, and those of scale and shift there; these are empty where
    /// they have to wait for the whole of it.
    Below { first: usize, gradient: &'a mut [f32], of_norm: (&'a mut [f32], &'a mut [f32]) },
    /// The update of some synapses.
    Update(Tiles<'a>),
}

impl Network {
    /// One training step on `batch`; gives the mean loss before the update. `aside` is done meanwhile, by whichever
    /// thread is free: gathering the next batch, say.
    ///
    /// Weights are updated layer by layer from the output down, each while the gradient of its input is taken with the
    /// old weights.
    pub fn step<R: SynapticRule + ?Sized>(
        &mut self,
        batch: &Batch,
        adam: &mut Adam,
        rule: &R,
        aside: &mut (dyn FnMut() + Send),
    ) -> f32 {
        self.parts.start();
        // Out of the network, so that layers and what they passed can be borrowed apart.
        let (mut passed, mut shown) = (std::mem::take(&mut self.passed), std::mem::take(&mut self.shown));
        passed.resize_with(self.layers.len(), Passed::default);
        shown.look_at(&batch.inputs, &self.layers[0].shape, self.precision);
        self.layers.iter_mut().for_each(|layer| layer.linear.make_memory(rule.memory()));
        for index in 0..self.layers.len() {
            let (before, now) = passed.split_at_mut(index);
            let (now, samples) = (&mut now[0], batch.labels.len());
            match (self.layers[index].shape, before.last()) {
                (LayerShape::Dense, Some(below)) => self.forward(index, below.dense().input(), now, samples),
                (LayerShape::Dense, None) => self.forward(index, shown.input(&batch.inputs), now, samples),
                (LayerShape::Convolution(convolution), below) => {
                    let maps = below.map_or(Maps::Real(shown.maps()), |below| below.handed.maps());
                    self.convolve((index, &convolution), maps, now, samples);
                }
            }
        }
        let loss = self.loss(&batch.labels, &mut passed);
        let step = adam.next_step();
        self.backward(&batch.inputs, (adam, rule, &step), &mut passed, &mut shown, aside);
        self.update_norms(adam, &step, &passed);
        self.steps += 1;
        (self.passed, self.shown) = (passed, shown);
        loss
    }

    /// Layer `index`, a dense one: sums, norm, activation.
    fn forward(&mut self, index: usize, input: Input<'_>, passed: &mut Passed, batch: usize) {
        let (Machine { kernels, pool }, hands_on) = (self.machine.clone(), self.hands_on(index));
        let by_unit = self.layers[index].together() != Together::Units;
        let Layer { linear, norm, .. } = &mut self.layers[index];
        passed.reshape(linear.outputs(), batch, usize::from(by_unit), hands_on);
        // With pixels and reals, every share makes its own tables of all inputs.
        let shares = if matches!(input, Input::Signs(_)) { 4 } else { 1 } * pool.threads();
        let size = WORD * linear.outputs().div_ceil(WORD).div_ceil(shares);
        let (linear, as_it_is) = (&*linear, &*norm);
        pool.share(passed.shares(size), |mut share| {
            linear.forward(kernels, input, share.first, share.normed, share.columns);
            if by_unit {
                share.normalise(kernels, as_it_is);
            }
            if let (true, Some(hands_on)) = (by_unit, hands_on) {
                share.activate(kernels, hands_on, &as_it_is.state);
            }
        });
        if !by_unit {
            norm.normalise_units(&mut passed.normed, &mut passed.seen);
            if let Some(hands_on) = hands_on {
                let state = &norm.state;
                pool.share(passed.shares(size), |mut share| share.activate(kernels, hands_on, state));
            }
        }
        norm.keep_running(&passed.seen, batch);
        self.parts.done(index);
    }

    /// The loss; its gradient becomes that of the last layer's sums.
    fn loss(&mut self, labels: &[u8], passed: &mut [Passed]) -> f32 {
        let (Some(layer), Some(passed)) = (self.layers.last(), passed.last_mut()) else { return 0.0 };
        let state = &layer.norm.state;
        let mut logits = passed.normed.to_samples(|class, normed| state.scale_and_shift(class, normed));
        let loss = cross_entropy(&mut logits, labels);
        let classes = layer.linear.outputs();
        for class in 0..classes {
            let row = passed.gradient.row_mut(class).iter_mut();
            row.zip(logits[class..].iter().step_by(classes)).for_each(|(row, value)| *row = *value);
        }
        self.back_through_norm(self.layers.len() - 1, Gate::Open, passed);
        self.parts.done(self.layers.len());
        loss
    }

    /// From the gradient of what stands after `gate` and the norm of layer `index` to that of its sums.
    fn back_through_norm(&self, index: usize, gate: Gate, passed: &mut Passed) {
        let (layer, kernels) = (&self.layers[index], self.machine.kernels);
        let Passed { normed, seen, gradient, norm_gradient, .. } = passed;
        let from = (&*normed, &seen[..]);
        if layer.together() == Together::Units {
            return layer.norm.backward_units(gate, from, gradient, norm_gradient);
        }
        let stride = gradient.columns().stride;
        let rows = gradient.flat_mut().chunks_mut(stride).enumerate();
        let rows = rows.zip(norm_gradient.gamma.chunks_mut(1).zip(norm_gradient.beta.chunks_mut(1)));
        self.machine.pool.share(rows, |((feature, gradient), of_norm)| {
            layer.norm.backward(kernels, gate, from, feature, gradient, of_norm);
        });
    }

    /// From the output down: the gradient below each layer, and the update of its synapses. What the first layer needs
    /// is made ready, and `aside` done, beside the longest part, the second layer's.
    fn backward<R: SynapticRule + ?Sized>(
        &mut self,
        inputs: &Inputs,
        (adam, rule, step): (&mut Adam, &R, &AdamStep),
        passed: &mut [Passed],
        shown: &mut Shown,
        aside: Aside<'_>,
    ) {
        let (kernels, layers) = (self.machine.kernels, self.layers.len());
        for index in (0..layers).rev() {
            let (before, now) = passed.split_at_mut(index);
            let (dy, moments) = (&now[0].gradient, &mut adam.weights[index]);
            let update = |tile: Tile<'_>| rule.update(kernels, step, index, tile);
            if let LayerShape::Convolution(convolution) = self.layers[index].shape {
                let maps = before.last().map_or(Maps::Real(shown.maps()), |below| below.handed.maps());
                let aside: Option<Aside<'_>> = if index == 1.min(layers - 1) { Some(aside) } else { None };
                let place = (index, &convolution);
                let pieces = self.back_through_convolution(place, maps, &now[0], moments, &update, aside);
                if let Some(below) = before.last_mut() {
                    let stride = below.gradient.columns().stride;
                    put_together(pieces.iter(), 0, below.gradient.flat_mut(), stride);
                    self.back_through_norm(index - 1, self.activation.gate(), below);
                }
            } else if let Some(below) = before.last_mut() {
                let mut ready = || {
                    shown.make_ready(inputs);
                    aside();
                };
                let aside: Option<Aside<'_>> = if index == 1 { Some(&mut ready) } else { None };
                self.back_through(index, dy, below, moments, &update, aside);
            } else {
                if layers == 1 {
                    shown.make_ready(inputs);
                    aside();
                }
                let linear = &mut self.layers[0].linear;
                let (source, (_, tiles)) = (shown.gradient_input(inputs), linear.split(kernels, moments));
                self.machine.pool.share(tiles, |tiles| tiles.update(kernels, dy, source, &update));
                linear.finish();
            }
            self.parts.done(2 * layers - index);
        }
    }

    /// Back through layer `index`, to the gradient of the sums of the layer below.
    fn back_through(
        &mut self,
        index: usize,
        dy: &Rows,
        below: &mut Passed,
        moments: &mut Moments,
        update: &(impl Fn(Tile<'_>) + Sync),
        aside: Option<Aside<'_>>,
    ) {
        let Machine { kernels, pool } = &self.machine.clone();
        let (gate, hands_on) = (self.activation.gate(), self.hands_on(index - 1));
        // Else the norm below waits for the whole gradient.
        let at_once = below.flat.is_none() && self.layers[index - 1].together() == Together::Row;
        let (under, here) = self.layers.split_at_mut(index);
        let (norm, linear) = (&under[index - 1].norm, &mut here[0].linear);
        let Passed { normed, seen, handed, flat, gradient, norm_gradient, .. } = below;
        let (source, gradient) = match flat {
            Some(flat) => (flat.handed.gradient_input(), &mut flat.gradient),
            None => (handed.gradient_input(), gradient),
        };
        let share = linear.inputs().div_ceil(pool.threads()).max(LEAST_INPUTS).next_multiple_of(WORD);
        let mut lists = pool.parts(belows(gradient, at_once.then_some(norm_gradient), share));
        // To the thread whose part is the smallest where they are not even.
        if let (Some(aside), Some(list)) = (aside, lists.first_mut()) {
            list.push(Piece::Aside(aside));
        }
        let work = |piece: Piece<'_>, below: &dyn Fn(usize, &mut [f32])| match piece {
            Piece::Aside(aside) => aside(),
            Piece::Below { first, gradient, of_norm } => {
                below(first, gradient);
                if let Some(hands_on) = hands_on {
                    hands_on.drop_rows(first, gradient, dy.columns());
                }
                if at_once {
                    norm.backward(*kernels, gate, (normed, seen), first, gradient, of_norm);
                }
            }
            Piece::Update(tiles) => tiles.update(*kernels, dy, source, update),
        };
        match self.precision {
            Precision::Binary => {
                let (old, tiles) = linear.split(*kernels, moments);
                for (list, tiles) in lists.iter_mut().zip(pool.parts(tiles)) {
                    list.extend(tiles.into_iter().map(Piece::Update));
                }
                pool.share_lists(lists, |piece| work(piece, &|first, dx| old.rows(*kernels, dy, first, dx)));
            }
            // Real weights have no copy from before the update.
            Precision::FullPrecision => {
                let below = |first, dx: &mut [f32]| linear.real_input_gradient(*kernels, dy, first, dx);
                pool.share_lists(lists, |piece| work(piece, &below));
                let (_, tiles) = linear.split(*kernels, moments);
                pool.share(tiles, |tiles| tiles.update(*kernels, dy, source, update));
            }
        }
        linear.finish();
        if !at_once {
            self.finish_below(index - 1, below);
        }
    }

    /// What had to wait for the whole gradient of what layer `index` handed on: the way back through its norm.
    fn finish_below(&self, index: usize, passed: &mut Passed) {
        if let Some(flat) = &passed.flat {
            unflatten(&flat.gradient, &mut passed.gradient);
        }
        self.back_through_norm(index, self.activation.gate(), passed);
    }

    /// The plain Adam step of all scales and shifts that are learned.
    fn update_norms(&mut self, adam: &mut Adam, step: &AdamStep, passed: &[Passed]) {
        let layers = self.layers.iter_mut().zip(passed).zip(&mut adam.norms);
        for ((layer, passed), moments) in layers.filter(|((layer, _), _)| layer.norm.is_affine()) {
            Adam::update_norm(
                self.machine.kernels,
                step,
                &passed.norm_gradient,
                &mut layer.norm.state,
                moments,
            );
        }
        self.parts.done(2 * self.layers.len() + 1);
    }
}

/// The gradient below a layer in shares of as many inputs each, with those of scale and shift where they can be taken at
/// once.
fn belows<'a>(
    gradient: &'a mut Rows,
    of_norm: Option<&'a mut NormGradient>,
    share: usize,
) -> impl Iterator<Item = Piece<'a>> {
    let (gamma, beta) = of_norm.map_or_else(Default::default, |of| (&mut of.gamma[..], &mut of.beta[..]));
    let (mut gamma, mut beta) = (gamma.chunks_mut(share), beta.chunks_mut(share));
    let stride = gradient.columns().stride;
    let gradients = gradient.flat_mut().chunks_mut(share * stride).enumerate();
    gradients.map(move |(index, gradient)| Piece::Below {
        first: index * share,
        gradient,
        of_norm: (gamma.next().unwrap_or_default(), beta.next().unwrap_or_default()),
    })
}
