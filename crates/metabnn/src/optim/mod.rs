//! The optimizer.

mod adam;

pub use adam::{Adam, Moments};
