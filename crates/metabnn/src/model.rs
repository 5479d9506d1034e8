//! The file `model.safetensors`: everything needed to test a trained network, readable from any language.
//!
//! | tensor | dtype, shape | what |
//! |---|---|---|
//! | `layerL.hidden_weight` | F32 (out, in) | hidden weights W^h of layer L, counted from 1; W^b = sign(W^h) |
//! | the same of a convolution | F32 (out, in, kernel, kernel) | output and input channels, rows and columns of the kernel |
//! | `layerL.gamma`, `.beta`, `.mean`, `.variance` | F32 (out) | batch norm at the end of training |
//! | `taskT.layerL.gamma`, … | F32 (out) | batch norm at the end of task T (scenario `task`) |
//! | `testT.permutation` | U32 (pixels) | pixel order of test T: input i is pixel `permutation[i]` of the image |
//!
//! What a rule keeps of synapses beside the hidden weight (importances, beakers) is not in it, nor are the optimizer's
//! moments: testing needs neither. A [`checkpoint`](crate::checkpoint) has both.
//!
//! The metadata has one key, `metabnn`, a JSON object with the format's version, the program's version, the image
//! size, the resolved settings (with the geometry of convolutions: `network.channels`, `kernel`, `stride`, `padding`,
//! `pool`, ...) and the tests' names. Nothing in the file is executed on reading it.

mod error;
pub(crate) mod knowledge;

use std::sync::Arc;

pub use error::ModelError;
use serde::{Deserialize, Serialize};

pub use crate::container::ContainerError;
use crate::container::{Kind, Reader, Writer};
use crate::data::{self, Dataset};
use crate::evaluate::Knowledge;
use crate::recipe::settings::{Scenario, Settings, Stream};
use crate::tasks::{Split, TaskStream, Test, View, groups};
use crate::train::Learner;

/// Version of the file's layout.
const FORMAT: u32 = 1;

/// A trained network with all that testing it needs.
#[derive(Clone, Debug)]
pub struct Model {
    /// What describes it.
    pub description: Description,
    /// Pixel order of each test, where it has one; (pixels) each.
    pub permutations: Vec<Option<Vec<u32>>>,
    /// The network and its batch-norm states.
    pub knowledge: Knowledge,
}

/// The metadata of a model file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Version of the file's layout.
    pub format: u32,
    /// Version of the program that wrote it.
    pub version: String,
    /// Channels, rows and columns of the samples it takes.
    pub image: data::Shape,
    /// The settings it was trained with.
    pub settings: Settings,
    /// The tests of its run, in order.
    pub tests: Vec<TestDescription>,
    /// Number of tasks whose batch-norm states are kept.
    pub remembered: usize,
}

/// A test that a model was judged by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestDescription {
    /// Its name.
    pub name: String,
    /// The task, counted from 0, whose batch-norm state it is tested with; `None`: the last one.
    pub phase: Option<usize>,
}

impl Model {
    /// The model of a run on `stream`, finished or not: a test whose task is still to come is tested with the last
    /// batch-norm state.
    pub fn new(knowledge: Knowledge, settings: &Settings, stream: &TaskStream) -> Self {
        let mut permutations = vec![None; stream.tests.len()];
        stream.permutations().for_each(|(test, order)| permutations[test] = Some(order.to_vec()));
        let (told, learned) = (settings.tasks.scenario == Scenario::Task, knowledge.remembered.len());
        let of = |test: &Test| TestDescription {
            name: test.name.clone(),
            phase: test.phase.filter(|&phase| !told || phase < learned),
        };
        let description = Description {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").into(),
            image: stream.image,
            settings: settings.clone(),
            tests: stream.tests.iter().map(of).collect(),
            remembered: knowledge.remembered.len(),
        };
        Self { description, permutations, knowledge }
    }

    /// The model of a network trained outside a stream of tasks, as `learner` has it now; its one test is any samples.
    pub fn of(learner: &Learner) -> Self {
        let test = Test { name: "samples".into(), images: Split::new(Vec::new()), phase: None };
        let (phases, tests, image, classes) = (Vec::new(), vec![test], learner.image(), learner.classes());
        let stream = TaskStream { phases, tests, image, classes };
        Self::new(learner.state().knowledge.clone(), learner.settings(), &stream)
    }

