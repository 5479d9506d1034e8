//! A network that learns.

use std::error::Error;
use std::sync::RwLockReadGuard;
use std::sync::atomic::{AtomicU64, Ordering};

use metabnn::data::Shape;
use metabnn::evaluate::LearnedExperience;
use metabnn::layer::Layer;
use metabnn::model::checkpoint::Checkpoint;
use metabnn::network::NormState;
use metabnn::rule::SynapticRule;
use metabnn::train::{self, FitOptions};
use metabnn_lab::recipe::settings::Settings;
use metabnn_lab::saved::SavedRun;
use numpy::ToPyArray;
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::arrays::shaped;
use crate::errors::{DataError, ModelError, OrRaise};
use crate::known_tests::KnownTests;
use crate::learner::Learner;
use crate::machine::machine;
use crate::recipe::settings;
use crate::samples::Split;
use crate::shared::Shared;
use crate::stream::Stream;

/// An experience that was learned: identity, name, trainings, whether its batch-norm state is kept, pixel order.
type Learned<'py> = (String, String, Vec<usize>, bool, Option<Bound<'py, PyAny>>);

/// Most classes: labels are bytes.
const MOST_CLASSES: usize = 256;

/// A network with its optimizer. The experiences that it has learned are counted from 0, in the order in which each was
/// learned first. Any number of threads may use it.
#[pyclass(frozen)]
pub struct Trainer {
    learner: Shared<Learner>,
    shape: Shape,
    classes: usize,
    /// Training steps done; known while it learns, too.
    steps: AtomicU64,
}

