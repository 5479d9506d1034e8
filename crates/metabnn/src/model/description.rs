//! What a model file says of itself, and how that of the first layout becomes it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::container::{ContainerError, Reader};
use super::{Kind, ModelError};
use crate::data::{Normalize, Shape};
use crate::evaluate::LearnedExperience;
use crate::stream::{ExperienceId, Source, Test};

/// Version of the file's layout.
pub(super) const FORMAT: u32 = 2;

/// The metadata of a model file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Description {
    /// Version of the file's layout.
    pub format: u32,
    /// Version of the program that wrote it.
    pub version: String,
    /// Channels, rows and columns of the samples it takes.
    pub image: Shape,
    /// The settings it was trained with, as JSON: at least [`SavedSettings`](crate::train::SavedSettings).
    pub settings: Box<RawValue>,
    /// What its samples were taken from.
    pub data: DataDescription,
    /// What it has learned, in the order in which each experience was learned first.
    pub experiences: Vec<ExperienceDescription>,
    /// The tests that it is judged by, in order.
    pub tests: Vec<TestDescription>,
    /// Whether it comes from a file of the first layout, which did not say what its samples were taken from.
    #[serde(skip)]
    pub is_upgraded: bool,
}

/// What the samples of a model were taken from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataDescription {
    /// The data sets; none if it was trained on samples of somebody's own.
    pub sets: Vec<SetDescription>,
    /// Test samples that were taken of each set; 0: all.
    pub test_samples: usize,
    /// What was done with features.
    pub normalize: Normalize,
}

/// A data set that a model was trained on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetDescription {
    /// Its name.
    pub name: String,
    /// See [`Dataset::digest`](crate::data::Dataset::digest); `None` if the file is of a layout that did not say.
    pub digest: Option<String>,
}

/// An experience that a model has learned: experience T of the file, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExperienceDescription {
    /// What it is made of.
    pub id: ExperienceId,
    /// Its name.
    pub name: String,
    /// The trainings in which it was learned, counted from 1 over all experiences.
    pub trainings: Vec<usize>,
    /// Whether its norm states are in the file.
    pub has_norms: bool,
}

/// A test that a model is judged by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestDescription {
    /// Its name.
    pub name: String,
    /// The experience whose norm state it is tested with, where that was learned; `None`: none in particular.
    pub experience: Option<ExperienceId>,
    /// The data set that its samples are of, counted from 0.
    pub set: Option<usize>,
    /// The classes of that set that it is of; `None`: all.
    pub classes: Option<Vec<u8>>,
}

impl From<&Source> for DataDescription {
    fn from(source: &Source) -> Self {
        let Source { sets, test_samples, normalize } = source;
        let mut described: Vec<SetDescription> = Vec::new();
        for set in sets {
            described.push(SetDescription { name: set.name.clone(), digest: Some(set.digest()) });
        }
        Self { sets: described, test_samples: *test_samples, normalize: *normalize }
    }
}

impl From<&LearnedExperience> for ExperienceDescription {
    fn from(learned: &LearnedExperience) -> Self {
        let LearnedExperience { id, name, trainings, norms, .. } = learned.clone();
        Self { id, name, trainings, has_norms: norms.is_some() }
    }
}

impl From<&Test> for TestDescription {
    fn from(test: &Test) -> Self {
        let Test { name, experience, set, classes, .. } = test.clone();
        Self { name, experience, set, classes }
    }
}

/// All that is read first.
#[derive(Deserialize)]
struct Header {
    format: u32,
}

/// The first layout: experiences have numbers there, and nothing says what its samples were.
#[derive(Deserialize)]
struct First {
    version: String,
    image: Shape,
    settings: Box<RawValue>,
    tests: Vec<FirstTest>,
    /// Number of experiences whose norm states are kept.
    remembered: usize,
}

#[derive(Deserialize)]
struct FirstTest {
    name: String,
    /// The experience, counted from 0, whose norm state it is tested with.
    phase: Option<usize>,
}

impl Description {
    /// That of a file, whatever its layout; that of the first one becomes this one's.
    pub(super) fn open(bytes: &[u8]) -> Result<(Reader<'_>, Self), ModelError> {
        let (file, Header { format }) = Reader::open(Kind::Model, bytes)?;
        let description: Self = match format {
            1 => Reader::open::<First>(Kind::Model, bytes)?.1.upgraded(&file)?,
            FORMAT => Reader::open(Kind::Model, bytes)?.1,
            _ => {
                let problem = format!("its layout is version {format}, this program reads 1 and {FORMAT}");
                return Err(file.problem(problem).into());
            }
        };
        description.check().map_err(|problem| file.problem(problem))?;
        Ok((file, description))
    }

    fn check(&self) -> Result<(), String> {
        if self.tests.is_empty() {
            return Err("it names no test".into());
        }
        let sets = self.data.sets.len();
        match self.tests.iter().find(|test| test.set.is_some_and(|set| set >= sets)) {
            Some(test) => Err(format!("the test {:?} is of another data set than its {sets}", test.name)),
            None => Ok(()),
        }
    }
}

impl First {
    fn upgraded(self, file: &Reader<'_>) -> Result<Description, ContainerError> {
        let Self { version, image, settings, tests, remembered } = self;
        // A number from a file: no list is made of it before its tensors are found.
        let is_kept = |task: usize| file.get(&format!("task{task}.layer1.gamma")).map(|_| ());
        if let Some(last) = (remembered > 0).then_some(remembered) {
            is_kept(last)?;
        }
        let experience = |number: usize| ExperienceDescription {
            id: ExperienceId::numbered(number),
            name: format!("experience {number}"),
            trainings: vec![number],
            has_norms: true,
        };
        let mut experiences: Vec<_> = (1..=remembered).map(experience).collect();
        let mut described = Vec::new();
        for FirstTest { name, phase } in tests {
            if let Some(experience) = phase.and_then(|index| experiences.get_mut(index)) {
                experience.name.clone_from(&name);
            }
            let experience = phase.map(|index| ExperienceId::numbered(index.saturating_add(1)));
            described.push(TestDescription { name, experience, set: None, classes: None });
        }
        let data = DataDescription { sets: Vec::new(), test_samples: 0, normalize: Normalize::None };
        let (format, tests) = (FORMAT, described);
        Ok(Description { format, version, image, settings, data, experiences, tests, is_upgraded: true })
    }
}
