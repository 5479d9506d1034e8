//! Why data and settings make no task stream.

/// Why data and settings make no task stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// There are not enough images for that many subsets.
    #[error("tasks.count = {count} subsets need at least {} training images of {set}, which has {images}", 2 * count)]
    TooFewImages {
        /// Number of subsets asked for.
        count: usize,
        /// The data set.
        set: String,
        /// Its training images in use.
        images: usize,
    },
    /// A data set has fewer than two images to train or test on.
    #[error("{set}: {images} {split} images in use; at least 2 are needed")]
    Empty {
        /// The data set.
        set: String,
        /// Which split.
        split: &'static str,
        /// Images in use.
        images: usize,
    },
    /// A class that the data set does not have.
    #[error("tasks.classes: {set} has the classes 0 to {}, not {class}", classes - 1)]
    UnknownClass {
        /// The class asked for.
        class: u8,
        /// The data set.
        set: String,
        /// Number of its classes.
        classes: usize,
    },
    /// There are not enough classes for that many groups.
    #[error("tasks.count = {count} groups need at least {count} classes, and {set} has {classes}")]
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
    /// A setting that is not for this kind of samples.
    #[error("{key}: takes \"none\" with {set}, got {got:?}: {reason}")]
    NotForSamples {
        /// The setting.
        key: &'static str,
        /// What it has.
        got: &'static str,
        /// The data set.
        set: String,
        /// Why it does not go with the data set.
        reason: &'static str,
    },
}
