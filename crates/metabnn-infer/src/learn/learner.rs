//! A network that learns in the memory it is given.

use super::layer::{self, Seen};
use super::level::{Level, step_row};
use super::plasticity::Plasticity;
use super::random::Row;
use super::real::exp;
use super::{LearnError, Shape};

/// The memory of a learner. It belongs to the caller; what is more than needed is left alone.
#[derive(Debug)]
pub struct Workspace<'a, L> {
    /// The hidden weights, (in, out) of each layer, layer after layer: [`Shape::synapses`]. What is to outlive a power
    /// cut is here.
    pub levels: &'a mut [L],
    /// What a step works in: [`Shape::numbers`]. It holds nothing between two calls.
    pub numbers: &'a mut [f32],
}

/// How a network learns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Learning rate: what an error of 1 moves a hidden weight, as a share of its range. Above 0, usually below 0.1.
    pub lr: f32,
    /// Bits of the hidden weights, and what part of a step back goes through.
    pub plasticity: Plasticity,
    /// Fixed scale behind the norm of hidden layers. The larger, the fewer units a gradient passes: |gamma n| <= 1.
    pub gamma_hidden: f32,
    /// Fixed scale behind the norm of the classes. A small one keeps the errors alive where all is known already.
    pub gamma_classes: f32,
}

impl Settings {
    /// Metaplastic hidden weights of `bits` bits, with the scales that the study without boundaries found best: 2 in the
    /// hidden layers, 0.5 for the classes. A number that is none of its range is refused when a learner is made.
    pub fn new(bits: u32, m: f32, lr: f32) -> Self {
        Self { lr, plasticity: Plasticity::metaplastic(bits, m), gamma_hidden: 2.0, gamma_classes: 0.5 }
    }

    fn check(&self, most: u32) -> Result<(), LearnError> {
        self.plasticity.check(most)?;
        let (lr, hidden, classes) = (self.lr, self.gamma_hidden, self.gamma_classes);
        for (what, got) in [("lr", lr), ("gamma_hidden", hidden), ("gamma_classes", classes)] {
            if !(got > 0.0 && got <= MOST_SETTING) {
                return Err(LearnError::Setting { what, got, expected: "above 0, at most 1000" });
            }
        }
        Ok(())
    }
}

/// The largest learning rate and scale; with more, squares of gradients could leave the range of 32-bit floats.
const MOST_SETTING: f32 = 1000.0;

/// A multi-layer perceptron of binary weights that learns on the device: see the [module](super).
#[derive(Debug)]
pub struct Learner<'a, L> {
    shape: Shape<'a>,
    memory: Workspace<'a, L>,
    batch: usize,
    settings: Settings,
    seed: u64,
    step: u64,
}

impl<'a, L: Level> Learner<'a, L> {
    /// A network with random hidden weights, uniform in the eighth of the range beside the change of sign. The largest
    /// batch is the one for which `workspace` has the numbers.
    ///
    /// # Errors
    /// What is wrong with the shape or the settings, and how much memory is needed where it is too little.
    pub fn new(
        shape: &Shape<'a>,
        workspace: Workspace<'a, L>,
        seed: u64,
        settings: Settings,
    ) -> Result<Self, LearnError> {
        let mut learner = Self::resume(shape, workspace, seed, settings, 0)?;
        learner.draw_levels();
        Ok(learner)
    }

    /// A network that goes on with the hidden weights in `workspace.levels`, after `steps` steps: the same bits as if it
    /// had never stopped.
    ///
    /// # Errors
    /// As [`Learner::new`]. Levels beyond the range come back into it with their first step.
    pub fn resume(
        shape: &Shape<'a>,
        workspace: Workspace<'a, L>,
        seed: u64,
        settings: Settings,
        steps: u64,
    ) -> Result<Self, LearnError> {
        shape.check()?;
        settings.check(L::BITS)?;
        let (needs, got) = (shape.synapses(), workspace.levels.len());
        if got < needs {
            return Err(LearnError::Levels { needs, got });
        }
        let (needs, got) = (shape.numbers(1), workspace.numbers.len());
        let batch = got.saturating_sub(shape.widest()) / (shape.units() + shape.widest_hidden()).max(1);
        if batch == 0 {
            return Err(LearnError::Numbers { needs, got });
        }
        Ok(Self { shape: *shape, memory: workspace, batch, settings, seed, step: steps })
    }