#[pymethods]
impl Trainer {
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
        let settings = settings(&changes)?;
        let trainer = settings.trainer(&machine()?, shape, classes).or_raise()?;
        Ok(Self::of(trainer, settings, KnownTests::default()))
    }

    /// Rule, optimizer, schedule and scenario of the settings that `changes` make, from now on.
    fn learn_by(&self, py: Python<'_>, changes: Vec<(String, String)>) -> PyResult<()> {
        let settings = settings(&changes)?;
        self.learner.write(py)?.learn_by(settings)
    }

    /// Learns `samples` for so many epochs. At Ctrl-C it stops after its present step.
    fn learn(&self, py: Python<'_>, samples: &Split, epochs: usize, is_task: bool) -> PyResult<()> {
        let options = FitOptions { epochs, has_boundaries: is_task };
        self.learner.learn(py)?.go_on(py, samples, options, 0..epochs, &self.steps).map(|_| ())
    }

    /// Epoch `epoch` of so many, counted from 0; gives what is to be told of it.
    fn learn_epoch<'py>(
        &self,
        py: Python<'py>,
        samples: &Split,
        epochs: usize,
        is_task: bool,
        epoch: usize,
    ) -> PyResult<Bound<'py, PyDict>> {
        if epoch >= epochs {
            return Err(PyIndexError::new_err(format!("there is no epoch {epoch} of {epochs}")));
        }
        let options = FitOptions { epochs, has_boundaries: is_task };
        let told = self.learner.learn(py)?.go_on(py, samples, options, epoch..epoch + 1, &self.steps)?;
        let dict = PyDict::new(py);
        dict.set_item("lesson", told.experience)?;
        dict.set_item("epoch", epoch + 1)?;
        dict.set_item("steps", self.steps())?;
        dict.set_item("loss", told.loss / f64::from(told.steps.max(1)))?;
        dict.set_item("flips", told.flips)?;
        Ok(dict)
    }

    /// From now on the tests of `stream` that belong to its experience `phase`, or to none, belong to the model.
    fn take_tests(&self, py: Python<'_>, stream: &Stream, phase: usize) -> PyResult<()> {
        if let Some(experience) = stream.stream.experiences.get(phase) {
            self.learner.write(py)?.tests.add(&stream.stream, &experience.id(), &stream.settings);
        }
        Ok(())
    }

    /// Accuracy in [0, 1] on every test of `stream`, each with the state of its experience if that was learned.
    fn evaluate_stream(&self, py: Python<'_>, stream: &Stream) -> PyResult<Vec<f64>> {
        let learner = self.to_read(py, None)?;
        let tests = stream.stream.tests.iter();
        tests.clone().try_for_each(|test| learner.takes(&test.samples))?;
        tests.map(|test| Ok(learner.score(py, &test.samples, test.experience.as_ref())?.accuracy)).collect()
    }

    /// Accuracy in [0, 1] and mean loss in nats, with the batch-norm state and, unless samples are `in_order`, the pixel
    /// order of `task`, or with the present state.
    #[pyo3(signature = (samples, task=None, in_order=false))]
    fn evaluate(
        &self,
        py: Python<'_>,
        samples: &Split,
        task: Option<usize>,
        in_order: bool,
    ) -> PyResult<(f64, f64)> {
        let learner = self.to_read(py, task)?;
        let (split, id) = learner.as_task(&samples.split, task, in_order)?;
        let score = learner.score(py, &split, id)?;
        Ok((score.accuracy, score.loss))
    }

    /// Outputs, (samples, classes), as in `evaluate`.
    #[pyo3(signature = (samples, task=None, in_order=false))]
    fn logits<'py>(
        &self,
        py: Python<'py>,
        samples: &Split,
        task: Option<usize>,
        in_order: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let learner = self.to_read(py, task)?;
        let (split, id) = learner.as_task(&samples.split, task, in_order)?;
        let logits = learner.logits(py, &split, id)?;
        drop(learner);
        shaped(py, &logits, vec![samples.split.len(), self.classes])
    }

    /// Hidden weights of each layer: (out, in), of convolutions (out, in, kernel, kernel).
    fn hidden_weights<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let learner = self.learner.read(py)?;
        let layers = learner.trainer.network().layers.iter();
        layers.map(Layer::hidden_weights).map(|(shape, values)| shaped(py, &values, shape)).collect()
    }

    /// Binary weights of each layer, +1 or -1, in the shapes of the hidden ones.
    fn binary_weights<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let learner = self.learner.read(py)?;
        let layers = learner.trainer.network().layers.iter();
        let signs = |(shape, values): (Vec<usize>, Vec<f32>)| {
            let signs: Vec<i8> = values.iter().map(|&value| if value >= 0.0 { 1 } else { -1 }).collect();
            shaped(py, &signs, shape)
        };
        layers.map(Layer::hidden_weights).map(signs).collect()
    }

    /// Batch norm of each layer after `task`, or the present one.
    #[pyo3(signature = (task=None))]
    fn norm_states<'py>(&self, py: Python<'py>, task: Option<usize>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let learner = self.learner.read(py)?;
        learner.has_state(task)?;
        let state = |state: &NormState| {
            let dict = PyDict::new(py);
            let NormState { gamma, beta, mean, variance } = state;
            for (name, values) in [("gamma", gamma), ("beta", beta), ("mean", mean), ("variance", variance)] {
                dict.set_item(name, values.to_pyarray(py))?;
            }
            Ok(dict)
        };
        learner.trainer.norms(learner.id(task)).iter().map(state).collect()
    }

    /// Identity, name, trainings (counted from 1), whether its batch-norm state is kept, and pixel order of every
    /// experience that was learned.
    fn experiences<'py>(&self, py: Python<'py>) -> PyResult<Vec<Learned<'py>>> {
        let learner = self.learner.read(py)?;
        let learned = learner.trainer.learned().iter();
        Ok(learned
            .map(|LearnedExperience { id, name, trainings, order, norms }| {
                let order = order.as_ref().map(|order| order.to_pyarray(py).into_any());
                (id.to_string(), name.clone(), trainings.clone(), norms.is_some(), order)
            })
            .collect())
    }

    /// Whether what the rule keeps of its synapses is of experiences that it has learned.
    #[getter]
    fn has_rule_state(&self, py: Python<'_>) -> PyResult<bool> {
        let trainer = &self.learner.read(py)?.trainer;
        let has_learned = trainer.history().steps > 0;
        Ok(has_learned && (!trainer.rule().state().is_empty() || trainer.rule().needs_boundaries()))
    }

    /// Training steps done.
    #[getter]
    fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    #[getter]
    fn shape(&self) -> (usize, usize, usize) {
        (self.shape.channels, self.shape.rows, self.shape.columns)
    }

    #[getter]
    fn classes(&self) -> usize {
        self.classes
    }

    /// Settings, as JSON.
    fn settings(&self, py: Python<'_>) -> PyResult<String> {
        Ok(crate::recipe::json(&self.learner.read(py)?.settings).to_string())
    }

    /// The bytes of `model.safetensors`; with the tests of `stream`, if given.
    #[pyo3(signature = (stream=None))]
    fn model<'py>(&self, py: Python<'py>, stream: Option<&Stream>) -> PyResult<Bound<'py, PyBytes>> {
        let model = self.learner.read(py)?.model(stream)?;
        Ok(PyBytes::new(py, &model.to_bytes().or_raise()?))
    }

    /// A network from the bytes of a model.
    #[staticmethod]
    fn of_model(bytes: &[u8]) -> PyResult<Self> {
        let SavedRun { model, settings } = SavedRun::from_bytes(bytes).or_raise()?;
        let (shape, classes) = (model.description.image, model.trained.network.classes());
        let mut trainer = settings.trainer(&machine()?, shape, classes).or_raise()?;
        let tests = KnownTests::of(&model);
        trainer.resume_from(model.trained);
        trainer.set_machine(&machine()?);
        Ok(Self::of(trainer, settings, tests))
    }

    /// All that going on needs, as bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.learner.read(py)?.trainer.to_bytes().or_raise()?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The tests that belong to the model, as JSON.
    fn tests_to_json(&self, py: Python<'_>) -> PyResult<String> {
        let learner = self.learner.read(py)?;
        serde_json::to_string(&learner.tests).map_err(|error| ModelError::new_err(error.to_string()))
    }

    /// A trainer from those bytes, and the JSON of its tests.
    #[staticmethod]
    #[pyo3(signature = (bytes, tests=None))]
    fn of_bytes(bytes: &[u8], tests: Option<&str>) -> PyResult<Self> {
        let checkpoint = Checkpoint::from_bytes(bytes).or_raise()?;
        let none = |error: &dyn Error| ModelError::new_err(format!("not a metabnn checkpoint: {error}"));
        let settings: Settings = serde_json::from_str(checkpoint.settings()).map_err(|error| none(&error))?;
        settings.check().map_err(|errors| none(&errors))?;
        let trainer = checkpoint.into_trainer(&machine()?, settings.rule.clone()).or_raise()?;
        let tests = tests.map(serde_json::from_str).transpose().map_err(|error| none(&error))?;
        Ok(Self::of(trainer, settings, tests.unwrap_or_default()))
    }
}

impl Trainer {
    fn of(trainer: train::Trainer, settings: Settings, tests: KnownTests) -> Self {
        let (shape, classes) = (trainer.network().shape(), trainer.network().classes());
        let steps = AtomicU64::new(trainer.history().steps);
        Self { learner: Shared::new(Learner { trainer, settings, tests }), shape, classes, steps }
    }

    /// The network, to be read by any number of threads, with the threads of this process; it has a state of this
    /// task.
    fn to_read(&self, py: Python<'_>, task: Option<usize>) -> PyResult<RwLockReadGuard<'_, Learner>> {
        if !self.learner.read(py)?.is_current()? {
            self.learner.write(py)?.trainer.set_machine(&machine()?);
        }
        let learner = self.learner.read(py)?;
        learner.has_state(task)?;
        Ok(learner)
    }
}
