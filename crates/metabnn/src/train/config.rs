//! How a network is trained.

use serde::{Deserialize, Serialize};

use super::Schedule;
use crate::config::{self, ConfigError};
use crate::network::NormKind;
use crate::optim::OptimizerConfig;
use crate::stream::Augment;

/// How a network is trained, whatever it learns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainConfig {
    /// Seed of the order of samples, of augmentation and of what a rule draws.
    pub seed: u64,
    /// The optimizer.
    pub optimizer: OptimizerConfig,
    /// How long, in what portions.
    pub schedule: Schedule,
    /// What is known at test time.
    pub scenario: Scenario,
    /// How training images are changed each time they are shown.
    pub augment: Augment,
}

/// What is known at test time: task-incremental or domain-incremental learning in the sense of van de Ven and Tolias
/// (2019).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scenario {
    /// The task: it is tested with its own norm state, saved when its experience ended.
    #[default]
    Task,
    /// Nothing: one norm state serves all tasks.
    Domain,
}

impl TrainConfig {
    /// Checks every field, for a network with norms of this kind.
    ///
    /// # Errors
    /// [`ConfigError`] names the field.
    pub fn validate_for(&self, norm: NormKind) -> Result<(), ConfigError> {
        self.validate()?;
        match (norm, self.schedule.batch) {
            (NormKind::Batch, 1) => {
                let takes = "at least 2 with batch norm: one sample alone has no variance";
                Err(ConfigError::new("batch", 1, takes))
            }
            _ => Ok(()),
        }
    }

    /// Checks every field by itself.
    ///
    /// # Errors
    /// [`ConfigError`] names the field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        config::check(&self.optimizer, OptimizerConfig::PARAMETERS, 0)?;
        config::check(&self.schedule, Schedule::PARAMETERS, 0)
    }
}
