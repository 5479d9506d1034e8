//! The kinds of task stream. Permutations and subsets are drawn before anything else and can be saved.

use std::sync::Arc;

use super::TaskError;
use super::fit::to_one_shape;
use super::groups::{groups, name};
use super::view::{Split, View, batches};
use crate::data::{Dataset, Samples, Shape};
use crate::random::{Purpose, Stream as Random};
use crate::recipe::settings::{Schedule, Settings, Stream};

/// Training phases, one after the other, and the tests that judge the network all along.
#[derive(Clone, Debug)]
pub struct TaskStream {
    /// Training images of each phase, in order.
    pub phases: Vec<Split>,
    /// The tests: the columns of the accuracy matrix.
    pub tests: Vec<Test>,
    /// Channels, rows and columns of a sample; their product is the network's input width.
    pub image: Shape,
    /// Classes: the network's output width.
    pub classes: usize,
}

/// Images to be tested on.
#[derive(Clone, Debug)]
pub struct Test {
    /// Name of the task they belong to.
    pub name: String,
    /// The images.
    pub images: Split,
    /// The phase, counted from 0, in which the task of these images is learned, if there is exactly one: its
    /// batch-norm state is theirs in the scenario `task`.
    pub phase: Option<usize>,
}

impl TaskStream {
    /// The stream that `settings` describe, over `sets`, one data set per name in `settings.data.sets`.
    ///
    /// # Errors
    /// [`TaskError`] where there are too few images, data sets do not fit each other, or settings do not fit the data.
    pub fn new(settings: &Settings, sets: &[Dataset]) -> Result<Self, TaskError> {
        let sets = to_one_shape(&settings.data, sets)?;
        for set in &sets {
            for (split, images) in [("training", &set.train), ("test", &set.test)] {
                if images.len() < 2 {
                    return Err(TaskError::Empty { set: set.name.clone(), split, images: images.len() });
                }
            }
        }
        let (count, seed) = (settings.tasks.count, settings.seed);
        let (phases, tests) = match settings.tasks.stream {
            Stream::Permuted => permuted(&sets[0], count, seed),
            Stream::Sequence => sequence(&sets),
            Stream::Subsets => subsets(&sets[0], count, seed)?,
            Stream::Classes => classes(settings, &sets[0])?,
            Stream::Interleaved => {
                let (phases, mut tests) = permuted(&sets[0], count, seed);
                tests.iter_mut().for_each(|test| test.phase = None);
                let together = phases.iter().flat_map(|phase| phase.views().iter().cloned()).collect();
                (vec![Split::new(together)], tests)
            }
        };
        let classes = sets.iter().map(|set| set.train.classes()).max().unwrap_or(0);
        Ok(Self { phases, tests, image: sets[0].train.shape(), classes })
    }

    /// The training images of all phases together.
    pub fn all_training(&self) -> Split {
        Split::new(self.phases.iter().flat_map(|phase| phase.views().iter().cloned()).collect())
    }

    /// Training steps of a run of `schedule` over all phases.
    pub fn steps(&self, schedule: &Schedule) -> u64 {
        let per_epoch = self.phases.iter().map(|phase| batches(phase.len(), schedule.batch).len());
        per_epoch.sum::<usize>() as u64 * schedule.epochs as u64
    }

    /// The pixel permutation of each test that has one, for keeping beside the model.
    pub fn permutations(&self) -> impl Iterator<Item = (usize, &Arc<[u32]>)> {
        let tests = self.tests.iter().enumerate();
        tests.filter_map(|(index, test)| Some((index, test.images.views().first()?.permutation.as_ref()?)))
    }
}

/// The same images in `count` fixed random orders of all pixels, the first task included.
fn permuted(set: &Dataset, count: usize, seed: u64) -> (Vec<Split>, Vec<Test>) {
    let width = set.train.width();
    let views = (0..count).map(|task| {
        let permutation: Arc<[u32]> =
            Random::new(seed, Purpose::Permutation, task as u32).permutation(width).into();
        let view = |images: &Samples| {
            Split::new(vec![View {
                images: images.clone(),
                selection: None,
                permutation: Some(permutation.clone()),
            }])
        };
        let name = format!("permutation {}", task + 1);
        (view(&set.train), Test { name, images: view(&set.test), phase: Some(task) })
    });
    views.unzip()
}

