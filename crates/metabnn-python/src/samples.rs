//! Data sets: from arrays, and by name.

use std::path::PathBuf;

use metabnn::data::fetch::FetchOptions;
use metabnn::data::{self, Samples};
use metabnn::tasks;
use pyo3::prelude::*;
use serde_json::json;

use crate::arrays::{self, Values};
use crate::errors::{DataError, OrRaise};

/// Some labelled samples, in the order in which they are shown.
#[pyclass(frozen)]
pub struct Split {
    pub split: tasks::Split,
}

#[pymethods]
impl Split {
    /// Samples from arrays: see the Python half.
    #[new]
    fn new(values: Values<'_>, labels: Vec<u8>, classes: usize) -> PyResult<Self> {
        Ok(Self::of(arrays::samples(&values, labels, classes)?))
    }

    fn __len__(&self) -> usize {
        self.split.len()
    }

    /// Values and labels as arrays.
    fn arrays<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        arrays::of_split(py, &self.split)
    }

    /// Number of classes.
    #[getter]
    fn classes(&self) -> usize {
        self.split.views().first().map_or(0, |view| view.images.classes())
    }
}

impl Split {
    pub fn of(samples: Samples) -> Self {
        Self { split: tasks::Split::new(vec![tasks::View::all(samples)]) }
    }
}

/// A data set: training and test samples.
#[pyclass(frozen)]
pub struct Dataset {
    pub set: data::Dataset,
}

#[pymethods]
impl Dataset {
    /// A data set of one's own: the first view of each split.
    #[new]
    fn new(name: String, train: &Split, test: &Split) -> PyResult<Self> {
        let whole = |split: &Split| split.split.views().first().map(|view| view.images.clone());
        let (Some(train), Some(test)) = (whole(train), whole(test)) else {
            return Err(DataError::new_err("there is no sample"));
        };
        let kind = |samples: &Samples| (samples.images().is_some(), samples.shape(), samples.classes());
        if kind(&train) != kind(&test) {
            let (train, test) = (describe(&train), describe(&test));
            return Err(DataError::new_err(format!("train and test differ: {train}, and {test}")));
        }
        Ok(Self { set: data::Dataset { name, train, test } })
    }

    #[getter]
    fn name(&self) -> &str {
        &self.set.name
    }

    #[getter]
    fn train(&self) -> Split {
        Split::of(self.set.train.clone())
    }

    #[getter]
    fn test(&self) -> Split {
        Split::of(self.set.test.clone())
    }
}

fn describe(samples: &Samples) -> String {
    format!("{} in {} classes", samples.describe(), samples.classes())
}

/// The data set of this name.
#[pyfunction]
#[pyo3(signature = (name, folder=None))]
pub fn load(py: Python<'_>, name: &str, folder: Option<PathBuf>) -> PyResult<Dataset> {
    let set = py.detach(|| data::load(name, folder.as_deref())).or_raise()?;
    Ok(Dataset { set })
}

/// Downloads a data set; gives the paths of its files.
#[pyfunction]
#[pyo3(signature = (name, folder, mirrors))]
pub fn fetch(
    py: Python<'_>,
    name: &str,
    folder: Option<PathBuf>,
    mirrors: Vec<String>,
) -> PyResult<Vec<PathBuf>> {
    let entry = data::catalogue::find(name).or_raise()?;
    let folder = data::default_folder(folder.as_deref()).or_raise()?;
    let mut options = FetchOptions::from_env();
    options.mirrors.splice(0..0, mirrors);
    py.detach(|| data::fetch::fetch(&entry, &folder, &options, &mut |_| {})).or_raise()
}

/// What is to be said of each file of a data set, as JSON.
#[pyfunction]
#[pyo3(signature = (name, folder=None))]
pub fn verify(py: Python<'_>, name: &str, folder: Option<PathBuf>) -> PyResult<String> {
    let reports = py.detach(|| data::verify(name, folder.as_deref())).or_raise()?;
    let row = |file: &data::FileReport| json!({"path": file.path, "right": file.state.is_right(), "state": file.state.to_string()});
    Ok(json!(reports.iter().map(row).collect::<Vec<_>>()).to_string())
}

/// The data sets there are, as JSON.
#[pyfunction]
pub fn catalogue() -> String {
    let set = |e: &data::catalogue::Entry| {
        json!({"name": e.name, "title": e.title, "channels": e.shape.channels, "rows": e.shape.rows,
               "columns": e.shape.columns, "classes": e.classes, "train": e.train, "test": e.test})
    };
    json!(data::catalogue::entries().iter().map(set).collect::<Vec<_>>()).to_string()
}
