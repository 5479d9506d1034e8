//! The tests that a network is saved with where nobody gives a stream: those of the model it was read from, and those of the
//! experiences that it has learned since.

use std::sync::Arc;

use metabnn::data::{Normalize, Shape};
use metabnn::evaluate::TrainedNetwork;
use metabnn::model::{DataDescription, Model, SetDescription, TestDescription};
use metabnn::network::Network;
use metabnn::stream::{ExperienceId, Subset, TaskStream};
use metabnn_lab::recipe::settings::{Data, Settings, Tasks};
use serde::{Deserialize, Serialize};

/// What stands in the place of a data set's name where there is none.
const ARRAYS: &str = "arrays";

/// Tests, each with its pixel order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KnownTests {
    pub data: DataDescription,
    tests: Vec<(TestDescription, Option<Vec<u32>>)>,
    /// The experiences that the model had learned when it was read, and those of streams: what tests it has of them is
    /// decided.
    decided: Vec<ExperienceId>,
    /// The sections of the settings that describe the last stream of which an experience was learned.
    stream: Option<(Data, Tasks)>,
    /// Whether all samples that the network has seen in training were pixels; `None`: it has seen none.
    #[serde(default)]
    saw_pixels: Option<bool>,
}

impl Default for KnownTests {
    fn default() -> Self {
        let data = DataDescription { sets: Vec::new(), test_samples: 0, normalize: Normalize::None };
        Self { data, tests: Vec::new(), decided: Vec::new(), stream: None, saw_pixels: None }
    }
}

impl KnownTests {
    /// Those of a model.
    pub fn of(model: &Model) -> Self {
        let orders = model.permutations.iter().map(|order| order.as_ref().map(|order| order.to_vec()));
        let tests = model.description.tests.iter().cloned().zip(orders).collect();
        let decided = model.trained.learned.iter().map(|experience| experience.id.clone()).collect();
        Self { data: model.description.data.clone(), tests, decided, stream: None, saw_pixels: None }
    }

    /// Adds the tests of `stream` that are of this experience, or of none, where they are not there yet; `settings` describe
    /// the stream.
    pub fn add(&mut self, stream: &TaskStream, experience: &ExperienceId, settings: &Settings) {
        self.stream = Some((settings.data.clone(), settings.tasks.clone()));
        if !self.decided.contains(experience) {
            self.decided.push(experience.clone());
        }
        let data = DataDescription::from(&stream.source);
        if self.data.sets.is_empty() {
            self.data = DataDescription { sets: Vec::new(), ..data.clone() };
        }
        // Samples that are taken in another way cannot be found again by the name of their set.
        let is_alike = (self.data.test_samples, self.data.normalize) == (data.test_samples, data.normalize);
        for test in &stream.tests {
            if test.experience.as_ref().is_some_and(|of| of != experience) {
                continue;
            }
            let set = test.set.filter(|_| is_alike).map(|set| self.set(&data.sets[set]));
            let described = TestDescription { set, ..TestDescription::from(test) };
            let order = test.order().map(|order| order.to_vec());
            if !self.tests.iter().any(|(known, of)| (known, of) == (&described, &order)) {
                self.tests.push((described, order));
            }
        }
    }

    /// Notes that the network is trained on these samples.
    pub fn see(&mut self, samples: &Subset) {
        let are_pixels = samples.views().iter().all(|view| view.samples.images().is_some());
        self.saw_pixels = Some(are_pixels && self.saw_pixels != Some(false));
    }

    /// What a sample of this shape is: one row of pixels becomes a column, so that it is known for pixels.
    pub fn shape(&self, shape: Shape, network: &Network) -> Shape {
        let is_row = shape == Shape::features(shape.width()) && network.config().channels.is_empty();
        if is_row && self.saw_pixels == Some(true) { Shape::grey(shape.width(), 1) } else { shape }
    }

    /// The place of a data set among those of the model.
    fn set(&mut self, set: &SetDescription) -> usize {
        let sets = &mut self.data.sets;
        sets.iter().position(|known| known == set).unwrap_or_else(|| {
            sets.push(set.clone());
            sets.len() - 1
        })
    }

    /// The model of a network with these tests, and one for each experience that it has learned besides.
    pub fn model(&self, trained: TrainedNetwork, mut settings: Settings) -> Model {
        let scenario = settings.tasks.scenario;
        if let Some((data, tasks)) = self.stream.clone() {
            (settings.data, settings.tasks) = (data, Tasks { scenario, ..tasks });
        } else if self.data.sets.is_empty() {
            settings.data.sets = vec![ARRAYS.into()];
            settings.tasks = Tasks { scenario, ..Tasks::default() };
        }
        let tests = self.tests.iter().map(|(test, order)| (test.clone(), order.as_deref().map(Arc::from)));
        Model::with_tests(trained, settings.to_json(), self.data.clone(), tests)
            .with_tests_of_learned(&self.decided)
    }
}
