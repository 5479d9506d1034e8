//! Classes in groups, for a stream that learns one group after the other.

use super::TaskError;
use crate::recipe::settings::Tasks;

/// The classes of each task of a stream of `classes`, over the data set called `set` with this many `classes`: as given,
/// or, where none are, `count` groups of consecutive classes, equal but for one class at most.
///
/// # Errors
/// [`TaskError::UnknownClass`], [`TaskError::TooFewClasses`].
pub(crate) fn groups(tasks: &Tasks, set: &str, classes: usize) -> Result<Vec<Vec<u8>>, TaskError> {
    if tasks.classes.is_empty() {
        let count = tasks.count;
        if count > classes {
            return Err(TaskError::TooFewClasses { count, set: set.into(), classes });
        }
        // Labels are bytes, so no set has more classes than these can count.
        let part =
            |index: usize| (index * classes / count..(index + 1) * classes / count).map(|class| class as u8);
        return Ok((0..count).map(|index| part(index).collect()).collect());
    }
    match tasks.classes.iter().flatten().find(|class| usize::from(**class) >= classes) {
        Some(&class) => Err(TaskError::UnknownClass { class, set: set.into(), classes }),
        None => Ok(tasks.classes.clone()),
    }
}

/// "classes 0-49", "classes 0, 1, 8, 9", "class 3": a group's name, in the order of the classes.
pub(super) fn name(group: &[u8]) -> String {
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
            let tasks = Tasks { count, ..Tasks::default() };
            let groups = groups(&tasks, "a", classes).unwrap();
            assert_eq!(groups.concat(), (0..classes).map(|class| class as u8).collect::<Vec<_>>());
            let sizes = groups.iter().map(Vec::len);
            assert!(groups.len() == count && sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1);
        }
    }
}
