//! The trainer: a network that learns what it is given, one experience after the other. How it learns one is in
//! `fit.rs`, the loop over those of a stream in `training.rs`.

use super::builder::TrainerBuilder;
use super::{History, Position, TrainConfig, TrainError};
use crate::engine::{Cpu, Engine};
use crate::evaluate::{LearnedExperience, Score, TrainedNetwork, choose_norms};
use crate::history::SignSnapshot;
use crate::machine::Machine;
use crate::memory;
use crate::network::{Network, NetworkError, NormKind, NormState};
use crate::rule::{Rule, SynapticRule};
use crate::stream::{ExperienceId, Subset, TaskStream};

/// A network that learns what it is given, one experience after the other, by a rule.
///
/// Experience i draws the random numbers of experience i: given the experiences of a stream in order, with the same
/// config, the network becomes the one that [`Training`](super::Training) makes, bit for bit.
#[derive(Clone, Debug)]
pub struct Trainer<R = Rule, E = Cpu> {
    pub(crate) engine: E,
    pub(crate) rule: R,
    pub(crate) config: TrainConfig,
    /// What files say of it: JSON.
    pub(crate) settings: String,
    /// What it has learned.
    pub(crate) learned: Vec<LearnedExperience>,
    /// Whether a number became something that is none: there is no way on from there.
    pub(crate) has_diverged: bool,
    /// Binary weights at the beginning of the present epoch.
    pub(crate) signs: SignSnapshot,
    pub(crate) position: Position,
    pub(crate) history: History,
}

impl<R: SynapticRule> Trainer<R> {
    /// A trainer of `network` with `rule`, to be told the rest.
    pub fn builder(network: Network, rule: R) -> TrainerBuilder<R> {
        TrainerBuilder::new(network, rule)
    }

    /// Works on `machine` from now on.
    pub fn set_machine(&mut self, machine: &Machine) {
        self.engine.set_machine(machine);
    }

    /// Learns in another way from now on, from fresh moments and with a fresh state of the rule.
    ///
    /// # Errors
    /// [`TrainError::Config`] if a parameter of training or rule has a value it does not take.
    pub fn learn_by(&mut self, rule: R, config: TrainConfig, settings: String) -> Result<(), TrainError> {
        config.validate_for(self.network().norm_config().kind)?;
        rule.validate(self.network().layers.len())?;
        self.engine.set_optimizer(&config.optimizer);
        (self.rule, self.config, self.settings) = (rule, config, settings);
        self.engine.forget(&self.rule);
        Ok(())
    }

    /// Goes on from a network that has learned before, with fresh moments and a fresh state of the rule.
    pub fn resume_from(&mut self, trained: TrainedNetwork) {
        let TrainedNetwork { network, learned } = trained;
        let trainings = learned.iter().flat_map(|experience| &experience.trainings);
        let experience = trainings.copied().max().unwrap_or(0);
        self.position = Position { experience, ..Position::default() };
        (self.signs, self.learned) = (SignSnapshot::new(&network), learned);
        let optimizer = self.engine.optimizer().clone();
        self.engine.load(network, optimizer);
        self.engine.forget(&self.rule);
    }
}

impl<R: SynapticRule, E: Engine> Trainer<R, E> {
    /// A trainer on an engine of one's own that goes on from the engine's network. `settings` is what files say of it, as
    /// in [`TrainerBuilder::settings`], in JSON.
    pub fn on_engine(engine: E, rule: R, config: TrainConfig, settings: String) -> Self {
        let signs = SignSnapshot::new(engine.network());
        Self {
            engine,
            rule,
            config,
            settings,
            learned: Vec::new(),
            has_diverged: false,
            signs,
            position: Position::default(),
            history: History::default(),
        }
    }

    /// The network, with its present norm state.
    pub fn network(&self) -> &Network {
        self.engine.network()
    }

    /// The rule.
    pub fn rule(&self) -> &R {
        &self.rule
    }

    /// How it is trained.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// What files say of it: JSON.
    pub fn settings(&self) -> &str {
        &self.settings
    }

    /// How far it is.
    pub fn position(&self) -> Position {
        self.position
    }

    /// What was seen so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The experiences that it has learned, in the order in which each was learned first.
    pub fn learned(&self) -> &[LearnedExperience] {
        &self.learned
    }

    /// The network with what it has learned.
    pub fn trained(&self) -> TrainedNetwork {
        TrainedNetwork { network: self.network().clone(), learned: self.learned.clone() }
    }

    /// The norm states to test with: those at the end of the last training of this experience, where they are kept, else
    /// the present ones.
    pub fn norms(&self, experience: Option<&ExperienceId>) -> Vec<NormState> {
        choose_norms(self.network(), &self.learned, experience)
    }

