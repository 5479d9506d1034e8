//! Matrices as the layers hold them: feature-major reals between layers, and one number per synapse in tiles of sixteen
//! outputs.

mod rows;
mod tiled;

pub use rows::{Columns, Rows};
pub use tiled::Tiled;
