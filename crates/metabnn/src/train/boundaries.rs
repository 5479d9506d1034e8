//! What happens where an epoch or a task ends.

use super::TrainError;
use crate::evaluate::{Knowledge, evaluate_all, evaluate_training};
use crate::metrics::Evaluation;
use crate::recipe::settings::{Scenario, Settings, Statistics};
use crate::tasks::{Split, TaskStream};

/// What the network knows after an epoch; `at`: task, epoch and step.
pub(super) fn after_epoch(
    knowledge: &mut Knowledge,
    stream: &TaskStream,
    settings: &Settings,
    at: (usize, usize, u64),
) -> Result<Vec<Evaluation>, TrainError> {
    let (task, epoch, _) = at;
    if settings.norm.statistics == Statistics::Recalibrated {
        knowledge.recalibrate(&stream.phases[task - 1], settings);
    }
    let mut evaluations = evaluate_training(knowledge, stream, settings, (task, epoch));
    evaluations.extend(evaluate_all(knowledge, stream, settings, (task, epoch)));
    // The last step before an evaluation has no later one to show that it went wrong.
    check_finite("the loss", evaluations.iter().map(|evaluation| evaluation.loss as f32), at, settings)?;
    Ok(evaluations)
}

/// What is kept of the task just learned: its batch-norm state, and what the rule makes of its `images` for tasks to come.
pub(super) fn end_of_task(
    knowledge: &mut Knowledge,
    images: Option<&Split>,
    settings: &Settings,
    (task, steps): (usize, u64),
) -> Result<(), TrainError> {
    let (index, at) = (task - 1, (task, settings.schedule.epochs, steps));
    if settings.tasks.scenario == Scenario::Task {
        knowledge.remember(index);
    }
    check_finite("a hidden weight", knowledge.network.hidden_weights(), at, settings)?;
    if let Some(images) = images {
        settings.rule.end_of_task(&mut knowledge.network, index, images, settings);
    }
    check_finite("the rule's memory of a synapse", knowledge.network.memory(), at, settings)
}

/// `at`: task, epoch and step.
pub(crate) fn check_finite(
    what: &'static str,
    values: impl IntoIterator<Item = f32>,
    at: (usize, usize, u64),
    settings: &Settings,
) -> Result<(), TrainError> {
    let ((task, epoch, step), lr) = (at, settings.optimizer.lr);
    match values.into_iter().find(|value| !value.is_finite()) {
        Some(value) => Err(TrainError::NotFinite { what, value, task, epoch, step, lr }),
        None => Ok(()),
    }
}