    /// Accuracy and loss on `samples` with the norm state of this experience, or the present one.
    ///
    /// # Errors
    /// [`TrainError::Samples`] if they are not what the network takes; [`TrainError::Network`] if a batch takes more memory
    /// than this process may take; [`TrainError::Diverged`]; [`TrainError::Stopped`].
    pub fn score(
        &self,
        samples: impl AsRef<Subset>,
        experience: Option<&ExperienceId>,
    ) -> Result<Score, TrainError> {
        let samples = samples.as_ref();
        self.accepts(samples)?;
        self.check_memory_for_tests(samples.len())?;
        let (norms, batch) = (self.norms(experience), self.config.schedule.test_batch);
        self.unless_stopped(self.engine.score(samples, &norms, batch))
    }

    /// Outputs for `samples`, (samples, classes), with the norm state of this experience, or the present one.
    ///
    /// # Errors
    /// As [`Trainer::score`].
    pub fn logits(
        &self,
        samples: impl AsRef<Subset>,
        experience: Option<&ExperienceId>,
    ) -> Result<Vec<f32>, TrainError> {
        let samples = samples.as_ref();
        self.accepts(samples)?;
        self.check_memory_for_tests(samples.len())?;
        let (norms, batch) = (self.norms(experience), self.config.schedule.test_batch);
        self.unless_stopped(self.engine.logits(samples, &norms, batch))
    }

    /// Accuracy on every test of `stream`, each with the norm state of its experience where that was learned and is kept.
    ///
    /// # Errors
    /// As [`Trainer::score`].
    pub fn evaluate(&self, stream: &TaskStream) -> Result<Vec<f64>, TrainError> {
        let tests = stream.tests.iter();
        tests.map(|test| Ok(self.score(&test.samples, test.experience.as_ref())?.accuracy)).collect()
    }

    /// Whether the numbers of the network are numbers still.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] after a training that ended with [`TrainError::NotFinite`].
    pub fn check_usable(&self) -> Result<(), TrainError> {
        if self.has_diverged { Err(TrainError::Diverged) } else { Ok(()) }
    }

    /// Whether the network takes these samples.
    ///
    /// # Errors
    /// [`TrainError::Samples`]; [`TrainError::Diverged`].
    pub fn accepts(&self, samples: &Subset) -> Result<(), TrainError> {
        self.check_usable()?;
        let (takes, classes) = (self.network().shape().width(), self.network().classes());
        let problem = match samples.views().first().map(|view| &view.samples).filter(|_| !samples.is_empty())
        {
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

    /// What was computed, if it was computed to its end.
    pub(super) fn unless_stopped<T>(&self, computed: T) -> Result<T, TrainError> {
        if self.engine.is_stopped() { Err(TrainError::Stopped) } else { Ok(computed) }
    }

    /// Whether steps on so many samples can be done: with batch norm they are two at least, and this process has the memory.
    pub(super) fn check_steps(&self, samples: usize) -> Result<(), TrainError> {
        if samples < 2 && self.network().norm_config().kind == NormKind::Batch {
            let problem = format!("{samples} sample: batch norm needs at least 2 to learn from");
            return Err(TrainError::Samples { problem });
        }
        let batch = self.config.schedule.batch.min(samples);
        let what = || format!("a training step of {batch} samples");
        Ok(memory::check(self.engine.memory_for_steps(batch), what).map_err(NetworkError::from)?)
    }

    /// Whether this process can take tests on so many samples.
    pub(super) fn check_memory_for_tests(&self, samples: usize) -> Result<(), TrainError> {
        let batch = self.config.schedule.test_batch;
        let what = || format!("a test of {samples} samples in batches of {}", batch.min(samples));
        let takes = self.engine.memory_for_tests(samples, batch);
        Ok(memory::check(takes, what).map_err(NetworkError::from)?)
    }

    /// Whether every number of the network is one.
    pub(crate) fn check_network(&self, at: Position) -> Result<(), TrainError> {
        let network = self.network();
        self.check_finite("a hidden weight", network.hidden_weights(), at)?;
        self.check_finite("what the rule keeps of a synapse", network.memory(), at)?;
        let norms = network.norm_states();
        let norms = norms.iter().flat_map(|norm| [&norm.gamma, &norm.beta, &norm.mean, &norm.variance]);
        self.check_finite("a number of batch norm", norms.flatten().copied(), at)
    }

    pub(crate) fn check_finite(
        &self,
        what: &'static str,
        values: impl IntoIterator<Item = f32>,
        at: Position,
    ) -> Result<(), TrainError> {
        check_finite(what, values, (at, self.history.steps), &self.config)
    }
}

/// `at`: experience in training and epoch of it, both counted from 1 but before the first step, and the step.
pub(super) fn check_finite(
    what: &'static str,
    values: impl IntoIterator<Item = f32>,
    at: (Position, u64),
    config: &TrainConfig,
) -> Result<(), TrainError> {
    let ((Position { experience, epoch, .. }, step), lr) = (at, config.optimizer.lr);
    match values.into_iter().find(|value| !value.is_finite()) {
        Some(value) => Err(TrainError::NotFinite { what, value, task: experience, epoch, step, lr }),
        None => Ok(()),
    }
}
