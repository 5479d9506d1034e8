//! A network that learns, and what it is judged by: what a `Trainer` of Python has behind its lock.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use metabnn::data::Shape;
use metabnn::evaluate::Score;
use metabnn::model::Model;
use metabnn::stream::{ExperienceId, Subset, View};
use metabnn::train::{self, FitOptions, StepReport};
use metabnn_lab::recipe::settings::{Settings, Tasks};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;

use crate::errors::{DataError, OrRaise};
use crate::experiment::LOOK;
use crate::known_tests::KnownTests;
use crate::machine::machine;
use crate::samples::Split;
use crate::stream::Stream;

/// A network with its optimizer.
pub struct Learner {
    pub trainer: train::Trainer,
    pub settings: Settings,
    /// What it is judged by when nobody gives a stream.
    pub tests: KnownTests,
}

/// What is to be told of some epochs.
#[derive(Default)]
pub struct Told {
    pub experience: usize,
    /// Sum over the steps.
    pub loss: f64,
    pub steps: u32,
    /// Share of the binary weights that the last epoch changed, layer by layer.
    pub flips: Vec<f64>,
}

impl Told {
    fn add(&mut self, step: StepReport) {
        self.experience = step.experience;
        self.loss += f64::from(step.loss);
        self.steps += 1;
        self.flips = step.flips.iter().flatten().map(|flips| flips.flipped).collect();
    }
}

impl Learner {
    /// The given epochs of an experience, without Python's lock; now and then it looks for signals. `steps` is told of
    /// every step.
    pub fn go_on(
        &mut self,
        py: Python<'_>,
        samples: &Split,
        options: FitOptions,
        epochs: Range<usize>,
        steps: &AtomicU64,
    ) -> PyResult<Told> {
        self.takes(&samples.split)?;
        self.trainer.set_machine(&machine()?);
        self.tests.see(&samples.split);
        let (mut told, mut raised, mut looked) = (Told::default(), None, Instant::now());
        let observe = |step: StepReport| {
            steps.store(step.steps, Ordering::Relaxed);
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

    /// Accuracy and loss on samples as this experience sees them.
    pub fn score(&self, py: Python<'_>, samples: &Subset, id: Option<&ExperienceId>) -> PyResult<Score> {
        let score = py.detach(|| self.trainer.score(samples, id)).or_raise()?;
        check_outputs(&[score.loss as f32])?;
        Ok(score)
    }

    /// Outputs for samples as this experience sees them.
    pub fn logits(&self, py: Python<'_>, samples: &Subset, id: Option<&ExperienceId>) -> PyResult<Vec<f32>> {
        let logits = py.detach(|| self.trainer.logits(samples, id)).or_raise()?;
        check_outputs(&logits)?;
        Ok(logits)
    }

    /// Rule, optimizer, schedule and scenario of these settings, from now on.
    pub fn learn_by(&mut self, settings: Settings) -> PyResult<()> {
        let Settings { tasks, rule, optimizer, schedule, .. } = settings;
        let settings = Settings { tasks, rule, optimizer, schedule, ..self.settings.clone() };
        let (rule, config) = (settings.rule.clone(), settings.train_config());
        self.trainer.learn_by(rule, config, settings.to_json()).or_raise()?;
        self.settings = settings;
        Ok(())
    }

    /// The network as a model; with the tests of `stream`, if given.
    pub fn model(&self, stream: Option<&Stream>) -> PyResult<Model> {
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
        Ok(model)
    }

    /// Whether it has the threads of this process.
    pub fn is_current(&self) -> PyResult<bool> {
        Ok(Arc::ptr_eq(&self.trainer.network().machine().pool, &machine()?.pool))
    }

    /// The identity of the learned experience of this number.
    pub fn id(&self, task: Option<usize>) -> Option<&ExperienceId> {
        self.trainer.learned().get(task?).map(|experience| &experience.id)
    }

    /// Whether the network takes these samples; images have to be of its shape, vectors of its width.
    pub fn takes(&self, samples: &Subset) -> PyResult<()> {
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
    pub fn as_task(
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

    pub fn has_state(&self, task: Option<usize>) -> PyResult<()> {
        let learned = self.trainer.learned().len();
        match task {
            Some(task) if task >= learned => Err(PyIndexError::new_err(format!(
                "there is no task {task}: the network has learned {learned}, counted from 0"
            ))),
            _ => Ok(()),
        }
    }
}

/// Whether outputs, or a loss made of them, are numbers: no class can be told from those of a network of finite weights
/// whose sums were too large.
fn check_outputs(outputs: &[f32]) -> PyResult<()> {
    match outputs.iter().find(|output| !output.is_finite()) {
        Some(output) => Err(DataError::new_err(format!(
            "an output or the loss is {output}: some values of x are too large for this network"
        ))),
        None => Ok(()),
    }
}
