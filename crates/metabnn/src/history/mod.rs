//! What training leaves to look at: how hidden weights spread, and how many binary weights change.

mod flips;
mod histogram;

pub use flips::{Flips, SignSnapshot};
pub use histogram::WeightHistogram;