    /// The most images that are learned together.
    pub fn most_images(&self) -> usize {
        self.batch
    }

    /// Steps so far.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// The hidden weights, (in, out) of each layer, layer after layer.
    pub fn levels(&self) -> &[L] {
        self.memory.levels.get(..self.shape.synapses()).unwrap_or(&[])
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Learns under other settings from now on, as long as the hidden weights keep their bits.
    ///
    /// # Errors
    /// [`LearnError::Bits`] and [`LearnError::Setting`].
    pub fn set(&mut self, settings: Settings) -> Result<(), LearnError> {
        settings.check(self.settings.plasticity.bits())?;
        self.settings = settings;
        Ok(())
    }

    /// The class of an image, counted from 0: the one with the largest score, the first among equals.
    ///
    /// # Errors
    /// [`LearnError::Pixels`].
    pub fn classify(&mut self, pixels: &[u8]) -> Result<usize, LearnError> {
        self.pixels_of(pixels, 1)?;
        self.forward(pixels, 0);
        let from = self.shape.units() - self.shape.classes();
        Ok(layer::first_largest(self.memory.numbers.get(from..self.shape.units()).unwrap_or(&[])))
    }

    /// One step on a batch of images, (batch, pixels), with the class of each, (batch). Gives how many of them were
    /// classified rightly before the step. A batch of one is as good as any.
    ///
    /// # Errors
    /// [`LearnError::Batch`], [`LearnError::Pixels`] and [`LearnError::Label`]; nothing is learned then.
    pub fn learn(&mut self, images: &[u8], labels: &[u8]) -> Result<usize, LearnError> {
        let (most, got, classes) = (self.batch, labels.len(), self.shape.classes());
        if got == 0 || got > most {
            return Err(LearnError::Batch { most, got });
        }
        self.pixels_of(images, got)?;
        if let Some(&got) = labels.iter().find(|label| usize::from(**label) >= classes) {
            return Err(LearnError::Label { classes, got });
        }
        let mut right = 0;
        for (sample, (pixels, label)) in images.chunks_exact(self.shape.inputs()).zip(labels).enumerate() {
            self.forward(pixels, sample);
            right += usize::from(self.class_errors(sample, usize::from(*label)));
        }
        self.backward(images, got);
        self.step = self.step.wrapping_add(1);
        Ok(right)
    }

    fn pixels_of(&self, pixels: &[u8], images: usize) -> Result<(), LearnError> {
        let (expected, got) = (self.shape.inputs().saturating_mul(images), pixels.len());
        if got == expected { Ok(()) } else { Err(LearnError::Pixels { expected, got }) }
    }

    fn draw_levels(&mut self) {
        let spread = (self.settings.plasticity.half() / 8).max(1) as u32;
        // No step of learning has this number.
        let row = Row::new(self.seed, u64::MAX, 0, 0);
        for (place, level) in self.memory.levels.iter_mut().take(self.shape.synapses()).enumerate() {
            *level = L::from_number((row.bits(place) % (2 * spread)) as i32 - spread as i32);
        }
    }

    /// Normed sums of all layers for one image, to the place of `sample`.
    fn forward(&mut self, pixels: &[u8], sample: usize) {
        let Workspace { levels, numbers } = &mut self.memory;
        let units = self.shape.units();
        let mut levels = &levels[..];
        let mut rest = numbers.get_mut(units * sample..units * (sample + 1)).unwrap_or(&mut []);
        let mut seen = Seen::Pixels(pixels);
        for pair in self.shape.widths().windows(2) {
            let &[inputs, outputs] = pair else { return };
            let (Some((weights, behind)), Some((sums, next))) =
                (levels.split_at_checked(inputs * outputs), rest.split_at_mut_checked(outputs))
            else {
                return;
            };
            layer::sums(weights, seen, sums);
            layer::normalise(sums);
            (levels, rest, seen) = (behind, next, Seen::Signs(sums));
        }
    }

    /// The class errors of `sample` in place of its normed sums, and whether the label had the largest score.
    fn class_errors(&mut self, sample: usize, label: usize) -> bool {
        let (units, gamma) = (self.shape.units(), self.settings.gamma_classes);
        let to = units * (sample + 1);
        let normed = self.memory.numbers.get_mut(to - self.shape.classes()..to).unwrap_or(&mut []);
        let is_right = layer::first_largest(normed) == label;
        let (most, inverse) = layer::softmax(normed, gamma);
        layer::back_through_norm(normed, |class, normed| {
            gamma * (exp(gamma * normed - most) * inverse - f32::from(u8::from(class == label)))
        });
        is_right
    }

    /// From the class errors of `count` images to the steps of all layers, the last one first.
    fn backward(&mut self, images: &[u8], count: usize) {
        let Workspace { levels, numbers } = &mut self.memory;
        let (units, hidden) = (self.shape.units(), self.shape.widest_hidden());
        let Some((states, rest)) = numbers.split_at_mut_checked(self.batch * units) else { return };
        let Some((errors, steps)) = rest.split_at_mut_checked(self.batch * hidden) else { return };
        let states = states.get_mut(..count * units).unwrap_or(&mut []);
        let mut levels = levels.get_mut(..self.shape.synapses()).unwrap_or(&mut []);
        let mut to = units;
        let rate = self.settings.lr * self.settings.plasticity.half() as f32 / count as f32;
        let gamma = self.settings.gamma_hidden;
        for (layer, pair) in self.shape.widths().windows(2).enumerate().rev() {
            let &[inputs, outputs] = pair else { return };
            let from = to - outputs;
            let behind = levels.len() - inputs * outputs;
            let (Some((before, weights)), Some(steps)) =
                (levels.split_at_mut_checked(behind), steps.get_mut(..outputs))
            else {
                return;
            };
            let is_first = layer == 0;
            if !is_first {
                // With the weights before their step.
                for (state, errors) in states.chunks_exact(units).zip(errors.chunks_exact_mut(hidden)) {
                    let errors = errors.get_mut(..inputs).unwrap_or(&mut []);
                    layer::back_through_weights(weights, part(state, from, to), errors);
                }
            }
            let seen = |state, pixels| {
                if is_first { Seen::Pixels(pixels) } else { Seen::Signs(part(state, from - inputs, from)) }
            };
            for (input, row) in weights.chunks_exact_mut(outputs).enumerate() {
                steps.fill(0.0);
                let samples = states.chunks_exact(units).zip(images.chunks_exact(self.shape.inputs()));
                for (state, pixels) in samples {
                    let seen = seen(state, pixels);
                    let value = seen.value(input) * (seen.scale() * rate);
                    if value != 0.0 {
                        let errors = part(state, from, to);
                        steps.iter_mut().zip(errors).for_each(|(step, error)| *step += value * error);
                    }
                }
                let random = Row::new(self.seed, self.step, layer, input);
                step_row(row, steps, &self.settings.plasticity, random);
            }
            if !is_first {
                for (state, errors) in states.chunks_exact_mut(units).zip(errors.chunks_exact(hidden)) {
                    let normed = state.get_mut(from - inputs..from).unwrap_or(&mut []);
                    layer::back_through_gate(normed, errors, gamma);
                }
            }
            (levels, to) = (before, from);
        }
    }
}

/// The units `from..to` of a sample.
fn part(state: &[f32], from: usize, to: usize) -> &[f32] {
    state.get(from..to).unwrap_or(&[])
}
