//! Training: one driver, [`Trainer`], for loops of one's own and for whole streams.
//!
//! ```
//! # use metabnn::data::{Dataset, Images};
//! # let pixels = (0..64 * 16).map(|i| (i * 37 % 251) as u8).collect();
//! # let images = Images::new(4, 4, 2, pixels, (0..64).map(|i| i % 2).collect())?;
//! # let digits = Dataset { name: "digits".into(), train: images.clone().into(), test: images.into() };
//! use metabnn::metrics::AccuracyMatrix;
//! use metabnn::network::{Network, NetworkConfig, NormConfig};
//! use metabnn::rule::Metaplastic;
//! use metabnn::{stream, train::Trainer};
//!
//! let stream = stream::permuted(&digits, 3).build()?;
//! let config = NetworkConfig { hidden: vec![32], ..NetworkConfig::default() };
//! let network = Network::new(&config, &NormConfig::default(), stream.shape, stream.classes, 0)?;
//! let mut trainer = Trainer::builder(network, Metaplastic::default()).epochs(2).batch(16).build()?;
//! let mut matrix = AccuracyMatrix::new(trainer.evaluate(&stream)?);
//! for experience in &stream {
//!     trainer.fit(experience)?;
//!     matrix.push(stream.column(&experience.id()), trainer.evaluate(&stream)?);
//! }
//! println!("average accuracy: {:.3?}", matrix.average_accuracy());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batches;
mod builder;
mod config;
mod error;
mod evaluation;
mod fit;
mod progress;
mod saved;
mod schedule;
mod trainer;
mod training;

pub use builder::TrainerBuilder;
pub use config::{Scenario, TrainConfig};
pub use error::TrainError;
pub use fit::{FitOptions, StepReport};
pub use progress::{History, Outcome, Position, Progress};
pub use saved::{SavedData, SavedSettings, SavedTasks};
pub use schedule::{Evaluate, EvaluateTrain, Schedule};
pub use trainer::Trainer;
pub use training::{Misplaced, Training};
