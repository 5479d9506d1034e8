//! One data set after the other; each may come again.

use super::builder::Sources;
use super::{Experience, StreamBuilder, StreamError, StreamKind, StreamTraits, Subset, Test, View};
use crate::data::{Dataset, Samples};

/// The data sets `sets`, one after the other.
pub fn sequence(sets: &[Dataset]) -> StreamBuilder {
    StreamBuilder::new(StreamKind::Sequence, sets)
}

pub(super) const TRAITS: StreamTraits = StreamTraits { takes_many_sets: true, ..StreamTraits::PLAIN };

pub(super) fn make(sources: &Sources) -> Result<(Vec<Experience>, Vec<Test>), StreamError> {
    let all = |samples: &Samples| Subset::new(vec![View::all(samples.clone())]);
    let experience = |set: &Dataset| Experience { name: set.name.clone(), samples: all(&set.train) };
    let experiences: Vec<Experience> = sources.sets.iter().map(experience).collect();
    let mut tests: Vec<Test> = Vec::new();
    for (index, (set, experience)) in sources.sets.iter().zip(&experiences).enumerate() {
        let id = Some(experience.id());
        // A set that comes again is the same experience, and has its test.
        if tests.iter().all(|test| test.experience != id) {
            tests.push(Test { set: Some(index), ..Test::new(&*set.name, all(&set.test), id) });
        }
    }
    Ok((experiences, tests))
}
