//! A network that learns.

use std::error::Error;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Instant;

use metabnn::data::Shape;
use metabnn::evaluate::LearnedExperience;
use metabnn::layer::Layer;
use metabnn::model::Model;
use metabnn::model::checkpoint::Checkpoint;
use metabnn::network::NormState;
use metabnn::rule::SynapticRule;
use metabnn::stream::{ExperienceId, Subset, View};
use metabnn::train::{self, FitOptions, StepReport};
use metabnn_lab::recipe::settings::{Settings, Tasks};
use metabnn_lab::saved::SavedRun;
use numpy::ToPyArray;
use pyo3::exceptions::{PyIndexError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::arrays::shaped;
use crate::errors::{DataError, ModelError, OrRaise};
use crate::experiment::LOOK;
use crate::known_tests::KnownTests;
use crate::machine::machine;
use crate::recipe::settings;
use crate::samples::Split;
use crate::stream::Stream;

/// An experience that was learned: identity, name, trainings, whether its batch-norm state is kept, pixel order.
type Learned<'py> = (String, String, Vec<usize>, bool, Option<Bound<'py, PyAny>>);

/// Most classes: labels are bytes.
const MOST_CLASSES: usize = 256;

/// A network with its optimizer. The experiences that it has learned are counted from 0, in the order in which each was
/// learned first.
#[pyclass]
pub struct Trainer {
    trainer: train::Trainer,
    settings: Settings,
    /// What it is judged by when nobody gives a stream.
    tests: KnownTests,
}

/// What is to be told of some epochs.
#[derive(Default)]
struct Told {
    experience: usize,
    /// Sum over the steps.
    loss: f64,
    steps: u32,
    /// Share of the binary weights that the last epoch changed, layer by layer.
    flips: Vec<f64>,
}

