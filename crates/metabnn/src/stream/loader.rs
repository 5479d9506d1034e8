//! The batches of a task's training, one after the other, epoch by epoch.

use std::ops::Range;

use super::augment::{Augment, Change};
use super::subset::{Subset, batches};
use crate::network::{Batch, Encoding};
use crate::random::Stream;

/// The samples that a batch is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Their places among the samples that the loader was given.
    pub indices: Vec<usize>,
    /// How each of them is changed; `None`: not at all.
    pub changes: Option<Vec<Change>>,
}

/// Shuffles the images of a task for every epoch and gathers them into batches. It only looks ahead: a batch can be
/// asked for while the one before is trained on.
#[derive(Debug)]
pub struct Loader<'a> {
    samples: &'a Subset,
    encoding: Encoding,
    /// The images in the order of the present epoch.
    order: Vec<usize>,
    shuffling: Stream,
    /// The batches of an epoch, as ranges of `order`, the first `given` of them done.
    ranges: Vec<Range<usize>>,
    given: usize,
    /// How images are changed, and what that is drawn from, in the order in which they are shown.
    augment: Augment,
    changing: Stream,
}

impl<'a> Loader<'a> {
    /// Batches of `size` images in the order that `shuffling` draws.
    pub fn new(samples: &'a Subset, size: usize, encoding: Encoding, shuffling: Stream) -> Self {
        let ranges: Vec<_> = batches(samples.len(), size).collect();
        let (order, given, changing) = ((0..samples.len()).collect(), ranges.len(), shuffling.clone());
        Self { samples, encoding, order, shuffling, ranges, given, augment: Augment::None, changing }
    }

    /// The same, every image changed in a way that `changing` draws for it anew in every epoch.
    #[must_use]
    pub fn augmented(self, augment: Augment, changing: Stream) -> Self {
        Self { augment, changing, ..self }
    }

    /// Batches in an epoch.
    pub fn batches(&self) -> usize {
        self.ranges.len()
    }

    /// Passes over the next `count` batches: the random streams are drawn as if they had been asked for.
    pub fn skip(&mut self, count: usize) {
        for _ in 0..count {
            let images = self.next_range().len();
            if self.augment != Augment::None {
                (0..images).for_each(|_| _ = Change::draw(self.augment, &mut self.changing));
            }
        }
    }

    /// The places in `order` of the next batch.
    fn next_range(&mut self) -> Range<usize> {
        if self.given == self.ranges.len() {
            self.shuffling.shuffle(&mut self.order);
            self.given = 0;
        }
        self.given += 1;
        self.ranges[self.given - 1].clone()
    }

    /// Which samples the next batch is made of; after the last one of an epoch, the first one of the next.
    pub fn next_request(&mut self) -> Request {
        let range = self.next_range();
        let indices = self.order[range].to_vec();
        let changes = match self.augment {
            Augment::None => None,
            augment => Some(indices.iter().map(|_| Change::draw(augment, &mut self.changing)).collect()),
        };
        Request { indices, changes }
    }

