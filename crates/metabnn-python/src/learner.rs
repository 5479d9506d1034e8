//! A network that learns.

use std::ops::ControlFlow;
use std::time::Instant;

use metabnn::data::Shape;
use metabnn::model::Model;
use metabnn::network::{Layer, NormState};
use metabnn::train::{self, Learned, Lesson};
use numpy::ToPyArray;
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::arrays::shaped;
use crate::errors::{DataError, OrRaise};
use crate::experiment::LOOK;
use crate::machine::machine;
use crate::recipe::settings;
use crate::samples::Split;
use crate::stream::Stream;

/// Most classes: labels are bytes.
const MOST_CLASSES: usize = 256;

/// A network with its optimizer. Batch-norm states of tasks are counted from 0.
#[pyclass]
pub struct Learner {
    learner: train::Learner,
}

/// Numbers of an epoch that are told when it is over.
#[derive(Default)]
struct Epoch {
    loss: f64,
    steps: u32,
}

#[pymethods]
impl Learner {
    /// A network of the settings that `changes` make, for samples of `shape` = (channels, rows, columns).
    #[new]
    fn new(changes: Vec<(String, String)>, shape: (usize, usize, usize), classes: usize) -> PyResult<Self> {
        let (channels, rows, columns) = shape;
        let shape = Shape { channels, rows, columns };
        if !(1..=MOST_CLASSES).contains(&classes) {
            return Err(DataError::new_err(format!("classes: 1 to {MOST_CLASSES}, not {classes}")));
        }
        if !(1..=1 << 24).contains(&shape.width()) {
            return Err(DataError::new_err(format!("samples of {shape} values: 1 to 2^24 are possible")));
        }
        let learner = train::Learner::new(&machine()?, settings(&changes)?, shape, classes).or_raise()?;
        Ok(Self { learner })
    }

    /// Rule, optimizer, schedule and scenario of the settings that `changes` make, from now on.
    fn learn_by(&mut self, changes: Vec<(String, String)>) -> PyResult<()> {
        self.learner.learn_by(settings(&changes)?);
        Ok(())
    }

