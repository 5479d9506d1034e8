//! Models of runs: a network's file with the settings of the run that it is of.

use metabnn::data::{Dataset, Shape};
use metabnn::evaluate::Score;
use metabnn::memory::{self, Shortage};
use metabnn::model::{DataDescription, Description, Model, ModelError, SetDescription, TestDescription};
use metabnn::stream::{StreamError, Subset, Test, View, group_classes};
use metabnn_infer::packed::is_packed;

use crate::recipe::RecipeErrors;
use crate::recipe::settings::{Settings, Statistics};
use crate::words;

/// The model of a run.
#[derive(Clone, Debug)]
pub struct SavedRun {
    /// The network, its norm states and its tests.
    pub model: Model,
    /// What it was trained with.
    pub settings: Settings,
}

/// Means and variances to test with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestStatistics {
    /// Of the test batch itself.
    Batch,
    /// Those that training kept, running averages or recalibrated ones.
    Kept,
}

/// Why bytes are no model of a run, or the model does not take some samples.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavedError {
    /// More memory than this process may take.
    #[error(transparent)]
    Memory(#[from] Shortage),
    /// The file is not one, or not whole.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It is a packed model.
    #[error(
        "a packed model, for devices, which holds neither hidden weights nor tests; the model.safetensors that it was made from \
         has them"
    )]
    Packed,
    /// It has a setting that this version does not know.
    #[error(
        "the model has a setting that this version ({version}) does not know: {name}; a later one may have written it",
        version = env!("CARGO_PKG_VERSION")
    )]
    UnknownSetting {
        /// The setting.
        name: String,
    },
    /// Its settings are none that a recipe could have given.
    #[error("not a metabnn model: {0}")]
    Settings(String),
    /// Images that the model cannot take.
    #[error("the images of {set} have {got}; the model takes {takes}")]
    Images {
        /// The data set.
        set: String,
        /// Its images.
        got: String,
        /// What fits.
        takes: String,
    },
    /// The model was trained on classes that the data set does not have.
    #[error("{}", words::of_stream_error(.0))]
    Classes(StreamError),
    /// The model was trained on samples of somebody's own.
    #[error("the model was trained on arrays ({takes}), which have no name to find them by")]
    Arrays {
        /// What fits.
        takes: String,
    },
    /// The data set of this name is not the one that the model was trained on.
    #[error("the model was trained on another {set}: its digest is {there}, that of the one here {here}")]
    OtherData {
        /// The data set.
        set: String,
        /// The digest of the model's.
        there: String,
        /// The digest of the one at hand.
        here: String,
    },
    /// The file is of a layout that did not say what it was trained on.
    #[error(
        "the model's file is of layout 1, which does not say for sure what it was trained on; its settings name {set}"
    )]
    Unsure {
        /// The data set that the settings name.
        set: String,
    },
}

impl From<StreamError> for SavedError {
    fn from(error: StreamError) -> Self {
        Self::Classes(error)
    }
}

impl From<RecipeErrors> for SavedError {
    fn from(errors: RecipeErrors) -> Self {
        Self::Settings(errors.to_string())
    }
}

