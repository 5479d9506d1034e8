//! The settings of one run, section by section of its TOML. Defaults are those of the paper's permuted MNIST,
//! at a width and length that a laptop trains in minutes.

use serde::{Deserialize, Serialize};

use crate::analysis::Analysis;
pub use metabnn::data::Normalize as Normalise;
pub use metabnn::network::{
    Encoding as Input, GammaInit, HiddenActivation as Activation, Init, NetworkConfig as Network,
    NormConfig as Norm, NormKind, Pool, Precision, Statistics,
};
pub use metabnn::optim::{MomentFormat as State, OptimizerConfig as Optimizer};
use metabnn::rule::Rule;
pub use metabnn::stream::{Augment, StreamKind as Stream};
pub use metabnn::train::{Evaluate, EvaluateTrain, Scenario, Schedule};

/// Everything that determines a run's result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Seed of every random stream.
    pub seed: u64,
    /// `[data]`
    pub data: Data,
    /// `[tasks]`
    pub tasks: Tasks,
    /// `[network]`
    pub network: Network,
    /// `[norm]`
    pub norm: Norm,
    /// `[rule]`
    pub rule: Rule,
    /// `[optimizer]`
    pub optimizer: Optimizer,
    /// `[schedule]`
    pub schedule: Schedule,
    /// `[analysis]`; left out where there is none.
    #[serde(skip_serializing_if = "Analysis::is_none")]
    pub analysis: Analysis,
}

/// `[data]`: which images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// Data sets by name, or paths of features (an `.npz` file, or a folder of `.npy` files). A `sequence` learns them
    /// one after the other; every other stream takes exactly one.
    pub sets: Vec<String>,
    /// Training images used of each set, the first ones; 0: all.
    pub train_images: usize,
    /// Test images used of each set, the first ones; 0: all.
    pub test_images: usize,
    /// What is done with features before the network sees them.
    pub normalise: Normalise,
    /// How training images are changed each time they are shown.
    pub augment: Augment,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            sets: vec!["mnist".into()],
            train_images: 0,
            test_images: 0,
            normalise: Normalise::None,
            augment: Augment::None,
        }
    }
}

/// `[tasks]`: how the images become a stream of tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tasks {
    /// Kind of stream.
    pub stream: Stream,
    /// Number of permutations, subsets or groups of classes; for a `sequence`, the number of data sets, and with groups
    /// of `classes` given, their number (0 stands for it).
    pub count: usize,
    /// For a stream of `classes`: the groups, learned one after the other. Empty: `count` groups of consecutive
    /// classes, equal but for one class at most.
    pub classes: Vec<Vec<u8>>,
    /// Whether the batch-norm state of each task is kept and used when that task is tested.
    pub scenario: Scenario,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { stream: Stream::Permuted, count: 6, classes: Vec::new(), scenario: Scenario::Task }
    }
}
