//! One data set in random parts that are seen one after the other; one test for all of them.

use super::builder::Sources;
use super::{Experience, StreamBuilder, StreamError, StreamKind, StreamTraits, Subset, Test, View};
use crate::data::Dataset;
use crate::random::{Purpose, Stream};

/// The training samples of `set` in `count` random parts, equal but for one sample at most.
pub fn subsets(set: &Dataset, count: usize) -> StreamBuilder {
    StreamBuilder::new(StreamKind::Subsets, std::slice::from_ref(set)).count(count)
}

pub(super) const TRAITS: StreamTraits =
    StreamTraits { has_boundaries: false, divides: true, ..StreamTraits::PLAIN };

pub(super) fn make(sources: &Sources) -> Result<(Vec<Experience>, Vec<Test>), StreamError> {
    let (set, count) = (&sources.sets[0], sources.count);
    let samples = set.train.len();
    if samples / 2 < count {
        return Err(StreamError::TooFewSamples { count, set: set.name.clone(), samples });
    }
    let order = Stream::new(sources.seed, Purpose::Subsets, 0).permutation(samples);
    let part = |index: usize| {
        let selection = &order[index * samples / count..(index + 1) * samples / count];
        let view = View { selection: Some(selection.into()), ..View::all(set.train.clone()) };
        Experience { name: format!("subset {}", index + 1), samples: Subset::new(vec![view]) }
    };
    let test = Subset::new(vec![View::all(set.test.clone())]);
    let test = Test { set: Some(0), ..Test::new(set.name.clone(), test, None) };
    Ok(((0..count).map(part).collect(), vec![test]))
}