    /// Learns `samples`. `on_epoch` hears of each epoch, and may raise; then, and at Ctrl-C, the lesson stops after its
    /// present step.
    #[pyo3(signature = (samples, epochs, is_task, on_epoch=None))]
    fn learn(
        &mut self,
        py: Python<'_>,
        samples: &Split,
        epochs: usize,
        is_task: bool,
        on_epoch: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        self.learner.set_machine(&machine()?);
        let (learner, split) = (&mut self.learner, &samples.split);
        let lesson = Lesson { epochs, is_task };
        let (mut raised, mut looked, mut epoch) = (None, Instant::now(), Epoch::default());
        let observe = |learned: Learned| {
            epoch.loss += f64::from(learned.loss);
            epoch.steps += 1;
            let is_due = looked.elapsed() >= LOOK;
            if !is_due && (learned.flips.is_none() || on_epoch.is_none()) {
                return ControlFlow::Continue(());
            }
            looked = Instant::now();
            match Python::attach(|py| tell(py, &learned, &mut epoch, on_epoch.as_ref())) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    raised = Some(error);
                    ControlFlow::Break(())
                }
            }
        };
        let result = py.detach(|| learner.learn_observed(split, lesson, observe));
        match raised {
            Some(error) => Err(error),
            None => result.or_raise().map(|_| ()),
        }
    }

    /// Accuracy in [0, 1] and mean loss in nats, with the batch-norm state of `task` or the present one.
    #[pyo3(signature = (samples, task=None))]
    fn evaluate(&mut self, py: Python<'_>, samples: &Split, task: Option<usize>) -> PyResult<(f64, f64)> {
        self.fits(samples, task)?;
        let learner = &self.learner;
        let score = py.detach(|| learner.evaluate(&samples.split, task));
        Ok((score.accuracy, score.loss))
    }

    /// Outputs, (samples, classes).
    #[pyo3(signature = (samples, task=None))]
    fn logits<'py>(
        &mut self,
        py: Python<'py>,
        samples: &Split,
        task: Option<usize>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.fits(samples, task)?;
        let learner = &self.learner;
        let logits = py.detach(|| learner.logits(&samples.split, task));
        shaped(py, &logits, vec![samples.split.len(), self.learner.classes()])
    }

    /// Hidden weights of each layer: (out, in), of convolutions (out, in, kernel, kernel).
    fn hidden_weights<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let layers = self.learner.state().knowledge.network.layers.iter();
        layers.map(Layer::hidden_weights).map(|(shape, values)| shaped(py, &values, shape)).collect()
    }

    /// Binary weights of each layer, +1 or -1, in the shapes of the hidden ones.
    fn binary_weights<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let layers = self.learner.state().knowledge.network.layers.iter();
        let signs = |(shape, values): (Vec<usize>, Vec<f32>)| {
            let signs: Vec<i8> = values.iter().map(|&value| if value >= 0.0 { 1 } else { -1 }).collect();
            shaped(py, &signs, shape)
        };
        layers.map(Layer::hidden_weights).map(signs).collect()
    }

    /// Batch norm of each layer after `task`, or the present one.
    #[pyo3(signature = (task=None))]
    fn norm_states<'py>(&self, py: Python<'py>, task: Option<usize>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        self.has_state(task)?;
        let state = |state: &NormState| {
            let dict = PyDict::new(py);
            let NormState { gamma, beta, mean, variance } = state;
            for (name, values) in [("gamma", gamma), ("beta", beta), ("mean", mean), ("variance", variance)] {
                dict.set_item(name, values.to_pyarray(py))?;
            }
            Ok(dict)
        };
        self.learner.state().knowledge.norms(task).iter().map(state).collect()
    }

    /// Tasks whose batch-norm states are kept.
    #[getter]
    fn remembered(&self) -> usize {
        self.learner.state().knowledge.remembered.len()
    }

    /// Training steps done.
    #[getter]
    fn steps(&self) -> u64 {
        self.learner.state().record.steps
    }

    #[getter]
    fn shape(&self) -> (usize, usize, usize) {
        let shape = self.learner.image();
        (shape.channels, shape.rows, shape.columns)
    }

    #[getter]
    fn classes(&self) -> usize {
        self.learner.classes()
    }

    /// Settings, as JSON.
    fn settings(&self) -> String {
        crate::recipe::json(self.learner.settings()).to_string()
    }

    /// The bytes of `model.safetensors`; with the tests of `stream`, if given.
    #[pyo3(signature = (stream=None))]
    fn model<'py>(&self, py: Python<'py>, stream: Option<&Stream>) -> PyResult<Bound<'py, PyBytes>> {
        let model = match stream {
            Some(Stream { stream }) => {
                let knowledge = self.learner.state().knowledge.clone();
                Model::new(knowledge, self.learner.settings(), stream)
            }
            None => Model::of(&self.learner),
        };
        Ok(PyBytes::new(py, &model.to_bytes().or_raise()?))
    }

    /// A network from the bytes of a model.
    #[staticmethod]
    fn of_model(bytes: &[u8]) -> PyResult<Self> {
        let Model { description, knowledge, .. } = Model::from_bytes(bytes).or_raise()?;
        let mut learner = train::Learner::knowing(knowledge, description.settings, description.image);
        learner.set_machine(&machine()?);
        Ok(Self { learner })
    }

    /// All that going on needs, as bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.learner.to_bytes().or_raise()?))
    }

    /// A learner from those bytes.
    #[staticmethod]
    fn of_bytes(bytes: &[u8]) -> PyResult<Self> {
        Ok(Self { learner: train::Learner::from_bytes(&machine()?, bytes).or_raise()? })
    }
}

impl Learner {
    /// Refuses samples that the network does not take, and tasks that it has no state of.
    fn fits(&mut self, samples: &Split, task: Option<usize>) -> PyResult<()> {
        self.learner.set_machine(&machine()?);
        self.has_state(task)?;
        self.learner.takes(&samples.split).or_raise()
    }

    fn has_state(&self, task: Option<usize>) -> PyResult<()> {
        match task {
            Some(task) if task >= self.remembered() => Err(PyIndexError::new_err(format!(
                "there is no batch-norm state of task {task}: it keeps those of {} tasks, counted from 0",
                self.remembered()
            ))),
            _ => Ok(()),
        }
    }
}

/// Signals, and what is to be said of an epoch that is over.
fn tell(py: Python<'_>, learned: &Learned, epoch: &mut Epoch, on_epoch: Option<&Py<PyAny>>) -> PyResult<()> {
    py.check_signals()?;
    let (Some(flips), Some(on_epoch)) = (&learned.flips, on_epoch) else { return Ok(()) };
    let Epoch { loss, steps } = std::mem::take(epoch);
    let told = PyDict::new(py);
    told.set_item("lesson", learned.lesson)?;
    told.set_item("epoch", learned.epoch)?;
    told.set_item("steps", learned.steps)?;
    told.set_item("loss", loss / f64::from(steps.max(1)))?;
    told.set_item("flips", flips.iter().map(|flips| flips.flipped).collect::<Vec<_>>())?;
    on_epoch.call1(py, (told,)).map(|_| ())
}
