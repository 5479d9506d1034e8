//! From settings to what they describe: streams, networks, trainers, trainings.

use metabnn::data::{Dataset, Shape};
use metabnn::machine::Machine;
use metabnn::model::checkpoint::{Checkpoint, CheckpointError, Digests};
use metabnn::network::{Network, NetworkError};
use metabnn::rule::Rule;
use metabnn::stream::{StreamBuilder, StreamError, TaskStream};
use metabnn::train::{Outcome, Progress, TrainConfig, TrainError, Trainer, Training};

use crate::recipe::settings::Settings;

impl Settings {
    /// The stream that they describe, over `sets`, one data set per name in `data.sets`.
    ///
    /// # Errors
    /// [`StreamError`] where there are too few samples, data sets do not fit each other, or settings do not fit the data.
    pub fn stream(&self, sets: &[Dataset]) -> Result<TaskStream, StreamError> {
        let (data, tasks) = (&self.data, &self.tasks);
        let builder = StreamBuilder::new(tasks.stream, sets).classes(&tasks.classes).seed(self.seed);
        // The tasks of a sequence are its data sets.
        let builder =
            if tasks.stream.traits().takes_many_sets { builder } else { builder.count(tasks.count) };
        builder
            .train_samples(data.train_images)
            .test_samples(data.test_images)
            .normalize(data.normalise)
            .augment(data.augment)
            .build()
    }

    /// The network that they describe, for samples of this shape.
    ///
    /// # Errors
    /// [`NetworkError`] if they make none.
    pub fn network(&self, shape: Shape, classes: usize) -> Result<Network, NetworkError> {
        Network::new(&self.network, &self.norm, shape, classes, self.seed)
    }

    /// How that network is trained.
    pub fn train_config(&self) -> TrainConfig {
        TrainConfig {
            seed: self.seed,
            optimizer: self.optimizer.clone(),
            schedule: self.schedule.clone(),
            scenario: self.tasks.scenario,
            augment: self.data.augment,
        }
    }

    /// A trainer of that network, on samples of this shape.
    ///
    /// # Errors
    /// [`TrainError`] if they make none.
    pub fn trainer(&self, machine: &Machine, shape: Shape, classes: usize) -> Result<Trainer, TrainError> {
        let network = self.network(shape, classes)?;
        let builder = Trainer::builder(network, self.rule.clone()).config(self.train_config());
        builder.settings(self)?.machine(machine).build()
    }

    /// The training over `stream` before its first step.
    ///
    /// # Errors
    /// [`TrainError`] if they make none.
    pub fn training<'a>(
        &self,
        machine: &Machine,
        stream: &'a TaskStream,
    ) -> Result<Training<'a>, TrainError> {
        Training::new(self.trainer(machine, stream.shape, stream.classes)?, stream)
    }

    /// The training over `stream` from a checkpoint on, if it is one of these settings on data sets with these digests.
    ///
    /// # Errors
    /// [`CheckpointError::OtherRun`] names what differs.
    pub fn resume<'a>(
        &self,
        checkpoint: Checkpoint,
        machine: &Machine,
        stream: &'a TaskStream,
        digests: &Digests,
    ) -> Result<Training<'a>, CheckpointError> {
        checkpoint.check(&self.to_json(), stream.shape, digests)?;
        let trainer: Trainer<Rule> = checkpoint.into_trainer(machine, self.rule.clone())?;
        Training::resume(trainer, stream).map_err(CheckpointError::from)
    }

    /// As they stand in files: JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("settings are plain data with text for keys")
    }
}

/// Trains a network on `stream` as `settings` say, on [`Machine::get`]; `observe` is called after every step.
///
/// # Errors
/// [`TrainError`] if the settings make no network, or as soon as a number is not finite.
pub fn train(
    settings: &Settings,
    stream: &TaskStream,
    observe: impl FnMut(Progress<'_>),
) -> Result<Outcome, TrainError> {
    train_on(Machine::get(), settings, stream, observe)
}

/// [`train`], on the given machine.
///
/// # Errors
/// As [`train`].
pub fn train_on(
    machine: &Machine,
    settings: &Settings,
    stream: &TaskStream,
    observe: impl FnMut(Progress<'_>),
) -> Result<Outcome, TrainError> {
    settings.training(machine, stream)?.run(observe)
}
