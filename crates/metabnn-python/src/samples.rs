//! Data sets: from arrays, and by name.

use std::path::PathBuf;

use metabnn::data::{Dataset as Set, Samples};
use metabnn::stream::{ExperienceId, Learnable, Subset, View};
use metabnn_data::fetch::FetchOptions;
use metabnn_data::{Entry, FileReport};
use pyo3::prelude::*;
use serde_json::json;

use crate::arrays::{self, Values};
use crate::errors::{DataError, OrRaise};

/// Some labelled samples, in the order in which they are shown.
#[pyclass(frozen)]
pub struct Split {
    pub split: Subset,
    /// Its name, if it is an experience of a stream.
    pub name: Option<String>,
}

impl Learnable for Split {
    fn samples(&self) -> &Subset {
        &self.split
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
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

    /// Its name, if it is an experience of a stream.
    #[getter]
    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What it is made of, as a name.
    fn id(&self) -> String {
        ExperienceId::new(&self.split).to_string()
    }

    /// Number of classes.
    #[getter]
    fn classes(&self) -> usize {
        self.split.views().first().map_or(0, |view| view.samples.classes())
    }
}

impl Split {
    pub fn of(samples: Samples) -> Self {
        Self { split: Subset::new(vec![View::all(samples)]), name: None }
    }
}

/// A data set: training and test samples.
#[pyclass(frozen)]
pub struct Dataset {
    pub set: Set,
}

#[pymethods]
impl Dataset {
    /// A data set of one's own: the first view of each split.
    #[new]
    fn new(name: String, train: &Split, test: &Split) -> PyResult<Self> {
        let whole = |split: &Split| split.split.views().first().map(|view| view.samples.clone());
        let (Some(train), Some(test)) = (whole(train), whole(test)) else {
            return Err(DataError::new_err("there is no sample"));
        };
        let kind = |samples: &Samples| (samples.images().is_some(), samples.shape(), samples.classes());
        if kind(&train) != kind(&test) {
            let (train, test) = (describe(&train), describe(&test));
            return Err(DataError::new_err(format!("train and test differ: {train}, and {test}")));
        }
        Ok(Self { set: Set { name, train, test } })
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
    let set = py.detach(|| metabnn_data::load(name, folder.as_deref())).or_raise()?;
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
    let entry = metabnn_data::find(name).or_raise()?;
    let folder = metabnn_data::default_folder(folder.as_deref()).or_raise()?;
    let mut options = FetchOptions::from_env();
    options.mirrors.splice(0..0, mirrors);
    py.detach(|| metabnn_data::fetch::fetch(&entry, &folder, &options, &mut |_| {})).or_raise()
}

/// What is to be said of each file of a data set, as JSON.
#[pyfunction]
#[pyo3(signature = (name, folder=None))]
pub fn verify(py: Python<'_>, name: &str, folder: Option<PathBuf>) -> PyResult<String> {
    let reports = py.detach(|| metabnn_data::verify(name, folder.as_deref())).or_raise()?;
    let row = |file: &FileReport| json!({"path": file.path, "right": file.state.is_right(), "state": file.state.to_string()});
    Ok(json!(reports.iter().map(row).collect::<Vec<_>>()).to_string())
}

/// The data sets there are, as JSON.
#[pyfunction]
pub fn catalogue() -> String {
    let set = |e: &Entry| {
        json!({"name": e.name, "title": e.title, "channels": e.shape.channels, "rows": e.shape.rows,
               "columns": e.shape.columns, "classes": e.classes, "train": e.train, "test": e.test})
    };
    json!(metabnn_data::entries().iter().map(set).collect::<Vec<_>>()).to_string()
}
