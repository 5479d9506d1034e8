//! Learning in a loop of one's own: a task at a time, or samples as they come.

use std::ops::{ControlFlow, Range};

use super::batches::Batches;
use super::boundaries::end_of_task;
use super::{Place, State, TrainError, check_finite};
use crate::analysis::Flips;
use crate::data::Shape;
use crate::evaluate::{Knowledge, Score, evaluate};
use crate::machine::Machine;
use crate::network::Network;
use crate::optim::Adam;
use crate::plasticity::SynapticRule;
use crate::recipe::settings::{NormKind, Settings, Statistics};
use crate::tasks::Split;

/// A network that learns what it is given, one lesson after the other, for whoever has the loop in their own hands.
///
/// Lesson i draws what task i of a [`Training`](super::Training) draws: given the phases of a stream in order, with the
/// same settings, the network becomes the same, bit for bit.
///
/// ```
/// use metabnn::machine::Machine;
/// use metabnn::recipe::settings::{Data, Network, Settings};
/// use metabnn::train::{Learner, Lesson};
/// use metabnn::{data, tasks::TaskStream};
///
/// let settings = Settings {
///     data: Data { train_images: 200, test_images: 100, ..Data::default() },
///     network: Network { hidden: vec![32], ..Network::default() },
///     ..Settings::default()
/// };
/// let stream = TaskStream::new(&settings, &[data::load("glyphs", None)?])?;
/// let mut learner = Learner::new(Machine::get(), settings, stream.image, stream.classes)?;
/// for task in &stream.phases {
///     learner.learn(task, Lesson::task(2))?;
/// }
/// let first = &stream.tests[0];
/// println!("{:?}", learner.evaluate(&first.images, first.phase));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Learner {
    settings: Settings,
    image: Shape,
    state: State,
}

/// How samples are gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// Times that every sample is shown, each time in another order.
    pub epochs: usize,
    /// Whether they are a task with a beginning and an end: fresh moments (`optimizer.reset_per_task`), its learning rate,
    /// its own batch-norm state (`tasks.scenario`), exact statistics if they are `recalibrated`, what the rule does at its
    /// end. Else they are part of a stream that goes on, and statistics are running averages.
    pub is_task: bool,
}

impl Lesson {
    /// A task.
    pub fn task(epochs: usize) -> Self {
        Self { epochs, is_task: true }
    }

    /// A part of a stream without boundaries, shown once.
    pub fn part() -> Self {
        Self { epochs: 1, is_task: false }
    }
}

/// Where a lesson is: handed to its observer after every step.
#[derive(Clone, Debug)]
pub struct Learned {
    /// The lesson, counted from 1.
    pub lesson: usize,
    /// Epoch of the lesson, counted from 1.
    pub epoch: usize,
    /// Steps done so far, of all lessons.
    pub steps: u64,
    /// Mean loss of the step's batch, in nats, before its update.
    pub loss: f32,
    /// After the last step of an epoch: the binary weights that it changed, layer by layer.
    pub flips: Option<Vec<Flips>>,
}

impl Learner {
    /// A network of `settings` that has learned nothing, for samples of shape `image` of so many `classes`.
    ///
    /// # Errors
    /// [`TrainError::Shape`] if a layer would have no output; [`TrainError::NotFinite`] if an initial weight is too large.
    pub fn new(
        machine: &Machine,
        settings: Settings,
        image: Shape,
        classes: usize,
    ) -> Result<Self, TrainError> {
        let network = Network::from_settings(&settings, image, classes)?.on(machine);
        check_finite("a hidden weight", network.hidden_weights(), (0, 0, 0), &settings)?;
        Ok(Self::knowing(Knowledge::new(network), settings, image))
    }

    /// A learner that knows what a network has learned before, and starts with fresh moments.
    pub fn knowing(knowledge: Knowledge, settings: Settings, image: Shape) -> Self {
        let mut state = State::untested(knowledge, &settings);
        state.place.task = state.knowledge.remembered.len();
        let mut learner = Self { settings, image, state };
        learner.forget_moments();
        learner
    }

    /// Fresh moments, and a fresh memory of the rule.
    fn forget_moments(&mut self) {
        let Self { settings, state: State { knowledge, adam, .. }, .. } = self;
        *adam = Adam::new(&settings.optimizer, &knowledge.network.layers);
        for layer in &mut knowledge.network.layers {
            layer.linear.make_memory(&[]);
            layer.linear.make_memory(settings.rule.memory());
        }
    }

    /// A learner that goes on from `state`.
    pub(crate) fn at(state: State, settings: Settings, image: Shape) -> Self {
        Self { settings, image, state }
    }

    /// The same on another machine.
    pub fn set_machine(&mut self, machine: &Machine) {
        self.state.knowledge.network.set_machine(machine);
    }

