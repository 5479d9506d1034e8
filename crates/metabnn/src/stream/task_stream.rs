//! A task stream: experiences to learn one after the other, and the tests that judge the network all along.

use std::sync::Arc;

use super::ExperienceId;
use super::subset::{Subset, batches};
use crate::data::{Dataset, Normalize, Shape};

/// Experiences to learn, one after the other, and the tests that judge the network all along.
#[derive(Clone, Debug)]
pub struct TaskStream {
    /// What is learned, in order.
    pub experiences: Vec<Experience>,
    /// The tests: the columns of the accuracy matrix.
    pub tests: Vec<Test>,
    /// Channels, rows and columns of a sample; their product is the network's input width.
    pub shape: Shape,
    /// Classes: the network's output width.
    pub classes: usize,
    /// What its samples are taken from.
    pub source: Source,
}

/// What the samples of a stream are taken from; of samples of one's own there are no data sets.
#[derive(Clone, Debug)]
pub struct Source {
    /// The data sets, as they were before they were made ready for one network.
    pub sets: Vec<Dataset>,
    /// Test samples that are taken of each set; 0: all.
    pub test_samples: usize,
    /// What was done with features.
    pub normalize: Normalize,
}

impl Default for Source {
    fn default() -> Self {
        Self { sets: Vec::new(), test_samples: 0, normalize: Normalize::None }
    }
}

/// A unit of a stream: samples that are learned together.
#[derive(Clone, Debug)]
pub struct Experience {
    /// Its name: "permutation 1", "mnist", "classes 0-4".
    pub name: String,
    /// Its training samples.
    pub samples: Subset,
}

/// Samples to be tested on.
#[derive(Clone, Debug)]
pub struct Test {
    /// Name of the task they belong to.
    pub name: String,
    /// The samples.
    pub samples: Subset,
    /// The experience in which the task of these samples is learned, if there is exactly one: its norm state is theirs
    /// where the task is told.
    pub experience: Option<ExperienceId>,
    /// The data set among those of the stream's source that they are of, if they are.
    pub set: Option<usize>,
    /// The classes that they are of, where those are not all of the set's.
    pub classes: Option<Vec<u8>>,
}

impl Experience {
    /// What it is made of: see [`ExperienceId`].
    pub fn id(&self) -> ExperienceId {
        ExperienceId::new(&self.samples)
    }
}

impl Test {
    /// A test of samples of no data set in particular.
    pub fn new(name: impl Into<String>, samples: Subset, experience: Option<ExperienceId>) -> Self {
        Self { name: name.into(), samples, experience, set: None, classes: None }
    }

    /// Its pixel order, where it has one.
    pub fn order(&self) -> Option<&Arc<[u32]>> {
        self.samples.views().first()?.permutation.as_ref()
    }
}

impl TaskStream {
    /// The training samples of all experiences together.
    pub fn all_training(&self) -> Subset {
        let views = self.experiences.iter().flat_map(|experience| experience.samples.views());
        Subset::new(views.cloned().collect())
    }

    /// Training steps over all experiences, in batches of so many samples for so many epochs.
    pub fn steps(&self, batch: usize, epochs: usize) -> u64 {
        let lengths = self.experiences.iter().map(|experience| experience.samples.len());
        lengths.map(|length| batches(length, batch).len() as u64).sum::<u64>() * epochs as u64
    }

    /// The pixel permutation of each test that has one, for keeping beside the model.
    pub fn permutations(&self) -> impl Iterator<Item = (usize, &Arc<[u32]>)> {
        let tests = self.tests.iter().enumerate();
        tests.filter_map(|(index, test)| Some((index, test.order()?)))
    }

    /// The test that belongs to this experience: a column of the accuracy matrix, counted from 0; `None` if there is
    /// none, or more than one.
    pub fn column(&self, experience: &ExperienceId) -> Option<usize> {
        let mut own =
            (0..self.tests.len()).filter(|&test| self.tests[test].experience.as_ref() == Some(experience));
        own.next().filter(|_| own.next().is_none())
    }
}

impl<'a> IntoIterator for &'a TaskStream {
    type Item = &'a Experience;
    type IntoIter = std::slice::Iter<'a, Experience>;

    fn into_iter(self) -> Self::IntoIter {
        self.experiences.iter()
    }
}

/// What a trainer learns: samples, and the name of the experience that they are, where it has one.
pub trait Learnable {
    /// The samples.
    fn samples(&self) -> &Subset;

    /// The experience's name.
    fn name(&self) -> Option<&str>;
}

impl Learnable for Subset {
    fn samples(&self) -> &Subset {
        self
    }

    fn name(&self) -> Option<&str> {
        None
    }
}

impl Learnable for Experience {
    fn samples(&self) -> &Subset {
        &self.samples
    }

    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }
}

impl<T: Learnable> Learnable for &T {
    fn samples(&self) -> &Subset {
        T::samples(self)
    }

    fn name(&self) -> Option<&str> {
        T::name(self)
    }
}

impl AsRef<Subset> for Experience {
    fn as_ref(&self) -> &Subset {
        &self.samples
    }
}

#[cfg(test)]
mod tests;
