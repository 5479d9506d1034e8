//! Streams of every kind.

use super::*;
use crate::data::Dataset;
use crate::data::Images;
use crate::network::Encoding;
use crate::stream::{
    StreamBuilder, StreamError, StreamKind, class_groups, classes, interleaved, permuted, sequence, subsets,
};

fn set(name: &str, side: usize, images: usize) -> Dataset {
    let draw = |offset: usize| {
        let pixels = (0..images * side * side).map(|i| ((i * 7 + offset) % 256) as u8).collect();
        let labels = (0..images).map(|i| (i % 3) as u8).collect();
        Images::new(side, side, 3, pixels, labels).unwrap().into()
    };
    Dataset { name: name.into(), train: draw(0), test: draw(1) }
}

#[test]
fn permuted_tasks_hold_the_same_pixels_in_other_orders() {
    let stream = permuted(&set("a", 4, 30), 3).train_samples(20).build().unwrap();
    assert_eq!(
        (stream.experiences.len(), stream.tests.len(), stream.shape, stream.classes),
        (3, 3, Shape::grey(4, 4), 3)
    );
    assert_eq!((stream.experiences[0].samples.len(), stream.tests[0].samples.len()), (20, 30));
    let rows: Vec<Vec<f32>> = stream
        .experiences
        .iter()
        .map(|experience| {
            experience.samples.gather(5..6, Encoding::Real).inputs.to_real().to_samples(|_, value| value)
        })
        .collect();
    let sorted = |row: &[f32]| {
        let mut row = row.to_vec();
        row.sort_by(f32::total_cmp);
        row
    };
    assert_ne!(rows[0], rows[1]);
    assert_eq!(sorted(&rows[0]), sorted(&rows[1]));
    assert_eq!(stream.permutations().count(), 3);
    let again = permuted(&set("a", 4, 30), 2).train_samples(20).build().unwrap();
    let orders = |stream: &TaskStream| stream.permutations().map(|(_, p)| p.to_vec()).collect::<Vec<_>>();
    assert_eq!(orders(&again), orders(&stream)[..2], "fewer tasks: the same first permutations");
}

#[test]
fn interleaved_concatenates_the_permuted_tasks() {
    let stream = interleaved(&set("a", 4, 30), 3).train_samples(20).build().unwrap();
    assert_eq!((stream.experiences.len(), stream.tests.len()), (1, 3));
    assert_eq!(stream.experiences[0].samples.len(), 60);
    assert!(stream.tests.iter().all(|test| test.experience.is_none()));
}

#[test]
fn a_sequence_pads_smaller_images_to_the_largest() {
    let stream = sequence(&[set("a", 6, 9), set("b", 4, 9)]).build().unwrap();
    let row = stream.experiences[1]
        .samples
        .gather(0..1, Encoding::Real)
        .inputs
        .to_real()
        .to_samples(|_, value| value);
    assert_eq!(row.len(), 36);
    assert!(row[..7].iter().all(|&p| p == 0.0) && row[8] == 7.0 / 255.0);
    assert_eq!(stream.tests[1].name, "b");
}

#[test]
fn subsets_share_out_every_image_once() {
    let stream = subsets(&set("a", 4, 30), 3).train_samples(20).build().unwrap();
    assert_eq!(
        stream.experiences.iter().map(|experience| experience.samples.len()).collect::<Vec<_>>(),
        [6, 7, 7]
    );
    let mut all: Vec<u32> = stream
        .experiences
        .iter()
        .flat_map(|e| e.samples.views()[0].selection.as_ref().unwrap().to_vec())
        .collect();
    all.sort_unstable();
    assert_eq!(all, (0..20).collect::<Vec<_>>());
    assert_eq!(stream.tests.len(), 1);
}

