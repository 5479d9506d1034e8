//! The file `model.safetensors`: everything needed to test a trained network, readable from any language.
//!
//! | tensor | dtype, shape | what |
//! |---|---|---|
//! | `layerL.hidden_weight` | F32 (out, in) | hidden weights W^h of layer L, counted from 1; W^b = sign(W^h) |
//! | the same of a convolution | F32 (out, in, kernel, kernel) | output and input channels, rows and columns of the kernel |
//! | `layerL.gamma`, `.beta`, `.mean`, `.variance` | F32 (out) | norm at the end of training |
//! | `taskT.layerL.gamma`, … | F32 (out) | norm at the end of the last training of experience T (scenario `task`) |
//! | `testT.permutation` | U32 (pixels) | pixel order of test T: input i is pixel `permutation[i]` of the image |
//! | `taskT.permutation` | U32 (pixels) | pixel order of experience T |
//!
//! What a rule keeps of synapses beside the hidden weight (importances, beakers) is not in it, nor are the optimizer's
//! moments: testing needs neither. A [`checkpoint`] has both.
//!
//! The metadata has one key, `metabnn`, a JSON object ([`Description`]) with the format's version, the program's version,
//! the image size, the resolved settings (with the geometry of convolutions: `network.channels`, `kernel`, `stride`,
//! `padding`, `pool`, ...), the data sets by names and digests, the experiences that were learned, in order, and the tests,
//! each with the [identity](ExperienceId) of its experience. Nothing in the file is executed on reading it.

pub mod checkpoint;
mod container;
mod description;
mod error;
pub(crate) mod tensors;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

pub use container::ContainerError;
pub(crate) use container::{Kind, Reader, Writer};
use description::FORMAT;
pub use description::{DataDescription, Description, ExperienceDescription, SetDescription, TestDescription};
pub use error::ModelError;
use serde_json::value::RawValue;
use tensors::order_name;

use crate::config::{self, ConfigError};
use crate::data::Shape;
use crate::engine::Engine;
use crate::evaluate::{LearnedExperience, TrainedNetwork};
use crate::network::{Network, NormState};
use crate::optim::OptimizerConfig;
use crate::rule::SynapticRule;
use crate::stream::{ExperienceId, Source, TaskStream};
use crate::train::{SavedSettings, Schedule, Trainer};

/// A trained network with all that testing it needs.
#[derive(Clone, Debug)]
pub struct Model {
    /// What describes it.
    pub description: Description,
    /// Pixel order of each test, where it has one; (pixels) each.
    pub permutations: Vec<Option<Arc<[u32]>>>,
    /// The network and its norm states.
    pub trained: TrainedNetwork,
}

impl Model {
    /// The model of a network with the tests of `stream`, whatever it has learned of it: a test whose experience it has not
    /// learned is tested with the present norm state. `settings` are what it was trained with, in JSON.
    pub fn new(trained: TrainedNetwork, settings: String, stream: &TaskStream) -> Self {
        let tests = stream.tests.iter().map(|test| (TestDescription::from(test), test.order().cloned()));
        let data = DataDescription::from(&stream.source);
        Self::with_tests(trained, settings, data, tests).for_shape(stream.shape)
    }

    /// The model of a network trained outside a stream. Its tests are any samples of each experience that it has learned, if
    /// it keeps a norm state or a pixel order of one; else any samples at all.
    pub fn without_stream(trained: TrainedNetwork, settings: String) -> Self {
        let data = DataDescription::from(&Source::default());
        Self::with_tests(trained, settings, data, []).with_tests_of_learned(&[])
    }