    /// The tests of its run, over the test images of `set`. In a sequence of data sets, the test of that set alone
    /// if it was one of them.
    ///
    /// # Errors
    /// [`ModelError::Images`] if the images are larger than the model takes or have more classes;
    /// [`ModelError::Classes`] if they have none of the classes that a test is of.
    pub fn tests_on(&self, set: &Dataset) -> Result<Vec<Test>, ModelError> {
        let Description { image, settings, tests, .. } = &self.description;
        let classes = self.knowledge.network.layers.last().map_or(0, |layer| layer.linear.outputs());
        let (samples, shape) = (&set.test, set.test.shape());
        let fits = match samples.images() {
            Some(_) => {
                shape.channels == image.channels && shape.rows <= image.rows && shape.columns <= image.columns
            }
            None => shape == *image,
        };
        if !fits || samples.classes() > classes {
            return Err(ModelError::Images {
                set: set.name.clone(),
                got: format!("{}, {} classes", samples.describe(), samples.classes()),
                takes: format!("{}, {classes} classes", describe(*image)),
            });
        }
        let samples = samples.fitted(settings.data.test_images, *image, settings.data.normalise);
        let groups = match settings.tasks.stream {
            Stream::Classes => groups(&settings.tasks, &set.name, samples.classes())?,
            _ => Vec::new(),
        };
        let own = tests.iter().any(|test| test.name == set.name);
        let chosen = tests.iter().zip(&self.permutations).enumerate();
        let chosen = chosen.filter(|(_, (test, _))| !own || test.name == set.name);
        let test = |(index, (test, permutation)): (usize, (&TestDescription, &Option<Vec<u32>>))| {
            let mut view = match groups.get(index) {
                Some(group) => View::of_classes(&samples, group),
                None => View::all(samples.clone()),
            };
            view.permutation = permutation.as_ref().map(|order| Arc::from(order.as_slice()));
            Test { name: test.name.clone(), images: Split::new(vec![view]), phase: test.phase }
        };
        Ok(chosen.map(test).collect())
    }

    /// The file's bytes: the same for the same model.
    ///
    /// # Errors
    /// [`ContainerError::Format`] if the library that writes the container refuses.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ModelError> {
        let mut writer = Writer::default();
        knowledge::write(&mut writer, &self.knowledge);
        for (test, permutation) in self.permutations.iter().enumerate() {
            if let Some(order) = permutation {
                writer.whole(permutation_name(test), order);
            }
        }
        Ok(writer.finish(Kind::Model, &self.description)?)
    }

    /// Reads a model back from the bytes of its file.
    ///
    /// # Errors
    /// [`ModelError`] says what is missing, of the wrong shape, or not a finite number.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let (file, description): (_, Description) = Reader::open(Kind::Model, bytes)?;
        if description.format != FORMAT {
            let format = description.format;
            let problem = format!("its layout is version {format}, this program reads {FORMAT}");
            return Err(file.problem(problem).into());
        }
        description.check()?;
        let Description { image, settings, remembered, .. } = &description;
        let knowledge = knowledge::read(&file, settings, *image, *remembered)?;
        Ok(Self { permutations: permutations(&file, &description)?, knowledge, description })
    }
}

/// What a model of this shape takes; one row is what features are.
fn describe(shape: data::Shape) -> String {
    match shape {
        data::Shape { channels: 1, rows: 1, columns } => format!("{columns} features"),
        shape => format!("{shape} pixels"),
    }
}

pub(crate) fn permutation_name(test: usize) -> String {
    format!("test{}.permutation", test + 1)
}

impl Description {
    /// Settings that a recipe could have given, at least one test, and its batch-norm state for each.
    fn check(&self) -> Result<(), ModelError> {
        let problem = |problem: String| Err(Kind::Model.problem(problem).into());
        if let Err(errors) = self.settings.check() {
            return problem(errors.to_string());
        }
        if self.tests.is_empty() {
            return problem("it names no test".into());
        }
        let states = self.remembered;
        let forgotten = |test: &&TestDescription| test.phase.is_some_and(|phase| phase >= states);
        match self.tests.iter().find(forgotten) {
            Some(TestDescription { name, .. }) if self.settings.tasks.scenario == Scenario::Task => {
                problem(format!("it keeps the batch norm of {states} tasks, not that of the test {name:?}"))
            }
            _ => Ok(()),
        }
    }
}

/// The pixel order of each test, where it has one.
fn permutations(file: &Reader<'_>, description: &Description) -> Result<Vec<Option<Vec<u32>>>, ModelError> {
    let pixels = description.image.width();
    let read = |test: usize| {
        let name = permutation_name(test);
        if file.get(&name).is_err() {
            return Ok(None);
        }
        let order = file.whole(&name, pixels)?;
        let mut seen = order.clone();
        seen.sort_unstable();
        match seen.iter().enumerate().all(|(i, &pixel)| i as u32 == pixel) {
            true => Ok(Some(order)),
            false => Err(ModelError::NoPermutation(name)),
        }
    };
    (0..description.tests.len()).map(read).collect()
}
