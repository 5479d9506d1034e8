//! Adam: the moments, and the step that moves the parameters of batch norm.

mod adam;
mod moments;

pub use adam::{Adam, PlainMoments};
pub use moments::{Moments, TileMoments};