    /// Learns in another way from now on: by rule, optimizer, schedule and scenario of `settings`, from fresh moments and
    /// with a fresh memory of the rule.
    pub fn learn_by(&mut self, settings: Settings) {
        let Settings { tasks, rule, optimizer, schedule, .. } = settings;
        self.settings = Settings { tasks, rule, optimizer, schedule, ..self.settings.clone() };
        self.forget_moments();
    }

    /// Settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Shape of a sample.
    pub fn image(&self) -> Shape {
        self.image
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.state.knowledge.network.layers.last().map_or(0, |layer| layer.linear.outputs())
    }

    /// What it has come to.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Learns `samples`, with batch norm at least two, in batches of `schedule.batch`.
    ///
    /// # Errors
    /// [`TrainError::Samples`] if they are not what the network takes; [`TrainError::NotFinite`].
    pub fn learn(&mut self, samples: &Split, lesson: Lesson) -> Result<(), TrainError> {
        self.learn_epochs(samples, lesson, 0..lesson.epochs, |_| ControlFlow::Continue(())).map(|_| ())
    }

    /// The given epochs of a lesson, counted from 0, with an observer that hears of every step and may stop. What is to be
    /// done in its first and after its last epoch is done there: whoever wants to look in between asks for the epochs of a
    /// lesson one after the other, with the same samples, and gets the same bits. A lesson of which the last epoch was not
    /// done does not count; the steps it did stay done.
    ///
    /// # Errors
    /// As [`Learner::learn`].
    pub fn learn_epochs(
        &mut self,
        samples: &Split,
        lesson: Lesson,
        epochs: Range<usize>,
        mut observe: impl FnMut(Learned) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TrainError> {
        self.takes(samples)?;
        if samples.len() < 2 && self.settings.norm.kind == NormKind::Batch {
            let problem = format!("{} sample: batch norm needs at least 2 to learn from", samples.len());
            return Err(TrainError::Samples { problem });
        }
        let index = self.state.place.task;
        if lesson.is_task && epochs.start == 0 {
            self.state.start_task(&self.settings);
        }
        let place = Place { task: index, epoch: epochs.start, batch: 0 };
        let mut batches = Batches::of(samples, &self.settings, place, epochs.end);
        let mut done = epochs.start * batches.per_epoch();
        while let Some(batch) = batches.next.take() {
            let State { knowledge, adam, signs, record, .. } = &mut self.state;
            let mut gather = || batches.look_ahead();
            let loss = knowledge.network.step(&batch, adam, &self.settings.rule, &mut gather);
            (done, record.steps) = (done + 1, record.steps + 1);
            let (epoch, steps) = (1 + (done - 1) / batches.per_epoch(), record.steps);
            check_finite("the loss", [loss], (index + 1, epoch, steps), &self.settings)?;
            let is_last = done.is_multiple_of(batches.per_epoch());
            let flips = is_last.then(|| signs.flips(&knowledge.network, (index + 1, epoch)));
            let learned = Learned { lesson: index + 1, epoch, steps, loss, flips };
            if observe(learned).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if epochs.end == lesson.epochs {
            self.end(samples, lesson)?;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// What follows from a lesson that is over.
    fn end(&mut self, samples: &Split, lesson: Lesson) -> Result<(), TrainError> {
        let Self { settings, state: State { knowledge, place, record, .. }, .. } = self;
        let at = (place.task + 1, record.steps);
        if lesson.is_task {
            if settings.norm.statistics == Statistics::Recalibrated {
                knowledge.recalibrate(samples, settings);
            }
            end_of_task(knowledge, Some(samples), settings, at)?;
        } else {
            let at = (at.0, lesson.epochs, at.1);
            check_finite("a hidden weight", knowledge.network.hidden_weights(), at, settings)?;
        }
        *place = Place { task: place.task + 1, ..Place::default() };
        Ok(())
    }

    /// Accuracy and loss on `samples` with the batch-norm state of `task`, counted from 0, or the present one.
    pub fn evaluate(&self, samples: &Split, task: Option<usize>) -> Score {
        evaluate(&self.state.knowledge, samples, task, &self.settings)
    }

    /// Outputs for `samples`, (samples, classes), with the batch-norm state of `task`, counted from 0, or the present one.
    pub fn logits(&self, samples: &Split, task: Option<usize>) -> Vec<f32> {
        self.state.knowledge.logits(samples, task, &self.settings)
    }

    /// Whether the network takes these samples.
    ///
    /// # Errors
    /// [`TrainError::Samples`].
    pub fn takes(&self, samples: &Split) -> Result<(), TrainError> {
        let (takes, classes) = (self.image.width(), self.classes());
        let problem = match samples.views().first().map(|view| &view.images).filter(|_| !samples.is_empty()) {
            None => "there is no sample".into(),
            Some(of) if of.width() != takes => {
                format!("samples of {}: the network takes {takes} values", of.describe())
            }
            Some(of) if of.classes() > classes => {
                format!("samples of {} classes: the network has {classes}", of.classes())
            }
            Some(_) => return Ok(()),
        };
        Err(TrainError::Samples { problem })
    }
}
