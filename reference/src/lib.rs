//! Metaplastic binarized neural networks, all of it, in one file of plain scalar code.
//!
//! Read it from top to bottom as a tutorial; run it beside a fast kernel as an oracle. The method is that
//! of Laborieux, Ernoult, Hirtzlin and Querlioz, *Synaptic metaplasticity in binarized neural networks*,
//! Nature Communications 12:2549 (2021).
//!
//! # The idea
//!
//! Every synapse keeps a real **hidden weight** W^h, which exists for learning only. The network computes
//! with the **binary weight** W^b = sign(W^h). A hidden weight far from zero needs many updates before its
//! sign flips, so |W^h| says how *consolidated* the synapse is. Metaplasticity acts on that: an update that
//! pulls W^h towards zero is scaled down by f_meta(m, W^h) = 1 - tanh^2(m |W^h|); an update away from zero is
//! left alone. What earlier tasks made sure of becomes hard to undo, and each synapse decides so from its own
//! state: no old data, no second copy of the weights.
//!
//! # One training step
//!
//! ```text
//! forward   x(0) = input; for each layer:  a = x W^b'         sums                  [linear]
//!                                          z = BN(a)          gamma, beta, batch    [batch_norm]
//!                                          x(next) = sign(z)  not after the last    [sign_activation]
//! loss      C = cross-entropy(softmax(z of the last layer), labels)                 [cross_entropy]
//! backward  dC/dz -> dC/da, dC/dgamma, dC/dbeta                                     [batch_norm_backward]
//!           dC/da -> dC/dW^b, used as the gradient of W^h         [linear_backward_weight]
//!           dC/da -> dC/dx, let through the sign where |z| <= 1   [linear_backward_input, straight_through]
//! update    W^h by Adam, attenuated by f_meta; gamma and beta by plain Adam         [metaplastic_adam]
//! ```
//!
//! In the code, `da` is dC/da. A matrix is a row-major slice with its shape in parentheses, as in
//! "`x` (batch, inputs)"; how many rows it has follows from its length.
//!
//! # Example: three made-up patterns of six pixels
//!
//! ```
//! use metabnn_reference::{Network, Settings, accuracy};
//!
//! let x = [1., 1., 0., 0., 0., 0., /* */ 0., 0., 1., 1., 0., 0., /* */ 0., 0., 0., 0., 1., 1.];
//! let labels = [0, 1, 2];
//! let hidden = |n: usize| (0..n).map(|i| 0.05 * ((i * i) as f32).sin()).collect(); // any small numbers
//! let settings = Settings { binarized: true, lr: 0.005, weight_decay: 0.0, m: vec![1.35; 2] };
//! let mut network = Network::new(&[6, 8, 3], vec![hidden(6 * 8), hidden(8 * 3)], settings);
//! let losses: Vec<f32> = (0..200).map(|_| network.step(&x, &labels)).collect();
//! assert!(losses[199] < 0.5 * losses[0]);
//! assert_eq!(accuracy(&network.logits(&x, None), &labels), 1.0);
//! ```

const BATCH_NORM_EPS: f32 = 1e-5; // added to a variance, inside the square root
const RUNNING_MOMENTUM: f32 = 0.1; // share of the newest batch in the running statistics
const BETA_1: f64 = 0.9; // Adam's decay of the first moment
const BETA_2: f64 = 0.999; // Adam's decay of the second moment
const ADAM_EPS: f32 = 1e-8; // added to sqrt(V): outside the root, no bias correction of V before

// ---- linear layer

/// a = x W': `x` (batch, inputs), `w` (outputs, inputs) -> (batch, outputs). There is no bias: batch norm
/// follows and brings its own.
pub fn linear(x: &[f32], w: &[f32], inputs: usize) -> Vec<f32> {
    let mut a = Vec::with_capacity(x.len() / inputs * (w.len() / inputs));
    for x in x.chunks_exact(inputs) {
        for w in w.chunks_exact(inputs) {
            a.push(x.iter().zip(w).map(|(x, w)| x * w).sum());
        }
    }
    a
}

