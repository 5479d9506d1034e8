//! The quadratic binary task: the smallest problem in which a hidden weight says how much its binary weight matters.
//!
//! The loss of weights W is L(W) = 1/2 (W - W*)' H (W - W*), with H symmetric and positive definite. Only binary
//! weights b = sign(W^h) are used, so that the optimum W* is out of reach, and the hidden weights learn from the
//! gradient at the binary ones:
//!
//! ```text
//! W^h <- W^h - lr H (sign(W^h) - W*)
//! ```
//!
//! A hidden weight drifts without bound where the optimum lies beyond its binary weight, and oscillates around zero
//! where it lies between -1 and +1. Flipping the binary weight i changes the loss by
//!
//! ```text
//! dL_i = 2 H_ii - 2 b_i [H (b - W*)]_i
//! ```
//!
//! and a hidden weight that drifts has come to |W_i^h| ~ lr t |[H (mean b - W*)]_i| after t steps, hence
//! dL_i ~ 2 H_ii + 2 |W_i^h| / (lr t): hidden weights act like Lagrange multipliers of the constraint to be binary.
//!
//! Source: Laborieux et al. 2021, Fig. 5a and b. Everything is computed in f64.

use serde::{Deserialize, Serialize};

use super::super::{LossIncrease, MagnitudeBins, correlation};
use super::{Quadratic, Vector};
use metabnn::kernels::Pool;
use metabnn::machine::Machine;
use metabnn::metrics::MeanStd;
use metabnn::random::{Purpose, Stream};
use metabnn::stop::Stop;

/// H and W* of a quadratic binary task of n weights.
#[derive(Clone, Debug, PartialEq)]
pub struct QuadraticTask {
    /// H, (n, n) row-major, symmetric.
    hessian: Vec<f64>,
    /// W*, (n).
    optimum: Vec<f64>,
}

impl QuadraticTask {
    /// The task that `settings` give, or that `seed` draws for them.
    ///
    /// A drawn H is Q' diag(eigenvalues) Q. The eigenvalues are uniform in their range; the rows of Q, the
    /// eigenvectors, are normal random vectors made orthonormal one after the other (Gram and Schmidt), which leaves
    /// every direction equally likely. Asked to stop before it is drawn, it is of no meaning.
    pub fn new(settings: &Quadratic, seed: u64, machine: &Machine) -> Self {
        let n = settings.dimensions;
        let hessian = if settings.hessian.is_empty() {
            let mut values = Stream::new(seed, Purpose::Eigenvalues, 0);
            let [low, high] = settings.eigenvalues;
            let eigenvalues: Vec<f64> =
                (0..n).map(|_| low + (high - low) * f64::from(values.unit())).collect();
            let mut vectors = Stream::new(seed, Purpose::Eigenvectors, 0);
            with_spectrum(&eigenvalues, &orthogonal(n, &mut vectors, &machine.stop), machine)
        } else {
            settings.hessian.concat()
        };
        Self { hessian, optimum: vector(&settings.optimum, n, seed, Purpose::Optimum) }
    }

    /// Number of weights n.
    pub fn dimensions(&self) -> usize {
        self.optimum.len()
    }

    /// H, row by row.
    pub fn hessian(&self) -> impl Iterator<Item = &[f64]> {
        self.hessian.chunks_exact(self.dimensions())
    }

    /// W*, (n).
    pub fn optimum(&self) -> &[f64] {
        &self.optimum
    }

    /// L(W) = 1/2 (W - W*)' H (W - W*) of `weights`, (n).
    pub fn loss(&self, weights: &[f64], pool: &Pool) -> f64 {
        0.5 * dot(&self.gradient(weights, pool), &self.to_optimum(weights))
    }

    /// H (W - W*) of `weights`, (n).
    pub fn gradient(&self, weights: &[f64], pool: &Pool) -> Vec<f64> {
        let distance = self.to_optimum(weights);
        pool.map(self.hessian().collect::<Vec<_>>().chunks(ROWS), |rows| {
            rows.iter().map(|row| dot(row, &distance)).collect::<Vec<_>>()
        })
        .concat()
    }