    /// The model of a network with these tests and their pixel orders.
    pub fn with_tests(
        trained: TrainedNetwork,
        settings: String,
        data: DataDescription,
        tests: impl IntoIterator<Item = (TestDescription, Option<Arc<[u32]>>)>,
    ) -> Self {
        let (tests, permutations) = tests.into_iter().unzip();
        let description = Description {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").into(),
            image: trained.network.shape(),
            // A caller's text that is no JSON is kept as a string.
            settings: RawValue::from_string(settings).unwrap_or_else(|error| {
                RawValue::from_string(format!("{:?}", error.to_string())).expect("a string")
            }),
            data,
            experiences: trained.learned.iter().map(ExperienceDescription::from).collect(),
            tests,
            is_upgraded: false,
        };
        Self { description, permutations, trained }
    }

    /// The same, with a test for every experience that it has learned, `but` for these, where it keeps a norm state or a pixel
    /// order of one and no test is of it; one test at least.
    #[must_use]
    pub fn with_tests_of_learned(mut self, but: &[ExperienceId]) -> Self {
        let Self { description, permutations, trained } = &mut self;
        let is_new = |experience: &&LearnedExperience| {
            let of_it = |test: &TestDescription| test.experience.as_ref() == Some(&experience.id);
            let keeps = experience.norms.is_some() || experience.order.is_some();
            keeps && !but.contains(&experience.id) && !description.tests.iter().any(of_it)
        };
        let new: Vec<_> = trained.learned.iter().filter(is_new).collect();
        for LearnedExperience { id, name, order, .. } in new {
            let (name, experience) = (name.clone(), Some(id.clone()));
            description.tests.push(TestDescription { name, experience, set: None, classes: None });
            permutations.push(order.clone());
        }
        if description.tests.is_empty() {
            let name = "samples".into();
            description.tests.push(TestDescription { name, experience: None, set: None, classes: None });
            permutations.push(None);
        }
        self
    }

    fn for_shape(mut self, shape: Shape) -> Self {
        self.description.image = shape;
        self
    }

    /// What it was trained with, in JSON.
    pub fn settings(&self) -> &str {
        self.description.settings.get()
    }