impl SavedRun {
    /// Reads the model of a run from the bytes of its file.
    ///
    /// # Errors
    /// [`SavedError`] says what is missing, of the wrong shape, not a finite number, or no setting.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SavedError> {
        if is_packed(bytes) {
            return Err(SavedError::Packed);
        }
        let (model, settings) = Model::from_bytes_with(bytes, read_settings)?;
        Self { model, settings }.upgraded()
    }

    /// The run that a model is of.
    ///
    /// # Errors
    /// [`SavedError::Settings`] if its settings are none that a recipe could have given.
    pub fn new(model: Model) -> Result<Self, SavedError> {
        let settings = read_settings(model.settings())?;
        Self { model, settings }.upgraded()
    }

    /// With what the settings say of the data, where the file is of the first layout.
    fn upgraded(mut self) -> Result<Self, SavedError> {
        let Self { model: Model { description, trained, .. }, settings } = &mut self;
        if !description.is_upgraded {
            return Ok(self);
        }
        let Settings { data, tasks, .. } = settings;
        let groups = match tasks.stream.traits().groups_classes {
            true => {
                let set = data.sets.first().map_or("", |name| name);
                group_classes(&tasks.classes, tasks.count, set, trained.network.classes())?
            }
            false => Vec::new(),
        };
        for (index, test) in description.tests.iter_mut().enumerate() {
            let own = data.sets.iter().position(|name| *name == test.name);
            (test.set, test.classes) = (own.or(Some(0)), groups.get(index).cloned());
        }
        let set = |name: &String| SetDescription { name: name.clone(), digest: None };
        description.data = DataDescription {
            sets: data.sets.iter().map(set).collect(),
            test_samples: data.test_images,
            normalize: data.normalise,
        };
        Ok(self)
    }

    /// Tests with these means and variances from now on, and in batches of this size; `kept` are those that training
    /// kept, running averages or recalibrated ones.
    ///
    /// # Errors
    /// What does not fit the model's other settings.
    pub fn test_with(
        &mut self,
        statistics: Option<TestStatistics>,
        batch: Option<usize>,
    ) -> Result<(), RecipeErrors> {
        let Settings { norm, schedule, .. } = &mut self.settings;
        match statistics {
            Some(TestStatistics::Batch) => norm.statistics = Statistics::Batch,
            // Which ones they are was decided in training.
            Some(TestStatistics::Kept) if norm.statistics == Statistics::Batch => {
                norm.statistics = Statistics::Running;
            }
            Some(TestStatistics::Kept) | None => {}
        }
        schedule.test_batch = batch.unwrap_or(schedule.test_batch);
        self.settings.check()?;
        self.model.trained.network.set_statistics(self.settings.norm.statistics);
        Ok(())
    }

    /// Accuracy and loss on a test, in batches of the settings' size.
    pub fn evaluate(&self, test: &Test) -> Score {
        let (samples, experience) = (&test.samples, test.experience.as_ref());
        self.model.trained.evaluate(samples, experience, self.settings.schedule.test_batch)
    }

    /// The tests of its run, in order, over the data sets that it was trained on, which `load` gets by name.
    ///
    /// # Errors
    /// What `load` says; [`SavedError::Arrays`], [`SavedError::OtherData`] and [`SavedError::Unsure`] where it is not known
    /// that they are the same.
    pub fn tests<E: From<SavedError>>(
        &self,
        load: impl Fn(&str) -> Result<Dataset, E>,
    ) -> Result<Vec<Test>, E> {
        let sets = &self.model.description.data.sets;
        if sets.is_empty() {
            return Err(SavedError::Arrays { takes: self.takes() }.into());
        }
        let mut found: Vec<Dataset> = Vec::new();
        for SetDescription { name: set, digest } in sets {
            if let Some(known) = found.iter().find(|known| known.name == *set) {
                found.push(known.clone());
                continue;
            }
            let Some(there) = digest.clone() else {
                return Err(SavedError::Unsure { set: set.clone() }.into());
            };
            let here = load(set)?;
            if here.digest() != there {
                let (set, here) = (set.clone(), here.digest());
                return Err(SavedError::OtherData { set, there, here }.into());
            }
            found.push(Dataset { name: set.clone(), ..here });
        }
        let tests = self.model.description.tests.iter().enumerate();
        let on_own = |(index, test): (usize, &TestDescription)| {
            let set = test.set.and_then(|set| found.get(set));
            let set = set.ok_or_else(|| SavedError::Arrays { takes: self.takes() })?;
            Ok(self.test_on(index, set)?)
        };
        tests.map(on_own).collect()
    }

    /// The tests of its run over the test samples of `set`, whatever it was trained on. If it was trained on that set among
    /// others, those of it alone.
    ///
    /// # Errors
    /// [`SavedError::Images`] if the samples are larger than the model takes or have more classes;
    /// [`SavedError::Classes`] if they have none of the classes that a test is of.
    pub fn tests_on(&self, set: &Dataset) -> Result<Vec<Test>, SavedError> {
        let Description { tests, data, .. } = &self.model.description;
        let is_of_set = |test: &TestDescription| {
            test.set.and_then(|of| data.sets.get(of)).is_some_and(|of| of.name == set.name)
        };
        let is_own = tests.iter().any(is_of_set);
        let chosen = (0..tests.len()).filter(|&index| !is_own || is_of_set(&tests[index]));
        chosen.map(|index| self.test_on(index, set)).collect()
    }

    /// The test at this index, over the test samples of `set`.
    fn test_on(&self, index: usize, set: &Dataset) -> Result<Test, SavedError> {
        let Model { description, permutations, trained } = &self.model;
        let (image, classes) = (description.image, trained.network.classes());
        let (samples, shape) = (&set.test, set.test.shape());
        let fits = match samples.images() {
            Some(_) => {
                shape.channels == image.channels && shape.rows <= image.rows && shape.columns <= image.columns
            }
            None => shape == image,
        };
        if !fits || samples.classes() > classes {
            let got = format!("{}, {} classes", samples.describe(), samples.classes());
            return Err(SavedError::Images { set: set.name.clone(), got, takes: self.takes() });
        }
        let DataDescription { test_samples, normalize, .. } = description.data;
        let samples = samples.fitted(test_samples, image, normalize);
        let TestDescription { name, experience, set: of, classes } = description.tests[index].clone();
        let mut view = match &classes {
            Some(group) => {
                group_classes(std::slice::from_ref(group), 1, &set.name, samples.classes())?;
                View::of_classes(&samples, group)
            }
            None => View::all(samples),
        };
        view.permutation.clone_from(&permutations[index]);
        let samples = Subset::new(vec![view]);
        self.check_memory(samples.len())?;
        Ok(Test { name, samples, experience, set: of, classes })
    }

    /// Whether this process can take a test on so many samples, in batches of the settings' size.
    fn check_memory(&self, samples: usize) -> Result<(), Shortage> {
        let (network, batch) = (&self.model.trained.network, self.settings.schedule.test_batch);
        let threads = network.machine().pool.threads().min(samples.div_ceil(batch.max(1)));
        let takes = network.memory_needed().inference(batch.min(samples), threads);
        memory::check(takes, || format!("a test of {samples} samples in batches of {}", batch.min(samples)))
    }

    /// What its samples are.
    fn takes(&self) -> String {
        let Model { description, trained, .. } = &self.model;
        format!("{}, {} classes", describe(description.image), trained.network.classes())
    }
}

/// Settings from their JSON, if a recipe could have given them.
fn read_settings(json: &str) -> Result<Settings, SavedError> {
    let failed = |error: serde_json::Error| {
        let text = error.to_string();
        let unknown = text.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`'));
        unknown.map_or(SavedError::Settings(text.clone()), |(name, _)| SavedError::UnknownSetting {
            name: name.into(),
        })
    };
    let settings: Settings = serde_json::from_str(json).map_err(failed)?;
    settings.check()?;
    Ok(settings)
}

/// What a model of this shape takes; one row is what features are.
fn describe(shape: Shape) -> String {
    match shape {
        Shape { channels: 1, rows: 1, columns } => format!("{columns} features"),
        shape => format!("{shape} pixels"),
    }
}
