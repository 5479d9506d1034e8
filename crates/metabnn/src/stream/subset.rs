//! Samples as a task sees them: a selection, the values in the task's order.

use std::ops::Range;
use std::sync::Arc;

use metabnn_infer::kernels::Pixels;
use metabnn_infer::{BitMatrix, WORD};

use super::augment::Change;
use super::loader::Request;
use crate::data::{Features, Images, Samples};
use crate::network::{Batch, Encoding, Inputs};
use crate::tensor::Rows;

/// Some samples of a data set, their values permuted or not. Cheap to clone: values are shared.
#[derive(Clone, Debug)]
pub struct View {
    /// The samples.
    pub samples: Samples,
    /// Which of them; `None`: all.
    pub selection: Option<Arc<[u32]>>,
    /// Value i of the task is value `permutation[i]` of the sample; `None`: as it is.
    pub permutation: Option<Arc<[u32]>>,
}

impl View {
    /// All of `samples`, as they are.
    pub fn all(samples: impl Into<Samples>) -> Self {
        Self { samples: samples.into(), selection: None, permutation: None }
    }

    /// Those of `samples` whose label is one of `classes`, as they are.
    pub fn of_classes(samples: &Samples, classes: &[u8]) -> Self {
        let selection =
            (0..samples.len() as u32).filter(|&index| classes.contains(&samples.label(index as usize)));
        Self { samples: samples.clone(), selection: Some(selection.collect()), permutation: None }
    }

    fn len(&self) -> usize {
        self.selection.as_ref().map_or(self.samples.len(), |selection| selection.len())
    }

    /// Where sample `index` of the view is among all samples.
    fn index(&self, index: usize) -> usize {
        self.selection.as_ref().map_or(index, |selection| selection[index] as usize)
    }
}

/// Some samples of one or more data sets, one after the other: what is learned or tested.
#[derive(Clone, Debug)]
pub struct Subset {
    views: Vec<View>,
}

impl AsRef<Subset> for Subset {
    fn as_ref(&self) -> &Subset {
        self
    }
}

/// A sample of a view: its place there is counted from 0.
type Place<'a> = (&'a View, usize);

/// Values of a sample as they are, and the order that they are wanted in.
type Ordered<'a, T> = (&'a [T], Option<&'a [u32]>);

impl Subset {
    /// The samples of `views`, one after the other.
    ///
    /// # Panics
    /// If some are images and others features, or of another width.
    pub fn new(views: Vec<View>) -> Self {
        let kind = |view: &View| (view.samples.images().is_some(), view.samples.width());
        assert!(views.windows(2).all(|pair| kind(&pair[0]) == kind(&pair[1])), "one kind of samples");
        Self { views }
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.views.iter().map(View::len).sum()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first `count` of the images; all, if there are no more.
    #[must_use]
    pub fn first(&self, count: usize) -> Self {
        let mut left = count;
        let part = |view: &View| {
            let taken = left.min(view.len());
            left -= taken;
            View {
                selection: Some((0..taken).map(|place| view.index(place) as u32).collect()),
                ..view.clone()
            }
        };
        Self::new(self.views.iter().map(part).filter(|view| view.len() > 0).collect())
    }

    /// The views it is made of.
    pub fn views(&self) -> &[View] {
        &self.views
    }

    /// Gathers the samples at `indices` as the network's input: pixels, real numbers, or their signs.
    pub fn gather(&self, indices: impl Iterator<Item = usize>, encoding: Encoding) -> Batch {
        let places: Vec<Place<'_>> = indices.map(|index| self.place(index)).collect();
        let inputs = match self.views.first().map(|view| &view.samples) {
            Some(Samples::Features(first)) => of_features(first.width(), &features(&places), encoding),
            first => of_images(first.map_or(0, Samples::width), &images(&places), encoding),
        };
        Batch { inputs, labels: labels(&places) }
    }

    /// Gathers what a loader asked for.
    pub fn gather_request(&self, request: &Request, encoding: Encoding) -> Batch {
        let indices = request.indices.iter().copied();
        match &request.changes {
            None => self.gather(indices, encoding),
            Some(changes) => {
                let mut changes = changes.iter().copied();
                self.gather_changed(indices, encoding, || changes.next().unwrap_or(Change::NONE))
            }
        }
    }

    /// Gathers the images at `indices`, each changed as the next of `changes` says.
    ///
    /// # Panics
    /// If the samples are features: there is no picture to change.
    pub fn gather_changed(
        &self,
        indices: impl Iterator<Item = usize>,
        encoding: Encoding,
        mut changes: impl FnMut() -> Change,
    ) -> Batch {
        let places: Vec<Place<'_>> = indices.map(|index| self.place(index)).collect();
        let width = self.views.first().map_or(0, |view| view.samples.width());
        let mut changed = vec![0; width * places.len()];
        for ((view, index), changed) in places.iter().zip(changed.chunks_exact_mut(width.max(1))) {
            let set = as_images(view);
            changes().apply(set.image(view.index(*index)), set.shape(), changed);
        }
        let orders = places.iter().map(|(view, _)| view.permutation.as_deref());
        let images: Vec<Ordered<'_, u8>> = changed.chunks_exact(width.max(1)).zip(orders).collect();
        Batch { inputs: of_images(width, &images, encoding), labels: labels(&places) }
    }

    /// The view that sample `index` is in, and its place there.
    fn place(&self, mut index: usize) -> Place<'_> {
        let view = self.views.iter().find(|view| {
            let here = index < view.len();
            index -= if here { 0 } else { view.len() };
            here
        });
        (view.expect("indices are below len()"), index)
    }
}

