//! Instance norm of a dense layer: the units of each sample together.
//!
//! The sums run over the units in order, for all samples side by side. Layers with this norm are small, and it is left
//! to one thread.

use super::norm::{BatchNorm, BatchStatistics, NormGradient};
use super::rows::Rows;
use crate::kernels::Gate;

impl BatchNorm {
    /// Normalises every sample of `y`, (units, batch), in place with its own statistics, which go to `seen`, (batch).
    pub fn normalise_units(&self, y: &mut Rows, seen: &mut [BatchStatistics]) {
        let units = y.features() as f32;
        seen.fill(BatchStatistics::default());
        for unit in 0..y.features() {
            seen.iter_mut().zip(y.row(unit)).for_each(|(seen, y)| seen.mean += y);
        }
        seen.iter_mut().for_each(|seen| seen.mean /= units);
        for unit in 0..y.features() {
            let off = seen.iter_mut().zip(y.row(unit));
            off.for_each(|(seen, y)| seen.variance += (y - seen.mean) * (y - seen.mean));
        }
        for seen in seen.iter_mut() {
            seen.variance /= units;
            seen.inverse = self.inverse_deviation(seen.variance);
        }
        for unit in 0..y.features() {
            let row = y.row_mut(unit).iter_mut().zip(seen.iter());
            row.for_each(|(y, seen)| *y = (*y - seen.mean) * seen.inverse);
        }
    }

    /// The way back from the gradient `d` of what stands after `gate` to that of the sums, in place; shapes as in
    /// [`BatchNorm::normalise_units`].
    ///
    /// ```text
    /// dn = gamma d where the gate lets it pass, else 0
    /// dy = inverse (dn - mean(dn) - normed mean(dn normed)), means over the units of a sample
    /// ```
    pub fn backward_units(
        &self,
        gate: Gate,
        (normed, seen): (&Rows, &[BatchStatistics]),
        d: &mut Rows,
        gradient: &mut NormGradient,
    ) {
        let (mut mean, mut slope) = (vec![0.0; seen.len()], vec![0.0; seen.len()]);
        for unit in 0..d.features() {
            let (gamma, beta) = (self.state.gamma[unit], self.state.beta[unit]);
            let (mut of_gamma, mut of_beta) = (0.0, 0.0);
            let row = d.row_mut(unit).iter_mut().zip(normed.row(unit));
            for ((d, normed), (mean, slope)) in row.zip(mean.iter_mut().zip(&mut slope)) {
                let passed = if gate.passes(gamma * normed + beta) { *d } else { 0.0 };
                of_gamma += passed * normed;
                of_beta += passed;
                *d = gamma * passed;
                *mean += *d;
                *slope += *d * normed;
            }
            (gradient.gamma[unit], gradient.beta[unit]) = (of_gamma, of_beta);
        }
        let units = d.features() as f32;
        for unit in 0..d.features() {
            let row = d.row_mut(unit).iter_mut().zip(normed.row(unit));
            for ((d, normed), ((mean, slope), seen)) in row.zip(mean.iter().zip(&slope).zip(seen)) {
                *d = seen.inverse * (*d - mean / units - normed * (slope / units));
            }
        }
    }
}
