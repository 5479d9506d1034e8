//! Metaplastic binarized neural networks: learn a stream of tasks, keep what was learned.

pub mod analysis;
pub mod data;
pub mod metrics;
pub mod plasticity;
pub mod random;
pub mod recipe;
pub mod report;
