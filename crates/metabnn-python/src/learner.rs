//! A network that learns.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Instant;

use metabnn::data::Shape;
use metabnn::model::Model;
use metabnn::network::{Layer, NormState};
use metabnn::train::{self, Learned, Lesson};
use numpy::ToPyArray;
use pyo3::exceptions::{PyIndexError, PyRuntimeError};
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

/// What is to be told of some epochs.
#[derive(Default)]
struct Told {
    lesson: usize,
    /// Sum over the steps.
    loss: f64,
    steps: u32,
    /// Share of the binary weights that the last epoch changed, layer by layer.
    flips: Vec<f64>,
}

impl Told {
    fn add(&mut self, learned: Learned) {
        self.lesson = learned.lesson;
        self.loss += f64::from(learned.loss);
        self.steps += 1;
        self.flips = learned.flips.iter().flatten().map(|flips| flips.flipped).collect();
    }
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

    /// Learns `samples` for so many epochs. At Ctrl-C it stops after its present step.
    fn learn(&mut self, py: Python<'_>, samples: &Split, epochs: usize, is_task: bool) -> PyResult<()> {
        self.go_on(py, samples, Lesson { epochs, is_task }, 0..epochs).map(|_| ())
    }

    /// Epoch `epoch` of such a lesson, counted from 0; gives what is to be told of it.
    fn learn_epoch<'py>(
        &mut self,
        py: Python<'py>,
        samples: &Split,
        epochs: usize,
        is_task: bool,
        epoch: usize,
    ) -> PyResult<Bound<'py, PyDict>> {
        if epoch >= epochs {
            return Err(PyIndexError::new_err(format!("there is no epoch {epoch} of {epochs}")));
        }
        let told = self.go_on(py, samples, Lesson { epochs, is_task }, epoch..epoch + 1)?;
        let dict = PyDict::new(py);
        dict.set_item("lesson", told.lesson)?;
        dict.set_item("epoch", epoch + 1)?;
        dict.set_item("steps", self.steps())?;
        dict.set_item("loss", told.loss / f64::from(told.steps.max(1)))?;
        dict.set_item("flips", told.flips)?;
        Ok(dict)
    }

    /// Accuracy in [0, 1] and mean loss in nats, with the batch-norm state of `task` or the present one.
    #[pyo3(signature = (samples, task=None))]
    fn evaluate(slf: &Bound<'_, Self>, samples: &Split, task: Option<usize>) -> PyResult<(f64, f64)> {
        let this = Self::to_read(slf, samples, task)?;
        let learner = &this.learner;
        let score = slf.py().detach(|| learner.evaluate(&samples.split, task));
        Ok((score.accuracy, score.loss))
    }

    /// Outputs, (samples, classes).
    #[pyo3(signature = (samples, task=None))]
    fn logits<'py>(
        slf: &Bound<'py, Self>,
        samples: &Split,
        task: Option<usize>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let this = Self::to_read(slf, samples, task)?;
        let learner = &this.learner;
        let logits = slf.py().detach(|| learner.logits(&samples.split, task));
        shaped(slf.py(), &logits, vec![samples.split.len(), learner.classes()])
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
    /// The given epochs of a lesson, without Python's lock; now and then it looks for signals.
    fn go_on(
        &mut self,
        py: Python<'_>,
        samples: &Split,
        lesson: Lesson,
        epochs: Range<usize>,
    ) -> PyResult<Told> {
        self.learner.set_machine(&machine()?);
        let (mut told, mut raised, mut looked) = (Told::default(), None, Instant::now());
        let observe = |learned: Learned| {
            told.add(learned);
            if looked.elapsed() < LOOK {
                return ControlFlow::Continue(());
            }
            looked = Instant::now();
            raised = Python::attach(|py| py.check_signals()).err();
            if raised.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let learner = &mut self.learner;
        let result = py.detach(|| learner.learn_epochs(&samples.split, lesson, epochs, observe));
        match raised {
            Some(error) => Err(error),
            None => result.or_raise().map(|_| told),
        }
    }

    /// The network, to be read by any number of threads, with the threads of this process; it takes these samples, and has
    /// a state of this task.
    fn to_read<'py>(
        slf: &Bound<'py, Self>,
        samples: &Split,
        task: Option<usize>,
    ) -> PyResult<PyRef<'py, Self>> {
        let busy = || PyRuntimeError::new_err("the network is learning just now, in another thread");
        let machine = machine()?;
        let this = slf.try_borrow().map_err(|_| busy())?;
        let is_current = Arc::ptr_eq(&this.learner.state().knowledge.network.machine().pool, &machine.pool);
        drop(this);
        if !is_current {
            slf.try_borrow_mut().map_err(|_| busy())?.learner.set_machine(&machine);
        }
        let this = slf.try_borrow().map_err(|_| busy())?;
        this.has_state(task)?;
        this.learner.takes(&samples.split).or_raise()?;
        Ok(this)
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