    /// The next batch: what [`Loader::next_request`] asks for, gathered.
    pub fn next_batch(&mut self) -> Batch {
        let request = self.next_request();
        self.samples.gather_request(&request, self.encoding)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::Images;
    use crate::network::Inputs;
    use crate::random::Purpose;
    use crate::stream::View;
    use crate::tensor::Rows;

    const WIDTH: usize = 12;

    /// Every image differs from all others in its pixels, and its label is its index.
    fn images(count: usize) -> Arc<Images> {
        let pixel = |image: usize, i: usize| {
            if (image + i).is_multiple_of(4) { 0 } else { (7 * image + 20 * i + 1) as u8 }
        };
        let pixels = (0..count).flat_map(|image| (0..WIDTH).map(move |i| pixel(image, i))).collect();
        Arc::new(Images::new(3, 4, count, pixels, (0..count as u8).collect()).unwrap())
    }

    fn shuffling(index: u32) -> Stream {
        Stream::new(3, Purpose::Shuffle, index)
    }

    /// `count` images as they are, all of them reversed, and again in another order, a few left out.
    fn interleaved(count: usize) -> Subset {
        let (images, order) = (images(count), |index| Arc::from(shuffling(index).permutation(WIDTH)));
        let view = |permutation, selection| View { samples: images.clone().into(), selection, permutation };
        let few: Arc<[u32]> = (0..count as u32).filter(|image| image % 3 > 0).collect();
        let reversed = (0..WIDTH as u32).rev().collect();
        Subset::new(vec![view(None, None), view(Some(reversed), None), view(Some(order(9)), Some(few))])
    }

    /// Image `index` of `split` by itself, as numbers, and its label.
    fn one(split: &Subset, index: usize, encoding: Encoding) -> (Vec<f32>, u8) {
        let mut left = index;
        for view in split.views() {
            let selection =
                |place| view.selection.as_ref().map_or(place, |selection| selection[place] as usize);
            let length = view.selection.as_ref().map_or(view.samples.len(), |selection| selection.len());
            if left < length {
                let pixels = view.samples.images().unwrap().image(selection(left));
                let pixel =
                    |i| view.permutation.as_ref().map_or(pixels[i], |order| pixels[order[i] as usize]);
                let value = |i| match encoding {
                    Encoding::Real => f32::from(pixel(i)) / 255.0,
                    Encoding::Sign => {
                        if pixel(i) > 0 {
                            1.0
                        } else {
                            -1.0
                        }
                    }
                };
                return ((0..WIDTH).map(value).collect(), view.samples.label(selection(left)));
            }
            left -= length;
        }
        panic!("no image {index}");
    }

    fn assert_is(batch: &Batch, split: &Subset, indices: &[usize], encoding: Encoding) {
        let ones: Vec<_> = indices.iter().map(|&index| one(split, index, encoding)).collect();
        let samples: Vec<f32> = ones.iter().flat_map(|(pixels, _)| pixels.iter().copied()).collect();
        assert_eq!(batch.inputs.to_real(), Rows::from_samples(&samples, WIDTH));
        assert_eq!(batch.labels, ones.iter().map(|(_, label)| *label).collect::<Vec<_>>());
        assert_eq!(batch.inputs.batch(), indices.len());
        assert_eq!(matches!(batch.inputs, Inputs::Signs(_)), encoding == Encoding::Sign);
    }

    #[test]
    fn batches_are_the_shuffled_images_in_order() {
        for input in [Encoding::Real, Encoding::Sign] {
            for (count, size) in [(20, 7), (21, 8), (64, 64), (33, 32), (2, 5), (1, 3)] {
                for split in [Subset::new(vec![View::all(images(count))]), interleaved(count)] {
                    let mut loader = Loader::new(&split, size, input, shuffling(0));
                    assert_eq!(loader.batches(), batches(split.len(), size).len());
                    let (mut order, mut expected) = ((0..split.len()).collect::<Vec<_>>(), shuffling(0));
                    for _ in 0..3 {
                        expected.shuffle(&mut order);
                        for range in batches(split.len(), size) {
                            assert_is(&loader.next_batch(), &split, &order[range], input);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn an_epoch_has_every_image_once_and_the_next_another_order() {
        let split = Subset::new(vec![View::all(images(50))]);
        let mut loader = Loader::new(&split, 8, Encoding::Real, shuffling(1));
        let mut epoch = || (0..loader.batches()).flat_map(|_| loader.next_batch().labels).collect::<Vec<_>>();
        let epochs = [epoch(), epoch()];
        assert_ne!(epochs[0], epochs[1]);
        for mut labels in epochs {
            labels.sort_unstable();
            assert_eq!(labels, (0..50).collect::<Vec<_>>());
        }
    }

    #[test]
    fn skipped_batches_leave_the_others_as_they_are() {
        let split = Subset::new(vec![View::all(images(23))]);
        for augment in [Augment::None, Augment::FlipRotateCrop] {
            let changing = || Stream::new(3, Purpose::Augmentation, 0);
            let loader =
                || Loader::new(&split, 5, Encoding::Real, shuffling(2)).augmented(augment, changing());
            let mut all = loader();
            let batches: Vec<_> = (0..3 * all.batches()).map(|_| all.next_batch()).collect();
            for (skipped, batch) in batches.iter().enumerate() {
                let mut loader = loader();
                loader.skip(skipped);
                assert!(loader.next_batch() == *batch, "{augment:?}: {skipped} skipped");
            }
        }
    }

    #[test]
    fn augmented_images_are_changed_anew_in_every_epoch_and_shuffled_as_ever() {
        let split = Subset::new(vec![View::all(images(11))]);
        let changing = || Stream::new(3, Purpose::Augmentation, 0);
        let plain = || Loader::new(&split, 4, Encoding::Real, shuffling(0));
        let (mut plain, mut augmented) = (plain(), plain().augmented(Augment::FlipRotateCrop, changing()));
        let mut expected = changing();
        let mut seen = Vec::new();
        for _ in 0..2 * plain.batches() {
            let (as_it_is, batch) = (plain.next_batch(), augmented.next_batch());
            assert_eq!(batch.labels, as_it_is.labels);
            let samples = batch.inputs.to_real().to_samples(|_, value| value);
            for (sample, label) in samples.chunks(WIDTH).zip(batch.labels) {
                let View { samples, .. } = &split.views()[0];
                let (images, mut changed) = (samples.images().unwrap(), [0; WIDTH]);
                let change = Change::draw(Augment::FlipRotateCrop, &mut expected);
                change.apply(images.image(label.into()), images.shape(), &mut changed);
                assert_eq!(sample, changed.map(|pixel| f32::from(pixel) / 255.0));
                seen.push((label, changed));
            }
        }
        let (first, second) = seen.split_at(11);
        assert!(first.iter().any(|one| !second.contains(one)), "the second epoch shows other images");
    }

    /// Eight images of one order of pixels are put in place together, others one by one.
    #[test]
    fn images_of_several_orders_of_pixels_are_gathered_like_single_ones() {
        let split = interleaved(30);
        let mut all: Vec<usize> = (0..split.len()).collect();
        for input in [Encoding::Real, Encoding::Sign] {
            for size in [1, 7, 8, 9, 16, 65, split.len()] {
                shuffling(size as u32).shuffle(&mut all);
                // Shuffled, then by view: eights of several orders, and of one.
                for sorted in [false, true] {
                    let mut indices = all[..size].to_vec();
                    if sorted {
                        indices.sort_unstable();
                    }
                    assert_is(&split.gather(indices.iter().copied(), input), &split, &indices, input);
                }
            }
        }
    }
}