impl Told {
    fn add(&mut self, step: StepReport) {
        self.experience = step.experience;
        self.loss += f64::from(step.loss);
        self.steps += 1;
        self.flips = step.flips.iter().flatten().map(|flips| flips.flipped).collect();
    }
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
        Ok(Self { trainer, settings, tests: KnownTests::default() })
    }

    /// Rule, optimizer, schedule and scenario of the settings that `changes` make, from now on.
    fn learn_by(&mut self, changes: Vec<(String, String)>) -> PyResult<()> {
        let Settings { tasks, rule, optimizer, schedule, .. } = settings(&changes)?;
        let settings = Settings { tasks, rule, optimizer, schedule, ..self.settings.clone() };
        let (rule, config) = (settings.rule.clone(), settings.train_config());
        self.trainer.learn_by(rule, config, settings.to_json()).or_raise()?;
        self.settings = settings;
        Ok(())
    }

    /// Learns `samples` for so many epochs. At Ctrl-C it stops after its present step.
    fn learn(&mut self, py: Python<'_>, samples: &Split, epochs: usize, is_task: bool) -> PyResult<()> {
        self.go_on(py, samples, FitOptions { epochs, has_boundaries: is_task }, 0..epochs).map(|_| ())
    }

    /// Epoch `epoch` of so many, counted from 0; gives what is to be told of it.
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
        let options = FitOptions { epochs, has_boundaries: is_task };
        let told = self.go_on(py, samples, options, epoch..epoch + 1)?;
        let dict = PyDict::new(py);
        dict.set_item("lesson", told.experience)?;
        dict.set_item("epoch", epoch + 1)?;
        dict.set_item("steps", self.steps())?;
        dict.set_item("loss", told.loss / f64::from(told.steps.max(1)))?;
        dict.set_item("flips", told.flips)?;
        Ok(dict)
    }

    /// From now on the tests of `stream` that belong to its experience `phase`, or to none, belong to the model.
    fn take_tests(&mut self, stream: &Stream, phase: usize) {
        if let Some(experience) = stream.stream.experiences.get(phase) {
            self.tests.add(&stream.stream, &experience.id(), &stream.settings);
        }
    }

    /// Accuracy in [0, 1] on every test of `stream`, each with the state of its experience if that was learned.
    fn evaluate_stream(slf: &Bound<'_, Self>, stream: &Stream) -> PyResult<Vec<f64>> {
        let this = Self::to_read(slf, None)?;
        let trainer = &this.trainer;
        stream.stream.tests.iter().try_for_each(|test| this.takes(&test.samples))?;
        slf.py().detach(|| trainer.evaluate(&stream.stream)).or_raise()
    }

    /// Accuracy in [0, 1] and mean loss in nats, with the batch-norm state and, unless samples are `in_order`, the pixel
    /// order of `task`, or with the present state.
    #[pyo3(signature = (samples, task=None, in_order=false))]
    fn evaluate(
        slf: &Bound<'_, Self>,
        samples: &Split,
        task: Option<usize>,
        in_order: bool,
    ) -> PyResult<(f64, f64)> {
        let this = Self::to_read(slf, task)?;
        let (trainer, (split, id)) = (&this.trainer, this.as_task(&samples.split, task, in_order)?);
        let score = slf.py().detach(|| trainer.score(&split, id)).or_raise()?;
        Ok((score.accuracy, score.loss))
    }

    /// Outputs, (samples, classes), as in `evaluate`.
    #[pyo3(signature = (samples, task=None, in_order=false))]
    fn logits<'py>(
        slf: &Bound<'py, Self>,
        samples: &Split,
        task: Option<usize>,
        in_order: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let this = Self::to_read(slf, task)?;
        let (trainer, (split, id)) = (&this.trainer, this.as_task(&samples.split, task, in_order)?);
        let logits = slf.py().detach(|| trainer.logits(&split, id)).or_raise()?;
        shaped(slf.py(), &logits, vec![samples.split.len(), trainer.network().classes()])
    }

    /// Hidden weights of each layer: (out, in), of convolutions (out, in, kernel, kernel).
    fn hidden_weights<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let layers = self.trainer.network().layers.iter();
        layers.map(Layer::hidden_weights).map(|(shape, values)| shaped(py, &values, shape)).collect()
    }

    /// Binary weights of each layer, +1 or -1, in the shapes of the hidden ones.
    fn binary_weights<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let layers = self.trainer.network().layers.iter();
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
        self.trainer.norms(self.id(task)).iter().map(state).collect()
    }

    /// Identity, name, trainings (counted from 1), whether its batch-norm state is kept, and pixel order of every
    /// experience that was learned.
    fn experiences<'py>(&self, py: Python<'py>) -> Vec<Learned<'py>> {
        let learned = self.trainer.learned().iter();
        learned
            .map(|LearnedExperience { id, name, trainings, order, norms }| {
                let order = order.as_ref().map(|order| order.to_pyarray(py).into_any());
                (id.to_string(), name.clone(), trainings.clone(), norms.is_some(), order)
            })
            .collect()
    }

    /// Whether what the rule keeps of its synapses is of experiences that it has learned.
    #[getter]
    fn has_rule_state(&self) -> bool {
        let has_learned = self.trainer.history().steps > 0;
        has_learned && (!self.trainer.rule().state().is_empty() || self.trainer.rule().needs_boundaries())
    }

    /// Training steps done.
    #[getter]
    fn steps(&self) -> u64 {
        self.trainer.history().steps
    }

    #[getter]
    fn shape(&self) -> (usize, usize, usize) {
        let shape = self.trainer.network().shape();
        (shape.channels, shape.rows, shape.columns)
    }

    #[getter]
    fn classes(&self) -> usize {
        self.trainer.network().classes()
    }

    /// Settings, as JSON.
    fn settings(&self) -> String {
        crate::recipe::json(&self.settings).to_string()
    }

    /// The bytes of `model.safetensors`; with the tests of `stream`, if given.
    #[pyo3(signature = (stream=None))]
    fn model<'py>(&self, py: Python<'py>, stream: Option<&Stream>) -> PyResult<Bound<'py, PyBytes>> {
        self.trainer.check_usable().or_raise()?;
        let (trained, mut settings) = (self.trainer.trained(), self.settings.clone());
        let mut model = match stream {
            Some(Stream { stream, settings: Settings { data, tasks, .. } }) => {
                settings.data = data.clone();
                settings.tasks = Tasks { scenario: settings.tasks.scenario, ..tasks.clone() };
                Model::new(trained, settings.to_json(), stream)
            }
            None => self.tests.model(trained, settings),
        };
        model.description.image = self.tests.shape(model.description.image, self.trainer.network());
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
        Ok(Self { trainer, settings, tests })
    }

    /// All that going on needs, as bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.trainer.to_bytes().or_raise()?))
    }

    /// The tests that belong to the model, as JSON.
    fn tests_to_json(&self) -> PyResult<String> {
        serde_json::to_string(&self.tests).map_err(|error| ModelError::new_err(error.to_string()))
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
        Ok(Self { trainer, settings, tests: tests.unwrap_or_default() })
    }
}

