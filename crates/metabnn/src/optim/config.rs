//! The optimizer's settings.

use serde::{Deserialize, Serialize};

use crate::config::{AT_LEAST_ONE, DECAY, NOT_NEGATIVE, POSITIVE, Parameter, Takes};

/// Adam.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizerConfig {
    /// Learning rate, in the first task.
    pub lr: f32,
    /// What the learning rate is divided by from one task to the next: lr * decay^-(task - 1), tasks counted from 1. It
    /// needs to know where a task ends, whether or not moments are reset there.
    pub lr_decay_per_task: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub eps: f32,
    /// L2 penalty, added to the gradient: g + weight_decay * W.
    pub weight_decay: f32,
    /// Whether each task starts with fresh moments; this needs to know where a task ends.
    pub reset_per_task: bool,
    /// Numbers that the moments of the synapses are kept in.
    pub state: MomentFormat,
}

impl OptimizerConfig {
    /// What each field takes.
    pub const PARAMETERS: &'static [Parameter] = &[
        Parameter { name: "lr", takes: Takes::Real(POSITIVE) },
        Parameter { name: "lr_decay_per_task", takes: Takes::Real(AT_LEAST_ONE) },
        Parameter { name: "beta1", takes: Takes::Real(DECAY) },
        Parameter { name: "beta2", takes: Takes::Real(DECAY) },
        Parameter { name: "eps", takes: Takes::Real(POSITIVE) },
        Parameter { name: "weight_decay", takes: Takes::Real(NOT_NEGATIVE) },
        Parameter { name: "reset_per_task", takes: Takes::Flag },
        Parameter { name: "state", takes: Takes::Word(&["f32", "bf16"]) },
    ];
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self {
            lr: 0.005,
            lr_decay_per_task: 1.0,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 1e-7,
            reset_per_task: true,
            state: MomentFormat::F32,
        }
    }
}

/// Numbers that the optimizer keeps its moments in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MomentFormat {
    /// 32 bits.
    F32,
    /// 16 bits (bfloat16), rounded up or down at random: half the memory of the moments, another result.
    Bf16,
}
