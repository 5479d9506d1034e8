//! The same samples in `count` fixed random orders of all their values, the first task included.

use std::sync::Arc;

use super::builder::Sources;
use super::{Experience, StreamBuilder, StreamError, StreamKind, StreamTraits, Subset, Test, View};
use crate::data::{Dataset, Samples};
use crate::random::{Purpose, Stream};

/// `count` tasks of the samples of `set`, the values of every sample in one fixed random order per task.
pub fn permuted(set: &Dataset, count: usize) -> StreamBuilder {
    StreamBuilder::new(StreamKind::Permuted, std::slice::from_ref(set)).count(count)
}

pub(super) const TRAITS: StreamTraits = StreamTraits { permutes: true, ..StreamTraits::PLAIN };

pub(super) fn make(sources: &Sources) -> Result<(Vec<Experience>, Vec<Test>), StreamError> {
    let (set, width) = (&sources.sets[0], sources.sets[0].train.width());
    let tasks = (0..sources.count).map(|task| {
        let permutation: Arc<[u32]> =
            Stream::new(sources.seed, Purpose::Permutation, task as u32).permutation(width).into();
        let view = |samples: &Samples| {
            let permutation = Some(permutation.clone());
            Subset::new(vec![View { samples: samples.clone(), selection: None, permutation }])
        };
        let name = format!("permutation {}", task + 1);
        let experience = Experience { name: name.clone(), samples: view(&set.train) };
        let id = experience.id();
        (experience, Test { set: Some(0), ..Test::new(name, view(&set.test), Some(id)) })
    });
    Ok(tasks.unzip())
}
