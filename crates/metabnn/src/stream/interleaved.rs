//! All permuted tasks at once, concatenated and shuffled: the upper bound of what can be kept of them.

use super::builder::Sources;
use super::{Experience, StreamBuilder, StreamError, StreamKind, StreamTraits, Subset, Test, permuted};
use crate::data::Dataset;

/// One experience of `count` permuted tasks together, each with its own test.
pub fn interleaved(set: &Dataset, count: usize) -> StreamBuilder {
    StreamBuilder::new(StreamKind::Interleaved, std::slice::from_ref(set)).count(count)
}

pub(super) const TRAITS: StreamTraits = StreamTraits { has_boundaries: false, ..permuted::TRAITS };

pub(super) fn make(sources: &Sources) -> Result<(Vec<Experience>, Vec<Test>), StreamError> {
    let (experiences, mut tests) = permuted::make(sources)?;
    tests.iter_mut().for_each(|test| test.experience = None);
    let views = experiences.iter().flat_map(|experience| experience.samples.views().iter().cloned());
    let name = format!("{} permutations", experiences.len());
    Ok((vec![Experience { name, samples: Subset::new(views.collect()) }], tests))
}