impl Trainer {
    /// The given epochs of an experience, without Python's lock; now and then it looks for signals.
    fn go_on(
        &mut self,
        py: Python<'_>,
        samples: &Split,
        options: FitOptions,
        epochs: Range<usize>,
    ) -> PyResult<Told> {
        self.takes(&samples.split)?;
        self.trainer.set_machine(&machine()?);
        self.tests.see(&samples.split);
        let (mut told, mut raised, mut looked) = (Told::default(), None, Instant::now());
        let observe = |step: StepReport| {
            told.add(step);
            if looked.elapsed() < LOOK {
                return ControlFlow::Continue(());
            }
            looked = Instant::now();
            raised = Python::attach(|py| py.check_signals()).err();
            if raised.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let trainer = &mut self.trainer;
        let result = py.detach(|| trainer.fit_epochs(samples, options, epochs, observe));
        match raised {
            Some(error) => Err(error),
            None => result.or_raise().map(|_| told),
        }
    }

    /// The network, to be read by any number of threads, with the threads of this process; it has a state of this
    /// task.
    fn to_read<'py>(slf: &Bound<'py, Self>, task: Option<usize>) -> PyResult<PyRef<'py, Self>> {
        let busy = || PyRuntimeError::new_err("the network is learning just now, in another thread");
        let machine = machine()?;
        let this = slf.try_borrow().map_err(|_| busy())?;
        let is_current = Arc::ptr_eq(&this.trainer.network().machine().pool, &machine.pool);
        drop(this);
        if !is_current {
            slf.try_borrow_mut().map_err(|_| busy())?.trainer.set_machine(&machine);
        }
        let this = slf.try_borrow().map_err(|_| busy())?;
        this.has_state(task)?;
        Ok(this)
    }

    /// The identity of the learned experience of this number.
    fn id(&self, task: Option<usize>) -> Option<&ExperienceId> {
        self.trainer.learned().get(task?).map(|experience| &experience.id)
    }

    /// Whether the network takes these samples; images have to be of its shape, vectors of its width.
    fn takes(&self, samples: &Subset) -> PyResult<()> {
        self.trainer.accepts(samples).or_raise()?;
        let takes = self.trainer.network().shape();
        let is_vector = |shape: Shape| shape.channels == 1 && (shape.rows == 1 || shape.columns == 1);
        let mut shapes = samples.views().iter().map(|view| view.samples.shape());
        match shapes.find(|&shape| shape != takes && !is_vector(shape) && !is_vector(takes)) {
            Some(shape) => {
                Err(DataError::new_err(format!("images of {shape} pixels: the network takes {takes}")))
            }
            None => Ok(()),
        }
    }

    /// Samples as this task sees them, in its pixel order if they are not `in_order` yet, and its identity.
    fn as_task(
        &self,
        samples: &Subset,
        task: Option<usize>,
        in_order: bool,
    ) -> PyResult<(Subset, Option<&ExperienceId>)> {
        self.takes(samples)?;
        let learned = task.and_then(|task| self.trainer.learned().get(task));
        let order = learned.and_then(|experience| experience.order.clone()).filter(|_| !in_order);
        let Some(order) = order else { return Ok((samples.clone(), self.id(task))) };
        let ordered = |view: &View| View { permutation: Some(order.clone()), ..view.clone() };
        Ok((Subset::new(samples.views().iter().map(ordered).collect()), self.id(task)))
    }

    fn has_state(&self, task: Option<usize>) -> PyResult<()> {
        let learned = self.trainer.learned().len();
        match task {
            Some(task) if task >= learned => Err(PyIndexError::new_err(format!(
                "there is no task {task}: the network has learned {learned}, counted from 0"
            ))),
            _ => Ok(()),
        }
    }
}
