//! Softmax cross-entropy.

/// Mean over the batch of `-log softmax(z)[label]`, in nats; `logits`, (batch, classes), become its gradient,
/// (softmax(z) - one_hot(label)) / batch.
///
/// `libm` keeps exponential and logarithm the same on every platform.
pub fn cross_entropy(logits: &mut [f32], labels: &[u8]) -> f32 {
    let share = 1.0 / labels.len() as f32;
    let classes = logits.len() / labels.len();
    let mut loss = 0.0;
    for (z, &label) in logits.chunks_exact_mut(classes).zip(labels) {
        let most = z.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let of_label = z[usize::from(label)] - most;
        z.iter_mut().for_each(|z| *z = libm::expf(*z - most));
        let sum: f32 = z.iter().sum();
        loss += libm::logf(sum) - of_label;
        z.iter_mut().for_each(|z| *z = *z / sum * share);
        z[usize::from(label)] -= share;
    }
    loss * share
}

/// Index of the largest value, the first one among equals.
pub fn predicted_class(logits: &[f32]) -> usize {
    (1..logits.len()).fold(0, |best, class| if logits[class] > logits[best] { class } else { best })
}
