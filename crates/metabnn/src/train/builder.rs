//! From a network and a rule to a trainer.

use serde::Serialize;

use super::trainer::check_finite;
use super::{Position, SavedSettings, TrainConfig, TrainError, Trainer};
use crate::config::ConfigError;
use crate::engine::Cpu;
use crate::machine::Machine;
use crate::memory;
use crate::network::{Network, NetworkError};
use crate::optim::OptimizerConfig;
use crate::rule::SynapticRule;

/// A trainer before it is made: see [`Trainer::builder`].
#[derive(Clone, Debug)]
pub struct TrainerBuilder<R> {
    network: Network,
    rule: R,
    config: TrainConfig,
    settings: Option<String>,
}

impl<R: SynapticRule> TrainerBuilder<R> {
    /// A trainer of `network` with `rule`: five epochs in batches of 100, by Adam at a learning rate of 0.005.
    pub(super) fn new(network: Network, rule: R) -> Self {
        Self { network, rule, config: TrainConfig::default(), settings: None }
    }

    /// Trains as `config` says.
    #[must_use]
    pub fn config(self, config: TrainConfig) -> Self {
        Self { config, ..self }
    }

    /// Passes over each experience, at least one.
    #[must_use]
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.config.schedule.epochs = epochs;
        self
    }

    /// Samples in a batch, with batch norm at least two.
    #[must_use]
    pub fn batch(mut self, batch: usize) -> Self {
        self.config.schedule.batch = batch;
        self
    }

    /// Seed of the order of samples, of augmentation and of what a rule draws.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.config.seed = seed;
        self
    }

    /// The optimizer.
    #[must_use]
    pub fn optimizer(mut self, optimizer: OptimizerConfig) -> Self {
        self.config.optimizer = optimizer;
        self
    }

    /// The threads and kernels to work with; [`Machine::get`] if none are given.
    #[must_use]
    pub fn machine(mut self, machine: &Machine) -> Self {
        self.network.set_machine(machine);
        self
    }

    /// Writes these settings into files, in place of the configs of network, rule and training: they have to contain
    /// them under the same names (see [`SavedSettings`]), and may say more.
    ///
    /// # Errors
    /// [`ConfigError`] if they cannot be written as JSON.
    pub fn settings(mut self, settings: &impl Serialize) -> Result<Self, ConfigError> {
        let text = serde_json::to_string(settings)
            .map_err(|error| ConfigError::new("settings", error, "plain data with text for keys"))?;
        self.settings = Some(text);
        Ok(self)
    }

    /// The trainer.
    ///
    /// # Errors
    /// [`TrainError::Config`] if a parameter of training or rule has a value it does not take;
    /// [`TrainError::NotFinite`] if a hidden weight is not a finite number; [`TrainError::Network`] if moments and the rule's
    /// state take more memory than this process may take.
    pub fn build(self) -> Result<Trainer<R>, TrainError> {
        let Self { network, rule, config, settings } = self;
        config.validate_for(network.norm_config().kind)?;
        rule.validate(network.layers.len())?;
        check_finite("a hidden weight", network.hidden_weights(), (Position::default(), 0), &config)?;
        let settings = settings.unwrap_or_else(|| SavedSettings::new(&network, &config, &rule).to_json());
        let takes = network.memory_needed().learning(config.optimizer.state, rule.state().len());
        memory::check(takes, || "training the network".into()).map_err(NetworkError::from)?;
        let engine = Cpu::new(network, &config.optimizer);
        Ok(Trainer::on_engine(engine, rule, config, settings))
    }
}
