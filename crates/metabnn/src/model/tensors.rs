//! The tensors of a network and its norm states, in models and checkpoints alike.

use std::collections::HashSet;
use std::sync::Arc;

use super::ExperienceDescription;
use super::container::{ContainerError, Reader, Writer, check_values};
use crate::data::Shape;
use crate::evaluate::{LearnedExperience, TrainedNetwork};
use crate::layer::{Layer, Linear, Norm, NormState, Plan};
use crate::network::{Network, Precision, check_memory, plan};
use crate::train::SavedSettings;

/// What takes the tensors of a network.
pub(crate) trait Tensors {
    /// Real numbers, row-major.
    fn floats(&mut self, name: String, shape: &[usize], values: &[f32]);
}

impl Tensors for Writer {
    fn floats(&mut self, name: String, shape: &[usize], values: &[f32]) {
        Writer::floats(self, name, shape, values);
    }
}

/// Adds all tensors of a network and of what it has learned, but for pixel orders.
pub(crate) fn write(writer: &mut impl Tensors, network: &Network, learned: &[LearnedExperience]) {
    for (index, layer) in network.layers.iter().enumerate() {
        let (dimensions, weights) = layer.hidden_weights();
        writer.floats(hidden_name(index), &dimensions, &weights);
    }
    let present = network.norm_states();
    let norms = learned.iter().enumerate();
    let remembered = norms.filter_map(|(task, experience)| Some((Some(task), experience.norms.as_ref()?)));
    for (task, states) in [(None, &present)].into_iter().chain(remembered) {
        for (layer, state) in states.iter().enumerate() {
            for (part, values) in parts(state) {
                writer.floats(norm_name(task, layer, part), &[values.len()], values);
            }
        }
    }
}

/// Reads a network trained with `settings` on samples of shape `image`, and what it keeps of these experiences.
pub(crate) fn read(
    file: &Reader<'_>,
    settings: &SavedSettings,
    image: Shape,
    experiences: &[ExperienceDescription],
) -> Result<TrainedNetwork, ContainerError> {
    check_trainings(file, experiences)?;
    let layers = layers(file, settings, image)?;
    let norms = |task| -> Result<Vec<NormState>, ContainerError> {
        let outputs = layers.iter().map(|layer| layer.linear.outputs()).enumerate();
        outputs.map(|(layer, outputs)| norm(file, Some(task), layer, outputs)).collect()
    };
    let learned = |(task, described): (usize, &ExperienceDescription)| {
        let ExperienceDescription { id, name, trainings, has_norms } = described.clone();
        let norms = has_norms.then(|| norms(task)).transpose()?;
        let order = order(file, &order_name(task), image)?;
        Ok(LearnedExperience { id, name, trainings, order, norms })
    };
    let learned = experiences.iter().enumerate().map(learned).collect::<Result<_, ContainerError>>()?;
    let (config, norm) = (settings.network.clone(), settings.norm.clone());
    let network = Network::from_parts(layers, config, norm, settings.seed).for_shape(image);
    Ok(TrainedNetwork { network, learned })
}

/// Experiences are there once, and have been learned once at least, each training one of them.
fn check_trainings(file: &Reader<'_>, experiences: &[ExperienceDescription]) -> Result<(), ContainerError> {
    let mut ids = HashSet::new();
    if let Some(twice) = experiences.iter().find(|experience| !ids.insert(&experience.id)) {
        return Err(file.problem(format!("the experience {:?} is there twice", twice.name)));
    }
    let mut trainings: Vec<usize> =
        experiences.iter().flat_map(|one| one.trainings.iter().copied()).collect();
    trainings.sort_unstable();
    let is_sorted = |one: &ExperienceDescription| one.trainings.is_sorted() && !one.trainings.is_empty();
    let are_apart = trainings.windows(2).all(|pair| pair[0] != pair[1]) && trainings.first() != Some(&0);
    // The next training's number picks its random streams, which have 32 bits of it.
    let are_countable =
        trainings.last().is_none_or(|last| u32::try_from(*last).is_ok_and(|last| last < u32::MAX));
    match experiences.iter().all(is_sorted) && are_apart && are_countable {
        true => Ok(()),
        false => Err(file.problem("its trainings are not one experience each, counted from 1")),
    }
}

/// A pixel order, where there is one of this name.
pub(crate) fn order(
    file: &Reader<'_>,
    name: &str,
    image: Shape,
) -> Result<Option<Arc<[u32]>>, ContainerError> {
    if file.get(name).is_err() {
        return Ok(None);
    }
    let order = file.whole(name, image.width())?;
    let mut seen = order.clone();
    seen.sort_unstable();
    match seen.iter().enumerate().all(|(i, &pixel)| i as u32 == pixel) {
        true => Ok(Some(order.into())),
        false => Err(file.problem(format!("the tensor {name:?} is no permutation"))),
    }
}

fn layers(file: &Reader<'_>, settings: &SavedSettings, image: Shape) -> Result<Vec<Layer>, ContainerError> {
    // The number of classes is in the file alone.
    let last = file.get(&hidden_name(settings.network.depth() - 1))?;
    let classes = last.shape().first().copied().unwrap_or(0);
    let plans =
        plan(&settings.network, &settings.norm, image, classes).map_err(|error| file.problem(error))?;
    for (index, &Plan { shape, inputs, outputs, .. }) in plans.iter().enumerate() {
        file.check_floats(&hidden_name(index), &shape.dimensions(inputs, outputs))?;
    }
    // Weights are as many as the file has; what becomes of them, and of a sample, may still be too much.
    let plans =
        check_memory(plans, &settings.network, &settings.norm, image).map_err(|error| file.problem(error))?;
    let mut layers = Vec::new();
    for (index, &Plan { shape, inputs, outputs, .. }) in plans.iter().enumerate() {
        let name = hidden_name(index);
        let hidden = file.floats(&name, &shape.dimensions(inputs, outputs))?;
        if hidden.is_empty() {
            return Err(file.problem(format!("the tensor {name:?} is empty")));
        }
        let hidden = shape.kept_order(hidden);
        let linear = Linear::new(inputs, &hidden, settings.network.precision == Precision::Binary);
        let state = norm(file, None, index, outputs)?;
        layers.push(Layer { shape, linear, norm: Norm::with_state(state, &settings.norm) });
    }
    Ok(layers)
}

fn norm(
    file: &Reader<'_>,
    task: Option<usize>,
    layer: usize,
    features: usize,
) -> Result<NormState, ContainerError> {
    let part = |part| file.floats(&norm_name(task, layer, part), &[features]);
    let variance = part("variance")?;
    check_values(&norm_name(task, layer, "variance"), &variance, "a number >= 0", |value| value >= 0.0)?;
    Ok(NormState { gamma: part("gamma")?, beta: part("beta")?, mean: part("mean")?, variance })
}

pub(crate) fn order_name(task: usize) -> String {
    format!("task{}.permutation", task + 1)
}

pub(crate) fn hidden_name(layer: usize) -> String {
    format!("layer{}.hidden_weight", layer + 1)
}

fn norm_name(task: Option<usize>, layer: usize, part: &str) -> String {
    let task = task.map(|task| format!("task{}.", task + 1)).unwrap_or_default();
    format!("{task}layer{}.{part}", layer + 1)
}

fn parts(state: &NormState) -> [(&'static str, &[f32]); 4] {
    [("gamma", &state.gamma), ("beta", &state.beta), ("mean", &state.mean), ("variance", &state.variance)]
}
