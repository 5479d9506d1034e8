//! Adam whose updates are scaled by measured curves, looked up in a table.

use super::adam::{ROUND, moments};
use super::{AdamStep, LANES};

/// Two piecewise linear functions of the hidden weight on one grid of equal intervals, constant beyond its ends: what an
/// update is multiplied by that lowers a weight, and one that raises it.
#[derive(Clone, Debug, PartialEq)]
pub struct CurveTable {
    /// Where the grid begins, in units of hidden weight.
    low: f32,
    /// Intervals in a unit of hidden weight.
    density: f32,
    /// Number of intervals.
    intervals: f32,
    /// For each point of the grid two lines up to the next point, of lowering and of raising. Those of the last point are
    /// level.
    lines: Vec<Line>,
}

/// A straight piece of a function over one interval. The two numbers are one load of eight bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C, align(8))]
struct Line {
    /// The function at the beginning of the interval.
    start: f32,
    /// How much higher it is at its end.
    rise: f32,
}

impl CurveTable {
    /// The functions that go through `points` (factor of lowering, factor of raising), equally spaced from `low` to
    /// `high`.
    ///
    /// # Panics
    /// With fewer than two points, or more than 2^20.
    pub fn new(low: f32, high: f32, points: &[[f32; 2]]) -> Self {
        assert!((2..=1 << 20).contains(&points.len()), "a table of {} points", points.len());
        let intervals = points.len() - 1;
        let lines = (0..=intervals).flat_map(|place| {
            let (here, next) = (points[place], points[intervals.min(place + 1)]);
            [0, 1].map(|way| Line { start: here[way], rise: next[way] - here[way] })
        });
        Self {
            low,
            density: (intervals as f64 / (f64::from(high) - f64::from(low))) as f32,
            intervals: intervals as f32,
            lines: lines.collect(),
        }
    }

    /// Number of intervals of the grid.
    pub fn intervals(&self) -> usize {
        self.lines.len() / 2 - 1
    }
}

/// One step of Adam for a tile of synapses, scaled by measured curves. All (n).
///
/// ```text
/// M, V, U as in [`adam_tile`](super::Kernels::adam_tile)
/// W <- W - U f_up(W)     where M < 0: the step raises W
/// W <- W - U f_down(W)   elsewhere
/// ```
/// A W that is not a number takes the factors of the grid's beginning, and stays what it is.
#[inline(always)]
pub(super) fn adam_curve_tile(
    step: &AdamStep,
    table: &CurveTable,
    gradient: &[f32],
    hidden: &mut [f32],
    mean: &mut [f32],
    square: &mut [f32],
) {
    let n = hidden.len();
    let (gradient, of_gradient) = gradient[..n].as_chunks::<LANES>();
    let (hidden, of_hidden) = hidden.as_chunks_mut::<LANES>();
    let (mean, of_mean) = mean[..n].as_chunks_mut::<LANES>();
    let (square, of_square) = square[..n].as_chunks_mut::<LANES>();
    for (((gradient, hidden), mean), square) in gradient.iter().zip(hidden).zip(mean).zip(square) {
        adam_curve_lanes(*step, table, gradient, hidden, mean, square);
    }
    let rest = of_gradient.len();
    if rest > 0 {
        let [mut gradient, mut hidden, mut mean, mut square] = [[0.0; LANES]; 4];
        gradient[..rest].copy_from_slice(of_gradient);
        hidden[..rest].copy_from_slice(of_hidden);
        mean[..rest].copy_from_slice(of_mean);
        square[..rest].copy_from_slice(of_square);
        adam_curve_lanes(*step, table, &gradient, &mut hidden, &mut mean, &mut square);
        of_hidden.copy_from_slice(&hidden[..rest]);
        of_mean.copy_from_slice(&mean[..rest]);
        of_square.copy_from_slice(&square[..rest]);
    }
}

/// The same for sixteen synapses: all arithmetic is done on registers of them, and between its two halves the lines are
/// fetched one by one.
#[inline(always)]
fn adam_curve_lanes(
    step: AdamStep,
    table: &CurveTable,
    gradient: &[f32; LANES],
    hidden: &mut [f32; LANES],
    mean: &mut [f32; LANES],
    square: &mut [f32; LANES],
) {
    let CurveTable { low, density, intervals, ref lines } = *table;
    let (mut places, mut along) = ([0_u32; LANES], [0.0_f32; LANES]);
    for lane in 0..LANES {
        let weight = hidden[lane];
        (mean[lane], square[lane]) = moments(step, gradient[lane], weight, mean[lane], square[lane]);
        // The maximum of what is not a number and 0 is 0.
        let position = f32::max((weight - low) * density, 0.0);
        let position = if position < intervals { position } else { intervals };
        // Rounded down, but for whole numbers: where two intervals meet, the end of the one is the beginning of the other.
        let place = (position - 0.5) + ROUND;
        along[lane] = position - (place - ROUND);
        let place = place.to_bits() - ROUND.to_bits();
        // Of M the sign alone is looked at: where M is 0, so is the update.
        places[lane] = 2 * place + (mean[lane].to_bits() >> 31);
    }
    let mut pieces = [Line::default(); LANES];
    for (piece, place) in pieces.iter_mut().zip(places) {
        *piece = lines[place as usize];
    }
    for lane in 0..LANES {
        let factor = pieces[lane].rise.mul_add(along[lane], pieces[lane].start);
        hidden[lane] -= step.size * mean[lane] * factor / (square[lane].sqrt() + step.eps);
    }
}
