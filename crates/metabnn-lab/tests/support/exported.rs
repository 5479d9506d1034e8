//! Networks to be exported.

// Not every test uses all of it.
#![allow(dead_code)]

use std::sync::Arc;

use metabnn::data::{Dataset, Images, Samples, Shape};
use metabnn::evaluate::{LearnedExperience, TrainedNetwork};
use metabnn::machine::Machine;
use metabnn::model::Model;
use metabnn::network::{NormState, predicted_class};
use metabnn::random::{Purpose, Stream};
use metabnn::stream::{Experience, ExperienceId, Subset, TaskStream, View};
use metabnn_data::load;
use metabnn_lab::recipe::settings::{Scenario, Settings, Statistics};
use metabnn_lab::setup::train;

use crate::support::data_dir;

/// Settings of a small network of two permuted tasks.
pub fn settings(hidden: &[usize]) -> Settings {
    let mut settings = Settings::default();
    settings.network.hidden = hidden.into();
    settings.tasks.count = 2;
    settings.norm.statistics = Statistics::Recalibrated;
    settings.schedule.epochs = 1;
    settings.data.train_images = 2000;
    settings
}

/// MNIST where it is there, else glyphs.
fn set() -> Dataset {
    let folder = data_dir();
    let name = if folder.is_some() { "mnist" } else { "glyphs" };
    load(name, folder.as_deref()).unwrap()
}

/// The first test images of that set.
pub fn images(count: usize) -> Images {
    set().test.images().unwrap().take(count)
}

/// A network trained on that set, and the set.
pub fn trained(settings: &Settings) -> (Model, Dataset) {
    let set = set();
    let stream = settings.stream(std::slice::from_ref(&set)).unwrap();
    let outcome = train(settings, &stream, |_| {}).unwrap();
    (Model::new(outcome.trained, settings.to_json(), &stream), set)
}

/// A network that has learned nothing, for images of noise in so many classes, and its stream.
pub fn network(settings: &Settings, image: Shape, classes: usize) -> (Model, TaskStream) {
    let count = 200;
    let mut random = Stream::new(3, Purpose::Glyphs, 0);
    let pixels = (0..count * image.width()).map(|_| random.uniform(0.0, 255.9) as u8).collect();
    let labels = (0..count).map(|index| (index % classes) as u8).collect();
    let images: Samples = Images::of_shape(image, classes, pixels, labels).unwrap().into();
    let set = Dataset { name: "mnist".into(), train: images.clone(), test: images };
    let mut settings = settings.clone();
    settings.data.train_images = 0;
    let stream = settings.stream(&[set]).unwrap();
    let trained = settings.training(Machine::get(), &stream).unwrap().outcome().unwrap().trained;
    (Model::new(trained, settings.to_json(), &stream), stream)
}

/// The same with batch norms drawn at random, one of its own for every task: scales of either sign and of 0, hardly any
/// variance, means that a sum can have exactly.
pub fn unsettled(settings: &Settings, image: Shape, classes: usize, seed: u32) -> Model {
    let (Model { mut trained, description, .. }, stream) = network(settings, image, classes);
    let mut random = Stream::new(u64::from(seed), Purpose::NormScale, 7);
    let TrainedNetwork { network, learned } = &mut trained;
    let mut inputs = 255.0;
    for layer in &mut network.layers {
        let reach = inputs * (layer.linear.inputs() as f32).sqrt() / if inputs > 1.0 { 255.0 } else { 1.0 };
        drawn_norm(&mut layer.norm.state, &mut random, reach);
        inputs = 1.0;
    }
    if settings.tasks.scenario == Scenario::Task {
        *learned = (1..)
            .zip(&stream.experiences)
            .map(|(training, experience)| {
                let mut states = network.norm_states();
                let layers = states.iter_mut().zip(&network.layers);
                layers.for_each(|(state, layer)| {
                    drawn_norm(state, &mut random, (layer.linear.inputs() as f32).sqrt());
                });
                learned_experience(training, experience, states)
            })
            .collect();
    }
    Model::new(trained, description.settings.get().to_owned(), &stream)
}

/// An experience as it was learned in this training, with these norm states at its end.
pub fn learned_experience(
    training: usize,
    experience: &Experience,
    norms: Vec<NormState>,
) -> LearnedExperience {
    let order = experience.samples.views()[0].permutation.clone();
    let (id, name) = (experience.id(), experience.name.clone());
    LearnedExperience { id, name, trainings: vec![training], order, norms: Some(norms) }
}

fn drawn_norm(state: &mut NormState, random: &mut Stream, reach: f32) {
    for unit in 0..state.gamma.len() {
        state.gamma[unit] = [random.uniform(-2.0, 2.0), 0.0, -0.5, 1.0][unit % 4];
        state.beta[unit] = [0.0, random.uniform(-1.0, 1.0), -0.0][unit % 3];
        let mean = random.uniform(-reach, reach);
        state.mean[unit] = if unit % 2 == 0 { mean.round() } else { mean };
        state.variance[unit] = [reach * reach, 0.0, 1e-30, random.uniform(0.0, 2.0)][unit % 4];
    }
}

/// The classes that the network says of `images`: first the tests' states in order, then the present one with the order
/// of each test, (states) lists of (images).
pub fn float_classes(model: &Model, images: &Images) -> Vec<Vec<usize>> {
    let (images, network) = (Arc::new(images.clone()), &model.trained.network);
    let tests = model.description.tests.iter().zip(&model.permutations);
    let labelled = tests.clone().map(|(test, order)| (test.experience.as_ref(), order));
    let of_state = |(experience, order): (Option<&ExperienceId>, &Option<Arc<[u32]>>)| {
        let view = View { samples: images.clone().into(), selection: None, permutation: order.clone() };
        let inputs = Subset::new(vec![view]).gather(0..images.len(), network.config().input).inputs;
        let norms = model.trained.norms(experience);
        let logits = network.logits(&inputs, &norms, network.norm_config().statistics);
        logits.chunks_exact(logits.len() / images.len()).map(predicted_class).collect()
    };
    labelled.chain(tests.map(|(_, order)| (None, order))).map(of_state).collect()
}
