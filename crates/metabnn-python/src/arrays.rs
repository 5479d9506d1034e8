//! NumPy arrays in and out.

use std::sync::Arc;

use metabnn::data::{Features, Images, Samples, Shape};
use metabnn::stream::{Subset, View};
use numpy::{PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods, ToPyArray};
use pyo3::prelude::*;

use crate::errors::{DataError, OrRaise};

/// Samples as they come from Python: 8-bit pixels, or real numbers. Row-major; the Python half sees to that.
#[derive(FromPyObject)]
pub enum Values<'py> {
    Pixels(PyReadonlyArrayDyn<'py, u8>),
    Reals(PyReadonlyArrayDyn<'py, f32>),
}

/// Pixels of shape (samples, width), (samples, rows, columns) or (samples, channels, rows, columns); features of shape
/// (samples, width); their labels, each below `classes`.
pub fn samples(values: &Values<'_>, labels: Vec<u8>, classes: usize) -> PyResult<Samples> {
    let (sizes, slice_failed) = match values {
        Values::Pixels(array) => (array.shape(), array.as_slice().is_err()),
        Values::Reals(array) => (array.shape(), array.as_slice().is_err()),
    };
    let is_pixels = matches!(values, Values::Pixels(_));
    let shape = match *sizes {
        _ if slice_failed => return Err(DataError::new_err("the array is not contiguous")),
        [_, width] => Shape::features(width),
        [_, rows, columns] if is_pixels => Shape::grey(rows, columns),
        [_, channels, rows, columns] if is_pixels => Shape { channels, rows, columns },
        _ => return Err(DataError::new_err(format!("samples of shape {sizes:?}"))),
    };
    if shape.width() == 0 {
        return Err(DataError::new_err("samples have 0 features"));
    }
    Ok(match values {
        Values::Pixels(array) => {
            Images::of_shape(shape, classes, array.as_slice()?.to_vec(), labels).or_raise()?.into()
        }
        Values::Reals(array) => {
            Features::new(shape.width(), classes, array.as_slice()?.to_vec(), labels).or_raise()?.into()
        }
    })
}

/// The shape of an array of samples: (count, width) of features, (count, rows, columns) of images, with channels before
/// rows if there are several.
fn sizes(count: usize, samples: &Samples) -> Vec<usize> {
    let shape: Vec<usize> = samples.shape().into();
    match samples {
        Samples::Features(_) => vec![count, samples.width()],
        // Pixels that came without rows.
        Samples::Images(_) if shape[0] == 1 => vec![count, samples.width()],
        Samples::Images(_) => [vec![count], shape].concat(),
    }
}

/// Values and labels of `split`, in order, each sample's values in the order that the network sees.
pub fn of_split<'py>(py: Python<'py>, split: &Subset) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let labels: Vec<u8> =
        split.views().iter().flat_map(|view| places(view).map(|at| view.samples.label(at))).collect();
    let Some(first) = split.views().first() else {
        return Err(DataError::new_err("there is no sample"));
    };
    let shape = sizes(labels.len(), &first.samples);
    let values = match &first.samples {
        Samples::Images(_) => {
            let image = |view: &View, at| {
                view.samples.images().map_or(&[][..], |set: &Arc<Images>| set.image(at)).to_vec()
            };
            shaped(py, &gathered(split, image), shape)?
        }
        Samples::Features(_) => {
            let sample =
                |view: &View, at| view.samples.features().map_or(&[][..], |set| set.sample(at)).to_vec();
            shaped(py, &gathered(split, sample), shape)?
        }
    };
    Ok((values, labels.to_pyarray(py).into_any()))
}

/// The places of a view's samples among all samples.
fn places(view: &View) -> impl Iterator<Item = usize> + '_ {
    let count = view.selection.as_ref().map_or(view.samples.len(), |selection| selection.len());
    (0..count).map(|at| view.selection.as_ref().map_or(at, |selection| selection[at] as usize))
}

fn gathered<T: Copy>(split: &Subset, sample: impl Fn(&View, usize) -> Vec<T>) -> Vec<T> {
    let mut values = Vec::new();
    for view in split.views() {
        for at in places(view) {
            let sample = sample(view, at);
            match &view.permutation {
                Some(order) => values.extend(order.iter().map(|&place| sample[place as usize])),
                None => values.extend(sample),
            }
        }
    }
    values
}

/// `values` as an array of this shape.
pub fn shaped<'py, T: numpy::Element>(
    py: Python<'py>,
    values: &[T],
    shape: Vec<usize>,
) -> PyResult<Bound<'py, PyAny>> {
    Ok(values.to_pyarray(py).reshape(shape)?.into_any())
}
