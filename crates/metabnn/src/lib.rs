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
//! A stream of permuted tasks, a network, a rule of one's own; evaluated after every task, and saved:
//!
//! ```
//! use metabnn::metrics::AccuracyMatrix;
//! use metabnn::{network::Network, rule::SynapticRule, stream, train::Trainer};
//!
//! /// A weight is pulled back the less, the closer it is to its bound.
//! struct SoftBounds {
//!     bound: f32,
//! }
//!
//! impl SynapticRule for SoftBounds {
//!     fn scale(&self, _layer: usize, hidden: f32, update: f32) -> f32 {
//!         if hidden * update < 0.0 { 1.0 - (hidden.abs() / self.bound).min(1.0) } else { 1.0 }
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("metabnn-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let path = folder.join("model.safetensors");
//! let stream = stream::permuted(&metabnn_data::glyphs(), 3).train_samples(1000).build()?;
//! let network = Network::binary(stream.shape).dense(64).dense(64).classes(stream.classes).build()?;
//! let mut trainer = Trainer::builder(network, SoftBounds { bound: 2.0 }).epochs(5).build()?;
//! let mut matrix = AccuracyMatrix::new(trainer.evaluate(&stream)?);
//! for experience in &stream {
//!     trainer.fit(experience)?;
//!     matrix.push(stream.column(&experience.id()), trainer.evaluate(&stream)?);
//! }
//! println!("average accuracy: {:.3?}", matrix.average_accuracy());
//! trainer.model(&stream).save(&path)?;
//! # assert!(matrix.average_accuracy() > Some(0.4), "{matrix:?}");
//! # assert_eq!(metabnn::model::Model::load(&path)?.description.tests.len(), 3);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! The crate `metabnn-data` loads and draws data sets, `metabnn-lab` runs experiments that are written as recipes,
//! `metabnn-infer` runs and trains packed networks on devices.
//!
//! # The way of the data
//!
//! ```text
//! data set -> task stream -> batch -> network (forward, backward) -> synaptic rule -> metrics
//! ```
//!
//! Modules from top to bottom; each uses those below it alone:
//!
//! | module | what |
//! |---|---|
//! | [`mod@export`] | trained networks for devices and other programs: packed bits, C, NumPy arrays |
//! | [`model`] | the files `model.safetensors` and `checkpoint.safetensors` |
//! | [`train`] | [`train::Trainer`], the one driver of learning, and [`train::Training`] over a whole stream |
//! | [`engine`] | the seam between what a network is and who computes its steps |
//! | [`evaluate`], [`metrics`] | accuracy and loss; accuracy matrix, forgetting, transfer |
//! | [`stream`] | task streams: experiences to learn, tests to be judged by |
//! | [`data`] | labelled samples: images, features |
//! | [`history`] | what training leaves to look at: histograms, flips |
//! | [`network`] | layers in a row: training step, inference, Fisher information |
//! | [`layer`] | dense, convolution, norms, activation, dropout, loss: forward, backward and infer side by side |
//! | [`rule`] | synaptic rules, one file each |
//! | [`optim`] | the optimizer: moments and what it makes of a gradient |
//! | [`tensor`] | feature-major matrices, tiles of synapses |
//! | [`stop`], [`text`] | asking work to stop; text from elsewhere on its way out |
//! | [`kernels`], [`machine`], [`memory`], [`random`] | inner loops and threads, the choice of both; how much memory there is; random streams |
//!
//! # What can be relied on
//!
//! - One seed gives the same bits at any number of threads, with any kernels, on any run.
//! - Accuracies are fractions in [0, 1]. Tasks, epochs and layers in files and messages are counted from 1.
//! - What a caller can cause comes back as an error that says what was wrong, where, and what would be right.
//! - A matrix is a row-major slice; its shape is given in parentheses, as in (batch, out).

pub mod config;
pub mod data;
pub mod digest;
pub mod engine;
pub mod evaluate;
pub mod export;
pub mod history;
pub mod kernels;
pub mod layer;
pub mod machine;
pub mod memory;
pub mod metrics;
pub mod model;
pub mod network;
pub mod optim;
pub mod random;
pub mod rule;
pub mod stop;
pub mod stream;
pub mod tensor;
pub mod text;
pub mod train;

/// Runs the examples of the README as tests, so that they stay right.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