    /// dL_i = 2 H_ii - 2 b_i [H (b - W*)]_i for every i: what it costs to flip one of the signs `binary`, (n).
    pub fn loss_increases(&self, binary: &[f64], pool: &Pool) -> Vec<f64> {
        let gradient = self.gradient(binary, pool);
        let terms = self.diagonal().zip(binary.iter().zip(gradient));
        terms.map(|(diagonal, (sign, slope))| 2.0 * diagonal - 2.0 * sign * slope).collect()
    }

    /// 2 H_ii + 2 |W_i^h| / (lr t) for every i: what the hidden weights, (n), say of it after t = `steps`.
    pub fn derived_increases(&self, hidden: &[f64], lr: f64, steps: u64) -> Vec<f64> {
        let share = 2.0 / (lr * steps as f64);
        self.diagonal().zip(hidden).map(|(diagonal, weight)| 2.0 * diagonal + share * weight.abs()).collect()
    }

    /// The hidden weights to start from, (n): those given, or uniform around zero.
    pub fn start(&self, settings: &Quadratic, seed: u64) -> Vec<f64> {
        vector(&settings.start, self.dimensions(), seed, Purpose::Start)
    }

    /// One step: W^h <- W^h - lr H (sign(W^h) - W*).
    pub fn step(&self, hidden: &mut [f64], lr: f64, pool: &Pool) {
        let gradient = self.gradient(&signs(hidden), pool);
        hidden.iter_mut().zip(gradient).for_each(|(weight, slope)| *weight -= lr * slope);
    }

    fn diagonal(&self) -> impl Iterator<Item = f64> {
        self.hessian.iter().step_by(self.dimensions() + 1).copied()
    }

    fn to_optimum(&self, weights: &[f64]) -> Vec<f64> {
        weights.iter().zip(&self.optimum).map(|(weight, optimum)| weight - optimum).collect()
    }
}

/// Two weights on the plane of their loss: the table `trajectory` in `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trajectory {
    /// H, row by row.
    pub hessian: [[f64; 2]; 2],
    /// W*.
    pub optimum: [f64; 2],
    /// Hidden weights before the first step and after each.
    pub hidden_weights: Vec<[f64; 2]>,
}

/// What a run of the task found.
#[derive(Clone, Debug, PartialEq)]
pub struct Solved {
    /// Of two weights: their path.
    pub trajectory: Option<Trajectory>,
    /// Of more: the loss increase of flipping one binary weight in the end, in bins of |W^h| from zero to the largest.
    pub loss_increase: Vec<LossIncrease>,
    /// Correlation over the weights of that increase with |W^h|.
    pub correlation: Option<f64>,
}

/// Takes all steps that `settings` ask for, with learning rate `lr`, and looks at the hidden weights; `observe` is called after
/// every step. Asked to stop, it is of no meaning.
pub fn solve(
    settings: &Quadratic,
    lr: f64,
    seed: u64,
    machine: &Machine,
    mut observe: impl FnMut(u64),
) -> Solved {
    let task = QuadraticTask::new(settings, seed, machine);
    let pool = &machine.pool;
    let mut hidden = task.start(settings, seed);
    let pair = |values: &[f64]| <[f64; 2]>::try_from(values).ok();
    let mut path: Vec<[f64; 2]> = pair(&hidden).into_iter().collect();
    for step in (1..=settings.steps).take_while(|_| !machine.stop.is_requested()) {
        task.step(&mut hidden, lr, pool);
        path.extend(pair(&hidden));
        observe(step);
    }
    let rows: Vec<[f64; 2]> = task.hessian().filter_map(pair).collect();
    if let ([first, second], Some(optimum)) = (rows.as_slice(), pair(task.optimum())) {
        let trajectory = Trajectory { hessian: [*first, *second], optimum, hidden_weights: path };
        return Solved { trajectory: Some(trajectory), loss_increase: Vec::new(), correlation: None };
    }
    let increases = task.loss_increases(&signs(&hidden), pool);
    let derived = task.derived_increases(&hidden, lr, settings.steps);
    let magnitudes: Vec<f64> = hidden.iter().map(|weight| weight.abs()).collect();
    let bins = MagnitudeBins::new(hidden.iter().copied(), settings.bins);
    let of_bin = |bin: usize| {
        let inside: Vec<usize> = (0..hidden.len()).filter(|i| bins.bin(hidden[*i]) == bin).collect();
        let of = |values: &[f64]| inside.iter().map(|i| values[*i]).collect::<Vec<_>>();
        let row = LossIncrease::new(1, bins.edges(bin), inside.len(), 1, &of(&increases))?;
        Some(LossIncrease { derived: MeanStd::of(&of(&derived)).map(|derived| derived.mean), ..row })
    };
    let loss_increase = (0..settings.bins).filter_map(of_bin).collect();
    Solved { trajectory: None, loss_increase, correlation: correlation(&increases, &magnitudes) }
}

