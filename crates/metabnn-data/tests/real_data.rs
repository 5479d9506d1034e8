//! The real data sets, where they are: every byte of them.

// Helpers of tests may fail the test.
#![allow(clippy::unwrap_used)]

mod support;

use std::ffi::OsStr;
use std::path::PathBuf;

use metabnn::data::Samples;
use metabnn_data::{FileState, find, load, verify};

fn labels(images: &Samples) -> Vec<u8> {
    (0..10).map(|index| images.label(index)).collect()
}

/// Loads the set called `name` and checks it against the catalogue and against the first labels, known
/// without our reader.
fn check(name: &str, first_train: [u8; 10], first_test: [u8; 10]) {
    let Some(folder) = support::data_dir() else { return };
    let entry = find(name).unwrap();
    let set = load(name, Some(&folder)).unwrap();
    assert_eq!(set.name, name);
    for (images, count, first) in
        [(&set.train, entry.train, first_train), (&set.test, entry.test, first_test)]
    {
        let shape = (images.len(), images.shape(), images.classes());
        assert_eq!(shape, (count, entry.shape, entry.classes));
        assert_eq!(labels(images), first);
        for class in 0..entry.classes {
            assert!((0..count).any(|index| usize::from(images.label(index)) == class), "no image of {class}");
        }
    }
    let reports = verify(name, Some(&folder)).unwrap();
    assert_eq!(reports.len(), 4);
    for report in reports {
        assert_eq!(report.state, FileState::Right, "{}", report.path.display());
    }
}

#[test]
fn mnist_is_the_published_one() {
    check("mnist", [5, 0, 4, 1, 9, 2, 1, 3, 1, 4], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
}

#[test]
fn fashion_mnist_is_the_published_one() {
    check("fashion-mnist", [9, 0, 0, 3, 0, 2, 7, 2, 5, 5], [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]);
}

#[test]
fn usps_is_the_catalogue_s() {
    check("usps", [8, 3, 4, 0, 7, 7, 5, 0, 2, 8], [8, 1, 1, 2, 0, 1, 1, 2, 0, 0]);
}

#[test]
fn data_missing_in_ci_is_a_failure() {
    for (value, ci) in [("true", true), ("1", true), ("false", false), ("0", false), ("", false)] {
        assert_eq!(support::is_ci(Some(OsStr::new(value))), ci, "CI={value}");
    }
    assert!(!support::is_ci(None));
    let nowhere = PathBuf::from("no/such/folder");
    assert_eq!(support::choose(nowhere.clone(), false), None);
    let panic = std::panic::catch_unwind(|| support::choose(nowhere, true)).unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("looked in no/such/folder"));
}