/// dx = da W: `da` (batch, outputs), `w` (outputs, inputs) -> (batch, inputs).
pub fn linear_backward_input(da: &[f32], w: &[f32], inputs: usize) -> Vec<f32> {
    let outputs = w.len() / inputs;
    let mut dx = vec![0.0; da.len() / outputs * inputs];
    for (da, dx) in da.chunks_exact(outputs).zip(dx.chunks_exact_mut(inputs)) {
        for (da, w) in da.iter().zip(w.chunks_exact(inputs)) {
            dx.iter_mut().zip(w).for_each(|(dx, w)| *dx += da * w);
        }
    }
    dx
}

/// dW = da' x: `da` (batch, outputs), `x` (batch, inputs) -> (outputs, inputs).
pub fn linear_backward_weight(da: &[f32], x: &[f32], inputs: usize, outputs: usize) -> Vec<f32> {
    let mut dw = vec![0.0; outputs * inputs];
    for (da, x) in da.chunks_exact(outputs).zip(x.chunks_exact(inputs)) {
        for (da, dw) in da.iter().zip(dw.chunks_exact_mut(inputs)) {
            dw.iter_mut().zip(x).for_each(|(dw, x)| *dw += da * x);
        }
    }
    dw
}

// ---- batch norm

/// Mean and variance of every unit, (units) each.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// Mean.
    pub mean: Vec<f32>,
    /// Variance: biased (divided by the batch size) within a batch, unbiased in running statistics.
    pub variance: Vec<f32>,
}

/// Mean and biased variance over the batch: `a` (batch, units) -> (units) each.
pub fn batch_statistics(a: &[f32], units: usize) -> Statistics {
    let batch = (a.len() / units) as f32;
    let (mut mean, mut variance) = (vec![0.0; units], vec![0.0; units]);
    // Sum first, divide then: sums of +-1 inputs are whole numbers and stay exact.
    (0..a.len()).for_each(|i| mean[i % units] += a[i]);
    mean.iter_mut().for_each(|mean| *mean /= batch);
    (0..a.len()).for_each(|i| variance[i % units] += (a[i] - mean[i % units]).powi(2));
    variance.iter_mut().for_each(|variance| *variance /= batch);
    Statistics { mean, variance }
}

/// xhat = (a - mean) / sqrt(variance + eps): `a` (batch, units) -> same shape.
pub fn normalise(a: &[f32], statistics: &Statistics) -> Vec<f32> {
    let Statistics { mean, variance } = statistics;
    let unit = |i: usize| i % mean.len();
    (0..a.len()).map(|i| (a[i] - mean[unit(i)]) / (variance[unit(i)] + BATCH_NORM_EPS).sqrt()).collect()
}

/// z = gamma * xhat + beta: `a` (batch, units), `gamma` and `beta` (units) -> (batch, units).
pub fn batch_norm(a: &[f32], statistics: &Statistics, gamma: &[f32], beta: &[f32]) -> Vec<f32> {
    let units = gamma.len();
    let xhat = normalise(a, statistics);
    (0..a.len()).map(|i| gamma[i % units] * xhat[i] + beta[i % units]).collect()
}

/// Gradients `[da, dgamma, dbeta]` of batch norm: `dz`, `a` (batch, units), `of` the statistics of that very
/// batch, `gamma` (units). With < > for the mean over the batch:
///
/// ```text
/// dbeta = sum dz        dgamma = sum dz xhat
/// da    = gamma / sqrt(variance + eps) * (dz - <dz> - xhat <dz xhat>)
/// ```
///
/// The two means are there because every `a` also moves the mean and the variance of its unit.
pub fn batch_norm_backward(dz: &[f32], a: &[f32], of: &Statistics, gamma: &[f32]) -> [Vec<f32>; 3] {
    let units = gamma.len();
    let batch = (a.len() / units) as f32;
    let xhat = normalise(a, of);
    let (mut dgamma, mut dbeta) = (vec![0.0; units], vec![0.0; units]);
    (0..a.len()).for_each(|i| dbeta[i % units] += dz[i]);
    (0..a.len()).for_each(|i| dgamma[i % units] += dz[i] * xhat[i]);
    let da = (0..a.len()).map(|i| {
        let j = i % units;
        let scale = gamma[j] / (of.variance[j] + BATCH_NORM_EPS).sqrt();
        scale * (dz[i] - dbeta[j] / batch - xhat[i] * dgamma[j] / batch)
    });
    [da.collect(), dgamma, dbeta]
}