#[test]
fn groups_of_classes_keep_their_labels_and_are_tested_apart() {
    let stream = classes(&set("a", 4, 30), &[vec![2, 0], vec![1]]).train_samples(20).build().unwrap();
    let names: Vec<_> = stream.tests.iter().map(|test| test.name.as_str()).collect();
    assert_eq!(names, ["classes 0, 2", "class 1"]);
    let columns = stream.experiences.iter().map(|experience| stream.column(&experience.id()));
    assert_eq!(columns.collect::<Vec<_>>(), [Some(0), Some(1)]);
    assert_eq!(stream.classes, 3);
    // 20 training images with labels 0, 1, 2, 0, ...: seven of 0 and 1, six of 2.
    for (phase, test, labels) in [(0, 20, [0, 2]), (1, 10, [1, 1])] {
        let batch = stream.experiences[phase].samples.gather(0..[13, 7][phase], Encoding::Real);
        assert_eq!(stream.experiences[phase].samples.len(), [13, 7][phase]);
        assert!(batch.labels.iter().all(|label| labels.contains(label)));
        assert_eq!(stream.tests[phase].samples.len(), test);
    }
    assert_eq!(stream.all_training().len(), 20);
    let stream = class_groups(&set("a", 4, 30), 2).train_samples(20).build().unwrap();
    let names: Vec<_> = stream.tests.iter().map(|test| test.name.as_str()).collect();
    assert_eq!(names, ["class 0", "classes 1, 2"], "consecutive and nearly equal");
}

#[test]
fn groups_that_the_set_does_not_have_are_refused() {
    let error = |groups: &[Vec<u8>], images| {
        let builder = classes(&set("a", 4, images), groups).train_samples(20);
        builder.build().unwrap_err().to_string()
    };
    assert_eq!(error(&[vec![0, 3]], 30), "a has the classes 0 to 2, not 3");
    assert_eq!(error(&[vec![0, 1], vec![0]], 30), "the class 0 stands twice in the groups of classes");
    assert_eq!(error(&[vec![0, 1], vec![]], 30), "group 2 of the classes has none");
    let few = class_groups(&set("a", 4, 30), 4).build().unwrap_err().to_string();
    assert_eq!(few, "4 groups need at least 4 classes, and a has 3");
    let few = error(&[vec![0, 1], vec![2]], 5);
    assert_eq!(few, "a, class 2: 1 training images in use; at least 2 are needed");
}

#[test]
fn too_few_images_are_refused() {
    let error = subsets(&set("a", 4, 30), 11).train_samples(20).build().unwrap_err();
    assert_eq!(error.to_string(), "11 subsets need at least 22 training images of a, which has 20");
    let error = permuted(&set("a", 4, 1), 1).build().unwrap_err();
    assert_eq!(error.to_string(), "a: 1 training images in use; at least 2 are needed");
}

#[test]
fn streams_of_nothing_are_refused() {
    let error = |stream: StreamBuilder| stream.build().unwrap_err();
    assert!(matches!(error(permuted(&set("a", 4, 30), 0)), StreamError::NoTask));
    assert!(matches!(error(sequence(&[])), StreamError::Sets { sets: 0, .. }));
    let two = StreamBuilder::new(StreamKind::Subsets, &[set("a", 4, 30), set("b", 4, 30)]);
    assert!(matches!(error(two), StreamError::Sets { sets: 2, .. }));
}

#[test]
fn a_set_that_comes_again_is_the_same_experience_with_one_test() {
    let (a, b) = (set("a", 4, 30), set("b", 4, 29));
    let stream = sequence(&[a.clone(), b, a]).build().unwrap();
    let names: Vec<_> = stream.experiences.iter().map(|experience| &*experience.name).collect();
    assert_eq!(names, ["a", "b", "a"]);
    assert_eq!(stream.tests.iter().map(|test| &*test.name).collect::<Vec<_>>(), ["a", "b"]);
    let columns: Vec<_> =
        stream.experiences.iter().map(|experience| stream.column(&experience.id())).collect();
    assert_eq!(columns, [Some(0), Some(1), Some(0)]);
}