/// One data set after the other.
fn sequence(sets: &[Dataset]) -> (Vec<Split>, Vec<Test>) {
    let all = |images: &Samples| Split::new(vec![View::all(images.clone())]);
    let task = |(index, set): (usize, &Dataset)| {
        (all(&set.train), Test { name: set.name.clone(), images: all(&set.test), phase: Some(index) })
    };
    sets.iter().enumerate().map(task).unzip()
}

/// One data set in `count` random parts, equal but for one image at most; one test for all of them.
fn subsets(set: &Dataset, count: usize, seed: u64) -> Result<(Vec<Split>, Vec<Test>), TaskError> {
    let images = set.train.len();
    if images < 2 * count {
        return Err(TaskError::TooFewImages { count, set: set.name.clone(), images });
    }
    let order = Random::new(seed, Purpose::Subsets, 0).permutation(images);
    let part = |index: usize| {
        let selection = &order[index * images / count..(index + 1) * images / count];
        Split::new(vec![View {
            images: set.train.clone(),
            selection: Some(selection.into()),
            permutation: None,
        }])
    };
    let test = Split::new(vec![View::all(set.test.clone())]);
    let test = Test { name: set.name.clone(), images: test, phase: None };
    Ok(((0..count).map(part).collect(), vec![test]))
}

