//! What an experience is made of, as a name: the same samples in the same order of their values are the same experience,
//! wherever they stand in a stream.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Subset, View};
use crate::digest::Digest;

/// The identity of an experience: a digest of its training samples, of which of them it has, and of their pixel orders.
///
/// A test is tied to its experience by it, and so is what a network keeps of one. It does not depend on the place of the
/// experience in a stream, nor on its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExperienceId(String);

impl ExperienceId {
    /// That of these training samples.
    pub fn new(samples: &Subset) -> Self {
        let digest = samples.views().iter().fold(Digest::default(), |digest, view| {
            let View { samples, selection, permutation } = view;
            let digest = digest.with(samples.digest());
            let digest = add(digest, b"of", selection.as_deref(), samples.len());
            add(digest, b"in", permutation.as_deref(), samples.width())
        });
        Self(digest.digits(16))
    }

    /// That of a file in which experiences have numbers instead, counted from 1.
    pub(crate) fn numbered(number: usize) -> Self {
        Self(format!("number {number}"))
    }
}

impl fmt::Display for ExperienceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Adds a list of indices; 0, 1, ..., `count` - 1 are no list.
fn add(digest: Digest, what: &[u8], indices: Option<&[u32]>, count: usize) -> Digest {
    let is_plain = |indices: &&[u32]| indices.iter().copied().eq(0..count as u32);
    let digest = digest.with(what);
    match indices.filter(|indices| !is_plain(indices)) {
        None => digest.with(b" all"),
        Some(indices) => {
            let bytes: Vec<u8> = indices.iter().flat_map(|index| index.to_le_bytes()).collect();
            digest.with((indices.len() as u64).to_le_bytes()).with(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::{Images, Samples};
    use crate::stream::Experience;

    fn images(first: u8) -> Samples {
        Images::new(2, 2, 2, (first..first + 12).collect(), vec![0, 1, 0]).unwrap().into()
    }

    fn id(samples: &Samples, selection: Option<&[u32]>, permutation: Option<&[u32]>) -> ExperienceId {
        let (selection, permutation) = (selection.map(Arc::from), permutation.map(Arc::from));
        ExperienceId::new(&Subset::new(vec![View { samples: samples.clone(), selection, permutation }]))
    }

    #[test]
    fn it_is_of_samples_selection_and_order_alone() {
        let (a, b) = (images(0), images(1));
        let all = [
            id(&a, None, None),
            id(&b, None, None),
            id(&a, Some(&[0, 1]), None),
            id(&a, Some(&[1, 0]), None),
            id(&a, None, Some(&[1, 0, 2, 3])),
            id(&a, None, Some(&[0, 1, 3, 2])),
            ExperienceId::new(&Subset::new(vec![View::all(a.clone()), View::all(b.clone())])),
            ExperienceId::new(&Subset::new(vec![View::all(b.clone()), View::all(a.clone())])),
        ];
        for (index, one) in all.iter().enumerate() {
            assert_eq!(all.iter().position(|other| other == one), Some(index), "{all:?}");
        }
        // A copy of the same samples, and lists that change nothing.
        assert_eq!(id(&images(0), None, None), all[0]);
        assert_eq!(id(&a, Some(&[0, 1, 2]), Some(&[0, 1, 2, 3])), all[0]);
        let samples = Subset::new(vec![View::all(a)]);
        let named = |name: &str| Experience { name: name.into(), samples: samples.clone() }.id();
        assert_eq!(named("first"), named("second"));
    }
}
