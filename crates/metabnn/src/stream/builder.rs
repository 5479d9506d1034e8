//! From data sets to a task stream.

use super::fit::{fit_to_one_shape, has_samples};
use super::{Augment, Source, StreamError, StreamKind, TaskStream};
use crate::data::{Dataset, Normalize};
use crate::memory;

/// A task stream before it is made: see [`permuted`](super::permuted) and its siblings.
#[derive(Clone, Debug)]
pub struct StreamBuilder {
    kind: StreamKind,
    sets: Vec<Dataset>,
    /// Permutations, subsets or groups of classes.
    count: usize,
    classes: Vec<Vec<u8>>,
    seed: u64,
    train_samples: usize,
    test_samples: usize,
    normalize: Normalize,
    augment: Augment,
}

/// Bytes of a task without its samples, at least.
const TASK: u64 = 512;

/// What a kind of stream is made of: data sets of one shape, each with at least two samples to learn and to test.
pub(super) struct Sources {
    pub(super) sets: Vec<Dataset>,
    pub(super) count: usize,
    pub(super) classes: Vec<Vec<u8>>,
    pub(super) seed: u64,
}

impl StreamBuilder {
    /// A stream of this kind over `sets`, seed 0, all samples as they are.
    pub fn new(kind: StreamKind, sets: &[Dataset]) -> Self {
        Self {
            kind,
            sets: sets.to_vec(),
            count: sets.len(),
            classes: Vec::new(),
            seed: 0,
            train_samples: 0,
            test_samples: 0,
            normalize: Normalize::None,
            augment: Augment::None,
        }
    }

    /// The number of permutations, subsets or groups of classes; a sequence has one task per data set.
    #[must_use]
    pub fn count(self, count: usize) -> Self {
        Self { count, ..self }
    }

    /// The groups of classes that are learned one after the other; none: as many groups of consecutive classes as the
    /// count says.
    #[must_use]
    pub fn classes(self, classes: &[Vec<u8>]) -> Self {
        Self { classes: classes.to_vec(), ..self }
    }

    /// The seed of permutations and subsets.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Takes the first `count` training samples of each set alone; 0: all.
    #[must_use]
    pub fn train_samples(self, count: usize) -> Self {
        Self { train_samples: count, ..self }
    }

    /// Takes the first `count` test samples of each set alone; 0: all.
    #[must_use]
    pub fn test_samples(self, count: usize) -> Self {
        Self { test_samples: count, ..self }
    }

    /// What is done with features before a network sees them.
    #[must_use]
    pub fn normalize(self, normalize: Normalize) -> Self {
        Self { normalize, ..self }
    }

    /// How the images are going to be changed each time they are shown: refused where that cannot be.
    #[must_use]
    pub fn augment(self, augment: Augment) -> Self {
        Self { augment, ..self }
    }

    /// The stream. Images are padded with black to the largest rows and columns of all sets.
    ///
    /// # Errors
    /// [`StreamError`] where there are too few samples, data sets do not fit each other, or what was asked for does not
    /// fit the data.
    pub fn build(self) -> Result<TaskStream, StreamError> {
        let traits = self.kind.traits();
        if self.sets.is_empty() || (self.sets.len() > 1 && !traits.takes_many_sets) {
            return Err(StreamError::Sets { kind: self.kind.name(), sets: self.sets.len() });
        }
        if self.count == 0 {
            return Err(StreamError::NoTask);
        }
        let samples = (self.train_samples, self.test_samples);
        let sets = fit_to_one_shape(&self.sets, samples, self.normalize, self.augment)?;
        let source = Source { sets: self.sets, test_samples: self.test_samples, normalize: self.normalize };
        sets.iter().try_for_each(has_samples)?;
        let shape = sets[0].train.shape();
        let classes = sets.iter().map(|set| set.train.classes()).max().unwrap_or(0);
        // A task is some names and its samples' places, and perhaps the order of their values.
        let order = if traits.permutes { 4 * shape.width() as u64 } else { 0 };
        let takes = (self.count as u64).saturating_mul(order + TASK);
        memory::check(takes, || format!("a stream of {} tasks", self.count))?;
        let sources = Sources { sets, count: self.count, classes: self.classes, seed: self.seed };
        let (experiences, tests) = self.kind.make(&sources)?;
        Ok(TaskStream { experiences, tests, shape, classes, source })
    }
}
