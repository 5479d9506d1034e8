//! Adam: the moments, and the step that moves the parameters of batch norm.

mod adam;
mod config;
mod moments;
mod step;
mod tile;

pub use adam::{Adam, NormMoments, PlainMoments};
pub use config::{MomentFormat, OptimizerConfig};
pub use moments::{Moments, TileMoments};
pub use step::OptimizerStep;
pub use tile::Tile;
