//! Streams of tasks.

use std::sync::Arc;

use metabnn::data::Dataset as Set;
use metabnn::stream::TaskStream;
use metabnn_lab::recipe::settings::Settings;
use numpy::ToPyArray;
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;

use crate::errors::OrRaise;
use crate::recipe::settings;
use crate::samples::{Dataset, Split};

/// Experiences to train on and tests to be judged by.
#[pyclass(frozen)]
pub struct Stream {
    pub stream: Arc<TaskStream>,
    /// The settings that describe it.
    pub settings: Settings,
}

#[pymethods]
impl Stream {
    /// The stream that settings `changes` describe, over `sets`.
    #[new]
    fn new(py: Python<'_>, changes: Vec<(String, String)>, sets: Vec<Py<Dataset>>) -> PyResult<Self> {
        let mut settings = settings(&changes)?;
        let sets: Vec<Set> = sets.iter().map(|set| set.get().set.clone()).collect();
        settings.data.sets = sets.iter().map(|set| set.name.clone()).collect();
        let stream = py.detach(|| settings.stream(&sets)).or_raise()?;
        Ok(Self { stream: Arc::new(stream), settings })
    }

    /// Number of phases.
    fn __len__(&self) -> usize {
        self.stream.experiences.len()
    }

    /// Training samples of a phase, counted from 0.
    fn phase(&self, index: usize) -> PyResult<Split> {
        let experience = self.stream.experiences.get(index);
        experience
            .map(|experience| Split {
                split: experience.samples.clone(),
                name: Some(experience.name.clone()),
            })
            .ok_or_else(|| PyIndexError::new_err("there is no such phase"))
    }

    /// Name, samples and the identity of the experience of every test.
    #[getter]
    fn tests(&self) -> Vec<(String, Split, Option<String>)> {
        let tests = self.stream.tests.iter();
        tests
            .map(|test| {
                let split = Split { split: test.samples.clone(), name: None };
                (test.name.clone(), split, test.experience.as_ref().map(ToString::to_string))
            })
            .collect()
    }

    /// Pixel order of every test: input i is value order[i] of the sample; None where it is as it is.
    fn permutations<'py>(&self, py: Python<'py>) -> Vec<Option<Bound<'py, PyAny>>> {
        let mut orders = vec![None; self.stream.tests.len()];
        for (test, order) in self.stream.permutations() {
            orders[test] = Some(order.to_pyarray(py).into_any());
        }
        orders
    }

    /// Channels, rows and columns of a sample.
    #[getter]
    fn shape(&self) -> (usize, usize, usize) {
        (self.stream.shape.channels, self.stream.shape.rows, self.stream.shape.columns)
    }

    /// Number of classes.
    #[getter]
    fn classes(&self) -> usize {
        self.stream.classes
    }
}
