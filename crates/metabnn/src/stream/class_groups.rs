//! The classes of one data set in groups that are learned one after the other; labels stay what they are.

use super::builder::Sources;
use super::{Experience, StreamBuilder, StreamError, StreamKind, StreamTraits, Subset, Test, View};
use crate::data::{Dataset, Samples};

/// The classes of `set` in `groups`, learned one after the other.
pub fn classes(set: &Dataset, groups: &[Vec<u8>]) -> StreamBuilder {
    class_groups(set, groups.len()).classes(groups)
}

/// The classes of `set` in `count` groups of consecutive classes, equal but for one class at most.
pub fn class_groups(set: &Dataset, count: usize) -> StreamBuilder {
    StreamBuilder::new(StreamKind::Classes, std::slice::from_ref(set)).count(count)
}

pub(super) const TRAITS: StreamTraits = StreamTraits { groups_classes: true, ..StreamTraits::PLAIN };

pub(super) fn make(sources: &Sources) -> Result<(Vec<Experience>, Vec<Test>), StreamError> {
    let set = &sources.sets[0];
    let groups = group_classes(&sources.classes, sources.count, &set.name, set.train.classes())?;
    let task = |group: &Vec<u8>| {
        let name = name(group);
        let of_group = |samples: &Samples, split| {
            let subset = Subset::new(vec![View::of_classes(samples, group)]);
            match subset.len() {
                samples @ 0..2 => {
                    Err(StreamError::Empty { set: format!("{}, {name}", set.name), split, samples })
                }
                _ => Ok(subset),
            }
        };
        let (train, test) = (of_group(&set.train, "training")?, of_group(&set.test, "test")?);
        let experience = Experience { name: name.clone(), samples: train };
        let test = Test::new(name, test, Some(experience.id()));
        Ok((experience, Test { set: Some(0), classes: Some(group.clone()), ..test }))
    };
    let tasks: Result<Vec<_>, StreamError> = groups.iter().map(task).collect();
    Ok(tasks?.into_iter().unzip())
}

/// The classes of each task of a stream of groups, over the data set called `set` with this many `classes`: `given`, or,
/// where none are, `count` groups of consecutive classes, equal but for one class at most.
///
/// # Errors
/// [`StreamError::UnknownClass`], [`StreamError::ClassTwice`], [`StreamError::EmptyGroup`],
/// [`StreamError::TooFewClasses`].
pub fn group_classes(
    given: &[Vec<u8>],
    count: usize,
    set: &str,
    classes: usize,
) -> Result<Vec<Vec<u8>>, StreamError> {
    if given.is_empty() {
        if count > classes {
            return Err(StreamError::TooFewClasses { count, set: set.into(), classes });
        }
        // Labels are bytes, so no set has more classes than these can count.
        let part =
            |index: usize| (index * classes / count..(index + 1) * classes / count).map(|class| class as u8);
        return Ok((0..count).map(|index| part(index).collect()).collect());
    }
    let mut seen = [false; 1 + u8::MAX as usize];
    for &class in given.iter().flatten() {
        if usize::from(class) >= classes {
            return Err(StreamError::UnknownClass { class, set: set.into(), classes });
        }
        if std::mem::replace(&mut seen[usize::from(class)], true) {
            return Err(StreamError::ClassTwice { class });
        }
    }
    match given.iter().position(Vec::is_empty) {
        Some(group) => Err(StreamError::EmptyGroup { group: group + 1 }),
        None => Ok(given.to_vec()),
    }
}

/// "classes 0-49", "classes 0, 1, 8, 9", "class 3": a group's name, in the order of the classes.
fn name(group: &[u8]) -> String {
    let mut group = group.to_vec();
    group.sort_unstable();
    match group.as_slice() {
        [only] => format!("class {only}"),
        [first, .., last] if group.len() > 2 && usize::from(last - first) == group.len() - 1 => {
            format!("classes {first}-{last}")
        }
        _ => format!("classes {}", group.iter().map(u8::to_string).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_named_after_its_classes() {
        let names = [
            name(&[3]),
            name(&[9, 0, 1, 8]),
            name(&[2, 4, 3]),
            name(&[1, 2]),
            name(&(0..50).collect::<Vec<_>>()),
        ];
        assert_eq!(names, ["class 3", "classes 0, 1, 8, 9", "classes 2-4", "classes 1, 2", "classes 0-49"]);
    }

    #[test]
    fn consecutive_groups_share_out_all_classes() {
        for (classes, count) in [(100, 2), (10, 3), (256, 7), (5, 5), (7, 1)] {
            let groups = group_classes(&[], count, "a", classes).unwrap();
            assert_eq!(groups.concat(), (0..classes).map(|class| class as u8).collect::<Vec<_>>());
            let sizes = groups.iter().map(Vec::len);
            assert!(groups.len() == count && sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1);
        }
    }
}