fn labels(places: &[Place<'_>]) -> Vec<u8> {
    places.iter().map(|(view, index)| view.samples.label(view.index(*index))).collect()
}

fn as_images(view: &View) -> &Images {
    view.samples.images().expect("samples of one kind")
}

fn as_features(view: &View) -> &Features {
    view.samples.features().expect("samples of one kind")
}

fn images<'a>(places: &[Place<'a>]) -> Vec<Ordered<'a, u8>> {
    let image = |(view, index): &Place<'a>| as_images(view).image(view.index(*index));
    places.iter().map(|place| (image(place), place.0.permutation.as_deref())).collect()
}

fn features<'a>(places: &[Place<'a>]) -> Vec<Ordered<'a, f32>> {
    let sample = |(view, index): &Place<'a>| as_features(view).sample(view.index(*index));
    places.iter().map(|place| (sample(place), place.0.permutation.as_deref())).collect()
}

/// The input that `samples` of `width` features are: the numbers, or their signs, with sign(0) = +1.
fn of_features(width: usize, samples: &[Ordered<'_, f32>], encoding: Encoding) -> Inputs {
    let value =
        |(sample, order): &Ordered<'_, f32>, i: usize| sample[order.map_or(i, |order| order[i] as usize)];
    match encoding {
        Encoding::Real => {
            let mut rows = Rows::new(width, samples.len());
            for i in 0..width {
                let row = rows.row_mut(i).iter_mut();
                row.zip(samples).for_each(|(to, sample)| *to = value(sample, i));
            }
            Inputs::Real(rows)
        }
        Encoding::Sign => {
            let mut bits = BitMatrix::new(width, samples.len());
            for i in 0..width {
                let words = bits.row_mut(i);
                for (place, sample) in samples.iter().enumerate() {
                    words[place / WORD] |= u64::from(value(sample, i) >= 0.0) << (place % WORD);
                }
            }
            Inputs::Signs(bits)
        }
    }
}

/// The input that `images` of `width` pixels are: the pixels, or where there is ink.
fn of_images(width: usize, images: &[Ordered<'_, u8>], encoding: Encoding) -> Inputs {
    let mut pixels = Pixels::new(width, images.len());
    let stride = pixels.stride();
    for (few, images) in images.chunks(TOGETHER).enumerate() {
        place_pixels(images, width, &mut pixels.values_mut()[few * TOGETHER..], stride);
    }
    match encoding {
        Encoding::Real => Inputs::Pixels(pixels),
        Encoding::Sign => Inputs::Signs(ink(&pixels)),
    }
}

/// Images whose pixels are put in place together: their rows of eight bytes are written at once.
const TOGETHER: usize = 8;

/// Writes the pixels of a few images, in their tasks' order, side by side: pixel i of all of them at `to[i * stride]`.
fn place_pixels(images: &[Ordered<'_, u8>], width: usize, to: &mut [u8], stride: usize) {
    let one_order =
        images.windows(2).all(|pair| pair[0].1.map(<[u32]>::as_ptr) == pair[1].1.map(<[u32]>::as_ptr));
    match (images.first(), one_order, images.len() == TOGETHER) {
        (Some((_, order)), true, true) => {
            let images: [&[u8]; TOGETHER] = std::array::from_fn(|image| &images[image].0[..width]);
            for (i, to) in to.chunks_mut(stride).enumerate() {
                let pixel = order.map_or(i, |order| order[i] as usize);
                let to = &mut to[..TOGETHER];
                to.iter_mut().zip(images).for_each(|(to, image)| *to = image[pixel]);
            }
        }
        _ => {
            for (column, (image, order)) in images.iter().enumerate() {
                for (i, to) in to.chunks_mut(stride).enumerate() {
                    to[column] = image[order.map_or(i, |order| order[i] as usize)];
                }
            }
        }
    }
}

/// +1 where a pixel has ink, (pixels, batch).
fn ink(pixels: &Pixels) -> BitMatrix {
    let mut bits = BitMatrix::new(pixels.width(), pixels.batch());
    for pixel in 0..pixels.width() {
        let words = bits.row_mut(pixel);
        for (sample, value) in pixels.row(pixel).iter().enumerate() {
            words[sample / WORD] |= u64::from(*value > 0) << (sample % WORD);
        }
    }
    bits
}

/// Cuts 0..count into batches of `size`; what is left over is a smaller batch, but a single image joins the batch
/// before it: batch norm has no variance of one.
pub fn batches(count: usize, size: usize) -> impl ExactSizeIterator<Item = Range<usize>> + Clone {
    let whole = count / size;
    let left = count % size;
    let number = if left > 1 || whole == 0 { whole + usize::from(left > 0) } else { whole };
    (0..number).map(move |batch| {
        let end = if batch + 1 == number { count } else { (batch + 1) * size };
        batch * size..end
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images() -> Arc<Images> {
        let pixels = vec![0, 51, 102, 255, 10, 20, 30, 40];
        Arc::new(Images::new(2, 2, 3, pixels, vec![2, 0]).unwrap())
    }

    #[test]
    fn a_view_selects_and_permutes() {
        let view = View {
            samples: images().into(),
            selection: Some(Arc::from([1, 0, 0].as_slice())),
            permutation: Some(Arc::from([3, 2, 1, 0].as_slice())),
        };
        let subset = Subset::new(vec![View::all(images()), view]);
        assert_eq!(subset.len(), 5);
        let batch = subset.gather([0, 2, 3].into_iter(), Encoding::Real);
        assert_eq!(batch.labels, [2, 0, 2]);
        let expected = [0, 51, 102, 255, 40, 30, 20, 10, 255, 102, 51, 0].map(|p| p as f32 / 255.0);
        assert_eq!(batch.inputs.to_real(), Rows::from_samples(&expected, 4));
        assert_eq!(batch.inputs.to_real().row(0), [0.0, 40.0 / 255.0, 1.0], "one row per pixel");
    }

    #[test]
    fn the_first_images_of_several_views() {
        let few = View { selection: Some(Arc::from([1, 0].as_slice())), ..View::all(images()) };
        let subset = Subset::new(vec![few, View::all(images())]);
        for count in 1..=5 {
            let first = subset.first(count);
            assert_eq!(first.len(), count.min(4));
            let all = 0..first.len();
            assert_eq!(first.gather(all.clone(), Encoding::Real), subset.gather(all, Encoding::Real));
        }
    }

    #[test]
    fn the_sign_of_a_pixel_is_plus_one_where_there_is_ink() {
        let batch = Subset::new(vec![View::all(images())]).gather(0..1, Encoding::Sign);
        assert_eq!(batch.inputs.to_real().to_samples(|_, value| value), [-1.0, 1.0, 1.0, 1.0]);
    }

    fn four_features() -> Samples {
        let values = vec![0.5, -0.0, -3.0, 1e-30, 2.0, -1e-30, 0.0, 7.0];
        Features::new(2, 3, values, vec![2, 0, 1, 0]).unwrap().into()
    }

    #[test]
    fn features_are_gathered_as_they_are_or_as_signs_where_zero_is_plus_one() {
        let permuted = View { permutation: Some(Arc::from([1, 0].as_slice())), ..View::all(four_features()) };
        let subset = Subset::new(vec![View::all(four_features()), permuted]);
        let real = subset.gather([0, 1, 3, 4].into_iter(), Encoding::Real);
        assert_eq!(real.labels, [2, 0, 0, 2]);
        let expected = Rows::from_samples(&[0.5, -0.0, -3.0, 1e-30, 0.0, 7.0, -0.0, 0.5], 2);
        assert!(matches!(&real.inputs, Inputs::Real(rows) if *rows == expected));
        let signs = subset.gather(0..4, Encoding::Sign);
        assert!(matches!(signs.inputs, Inputs::Signs(_)));
        let signs = signs.inputs.to_real().to_samples(|_, value| value);
        assert_eq!(signs, [1.0, 1.0, -1.0, 1.0, 1.0, -1.0, 1.0, 1.0]);
    }

    #[test]
    fn a_view_of_classes_has_the_samples_with_these_labels() {
        let subset = Subset::new(vec![View::of_classes(&four_features(), &[0, 1])]);
        assert_eq!((subset.len(), subset.gather(0..3, Encoding::Real).labels), (3, vec![0, 1, 0]));
    }

    #[test]
    fn batches_cover_every_image_once_and_never_leave_one_alone() {
        for count in 2..50 {
            for size in 2..20 {
                let ranges: Vec<_> = batches(count, size).collect();
                assert_eq!(ranges.len(), batches(count, size).len());
                assert!(ranges.iter().all(|range| range.len() >= 2 && range.len() <= size + 1));
                assert_eq!(ranges.into_iter().flatten().collect::<Vec<_>>(), (0..count).collect::<Vec<_>>());
            }
        }
        assert_eq!(batches(1, 10).next(), Some(0..1));
        assert_eq!(batches(0, 10).len(), 0);
    }
}