/// running <- 0.9 running + 0.1 batch, the variance of the batch made unbiased first, by n / (n - 1): a
/// `batch_size` of 1 has no variance.
pub fn update_running(running: &mut Statistics, of_batch: &Statistics, batch_size: usize) {
    let unbiased = batch_size as f32 / (batch_size as f32 - 1.0);
    for j in 0..running.mean.len() {
        running.mean[j] += RUNNING_MOMENTUM * (of_batch.mean[j] - running.mean[j]);
        running.variance[j] += RUNNING_MOMENTUM * (of_batch.variance[j] * unbiased - running.variance[j]);
    }
}

// ---- activations

/// sign(z), with sign(0) = +1: one bit has no third value. Makes binary weights, activations and inputs.
pub fn sign_activation(z: &[f32]) -> Vec<f32> {
    z.iter().map(|&z| if z >= 0.0 { 1.0 } else { -1.0 }).collect()
}

/// Clipped straight-through estimator. The sign is flat, its true derivative 0; pretend that it was
/// hardtanh instead: dz = dx where |z| <= 1, else 0. Any shape.
pub fn straight_through(dx: &[f32], z: &[f32]) -> Vec<f32> {
    dx.iter().zip(z).map(|(&dx, &z)| if z.abs() <= 1.0 { dx } else { 0.0 }).collect()
}

// ---- loss and accuracy

/// Softmax cross-entropy, mean over the batch, with its gradient: `logits` (batch, classes), one label a
/// row. With p = softmax(logits), `C = -<log p[label]>` and `dlogits = (p - onehot(label)) / batch`.
pub fn cross_entropy(logits: &[f32], labels: &[u8]) -> (f32, Vec<f32>) {
    let batch = labels.len() as f32;
    let (mut loss, mut dlogits) = (0.0, Vec::with_capacity(logits.len()));
    for (row, &label) in logits.chunks_exact(logits.len() / labels.len()).zip(labels) {
        // Subtracting the largest logit changes no probability and keeps exp from overflowing.
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let total: f32 = row.iter().map(|z| (z - largest).exp()).sum();
        loss += (total.ln() + largest - row[usize::from(label)]) / batch;
        for (class, z) in row.iter().enumerate() {
            let target = if class == usize::from(label) { 1.0 } else { 0.0 };
            dlogits.push(((z - largest).exp() / total - target) / batch);
        }
    }
    (loss, dlogits)
}

/// Fraction of rows of `logits` (batch, classes) whose label has a larger logit than any other class.
pub fn accuracy(logits: &[f32], labels: &[u8]) -> f32 {
    let rows = logits.chunks_exact(logits.len() / labels.len());
    let wins = |row: &[f32], label: usize| (0..row.len()).all(|c| c == label || row[c] < row[label]);
    let right = rows.zip(labels).filter(|&(row, &label)| wins(row, usize::from(label)));
    right.count() as f32 / labels.len() as f32
}

// ---- Adam with metaplasticity

/// Numbers that learn, all four slices of one shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The numbers themselves.
    pub value: Vec<f32>,
    /// dC/dvalue of the last step, before weight decay.
    pub gradient: Vec<f32>,
    /// M, Adam's first moment: running mean of the gradient.
    pub first: Vec<f32>,
    /// V, Adam's second moment: running mean of the squared gradient.
    pub second: Vec<f32>,
}

impl Parameter {
    /// A parameter that has seen no gradient yet.
    pub fn new(value: Vec<f32>) -> Self {
        let zeros = vec![0.0; value.len()];
        Self { value, gradient: zeros.clone(), first: zeros.clone(), second: zeros }
    }
}

/// f_meta(m, W^h) = 1 - tanh^2(m |W^h|), from 1 down to 0: how plastic a synapse still is (paper, eq. 1).
pub fn f_meta(m: f32, hidden_weight: f32) -> f32 {
    1.0 - (m * hidden_weight.abs()).tanh().powi(2)
}

