//! Task streams: what is learned, in what order, and on what it is tested. One file a kind, one line in the registry at
//! the end of this one.
//!
//! ```
//! # use metabnn::data::{Dataset, Images};
//! # let images = Images::new(2, 2, 2, vec![7; 32], vec![0, 1, 0, 1, 0, 1, 0, 1])?;
//! # let digits = Dataset { name: "digits".into(), train: images.clone().into(), test: images.into() };
//! use metabnn::stream;
//!
//! let stream = stream::permuted(&digits, 5).seed(1).build()?;
//! for experience in &stream {
//!     println!("{}: {} samples", experience.name, experience.samples.len());
//! }
//! # assert_eq!((stream.experiences.len(), stream.tests.len()), (5, 5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod augment;
mod builder;
mod class_groups;
mod error;
mod fit;
mod identity;
mod interleaved;
mod kind;
mod loader;
mod permuted;
mod sequence;
mod subset;
mod subsets;
mod task_stream;

pub use augment::{Augment, Change};
pub use builder::StreamBuilder;
pub use class_groups::{class_groups, classes, group_classes};
pub use error::StreamError;
pub use identity::ExperienceId;
pub use interleaved::interleaved;
pub use kind::StreamTraits;
pub use loader::{Loader, Request};
pub use permuted::permuted;
pub use sequence::sequence;
pub use subset::{Subset, View, batches};
pub use subsets::subsets;
pub use task_stream::{Experience, Learnable, Source, TaskStream, Test};

// The registry.
kind::kinds! {
    /// The same samples, their values in one fixed random order per task.
    "permuted" => Permuted in permuted,
    /// One data set after the other.
    "sequence" => Sequence in sequence,
    /// One data set, split at random into equal subsets that are seen one after the other.
    "subsets" => Subsets in subsets,
    /// All permuted tasks at once, concatenated and shuffled: the upper bound.
    "interleaved" => Interleaved in interleaved,
    /// One data set, its classes in groups that are learned one after the other; each group is tested by itself.
    "classes" => Classes in class_groups,
}
