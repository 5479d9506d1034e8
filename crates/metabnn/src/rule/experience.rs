//! What a rule is offered where an experience ends.

use super::weight_in_use;
use crate::kernels::Lanes;
use crate::random::{Purpose, Stream};
use crate::tensor::Tiled;

/// The end of an experience, as a rule sees it: every synapse with what the rule keeps of it and, on demand, how much
/// each one matters to what was just learned. It shows neither the network nor the samples.
pub struct EndOfExperience<'a> {
    index: usize,
    seed: u64,
    source: &'a mut dyn Consolidation,
}

/// Where an end of experience gets what it offers: a network that has just learned some samples.
pub trait Consolidation {
    /// Diagonal of the empirical Fisher information of every layer's weights over the first `samples` samples of the
    /// experience: see [`Network::fisher`](crate::network::Network::fisher).
    fn importance(&self, samples: usize) -> Vec<Tiled>;

    /// The synapses of every layer.
    fn synapses(&mut self) -> Vec<Synapses<'_>>;
}

/// The synapses of a layer where an experience ends.
#[derive(Debug)]
pub struct Synapses<'a> {
    /// Whether the weights in use are the signs of the hidden ones, or the hidden weights themselves.
    pub binarized: bool,
    /// Hidden weights, (out, in).
    pub hidden: &'a Tiled,
    /// What the rule keeps, (out, in, numbers).
    pub state: &'a mut Tiled,
}

impl<'a> EndOfExperience<'a> {
    /// The end of experience `index`, counted from 0, of a training with this `seed`.
    pub fn new(index: usize, seed: u64, source: &'a mut dyn Consolidation) -> Self {
        Self { index, seed, source }
    }

    /// Number of experiences that ended before this one.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Diagonal of the empirical Fisher information, (out, in) of each layer, over the first `samples` samples of the
    /// experience:
    /// `F[o, i] = 1/N sum_n (d -log softmax(z(x_n))[label_n] / dW[o, i])^2` of the weights in use.
    pub fn importance(&self, samples: usize) -> Vec<Tiled> {
        self.source.importance(samples)
    }

    /// The synapses of every layer, the output layer last.
    pub fn synapses(&mut self) -> Vec<Synapses<'_>> {
        self.source.synapses()
    }

    /// Random numbers of this experience's end and of this layer alone.
    pub fn random(&self, layer: usize) -> Stream {
        Stream::new(self.seed, Purpose::Consolidation, (self.index << 8 | layer) as u32)
    }
}

impl Synapses<'_> {
    /// Sixteen synapses at a time: their hidden weights, and what the rule keeps of them, one group of sixteen for each
    /// number, in the order of [`Tiled::groups`].
    pub fn groups(&mut self) -> impl Iterator<Item = (&Lanes, &mut [Lanes])> {
        let numbers = self.state.inputs() / self.hidden.inputs().max(1);
        self.hidden.groups().iter().zip(self.state.groups_mut().chunks_mut(numbers.max(1)))
    }

    /// The weight in use of a synapse with this hidden weight: its sign (of 0: +1), or itself.
    pub fn weight_in_use(&self, hidden: f32) -> f32 {
        weight_in_use(self.binarized, hidden)
    }
}