    /// The file's bytes: the same for the same model.
    ///
    /// # Errors
    /// [`ModelError::NotFinite`] if a hidden weight or norm is no finite number; [`ContainerError::Format`] if the library
    /// that writes the container refuses.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ModelError> {
        let mut writer = Writer::default();
        let TrainedNetwork { network, learned } = &self.trained;
        check_finite(network)?;
        tensors::write(&mut writer, network, learned);
        for (name, order) in self.orders() {
            writer.whole(name, order);
        }
        Ok(writer.finish(Kind::Model, &self.description)?)
    }

    /// Pixel orders, by the names of their tensors: those of the tests, then those of experiences that no test has.
    pub(crate) fn orders(&self) -> Vec<(String, &Arc<[u32]>)> {
        let tests = self.permutations.iter().enumerate();
        let mut orders: Vec<_> =
            tests.filter_map(|(test, order)| Some((permutation_name(test), order.as_ref()?))).collect();
        for (index, LearnedExperience { id, order, .. }) in self.trained.learned.iter().enumerate() {
            let Some(order) = order else { continue };
            if self.order_of_tests(id) != Some(order) {
                orders.push((order_name(index), order));
            }
        }
        orders
    }

    /// The pixel order of the tests of an experience.
    fn order_of_tests(&self, id: &ExperienceId) -> Option<&Arc<[u32]>> {
        let tests = self.description.tests.iter();
        let test = tests.clone().position(|test| test.experience.as_ref() == Some(id))?;
        self.permutations.get(test)?.as_ref()
    }

    /// Writes the file: beside its place first, then renamed, so that nothing half-written is ever there.
    ///
    /// # Errors
    /// [`ModelError::Write`] names the path.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), ModelError> {
        let (path, bytes) = (path.as_ref(), self.to_bytes()?);
        let write = || -> io::Result<()> {
            let mut beside = path.as_os_str().to_owned();
            beside.push(format!(".{}.partial", std::process::id()));
            let mut file = File::create_new(&beside)?;
            let written = file.write_all(&bytes).and_then(|()| file.sync_all());
            written.and_then(|()| fs::rename(&beside, path)).inspect_err(|_| _ = fs::remove_file(&beside))
        };
        write().map_err(|source| ModelError::Write { path: path.to_owned(), source })
    }

    /// Reads a model back from its file.
    ///
    /// # Errors
    /// [`ModelError::Read`] names the path; else as [`Model::from_bytes`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(|source| ModelError::Read { path: path.to_owned(), source })?;
        Self::from_bytes(&bytes)
    }

    /// Reads a model back from the bytes of its file.
    ///
    /// # Errors
    /// [`ModelError`] says what is missing, of the wrong shape, or not a finite number.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        Self::from_bytes_with(bytes, |_| Ok(())).map(|(model, ())| model)
    }

    /// [`Model::from_bytes`] for whoever knows more of the settings: `settings` is given their JSON before anything is made
    /// of them, and may refuse them.
    ///
    /// # Errors
    /// As [`Model::from_bytes`], and what `settings` says.
    pub fn from_bytes_with<S, E: From<ModelError>>(
        bytes: &[u8],
        settings: impl FnOnce(&str) -> Result<S, E>,
    ) -> Result<(Self, S), E> {
        let (file, description) = Description::open(bytes)?;
        let known = settings(description.settings.get())?;
        Ok((Self::read(&file, description)?, known))
    }

    fn read(file: &Reader<'_>, description: Description) -> Result<Self, ModelError> {
        let settings = read_settings(file, description.settings.get())?;
        let Description { image, experiences, tests, .. } = &description;
        let trained = tensors::read(file, &settings, *image, experiences)?;
        let orders = (0..tests.len()).map(|test| tensors::order(file, &permutation_name(test), *image));
        let permutations = orders.collect::<Result<_, _>>()?;
        let mut model = Self { permutations, trained, description };
        for index in 0..model.trained.learned.len() {
            let LearnedExperience { id, order, .. } = &model.trained.learned[index];
            if order.is_none() {
                model.trained.learned[index].order = model.order_of_tests(id).cloned();
            }
        }
        Ok(model)
    }
}

/// Whether every number of the network is one.
fn check_finite(network: &Network) -> Result<(), ModelError> {
    let weights = network.hidden_weights();
    let norms = network.layers.iter().flat_map(|layer| {
        let NormState { gamma, beta, mean, variance } = &layer.norm.state;
        [gamma, beta, mean, variance].into_iter().flatten().copied()
    });
    match weights.chain(norms).find(|value| !value.is_finite()) {
        Some(value) => Err(ModelError::NotFinite(value)),
        None => Ok(()),
    }
}

impl<R: SynapticRule, E: Engine> Trainer<R, E> {
    /// The model of the network as it is now, with the tests of `stream`.
    pub fn model(&self, stream: &TaskStream) -> Model {
        Model::new(self.trained(), self.settings().to_owned(), stream)
    }

    /// The model of the network as it is now, outside any stream.
    pub fn model_without_stream(&self) -> Model {
        Model::without_stream(self.trained(), self.settings().to_owned())
    }
}

/// From the settings of a file.
fn read_settings(file: &Reader<'_>, json: &str) -> Result<SavedSettings, ContainerError> {
    let settings: SavedSettings = serde_json::from_str(json).map_err(|error| file.problem(error))?;
    let section = |section: &str, checked: Result<(), ConfigError>| {
        checked.map_err(|error| file.problem(format!("{section}.{error}")))
    };
    section("optimizer", config::check(&settings.optimizer, OptimizerConfig::PARAMETERS, 0))?;
    section("schedule", config::check(&settings.schedule, Schedule::PARAMETERS, 0))?;
    Ok(settings)
}

pub(crate) fn permutation_name(test: usize) -> String {
    format!("test{}.permutation", test + 1)
}