/// The classes of one data set in groups, one after the other; labels stay what they are.
fn classes(settings: &Settings, set: &Dataset) -> Result<(Vec<Split>, Vec<Test>), TaskError> {
    let groups = groups(&settings.tasks, &set.name, set.train.classes())?;
    let task = |(index, group): (usize, &Vec<u8>)| {
        let name = name(group);
        let of = |samples: &Samples, split| {
            let split_of = Split::new(vec![View::of_classes(samples, group)]);
            match split_of.len() {
                images @ 0..2 => {
                    Err(TaskError::Empty { set: format!("{}, {name}", set.name), split, images })
                }
                _ => Ok(split_of),
            }
        };
        let (train, test) = (of(&set.train, "training")?, of(&set.test, "test")?);
        Ok((train, Test { name: name.clone(), images: test, phase: Some(index) }))
    };
    let tasks: Result<Vec<_>, TaskError> = groups.iter().enumerate().map(task).collect();
    Ok(tasks?.into_iter().unzip())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Images;
    use crate::recipe::settings::{Data, Input, Tasks};

    fn set(name: &str, side: usize, images: usize) -> Dataset {
        let draw = |offset: usize| {
            let pixels = (0..images * side * side).map(|i| ((i * 7 + offset) % 256) as u8).collect();
            let labels = (0..images).map(|i| (i % 3) as u8).collect();
            Images::new(side, side, 3, pixels, labels).unwrap().into()
        };
        Dataset { name: name.into(), train: draw(0), test: draw(1) }
    }

    fn settings(stream: Stream, count: usize) -> Settings {
        Settings {
            data: Data { train_images: 20, ..Data::default() },
            tasks: Tasks { stream, count, ..Tasks::default() },
            ..Settings::default()
        }
    }

    #[test]
    fn permuted_tasks_hold_the_same_pixels_in_other_orders() {
        let stream = TaskStream::new(&settings(Stream::Permuted, 3), &[set("a", 4, 30)]).unwrap();
        assert_eq!(
            (stream.phases.len(), stream.tests.len(), stream.image, stream.classes),
            (3, 3, Shape::grey(4, 4), 3)
        );
        assert_eq!((stream.phases[0].len(), stream.tests[0].images.len()), (20, 30));
        let rows: Vec<Vec<f32>> = stream
            .phases
            .iter()
            .map(|p| p.gather(5..6, Input::Real).inputs.to_real().to_samples(|_, value| value))
            .collect();
        let sorted = |row: &[f32]| {
            let mut row = row.to_vec();
            row.sort_by(f32::total_cmp);
            row
        };
        assert_ne!(rows[0], rows[1]);
        assert_eq!(sorted(&rows[0]), sorted(&rows[1]));
        assert_eq!(stream.permutations().count(), 3);
        let again = TaskStream::new(&settings(Stream::Permuted, 2), &[set("a", 4, 30)]).unwrap();
        let orders = |stream: &TaskStream| stream.permutations().map(|(_, p)| p.to_vec()).collect::<Vec<_>>();
        assert_eq!(orders(&again), orders(&stream)[..2], "fewer tasks: the same first permutations");
    }

    #[test]
    fn interleaved_concatenates_the_permuted_tasks() {
        let stream = TaskStream::new(&settings(Stream::Interleaved, 3), &[set("a", 4, 30)]).unwrap();
        assert_eq!((stream.phases.len(), stream.tests.len()), (1, 3));
        assert_eq!(stream.phases[0].len(), 60);
        assert!(stream.tests.iter().all(|test| test.phase.is_none()));
    }

    #[test]
    fn a_sequence_pads_smaller_images_to_the_largest() {
        let stream =
            TaskStream::new(&settings(Stream::Sequence, 2), &[set("a", 6, 9), set("b", 4, 9)]).unwrap();
        let row = stream.phases[1].gather(0..1, Input::Real).inputs.to_real().to_samples(|_, value| value);
        assert_eq!(row.len(), 36);
        assert!(row[..7].iter().all(|&p| p == 0.0) && row[8] == 7.0 / 255.0);
        assert_eq!(stream.tests[1].name, "b");
    }

    #[test]
    fn subsets_share_out_every_image_once() {
        let stream = TaskStream::new(&settings(Stream::Subsets, 3), &[set("a", 4, 30)]).unwrap();
        assert_eq!(stream.phases.iter().map(Split::len).collect::<Vec<_>>(), [6, 7, 7]);
        let mut all: Vec<u32> =
            stream.phases.iter().flat_map(|p| p.views()[0].selection.as_ref().unwrap().to_vec()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
        assert_eq!(stream.tests.len(), 1);
    }

    fn group_settings(count: usize, classes: &[&[u8]]) -> Settings {
        let mut settings = settings(Stream::Classes, count);
        settings.tasks.classes = classes.iter().map(|group| group.to_vec()).collect();
        settings
    }

    #[test]
    fn groups_of_classes_keep_their_labels_and_are_tested_apart() {
        let stream = TaskStream::new(&group_settings(2, &[&[2, 0], &[1]]), &[set("a", 4, 30)]).unwrap();
        let names: Vec<_> = stream.tests.iter().map(|test| (test.name.as_str(), test.phase)).collect();
        assert_eq!(names, [("classes 0, 2", Some(0)), ("class 1", Some(1))]);
        assert_eq!(stream.classes, 3);
        // 20 training images with labels 0, 1, 2, 0, ...: seven of 0 and 1, six of 2.
        for (phase, test, labels) in [(0, 20, [0, 2]), (1, 10, [1, 1])] {
            let batch = stream.phases[phase].gather(0..stream.phases[phase].len(), Input::Real);
            assert_eq!(batch.labels.len(), [13, 7][phase]);
            assert!(batch.labels.iter().all(|label| labels.contains(label)));
            assert_eq!(stream.tests[phase].images.len(), test);
        }
        assert_eq!(stream.all_training().len(), 20);
        let stream = TaskStream::new(&group_settings(2, &[]), &[set("a", 4, 30)]).unwrap();
        let names: Vec<_> = stream.tests.iter().map(|test| test.name.as_str()).collect();
        assert_eq!(names, ["class 0", "classes 1, 2"], "consecutive and nearly equal");
    }

    #[test]
    fn groups_that_the_set_does_not_have_are_refused() {
        let error = |count, groups: &[&[u8]], images| {
            TaskStream::new(&group_settings(count, groups), &[set("a", 4, images)]).unwrap_err().to_string()
        };
        assert_eq!(error(1, &[&[0, 3]], 30), "tasks.classes: a has the classes 0 to 2, not 3");
        assert_eq!(error(4, &[], 30), "tasks.count = 4 groups need at least 4 classes, and a has 3");
        let few = error(2, &[&[0, 1], &[2]], 5);
        assert_eq!(few, "a, class 2: 1 training images in use; at least 2 are needed");
    }

    #[test]
    fn too_few_images_are_refused() {
        let error = TaskStream::new(&settings(Stream::Subsets, 11), &[set("a", 4, 30)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "tasks.count = 11 subsets need at least 22 training images of a, which has 20"
        );
        let error = TaskStream::new(&settings(Stream::Permuted, 1), &[set("a", 4, 1)]).unwrap_err();
        assert_eq!(error.to_string(), "a: 1 training images in use; at least 2 are needed");
    }
}
