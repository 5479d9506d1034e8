//! What training steps compute on their way, kept for its room in memory, and the time they take.

use std::time::{Duration, Instant};

use super::batch::PreparedInput;
use crate::layer::LayerCache;

/// Room for the intermediate results of training steps, and the time of their parts. It belongs to whoever trains: one
/// serves any networks, one step after the other, and changes no result. A clone is a fresh one.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) caches: Vec<LayerCache>,
    pub(super) input: PreparedInput,
    pub(super) parts: Parts,
    /// Samples of the largest batch so far.
    batch: usize,
}

impl Clone for Scratch {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Scratch {
    /// Time spent in each part of the training steps so far.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Sets all times to zero.
    pub fn reset_parts(&mut self) {
        self.parts.times.fill(Duration::ZERO);
    }

    /// Whether there is room for a step of the same network on so many samples.
    pub(crate) fn has_room(&self, batch: usize) -> bool {
        batch <= self.batch
    }

    /// A step of a network of so many `layers` on so many samples begins.
    pub(super) fn start(&mut self, layers: usize, batch: usize) {
        self.batch = self.batch.max(batch);
        if self.caches.len() != layers {
            self.caches.resize_with(layers, LayerCache::default);
            self.parts = Parts::for_layers(layers);
        }
        self.parts.last = Some(Instant::now());
    }
}

/// Time spent in each part of the training steps so far.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    names: Vec<String>,
    times: Vec<Duration>,
    last: Option<Instant>,
}

impl Parts {
    /// Nothing spent yet, in a network of `layers`.
    fn for_layers(layers: usize) -> Self {
        let forward = (1..=layers).map(|layer| format!("forward {layer}"));
        let backward = (1..=layers).rev().map(|layer| {
            // The gradient goes on to the layer below while the synapses are updated.
            let below = if layer > 1 { ", gradient below" } else { "" };
            format!("update {layer}{below}")
        });
        let names: Vec<_> =
            forward.chain(["loss".into()]).chain(backward).chain(["batch norms".into()]).collect();
        Self { times: vec![Duration::ZERO; names.len()], names, last: None }
    }

    /// Part `index` of the step is done.
    pub(super) fn done(&mut self, index: usize) {
        let now = Instant::now();
        if let Some(last) = self.last.replace(now) {
            self.times[index] += now - last;
        }
    }

    /// Name and time of every part, in the order of a step.
    pub fn times(&self) -> impl Iterator<Item = (&str, Duration)> {
        self.names.iter().map(String::as_str).zip(self.times.iter().copied())
    }
}
