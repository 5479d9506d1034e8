//! The processor and its threads.

use super::Engine;
use crate::evaluate::{self, Score};
use crate::machine::Machine;
use crate::network::{Batch, Network, NormState, Scratch};
use crate::optim::{Adam, OptimizerConfig};
use crate::rule::{Consolidation, EndOfExperience, Start, Synapses, SynapticRule};
use crate::stream::{Request, Subset, batches};
use crate::tensor::Tiled;

/// Samples whose Fisher information is taken at once. They are independent, so this changes the time alone, but for
/// roundings.
const FISHER_BATCH: usize = 256;

/// The engine of this library: vector kernels and threads of the [`Machine`] that the network works on.
#[derive(Clone, Debug)]
pub struct Cpu {
    network: Network,
    optimizer: Adam,
    config: OptimizerConfig,
    scratch: Scratch,
    /// Gathered while the batch before was learned.
    prepared: Option<(Request, Batch)>,
}

impl Cpu {
    /// An engine with fresh moments.
    pub fn new(network: Network, config: &OptimizerConfig) -> Self {
        let optimizer = Adam::new(config, &network.widths());
        Self { network, optimizer, config: config.clone(), scratch: Scratch::default(), prepared: None }
    }

    /// Works on `machine` from now on.
    pub fn set_machine(&mut self, machine: &Machine) {
        self.network.set_machine(machine);
    }

    /// Learns by another optimizer from now on, with fresh moments.
    pub fn set_optimizer(&mut self, config: &OptimizerConfig) {
        self.config = config.clone();
        self.reset_moments();
    }

    fn threads(&self) -> usize {
        self.network.machine().pool.threads()
    }

    fn reset_moments(&mut self) {
        self.optimizer = Adam::new(&self.config, &self.network.widths());
    }
}

impl Engine for Cpu {
    fn network(&self) -> &Network {
        &self.network
    }

    fn optimizer(&self) -> &Adam {
        &self.optimizer
    }

    fn load(&mut self, network: Network, optimizer: Adam) {
        (self.network, self.optimizer, self.prepared) = (network, optimizer, None);
    }

    fn upload(&mut self, _samples: &Subset) {
        // Samples are learned where they lie; what was gathered was of others.
        self.prepared = None;
    }

    fn step(
        &mut self,
        rule: &dyn SynapticRule,
        samples: &Subset,
        batch: &Request,
        next: Option<&Request>,
    ) -> f32 {
        let encoding = self.network.config().input;
        let prepared = self.prepared.take().filter(|(request, _)| request == batch);
        let batch = prepared.map_or_else(|| samples.gather_request(batch, encoding), |(_, batch)| batch);
        let prepared = &mut self.prepared;
        let mut gather_next = || {
            *prepared = next.map(|next| (next.clone(), samples.gather_request(next, encoding)));
        };
        self.network.step(&batch, &mut self.optimizer, rule, &mut self.scratch, &mut gather_next)
    }

    fn start_experience(&mut self, index: usize, fresh: bool) {
        if fresh {
            self.reset_moments();
        }
        self.optimizer.start_experience(index);
    }

    fn forget(&mut self, rule: &dyn SynapticRule) {
        self.reset_moments();
        for layer in &mut self.network.layers {
            layer.linear.make_memory(&[]);
            layer.linear.make_memory(rule.state());
        }
    }

    fn end_experience(&mut self, rule: &dyn SynapticRule, samples: &Subset, index: usize, seed: u64) {
        let mut learned =
            JustLearned { network: &mut self.network, samples, state: rule.state(), thrown_away: None };
        rule.end_of_experience(&mut EndOfExperience::new(index, seed, &mut learned));
    }

    fn recalibrate(&mut self, samples: &Subset, batch: usize) {
        evaluate::recalibrate(&mut self.network, samples, batch);
    }

    fn logits(&self, samples: &Subset, norms: &[NormState], batch: usize) -> Vec<f32> {
        evaluate::logits(&self.network, samples, norms, batch)
    }

    fn memory_for_steps(&self, batch: usize) -> u64 {
        if self.scratch.has_room(batch) {
            0
        } else {
            self.network.memory_needed().step(batch, self.threads())
        }
    }

    fn memory_for_tests(&self, samples: usize, batch: usize) -> u64 {
        let threads = self.threads().min(samples.div_ceil(batch.max(1)));
        self.network.memory_needed().inference(batch.min(samples), threads)
    }

    fn score(&self, samples: &Subset, norms: &[NormState], batch: usize) -> Score {
        evaluate::score(&self.network, samples, norms, batch)
    }
}

/// A network that has just learned some samples.
struct JustLearned<'a> {
    network: &'a mut Network,
    samples: &'a Subset,
    /// What the rule's state starts as, for an experience that ends before its first step.
    state: &'a [Start],
    /// What the rule changes if importances may have been cut short.
    thrown_away: Option<Network>,
}

impl Consolidation for JustLearned<'_> {
    fn importance(&self, samples: usize) -> Vec<Tiled> {
        let encoding = self.network.config().input;
        let ranges: Vec<_> = batches(self.samples.len().min(samples), FISHER_BATCH).collect();
        self.network.fisher(ranges.len(), |index| self.samples.gather(ranges[index].clone(), encoding))
    }

    fn synapses(&mut self) -> Vec<Synapses<'_>> {
        if self.network.machine().stop.is_requested() {
            let copy = self.thrown_away.get_or_insert_with(|| self.network.clone());
            return copy.synapses_mut(self.state);
        }
        self.network.synapses_mut(self.state)
    }
}
