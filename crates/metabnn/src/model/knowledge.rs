//! The tensors of a network and its batch-norm states, in models and checkpoints alike.

use crate::container::{ContainerError, Reader, Writer, check_values};
use crate::data::Shape;
use crate::evaluate::Knowledge;
use crate::network::{BatchNorm, Layer, LayerShape, Linear, Network, NormState, Plan, plan};
use crate::recipe::settings::{Precision, Settings};

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

/// Adds all tensors of `knowledge`.
pub(crate) fn write(writer: &mut impl Tensors, knowledge: &Knowledge) {
    let network = &knowledge.network;
    for (index, layer) in network.layers.iter().enumerate() {
        let (dimensions, weights) = layer.hidden_weights();
        writer.floats(hidden_name(index), &dimensions, &weights);
    }
    let present = network.norm_states();
    let remembered = knowledge.remembered.iter().enumerate().map(|(task, states)| (Some(task), states));
    for (task, states) in [(None, &present)].into_iter().chain(remembered) {
        for (layer, state) in states.iter().enumerate() {
            for (part, values) in parts(state) {
                writer.floats(norm_name(task, layer, part), &[values.len()], values);
            }
        }
    }
}

/// Reads a network trained with `settings` on samples of shape `image`, and the batch-norm states of `remembered` tasks.
pub(crate) fn read(
    file: &Reader<'_>,
    settings: &Settings,
    image: Shape,
    remembered: usize,
) -> Result<Knowledge, ContainerError> {
    let layers = layers(file, settings, image)?;
    let of_task = |task| {
        let outputs = layers.iter().map(|layer| layer.linear.outputs()).enumerate();
        outputs.map(|(layer, outputs)| norm(file, Some(task), layer, outputs)).collect()
    };
    let remembered = (0..remembered).map(of_task).collect::<Result<_, _>>()?;
    let network = Network::new(layers, settings.network.precision).with(settings);
    Ok(Knowledge { network, remembered })
}

fn layers(file: &Reader<'_>, settings: &Settings, image: Shape) -> Result<Vec<Layer>, ContainerError> {
    // The number of classes is in the file alone.
    let last = file.get(&hidden_name(settings.network.layers() - 1))?;
    let classes = last.shape().first().copied().unwrap_or(0);
    let plans = plan(settings, image, classes).map_err(|error| file.problem(error))?;
    let mut layers = Vec::new();
    for (index, Plan { shape, inputs, outputs }) in plans.into_iter().enumerate() {
        let name = hidden_name(index);
        let hidden = file.floats(&name, &shape.dimensions(inputs, outputs))?;
        if hidden.is_empty() {
            return Err(file.problem(format!("the tensor {name:?} is empty")));
        }
        let hidden = match &shape {
            LayerShape::Dense => hidden,
            LayerShape::Convolution(convolution) => convolution.from_channels_first(&hidden),
        };
        let linear = Linear::new(inputs, &hidden, settings.network.precision == Precision::Binary);
        let state = norm(file, None, index, outputs)?;
        layers.push(Layer { shape, linear, norm: BatchNorm::with_state(state, &settings.norm) });
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
