//! One training step: forward through all layers, then back, each layer's synapses updated as soon as their gradient
//! is known.

use metabnn_infer::WORD;

use super::linear::Input;
use super::passed::{Passed, Shown};
use super::rows::Rows;
use super::update::{GradientInput, Tile, Tiles};
use super::{Batch, Inputs, Layer, Network, cross_entropy};
use crate::kernels::{AdamStep, Gate};
use crate::machine::Machine;
use crate::optim::{Adam, Moments};
use crate::plasticity::SynapticRule;
use crate::recipe::settings::Precision;

/// Inputs of a layer below which the gradient below it is not shared out further: every share makes its own tables of
/// all outputs.
const LEAST_INPUTS: usize = 256;

/// What is done while a step has threads to spare.
type Aside<'a> = &'a mut (dyn FnMut() + Send);

/// A piece of work on the way back through a layer.
#[allow(clippy::large_enum_variant)] // most are updates, the large ones
enum Piece<'a> {
    /// Something else that is due.
    Aside(Aside<'a>),
    /// The gradient below, for inputs from the first on, and those of scale and shift there.
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
        shown.look_at(&batch.inputs, self.precision);
        self.layers.iter_mut().for_each(|layer| layer.linear.make_memory(rule.memory()));
        for index in 0..self.layers.len() {
            let (before, now) = passed.split_at_mut(index);
            let input = match before.last() {
                Some(below) => below.output(self.precision),
                None => shown.input(&batch.inputs),
            };
            self.forward(index, input, &mut now[0], batch.labels.len());
        }
        let loss = self.loss(&batch.labels, &mut passed);
        let step = adam.next_step();
        self.backward(&batch.inputs, (adam, rule, &step), &mut passed, &mut shown, aside);
        self.update_norms(adam, &step, &passed);
        (self.passed, self.shown) = (passed, shown);
        loss
    }

    /// Layer `index`: sums, batch norm, activation.
    fn forward(&mut self, index: usize, input: Input<'_>, passed: &mut Passed, batch: usize) {
        let (Machine { kernels, pool }, precision) = (self.machine.clone(), self.precision);
        let is_last = index + 1 == self.layers.len();
        let Layer { linear, norm } = &mut self.layers[index];
        passed.reshape(linear.outputs(), batch, (!is_last).then_some(precision));
        // With pixels and reals, every share makes its own tables of all inputs.
        let shares = if matches!(input, Input::Signs(_)) { 4 } else { 1 } * pool.threads();
        let units = linear.outputs().div_ceil(WORD);
        let (linear, as_it_is) = (&*linear, &*norm);
        pool.share(passed.shares(WORD * units.div_ceil(shares)), |mut share| {
            linear.forward(kernels, input, share.first, share.normed, share.columns);
            let rows = share.normed.chunks_exact_mut(share.columns.stride);
            for (row, seen) in rows.zip(share.seen.iter_mut()) {
                *seen = as_it_is.normalise(kernels, &mut row[..batch]);
            }
            if !is_last {
                share.activate(kernels, precision, &as_it_is.state);
            }
        });
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
        let Passed { normed, seen, gradient, norm_gradient, .. } = passed;
        let of_norm = (&mut norm_gradient.gamma[..], &mut norm_gradient.beta[..]);
        let from = (&*normed, &seen[..]);
        layer.norm.backward(self.machine.kernels, Gate::Open, from, 0, gradient.flat_mut(), of_norm);
        self.parts.done(self.layers.len());
        loss
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
            if let Some(below) = before.last_mut() {
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
        let Machine { kernels, pool } = &self.machine;
        let (under, here) = self.layers.split_at_mut(index);
        let (norm, linear) = (&under[index - 1].norm, &mut here[0].linear);
        let Passed { normed, seen, signs, real, gradient, norm_gradient, .. } = below;
        let (gate, source) = match self.precision {
            Precision::Binary => (Gate::Sign, GradientInput::Signs(signs)),
            Precision::FullPrecision => (Gate::Relu, GradientInput::Real(real)),
        };
        let share = linear.inputs().div_ceil(pool.threads()).max(LEAST_INPUTS).next_multiple_of(WORD);
        let gradients = gradient.flat_mut().chunks_mut(share * dy.columns().stride);
        let of_norm = norm_gradient.gamma.chunks_mut(share).zip(norm_gradient.beta.chunks_mut(share));
        let belows = gradients.zip(of_norm).enumerate().map(|(index, (gradient, of_norm))| Piece::Below {
            first: index * share,
            gradient,
            of_norm,
        });
        let mut lists = pool.parts(belows);
        // To the thread whose part is the smallest where they are not even.
        if let (Some(aside), Some(list)) = (aside, lists.first_mut()) {
            list.push(Piece::Aside(aside));
        }
        let work = |piece: Piece<'_>, below: &dyn Fn(usize, &mut [f32])| match piece {
            Piece::Aside(aside) => aside(),
            Piece::Below { first, gradient, of_norm } => {
                below(first, gradient);
                norm.backward(*kernels, gate, (normed, seen), first, gradient, of_norm);
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
    }

    /// The plain Adam step of all scales and shifts.
    fn update_norms(&mut self, adam: &mut Adam, step: &AdamStep, passed: &[Passed]) {
        for ((layer, passed), moments) in self.layers.iter_mut().zip(passed).zip(&mut adam.norms) {
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
