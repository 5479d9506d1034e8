//! Why a run stopped before its end.

use crate::container::ContainerError;
use crate::network::ShapeError;

/// Why a run stopped before its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The settings make no network for these images.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The network cannot learn from these samples.
    #[error("{problem}")]
    Samples {
        /// What they have, and what it takes.
        problem: String,
    },
    /// The run could not be put into a checkpoint.
    #[error("no checkpoint can be made: {0}")]
    Checkpoint(#[source] ContainerError),
    /// The loss, a hidden weight or what the rule keeps of a synapse is no longer a finite number.
    #[error(
        "{what} became {value} at step {step} (task {task}, epoch {epoch}); \
         a smaller optimizer.lr (now {lr:?}) or network.init_width usually helps"
    )]
    NotFinite {
        /// "the loss", "a hidden weight", "a number of batch norm" or "the rule's memory of a synapse".
        what: &'static str,
        /// NaN or infinite.
        value: f32,
        /// Task in training, counted from 1.
        task: usize,
        /// Epoch of that task, counted from 1.
        epoch: usize,
        /// Step of the run, counted from 1; 0 before the first.
        step: u64,
        /// `optimizer.lr`.
        lr: f32,
    },
}
