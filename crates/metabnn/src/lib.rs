//! Metaplastic binarized neural networks: learn a stream of tasks, keep what was learned.
//!
//! A binarized network computes with weights that are +1 or -1. While it learns, every synapse also keeps a real
//! *hidden weight* W^h, whose sign is the binary weight W^b = sign(W^h). A hidden weight far from zero needs many
//! updates before its sign changes: the synapse is *consolidated*. Metaplasticity acts on that. An update that would
//! bring W^h back towards zero is multiplied by f_meta(m, W^h) = 1 - tanh^2(m |W^h|); an update away from zero is
//! left as it is. So what earlier tasks made sure of is hard to undo, and each synapse decides it from its own state.
//!
//! The method is that of Laborieux, Ernoult, Hirtzlin and Querlioz, *Synaptic metaplasticity in binarized neural
//! networks*, Nature Communications 12:2549 (2021).
//!
//! # Example
//!
//! Six permuted tasks on a part of the built-in glyphs, with a small network:
//!
//! ```
//! use metabnn::recipe::settings::{Data, Network, Settings};
//! use metabnn::{data, tasks::TaskStream, train::train};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let settings = Settings {
//!         data: Data { sets: vec!["glyphs".into()], train_images: 1000, test_images: 500, ..Data::default() },
//!         network: Network { hidden: vec![64], ..Network::default() },
//!         ..Settings::default() // six permuted tasks, five epochs each, m = 1.35
//!     };
//!     let stream = TaskStream::new(&settings, &[data::load("glyphs", None)?])?;
//!     let outcome = train(&settings, &stream, |_| {})?;
//!     println!("after each task, on each task: {:.2?}", outcome.matrix.rows);
//!     println!("average accuracy: {:.3?}", outcome.matrix.average_accuracy());
//!     Ok(())
//! }
//! ```
//!
//! [`experiment::run`] does all of it for a recipe, and leaves a folder with tables, models and a report.
//!
//! # The way of the data
//!
//! Data goes one way through the modules, from images to the report:
//!
//! | module | takes | gives |
//! |---|---|---|
//! | [`data`] | the name of a data set | labelled images, from IDX files or drawn by the program ([`data::glyphs`]) |
//! | [`tasks`] | images and settings | a [`tasks::TaskStream`]: phases to train on, tests to be judged by |
//! | [`train`](mod@train) | settings and stream | a [`train::Outcome`], epoch by epoch: the loop |
//! | [`network`] | a batch | the loss, and the gradient of every layer, a tile of synapses at a time |
//! | [`plasticity`] | a tile of synapses | the tile after its update: the synaptic rule |
//! | [`optim`] | | Adam's moments and the step of the batch-norm parameters |
//! | [`mod@evaluate`] | a network, images | accuracy and loss, with the batch-norm state of the task in question |
//! | [`metrics`] | accuracies | the accuracy matrix, forgetting and transfer |
//! | [`analysis`] | a network | histograms of its hidden weights |
//! | [`model`] | a trained network | the bytes of `model.safetensors`, and back |
//! | [`mod@export`] | a trained network | packed bits for devices, C, NumPy arrays |
//! | [`checkpoint`] | a run in progress | the bytes of `checkpoint.safetensors`, and back |
//! | [`report`] | a folder of results | tables, figures and `report.html` |
//!
//! Around them: [`recipe`] reads and checks what a user asks for, [`experiment`] runs it, [`kernels`] holds the inner
//! loops for each instruction set and the threads, [`machine`] is the choice of both, [`mod@bench`] measures them, and
//! [`random`] gives each purpose its own stream of random numbers.
//!
//! # What can be relied on
//!
//! - One seed gives the same bits at any number of threads, with any kernels, on any run.
//! - Accuracies are fractions in [0, 1]. Tasks, epochs and layers in files and messages are counted from 1.
//! - What a user can cause comes back as an error that says what was wrong, where, and what would be right.
//! - A matrix is a row-major slice; its shape is given in parentheses, as in (batch, out).

pub mod analysis;
pub mod bench;
pub mod checkpoint;
mod container;
pub mod data;
mod digest;
pub mod evaluate;
pub mod experiment;
pub mod export;
pub mod kernels;
pub mod machine;
pub mod metrics;
pub mod model;
mod nearest;
pub mod network;
pub mod optim;
pub mod plasticity;
pub mod random;
pub mod recipe;
pub mod report;
pub mod tasks;
pub mod train;

/// Runs the example of the README as a test, so that it stays right.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