/// Step `t` (counted from 1) of Adam, attenuated by f_meta where it would shrink |w|. M decides that, not the
/// gradient, because M is what moves the weight. Nothing clips w. With `m` = 0, f_meta is 1 and this is plain
/// Adam, as gamma and beta use it.
///
/// ```text
/// g <- gradient + weight_decay * w
/// M <- b1 M + (1 - b1) g                  V <- b2 V + (1 - b2) g^2
/// U <- lr * sqrt(1 - b2^t) / (1 - b1^t) * M / (sqrt(V) + eps)
/// w <- w - U * f_meta(m, w)   if sign(w) * M > 0: U has the sign of w and pulls it towards zero
/// w <- w - U                  otherwise
/// ```
#[allow(clippy::needless_range_loop)] // the index mirrors the equations
pub fn metaplastic_adam(parameter: &mut Parameter, t: i32, lr: f32, weight_decay: f32, m: f32) {
    let Parameter { value: w, gradient, first, second } = parameter;
    // In f64, because 1 - b2 and 1 - b2^t would lose four of seven digits in f32.
    let step_size = (f64::from(lr) * (1.0 - BETA_2.powi(t)).sqrt() / (1.0 - BETA_1.powi(t))) as f32;
    for i in 0..w.len() {
        let g = gradient[i] + weight_decay * w[i];
        first[i] = BETA_1 as f32 * first[i] + (1.0 - BETA_1) as f32 * g;
        second[i] = BETA_2 as f32 * second[i] + (1.0 - BETA_2) as f32 * g * g;
        let u = step_size * first[i] / (second[i].sqrt() + ADAM_EPS);
        // Signs compared one by one: the product of two small numbers could underflow to 0.
        let shrinks = (w[i] > 0.0 && first[i] > 0.0) || (w[i] < 0.0 && first[i] < 0.0);
        w[i] -= if shrinks { u * f_meta(m, w[i]) } else { u };
    }
}

// ---- network

/// How a network learns.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Whether weights and activations are binary. If not (the full-precision control), W^h takes the place
    /// of W^b and ReLU that of sign.
    pub binarized: bool,
    /// Learning rate (paper: 0.005).
    pub lr: f32,
    /// L2 penalty, added to the gradient (paper: 1e-7 or 1e-8).
    pub weight_decay: f32,
    /// Strength of metaplasticity, layer by layer (paper: 1.35 in all; 0 for none).
    pub m: Vec<f32>,
}

/// One layer: linear, then batch norm.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Hidden weights W^h (outputs, inputs).
    pub hidden: Parameter,
    /// Batch-norm scale (outputs).
    pub gamma: Parameter,
    /// Batch-norm shift (outputs).
    pub beta: Parameter,
}

/// What the forward pass through one layer leaves for the backward pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Input (batch, inputs): real in the first layer, +1 or -1 in the others of a binarized network.
    pub x: Vec<f32>,
    /// Weights used (outputs, inputs): W^b, or W^h in full precision.
    pub w: Vec<f32>,
    /// Sums a = x W' (batch, outputs).
    pub a: Vec<f32>,
    /// The statistics batch norm used.
    pub statistics: Statistics,
    /// Batch-norm output (batch, outputs); that of the last layer is the logits.
    pub z: Vec<f32>,
}

/// Layers from the input on, the settings, and Adam's t.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Width of the input, then of every layer's output.
    pub widths: Vec<usize>,
    /// One layer fewer than widths.
    pub layers: Vec<Layer>,
    /// Running statistics of every layer: mean 0 and variance 1 before the first step.
    pub running: Vec<Statistics>,
    /// How the network learns.
    pub settings: Settings,
    /// Steps made since the optimizer was new.
    pub steps: i32,
}

impl Network {
    /// A network of `widths` (input, hidden..., classes) that starts from the given hidden weights, (outputs,
    /// inputs) for each layer; gamma starts at 1, beta at 0. The paper draws W^h from uniform(-0.05, 0.05).
    ///
    /// # Panics
    /// If the hidden weights or the values of m do not fit the widths.
    pub fn new(widths: &[usize], hidden: Vec<Vec<f32>>, settings: Settings) -> Self {
        let counts = [hidden.len() + 1, settings.m.len() + 1];
        assert_eq!(counts, [widths.len(); 2], "one matrix of hidden weights and one m per layer");
        let layer = |(l, hidden): (usize, Vec<f32>)| {
            let outputs = widths[l + 1];
            assert_eq!(hidden.len(), widths[l] * outputs, "hidden weights of layer {l}");
            let [gamma, beta] = [1.0, 0.0].map(|start| Parameter::new(vec![start; outputs]));
            Layer { hidden: Parameter::new(hidden), gamma, beta }
        };
        let layers = hidden.into_iter().enumerate().map(layer).collect();
        let standard = |&units| Statistics { mean: vec![0.0; units], variance: vec![1.0; units] };
        let running = widths[1..].iter().map(standard).collect();
        Self { widths: widths.to_vec(), layers, running, settings, steps: 0 }
    }

