//! One training step: forward through all layers, then back, each layer's synapses updated as soon as their gradient
//! is known.

use super::batch::PreparedInput;
use super::scratch::{Parts, Scratch};
use super::{Batch, Inputs, Network};
use crate::kernels::{AdamStep, Gate};
use crate::layer::{
    Below, DropoutMask, LayerBelow, LayerCache, Learning, Mode, Nonlinearity, Pass, SideTask, cross_entropy,
};
use crate::optim::{Adam, OptimizerStep, Tile};
use crate::rule::SynapticRule;

impl Network {
    /// One training step on `batch`; gives the mean loss before the update. `aside` is called meanwhile, by whichever
    /// thread is free: gathering the next batch, say. `scratch` holds the intermediate results.
    ///
    /// Weights are updated layer by layer from the output down, each while the gradient of its input is taken with the
    /// old weights.
    pub fn step<R: SynapticRule + ?Sized>(
        &mut self,
        batch: &Batch,
        adam: &mut Adam,
        rule: &R,
        scratch: &mut Scratch,
        aside: &mut (dyn FnMut() + Send),
    ) -> f32 {
        scratch.start(self.layers.len(), batch.labels.len());
        let Scratch { caches, input, parts, .. } = scratch;
        input.prepare_forward(&batch.inputs, &self.layers[0]);
        self.layers.iter_mut().for_each(|layer| layer.linear.make_memory(rule.state()));
        self.forward(batch, input, caches, parts);
        let loss = self.loss(&batch.labels, caches, parts);
        let step = adam.next_step();
        self.backward(&batch.inputs, (adam, rule, &step), (caches, input, parts), aside);
        self.update_norms(adam, &step, caches);
        parts.done(2 * self.layers.len() + 1);
        self.steps += 1;
        loss
    }

    /// The activation of layer `index` in the present training step, and what is dropped; `None` in the output layer.
    fn nonlinearity(&self, index: usize) -> Option<Nonlinearity> {
        let dropout = self.dropout().filter(|_| self.layers[index].takes_dropout());
        let dropout = dropout.map(|dropout| DropoutMask { dropout, step: self.steps, layer: index });
        let activation = self.config.activation();
        (index + 1 < self.layers.len()).then_some(Nonlinearity { activation, dropout })
    }

    fn forward(
        &mut self,
        batch: &Batch,
        input: &PreparedInput,
        caches: &mut [LayerCache],
        parts: &mut Parts,
    ) {
        for index in 0..self.layers.len() {
            let (below, cache) = caches.split_at_mut(index);
            let input = below.last().map_or_else(|| input.input(&batch.inputs), |below| below.output.input());
            let nonlinearity = self.nonlinearity(index);
            let pass = Pass { batch: batch.labels.len(), mode: Mode::Batch, nonlinearity };
            self.layers[index].forward(&self.machine, input, &pass, &mut cache[0]);
            parts.done(index);
        }
    }

    /// The loss; its gradient becomes that of the last layer's pre-activations.
    fn loss(&self, labels: &[u8], caches: &mut [LayerCache], parts: &mut Parts) -> f32 {
        let (Some(layer), Some(cache)) = (self.layers.last(), caches.last_mut()) else { return 0.0 };
        let state = &layer.norm.state;
        let mut logits = cache.normed.to_samples(|class, normed| state.scale_and_shift(class, normed));
        let loss = cross_entropy(&mut logits, labels);
        let classes = layer.linear.outputs();
        for class in 0..classes {
            let row = cache.gradient.row_mut(class).iter_mut();
            row.zip(logits[class..].iter().step_by(classes)).for_each(|(row, value)| *row = *value);
        }
        layer.backward_norm(&self.machine, Gate::Open, cache);
        parts.done(self.layers.len());
        loss
    }

    /// From the output down: the gradient below each layer, and the update of its synapses. What the first layer needs
    /// is prepared, and `aside` called, beside the longest part, the second layer's.
    fn backward<R: SynapticRule + ?Sized>(
        &mut self,
        inputs: &Inputs,
        (adam, rule, step): (&mut Adam, &R, &AdamStep),
        (caches, input, parts): (&mut [LayerCache], &mut PreparedInput, &mut Parts),
        aside: &mut (dyn FnMut() + Send),
    ) {
        let (machine, layers) = (self.machine.clone(), self.layers.len());
        let step = &OptimizerStep::new(machine.kernels, *step);
        if layers == 1 {
            input.prepare_backward(inputs);
            aside();
        }
        for index in (0..layers).rev() {
            let nonlinearity = index.checked_sub(1).and_then(|below| self.nonlinearity(below));
            let (under, here) = self.layers.split_at_mut(index);
            let (below, cache) = caches.split_at_mut(index);
            let update = |tile: Tile<'_>| rule.update(step, index, tile);
            let moments = &mut adam.weights[index];
            match (under.last(), below.last_mut(), nonlinearity) {
                (Some(layer), Some(below), Some(nonlinearity)) => {
                    let mut prepare = || {
                        input.prepare_backward(inputs);
                        aside();
                    };
                    let aside: Option<SideTask<'_>> = if index == 1 { Some(&mut prepare) } else { None };
                    let below = Below::Layer(LayerBelow { layer, cache: below, nonlinearity });
                    let learning = Learning { moments, update: &update, aside };
                    here[0].backward(&machine, &mut cache[0], below, learning);
                }
                _ => {
                    let below = Below::Input(input.gradient_input(inputs));
                    let learning = Learning { moments, update: &update, aside: None };
                    here[0].backward(&machine, &mut cache[0], below, learning);
                }
            }
            parts.done(2 * layers - index);
        }
    }

    /// The plain Adam step of all scales and shifts that are learned.
    fn update_norms(&mut self, adam: &mut Adam, step: &AdamStep, caches: &[LayerCache]) {
        let layers = self.layers.iter_mut().zip(caches).zip(&mut adam.norms);
        for ((layer, cache), moments) in layers.filter(|((layer, _), _)| layer.norm.is_affine()) {
            let (kernels, state) = (self.machine.kernels, &mut layer.norm.state);
            let gradient = &cache.norm_gradient;
            Adam::update_plain(kernels, step, &gradient.gamma, &mut state.gamma, &mut moments.gamma);
            Adam::update_plain(kernels, step, &gradient.beta, &mut state.beta, &mut moments.beta);
        }
    }
}
