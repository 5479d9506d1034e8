//! Defaults of the settings: the paper's permuted MNIST, at a width and length that a laptop trains in minutes.

use super::{
    Activation, Augment, Data, Evaluate, EvaluateTrain, GammaInit, Init, Input, Network, Norm, NormKind,
    Normalise, Optimizer, Pool, Precision, Scenario, Schedule, State, Statistics, Stream, Tasks,
};
use crate::plasticity::PerLayer;

impl Default for Data {
    fn default() -> Self {
        Self {
            sets: vec!["mnist".into()],
            train_images: 0,
            test_images: 0,
            normalise: Normalise::None,
            augment: Augment::None,
        }
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Self { stream: Stream::Permuted, count: 6, classes: Vec::new(), scenario: Scenario::Task }
    }
}

impl Default for Network {
    fn default() -> Self {
        Self {
            channels: Vec::new(),
            kernel: 3,
            stride: 1,
            padding: 0,
            pool: Pool::None,
            pool_size: 2,
            pool_after: Vec::new(),
            hidden: vec![512, 512],
            precision: Precision::Binary,
            activation: Activation::ByPrecision,
            dropout: 0.0,
            input: Input::Real,
            init: Init::Uniform,
            init_width: 0.1,
        }
    }
}

impl Default for Norm {
    fn default() -> Self {
        Self {
            kind: NormKind::Batch,
            affine: true,
            gamma_init: GammaInit::Uniform,
            gamma_scale: PerLayer::Same(1.0),
            statistics: Statistics::Batch,
            eps: 1e-5,
            momentum: 0.1,
        }
    }
}

impl Default for Optimizer {
    fn default() -> Self {
        Self {
            lr: 0.005,
            lr_decay_per_task: 1.0,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 1e-7,
            reset_per_task: true,
            state: State::F32,
        }
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            epochs: 5,
            batch: 100,
            test_batch: 1000,
            evaluate: Evaluate::Epoch,
            evaluate_train: EvaluateTrain::Task,
        }
    }
}