    /// Forward pass: `x` (batch, inputs) -> a trace of every layer. Batch norm uses the statistics given, one
    /// per layer (say, `Some(&network.running)`); by default those of the batch, as training does.
    pub fn forward(&self, x: &[f32], statistics: Option<&[Statistics]>) -> Vec<Trace> {
        let binarized = self.settings.binarized;
        let mut traces: Vec<Trace> = Vec::new();
        for (l, layer) in self.layers.iter().enumerate() {
            let x = match traces.last() {
                None => x.to_vec(),
                Some(below) if binarized => sign_activation(&below.z),
                Some(below) => below.z.iter().map(|z| z.max(0.0)).collect(), // ReLU
            };
            let w = &layer.hidden.value;
            let w = if binarized { sign_activation(w) } else { w.clone() };
            let a = linear(&x, &w, self.widths[l]);
            let of_batch = || batch_statistics(&a, self.widths[l + 1]);
            let statistics = statistics.map_or_else(of_batch, |given| given[l].clone());
            let z = batch_norm(&a, &statistics, &layer.gamma.value, &layer.beta.value);
            traces.push(Trace { x, w, a, statistics, z });
        }
        traces
    }

    /// Backward pass: from dC/dlogits (batch, classes) and the traces of a forward pass with batch
    /// statistics to the gradient of every parameter, stored with the parameter.
    pub fn backward(&mut self, traces: &[Trace], dlogits: Vec<f32>) {
        let mut dz = dlogits;
        for l in (0..self.layers.len()).rev() {
            let (layer, trace) = (&mut self.layers[l], &traces[l]);
            let (inputs, outputs) = (self.widths[l], self.widths[l + 1]);
            let gamma = &layer.gamma.value;
            let [da, dgamma, dbeta] = batch_norm_backward(&dz, &trace.a, &trace.statistics, gamma);
            layer.hidden.gradient = linear_backward_weight(&da, &trace.x, inputs, outputs);
            (layer.gamma.gradient, layer.beta.gradient) = (dgamma, dbeta);
            if l > 0 {
                let dx = linear_backward_input(&da, &trace.w, inputs);
                let below = &traces[l - 1].z;
                dz = match self.settings.binarized {
                    true => straight_through(&dx, below),
                    false => dx.iter().zip(below).map(|(dx, &z)| if z > 0.0 { *dx } else { 0.0 }).collect(),
                };
            }
        }
    }

    /// One training step on `x` (batch, inputs) and a label per row. Returns the loss before the update.
    pub fn step(&mut self, x: &[f32], labels: &[u8]) -> f32 {
        let traces = self.forward(x, None);
        let (loss, dlogits) = cross_entropy(&traces[traces.len() - 1].z, labels);
        self.backward(&traces, dlogits);
        self.steps += 1;
        let Settings { lr, weight_decay, ref m, .. } = self.settings;
        for (l, layer) in self.layers.iter_mut().enumerate() {
            update_running(&mut self.running[l], &traces[l].statistics, labels.len());
            metaplastic_adam(&mut layer.hidden, self.steps, lr, weight_decay, m[l]);
            metaplastic_adam(&mut layer.gamma, self.steps, lr, weight_decay, 0.0);
            metaplastic_adam(&mut layer.beta, self.steps, lr, weight_decay, 0.0);
        }
        loss
    }

    /// The last layer's output (batch, classes); arguments as for [`Network::forward`].
    pub fn logits(&self, x: &[f32], statistics: Option<&[Statistics]>) -> Vec<f32> {
        self.forward(x, statistics).swap_remove(self.layers.len() - 1).z
    }
}
