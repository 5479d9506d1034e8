//! A network with what it knows of the experiences that it has learned.

use std::sync::Arc;

use super::{Score, logits, score};
use crate::network::{Network, NormState};
use crate::stream::{ExperienceId, Subset};

/// A network with the experiences that it has learned.
#[derive(Clone, Debug)]
pub struct TrainedNetwork {
    /// The network, with its present norm state.
    pub network: Network,
    /// What it has learned, in the order in which each was learned first.
    pub learned: Vec<LearnedExperience>,
}

/// An experience that a network has learned, once or several times.
#[derive(Clone, Debug, PartialEq)]
pub struct LearnedExperience {
    /// What it is made of.
    pub id: ExperienceId,
    /// Its name.
    pub name: String,
    /// The trainings in which it was learned, counted from 1 over all experiences, in order.
    pub trainings: Vec<usize>,
    /// Its pixel order: input i of the network is value `order[i]` of a sample.
    pub order: Option<Arc<[u32]>>,
    /// Norm states, one per layer, at the end of the last of these trainings; `None` where one state serves all.
    pub norms: Option<Vec<NormState>>,
}

impl TrainedNetwork {
    /// A network that has learned nothing yet.
    pub fn new(network: Network) -> Self {
        Self { network, learned: Vec::new() }
    }

    /// What it keeps of this experience, if it has learned it.
    pub fn experience(&self, id: &ExperienceId) -> Option<&LearnedExperience> {
        find(&self.learned, id)
    }

    /// The norm states to test with: those at the end of the last training of this experience, where they are kept, else
    /// the present ones.
    pub fn norms(&self, experience: Option<&ExperienceId>) -> Vec<NormState> {
        choose_norms(&self.network, &self.learned, experience)
    }

    /// Outputs for `samples`, (samples, classes), in batches of `batch`, with the norms of `experience`.
    pub fn logits(&self, samples: &Subset, experience: Option<&ExperienceId>, batch: usize) -> Vec<f32> {
        logits(&self.network, samples, &self.norms(experience), batch)
    }

    /// Accuracy and loss on `samples`, in batches of `batch`, with the norms of `experience`.
    pub fn evaluate(&self, samples: &Subset, experience: Option<&ExperienceId>, batch: usize) -> Score {
        score(&self.network, samples, &self.norms(experience), batch)
    }
}

fn find<'a>(learned: &'a [LearnedExperience], id: &ExperienceId) -> Option<&'a LearnedExperience> {
    learned.iter().find(|experience| experience.id == *id)
}

/// The norm states of this experience, if they are kept, else the present ones.
pub(crate) fn choose_norms(
    network: &Network,
    learned: &[LearnedExperience],
    experience: Option<&ExperienceId>,
) -> Vec<NormState> {
    let kept = experience.and_then(|id| find(learned, id)?.norms.clone());
    kept.unwrap_or_else(|| network.norm_states())
}

/// Adds a training of `samples`, of the experience called `name`, which has this number, to what was learned.
pub(crate) fn remember(
    learned: &mut Vec<LearnedExperience>,
    (samples, name): (&Subset, Option<&str>),
    training: usize,
    norms: Option<Vec<NormState>>,
) {
    let id = ExperienceId::new(samples);
    if let Some(known) = learned.iter_mut().find(|experience| experience.id == id) {
        known.trainings.push(training);
        known.norms = norms;
        return;
    }
    // Samples in several orders have none in common.
    let order = match samples.views() {
        [view] => view.permutation.clone(),
        _ => None,
    };
    let name = name.map_or_else(|| format!("experience {training}"), Into::into);
    learned.push(LearnedExperience { id, name, trainings: vec![training], order, norms });
}

/// Trainings that were done of these experiences.
pub(crate) fn trainings(learned: &[LearnedExperience]) -> usize {
    learned.iter().map(|experience| experience.trainings.len()).sum()
}
