//! Images as a task sees them: a selection, the pixels in the task's order.

use std::ops::Range;
use std::sync::Arc;

use metabnn_infer::kernels::Pixels;
use metabnn_infer::{BitMatrix, WORD};

use crate::data::Images;
use crate::network::{Batch, Inputs};
use crate::recipe::settings::Input;

/// Some images of a data set, their pixels permuted or not. Cheap to clone: pixels are shared.
#[derive(Clone, Debug)]
pub struct View {
    /// The images.
    pub images: Arc<Images>,
    /// Which of them; `None`: all.
    pub selection: Option<Arc<[u32]>>,
    /// Pixel i of the task is pixel `permutation[i]` of the image; `None`: as it is.
    pub permutation: Option<Arc<[u32]>>,
}

impl View {
    /// All of `images`, as they are.
    pub fn all(images: Arc<Images>) -> Self {
        Self { images, selection: None, permutation: None }
    }

    fn len(&self) -> usize {
        self.selection.as_ref().map_or(self.images.len(), |selection| selection.len())
    }

    /// Pixels of image `index` as they are, and its label.
    fn image(&self, index: usize) -> (&[u8], u8) {
        let index = self.selection.as_ref().map_or(index, |selection| selection[index] as usize);
        (self.images.image(index), self.images.label(index))
    }
}

/// The training or test images of a task: one view, or several put together.
#[derive(Clone, Debug)]
pub struct Split {
    views: Vec<View>,
}

impl Split {
    /// The images of `views`, one after the other.
    pub fn new(views: Vec<View>) -> Self {
        Self { views }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.views.iter().map(View::len).sum()
    }

    /// Whether there is no image.
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
            let place = |place: usize| view.selection.as_ref().map_or(place as u32, |all| all[place]);
            View { selection: Some((0..taken).map(place).collect()), ..view.clone() }
        };
        Self::new(self.views.iter().map(part).filter(|view| view.len() > 0).collect())
    }

    /// The views it is made of.
    pub fn views(&self) -> &[View] {
        &self.views
    }

    /// Gathers the images at `indices` as the network's input: pixels, or their signs.
    pub fn gather(&self, indices: impl Iterator<Item = usize>, input: Input) -> Batch {
        let places: Vec<(&View, usize)> = indices.map(|index| self.place(index)).collect();
        let labels = places.iter().map(|(view, index)| view.image(*index).1).collect();
        let width = self.views.first().map_or(0, |view| view.images.width());
        let mut pixels = Pixels::new(width, places.len());
        let stride = pixels.stride();
        for (few, places) in places.chunks(TOGETHER).enumerate() {
            place_pixels(places, width, &mut pixels.values_mut()[few * TOGETHER..], stride);
        }
        let inputs = match input {
            Input::Real => Inputs::Pixels(pixels),
            Input::Sign => Inputs::Signs(ink(&pixels)),
        };
        Batch { inputs, labels }
    }

    /// The view that image `index` is in, and its place there.
    fn place(&self, mut index: usize) -> (&View, usize) {
        let view = self.views.iter().find(|view| {
            let here = index < view.len();
            index -= if here { 0 } else { view.len() };
            here
        });
        (view.expect("indices are below len()"), index)
    }
}

/// Images whose pixels are put in place together: their rows of eight bytes are written at once.
const TOGETHER: usize = 8;

/// Writes the pixels of a few images, in their tasks' order, side by side: pixel i of all of them at `to[i * stride]`.
fn place_pixels(places: &[(&View, usize)], width: usize, to: &mut [u8], stride: usize) {
    let images = places.iter().map(|(view, index)| (view.image(*index).0, view.permutation.as_deref()));
    let images: Vec<_> = images.collect();
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
            for (column, (image, order)) in images.into_iter().enumerate() {
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
    use crate::network::Rows;

    fn images() -> Arc<Images> {
        let pixels = vec![0, 51, 102, 255, 10, 20, 30, 40];
        Arc::new(Images::new(2, 2, 3, pixels, vec![2, 0]).unwrap())
    }

    #[test]
    fn a_view_selects_and_permutes() {
        let view = View {
            images: images(),
            selection: Some(Arc::from([1, 0, 0].as_slice())),
            permutation: Some(Arc::from([3, 2, 1, 0].as_slice())),
        };
        let split = Split::new(vec![View::all(images()), view]);
        assert_eq!(split.len(), 5);
        let batch = split.gather([0, 2, 3].into_iter(), Input::Real);
        assert_eq!(batch.labels, [2, 0, 2]);
        let expected = [0, 51, 102, 255, 40, 30, 20, 10, 255, 102, 51, 0].map(|p| p as f32 / 255.0);
        assert_eq!(batch.inputs.to_real(), Rows::from_samples(&expected, 4));
        assert_eq!(batch.inputs.to_real().row(0), [0.0, 40.0 / 255.0, 1.0], "one row per pixel");
    }

    #[test]
    fn the_first_images_of_several_views() {
        let few = View { selection: Some(Arc::from([1, 0].as_slice())), ..View::all(images()) };
        let split = Split::new(vec![few, View::all(images())]);
        for count in 1..=5 {
            let first = split.first(count);
            assert_eq!(first.len(), count.min(4));
            let all = 0..first.len();
            assert_eq!(first.gather(all.clone(), Input::Real), split.gather(all, Input::Real));
        }
    }

    #[test]
    fn the_sign_of_a_pixel_is_plus_one_where_there_is_ink() {
        let batch = Split::new(vec![View::all(images())]).gather(0..1, Input::Sign);
        assert_eq!(batch.inputs.to_real().to_samples(|_, value| value), [-1.0, 1.0, 1.0, 1.0]);
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
