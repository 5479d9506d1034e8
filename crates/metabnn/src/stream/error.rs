//! Why data sets make no task stream.

use crate::memory::Shortage;

/// Why data sets make no task stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// More memory than this process may take.
    #[error(transparent)]
    Memory(#[from] Shortage),
    /// There are not enough samples for that many subsets.
    #[error("{count} subsets need at least {} training images of {set}, which has {samples}", count.saturating_mul(2))]
    TooFewSamples {
        /// Number of subsets asked for.
        count: usize,
        /// The data set.
        set: String,
        /// Its training samples in use.
        samples: usize,
    },
    /// A data set has fewer than two samples to learn or test on.
    #[error("{set}: {samples} {split} images in use; at least 2 are needed")]
    Empty {
        /// The data set.
        set: String,
        /// Which split.
        split: &'static str,
        /// Samples in use.
        samples: usize,
    },
    /// A class that the data set does not have.
    #[error("{set} has the classes 0 to {}, not {class}", classes - 1)]
    UnknownClass {
        /// The class asked for.
        class: u8,
        /// The data set.
        set: String,
        /// Number of its classes.
        classes: usize,
    },
    /// A class that stands in two groups.
    #[error("the class {class} stands twice in the groups of classes")]
    ClassTwice {
        /// The class.
        class: u8,
    },
    /// A group without a class.
    #[error("group {group} of the classes has none")]
    EmptyGroup {
        /// The group, counted from 1.
        group: usize,
    },
    /// A stream without a task.
    #[error("a stream of 0 tasks; at least 1 is needed")]
    NoTask,
    /// Another number of data sets than this kind of stream takes.
    #[error("a stream of the kind {kind:?} takes one data set, not {sets}")]
    Sets {
        /// The kind of stream.
        kind: &'static str,
        /// Number of data sets.
        sets: usize,
    },
    /// There are not enough classes for that many groups.
    #[error("{count} groups need at least {count} classes, and {set} has {classes}")]
    TooFewClasses {
        /// Number of groups asked for.
        count: usize,
        /// The data set.
        set: String,
        /// Number of its classes.
        classes: usize,
    },
    /// Two data sets that no one network takes.
    #[error("one network cannot take both {first} and {second}: {reason}")]
    Shapes {
        /// A data set, and what its samples are.
        first: String,
        /// Another data set, and what its samples are.
        second: String,
        /// Why these cannot be made alike.
        reason: &'static str,
    },
    /// Something that is not for this kind of samples.
    #[error("{what}: takes \"none\" with {set}, got {got:?}: {reason}")]
    NotForSamples {
        /// "normalize" or "augment".
        what: &'static str,
        /// What it has.
        got: &'static str,
        /// The data set.
        set: String,
        /// Why it does not go with the data set.
        reason: &'static str,
    },
}
