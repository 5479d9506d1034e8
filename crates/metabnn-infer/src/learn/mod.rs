//! Learning on a device.

mod error;
mod layer;
mod learner;
mod level;
mod plasticity;
mod random;
mod real;
mod shape;

pub use error::LearnError;
pub use learner::{Learner, Settings, Workspace};
pub use level::Level;
pub use plasticity::Plasticity;
pub use shape::{MOST_INPUTS, MOST_LAYERS, Shape};
