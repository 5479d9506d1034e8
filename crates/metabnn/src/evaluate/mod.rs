//! How well a network does on some samples.

mod trained;

pub use trained::{LearnedExperience, TrainedNetwork};
pub(crate) use trained::{choose_norms, remember, trainings};

use crate::network::{Network, NormState, cross_entropy, predicted_class};
use crate::stream::{Subset, batches};

/// Accuracy and loss on some samples; NaN both where the network's machine was asked to stop before they were known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Fraction classified correctly.
    pub accuracy: f64,
    /// Mean cross-entropy in nats.
    pub loss: f64,
}

/// Outputs for `samples`, (samples, classes), in batches of `batch`, with the norm states `norms`; NaN where the network's
/// machine was asked to stop before they were known.
pub fn logits(network: &Network, samples: &Subset, norms: &[NormState], batch: usize) -> Vec<f32> {
    in_batches(network, samples, norms, batch, |logits, _| logits).concat()
}

/// Accuracy and loss on `samples`, in batches of `batch`, with the norm states `norms`.
pub fn score(network: &Network, samples: &Subset, norms: &[NormState], batch: usize) -> Score {
    // Collected before they are added up, in order: threads would add in the order they come.
    let scores = in_batches(network, samples, norms, batch, |mut logits, labels| {
        let classes = logits.len() / labels.len();
        let rows = logits.chunks_exact(classes).zip(labels);
        let correct = rows.filter(|(row, label)| predicted_class(row) == usize::from(**label)).count();
        let loss = f64::from(cross_entropy(&mut logits, labels)) * labels.len() as f64;
        (correct, loss)
    });
    let count = samples.len() as f64;
    if network.machine().stop.is_requested() {
        return Score { accuracy: f64::NAN, loss: f64::NAN };
    }
    Score {
        accuracy: scores.iter().map(|(correct, _)| correct).sum::<usize>() as f64 / count,
        loss: scores.iter().map(|(_, loss)| loss).sum::<f64>() / count,
    }
}

/// Replaces the network's running statistics by the exact ones over `samples`, in batches of `batch`; those of some layers
/// alone if the network's machine is asked to stop.
pub fn recalibrate(network: &mut Network, samples: &Subset, batch: usize) {
    let (ranges, encoding): (Vec<_>, _) = (batches(samples.len(), batch).collect(), network.config().input);
    network.recalibrate(ranges.len(), |index| samples.gather(ranges[index].clone(), encoding).inputs);
}

/// What `look` makes of the outputs for each batch of `samples` and their labels, in order. Threads share the batches. Once
/// the machine was asked to stop, outputs are NaN.
fn in_batches<T: Send>(
    network: &Network,
    samples: &Subset,
    norms: &[NormState],
    batch: usize,
    look: impl Fn(Vec<f32>, &[u8]) -> T + Sync,
) -> Vec<T> {
    let (encoding, statistics) = (network.config().input, network.norm_config().statistics);
    let stop = &network.machine().stop;
    network.machine().pool.map(batches(samples.len(), batch), |range| {
        if stop.is_requested() {
            let outputs = range.len() * network.classes();
            return look(vec![f32::NAN; outputs], &vec![0; range.len()]);
        }
        let batch = samples.gather(range, encoding);
        let mut logits = network.logits(&batch.inputs, norms, statistics);
        if stop.is_requested() {
            // Layers may have been left out.
            logits.fill(f32::NAN);
        }
        look(logits, &batch.labels)
    })
}
