//! Where the time of a training step goes.

use std::time::{Duration, Instant};

/// Time spent in each part of the training steps so far.
#[derive(Clone, Debug)]
pub struct Parts {
    names: Vec<String>,
    times: Vec<Duration>,
    last: Instant,
}

impl Parts {
    /// Nothing spent yet, in a network of `layers`.
    pub(super) fn of(layers: usize) -> Self {
        let forward = (1..=layers).map(|layer| format!("forward {layer}"));
        let backward = (1..=layers).rev().map(|layer| {
            // The gradient goes on to the layer below while the synapses are updated.
            let below = if layer > 1 { ", gradient below" } else { "" };
            format!("update {layer}{below}")
        });
        let names: Vec<_> =
            forward.chain(["loss".into()]).chain(backward).chain(["batch norms".into()]).collect();
        Self { times: vec![Duration::ZERO; names.len()], names, last: Instant::now() }
    }

    /// A step begins.
    pub(super) fn start(&mut self) {
        self.last = Instant::now();
    }

    /// Part `index` of the step is done.
    pub(super) fn done(&mut self, index: usize) {
        let now = Instant::now();
        self.times[index] += now - self.last;
        self.last = now;
    }

    /// Name and time of every part, in the order of a step.
    pub fn times(&self) -> impl Iterator<Item = (&str, Duration)> {
        self.names.iter().map(String::as_str).zip(self.times.iter().copied())
    }

    /// Forgets all times.
    pub fn reset(&mut self) {
        self.times.fill(Duration::ZERO);
    }
}
