//! Why a training stopped before its end, or did not begin.

use crate::config::ConfigError;
use crate::network::NetworkError;

/// Why a training stopped before its end, or did not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// No such network can be made.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A parameter of training or rule has a value it does not take.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The network cannot learn from these samples.
    #[error("{problem}")]
    Samples {
        /// What they have, and what it takes.
        problem: String,
    },
    /// An earlier training ended with [`TrainError::NotFinite`].
    #[error(
        "the network has diverged: a training of it ended with a number that is not finite, and nothing can be read from it any more"
    )]
    Diverged,
    /// The machine was asked to stop: see [`Machine::stop`](crate::machine::Machine). What was being computed is not known;
    /// what was learned before stays.
    #[error("stopped")]
    Stopped,
    /// The training could not be put into a checkpoint.
    #[error("no checkpoint can be made: {0}")]
    Checkpoint(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The loss, a hidden weight or what the rule keeps of a synapse is no longer a finite number.
    #[error(
        "{what} became {value} at step {step} (task {task}, epoch {epoch}) with a learning rate of {lr:?}"
    )]
    NotFinite {
        /// "the loss", "a hidden weight", "a number of batch norm" or "the rule's state of a synapse".
        what: &'static str,
        /// NaN or infinite.
        value: f32,
        /// Experience in training, counted from 1.
        task: usize,
        /// Epoch of it, counted from 1.
        epoch: usize,
        /// Step of the training, counted from 1; 0 before the first.
        step: u64,
        /// The learning rate of the first experience.
        lr: f32,
    },
}
