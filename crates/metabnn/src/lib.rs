//! Metaplastic binarized neural networks: learn a stream of tasks, keep what was learned.

pub mod analysis;
pub mod data;
pub mod evaluate;
pub mod experiment;
pub mod kernels;
pub mod metrics;
pub mod model;
pub mod network;
pub mod optim;
pub mod plasticity;
pub mod random;
pub mod recipe;
pub mod report;
pub mod tasks;
pub mod train;
