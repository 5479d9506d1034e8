//! What files say of how a network was made and trained.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Scenario, Schedule, TrainConfig};
use crate::network::{Network, NetworkConfig, NormConfig};
use crate::optim::OptimizerConfig;
use crate::rule::SynapticRule;
use crate::stream::Augment;

/// The settings of a network and its training, as they stand in files. What a file says besides is passed over here, and
/// kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedSettings {
    /// Seed of the initial weights and of training.
    pub seed: u64,
    /// What is done with samples.
    pub data: SavedData,
    /// What is known of tasks.
    pub tasks: SavedTasks,
    /// The layers.
    pub network: NetworkConfig,
    /// The norms.
    pub norm: NormConfig,
    /// The rule: an object with the key `name`, and its parameters.
    pub rule: Value,
    /// The optimizer.
    pub optimizer: OptimizerConfig,
    /// How long, in what portions.
    pub schedule: Schedule,
}

/// What is done with samples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedData {
    /// How training images are changed each time they are shown.
    pub augment: Augment,
}

/// What is known of tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedTasks {
    /// What is known at test time.
    pub scenario: Scenario,
}

impl SavedSettings {
    /// Those of a network that a rule trains as `config` says.
    pub fn new(network: &Network, config: &TrainConfig, rule: &dyn SynapticRule) -> Self {
        let TrainConfig { seed, optimizer, schedule, scenario, augment } = config.clone();
        Self {
            seed,
            data: SavedData { augment },
            tasks: SavedTasks { scenario },
            network: network.config().clone(),
            norm: network.norm_config().clone(),
            rule: serde_json::from_str(&rule.to_json()).unwrap_or_default(),
            optimizer,
            schedule,
        }
    }

    /// In JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("settings are plain data with text for keys")
    }

    /// How the network is trained.
    pub fn train_config(&self) -> TrainConfig {
        let Self { seed, data, tasks, optimizer, schedule, .. } = self.clone();
        TrainConfig { seed, optimizer, schedule, scenario: tasks.scenario, augment: data.augment }
    }
}