/// Rows of a matrix that one thread takes at a time.
const ROWS: usize = 32;

/// Whether x' H x > 0 for every x but zero, of a symmetric H given row by row: whether it has a root (Cholesky).
pub fn is_positive_definite(hessian: &[Vec<f64>]) -> bool {
    let mut root: Vec<Vec<f64>> = Vec::new();
    for (i, row) in hessian.iter().enumerate() {
        let mut next: Vec<f64> = Vec::with_capacity(i + 1);
        for (entry, above) in row.iter().zip(&root) {
            next.push((entry - dot(&next, above)) / above[above.len() - 1]);
        }
        let square = row[i] - dot(&next, &next);
        if square <= 0.0 {
            return false;
        }
        next.push(square.sqrt());
        root.push(next);
    }
    true
}

/// sign(W^h), with sign(0) = +1.
pub fn signs(hidden: &[f64]) -> Vec<f64> {
    hidden.iter().map(|weight| if *weight >= 0.0 { 1.0 } else { -1.0 }).collect()
}

fn vector(values: &Vector, n: usize, seed: u64, purpose: Purpose) -> Vec<f64> {
    match values {
        Vector::Listed(values) => values.clone(),
        Vector::Uniform(reach) => {
            let mut stream = Stream::new(seed, purpose, 0);
            (0..n).map(|_| reach * (2.0 * f64::from(stream.unit()) - 1.0)).collect()
        }
    }
}

/// n orthonormal rows, (n, n): normal random vectors, each less its share in those before it.
fn orthogonal(n: usize, stream: &mut Stream, stop: &Stop) -> Vec<f64> {
    let mut rows: Vec<f64> = Vec::with_capacity(n * n);
    for _ in 0..n {
        if stop.is_requested() {
            rows.resize(n * n, 0.0);
            break;
        }
        let mut row: Vec<f64> = (0..n).map(|_| f64::from(stream.normal())).collect();
        // What rounding leaves of the shares after the first pass, the second one takes away.
        for _ in 0..2 {
            for before in rows.chunks_exact(n) {
                let share = dot(before, &row);
                row.iter_mut().zip(before).for_each(|(value, before)| *value -= share * before);
            }
        }
        let length = dot(&row, &row).sqrt();
        rows.extend(row.iter().map(|value| value / length));
    }
    rows
}

/// Q' diag(eigenvalues) Q of the rows Q, (n, n).
fn with_spectrum(eigenvalues: &[f64], rows: &[f64], machine: &Machine) -> Vec<f64> {
    let n = eigenvalues.len();
    let row = |i: usize| {
        let mut sums = vec![0.0; n];
        if machine.stop.is_requested() {
            return sums;
        }
        for (eigenvalue, vector) in eigenvalues.iter().zip(rows.chunks_exact(n)) {
            // The same product on both sides of the diagonal, so that H is symmetric to the bit.
            let sums = sums.iter_mut().zip(vector);
            sums.for_each(|(sum, value)| *sum += eigenvalue * (vector[i] * value));
        }
        sums
    };
    machine.pool.map(0..n, row).concat()
}

/// Sum over i of a_i b_i, in order.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests;
