//! Adam: moments, bias correction, and the step of the batch-norm parameters. The step of the weights belongs to
//! the synaptic rule, which is handed [`AdamStep`] and a tile of synapses.

use super::{Moments, OptimizerConfig};
use crate::kernels::{AdamStep, Kernels};

/// First and second moment of the scales or shifts of a batch norm.
#[derive(Clone, Debug, PartialEq)]
pub struct PlainMoments {
    /// M: exponential average of the gradient.
    pub mean: Vec<f32>,
    /// V: exponential average of its square.
    pub square: Vec<f32>,
}

impl PlainMoments {
    /// Zero moments of `n` parameters.
    pub fn new(n: usize) -> Self {
        Self { mean: vec![0.0; n], square: vec![0.0; n] }
    }
}

/// First and second moments of the scales and shifts of a norm.
#[derive(Clone, Debug, PartialEq)]
pub struct NormMoments {
    /// Of gamma.
    pub gamma: PlainMoments,
    /// Of beta.
    pub beta: PlainMoments,
}

impl NormMoments {
    /// Zero moments for `features`.
    pub fn new(features: usize) -> Self {
        Self { gamma: PlainMoments::new(features), beta: PlainMoments::new(features) }
    }
}

/// Adam's state for a whole network.
#[derive(Clone, Debug)]
pub struct Adam {
    settings: OptimizerConfig,
    /// Learning rate of the present experience.
    lr: f64,
    steps: i32,
    /// Moments of the hidden weights, layer by layer.
    pub weights: Vec<Moments>,
    /// Moments of scale and shift, layer by layer.
    pub norms: Vec<NormMoments>,
}

impl Adam {
    /// Fresh moments for layers of these (inputs, outputs).
    pub fn new(settings: &OptimizerConfig, widths: &[(usize, usize)]) -> Self {
        Self {
            settings: settings.clone(),
            lr: f64::from(settings.lr),
            steps: 0,
            weights: widths
                .iter()
                .map(|&(inputs, outputs)| Moments::new(inputs, outputs, settings.state))
                .collect(),
            norms: widths.iter().map(|&(_, outputs)| NormMoments::new(outputs)).collect(),
        }
    }

    /// The same after so many steps. The learning rate is that of an experience once [`Adam::start_experience`] says which.
    pub(crate) fn after(self, steps: i32) -> Self {
        Self { steps, ..self }
    }

    /// Steps done, since the moments were fresh.
    pub fn steps(&self) -> i32 {
        self.steps
    }

    /// Takes the learning rate of experience `index`, counted from 0: lr * decay^-index. Moments and steps go on.
    pub fn start_experience(&mut self, index: usize) {
        let OptimizerConfig { lr, lr_decay_per_task, .. } = self.settings;
        self.lr = f64::from(lr) * libm::pow(f64::from(lr_decay_per_task), -(index as f64));
    }

    /// Counts one step and gives what its updates have in common.
    pub fn next_step(&mut self) -> AdamStep {
        self.steps += 1;
        let OptimizerConfig { beta1, beta2, eps, weight_decay, .. } = self.settings;
        // In double precision: 1 - beta2^t loses most of its digits in single precision at small t.
        let correction = |beta: f32| 1.0 - libm::pow(f64::from(beta), f64::from(self.steps));
        let size = self.lr * correction(beta2).sqrt() / correction(beta1);
        AdamStep { beta1, beta2, eps, size: size as f32, weight_decay }
    }

    /// Plain Adam, weight decay included, for the scales or shifts of a norm; all (features).
    pub fn update_plain(
        kernels: Kernels,
        step: &AdamStep,
        gradient: &[f32],
        parameters: &mut [f32],
        moments: &mut PlainMoments,
    ) {
        (kernels.adam_tile)(step, 0.0, gradient, parameters, &mut moments.mean, &mut moments.square);
    }
}
