//! The seam between what a network *is* (its config and parameters) and who computes its steps.
//!
//! A [`Trainer`](crate::train::Trainer) speaks to an [`Engine`] alone: it says which samples come next and gets losses,
//! scores and parameters. [`Cpu`] is the engine of this library; one for another device is a type of another crate that
//! implements the trait and is handed to [`Trainer::on_engine`](crate::train::Trainer::on_engine); recipes, streams, metrics
//! and reports stay as they are.

mod cpu;

pub use cpu::Cpu;

use crate::evaluate::Score;
use crate::network::{Network, NormState};
use crate::optim::Adam;
use crate::rule::SynapticRule;
use crate::stream::{Request, Subset};

/// Who computes steps and tests.
///
/// What an engine promises:
/// - **One result.** The same calls give the same bits on the same engine, however many threads it has.
/// - **Parameters go out and in whole.** [`network`](Engine::network) and [`optimizer`](Engine::optimizer) are what the
///   last step left, the rule's state and the norm states included; [`load`](Engine::load) replaces them, and the next
///   step goes on from there as if the engine had computed all the ones before.
/// - **Samples are uploaded once.** [`upload`](Engine::upload) is called before samples are learned, and steps name them
///   by their places, with the pixel order in the subset; no batch is made by the caller.
/// - **A step is whole.** After [`step`](Engine::step) weights, moments, norms and the rule's state are those after it.
///   `next` is the batch that probably follows, for an engine that gathers ahead; it changes no result.
/// - **It can be stopped.** An engine that was asked to stop ([`Machine::stop`](crate::machine::Machine)) comes back soon:
///   from a step when it is done, from anything else at once. What it gives is of no meaning then, and what it has changed
///   are norm statistics at most, never what the rule keeps.
/// - **A rule is local.** It sees tiles of synapses; at the end of an experience it sees what
///   [`EndOfExperience`](crate::rule::EndOfExperience) offers. An engine that cannot run a rule refuses it when it is
///   made, not in a step.
pub trait Engine {
    /// The network as the last step left it.
    fn network(&self) -> &Network;

    /// The optimizer as the last step left it.
    fn optimizer(&self) -> &Adam;

    /// Goes on from this network and this optimizer.
    fn load(&mut self, network: Network, optimizer: Adam);

    /// Makes `samples` ready to be learned.
    fn upload(&mut self, samples: &Subset);

    /// One training step on the samples of `batch`; gives their mean loss in nats before it.
    fn step(
        &mut self,
        rule: &dyn SynapticRule,
        samples: &Subset,
        batch: &Request,
        next: Option<&Request>,
    ) -> f32;

    /// Takes the learning rate of experience `index`, counted from 0; with `fresh` moments, or those of before.
    fn start_experience(&mut self, index: usize, fresh: bool);

    /// Fresh moments, and a fresh state of the rule.
    fn forget(&mut self, rule: &dyn SynapticRule);

    /// Lets the rule do what it does at the end of experience `index`, learned from `samples`.
    fn end_experience(&mut self, rule: &dyn SynapticRule, samples: &Subset, index: usize, seed: u64);

    /// Replaces the running statistics of all norms by the exact ones over `samples`.
    fn recalibrate(&mut self, samples: &Subset, batch: usize);

    /// Outputs for `samples`, (samples, classes), in batches of `batch`, with the norm states `norms`.
    fn logits(&self, samples: &Subset, norms: &[NormState], batch: usize) -> Vec<f32>;

    /// Bytes of this process that steps on batches of so many samples take, beside what is taken already.
    fn memory_for_steps(&self, _batch: usize) -> u64 {
        0
    }

    /// Bytes of this process that tests on `samples` samples take, in batches of `batch`.
    fn memory_for_tests(&self, _samples: usize, _batch: usize) -> u64 {
        0
    }

    /// Accuracy and loss on `samples`, in batches of `batch`, with the norm states `norms`.
    fn score(&self, samples: &Subset, norms: &[NormState], batch: usize) -> Score;

    /// Whether it was asked to stop.
    fn is_stopped(&self) -> bool {
        self.network().machine().stop.is_requested()
    }
}
