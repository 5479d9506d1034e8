//! Plasticity as it was measured: two curves over the hidden weight, such as those of a nanodevice.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{BuiltIn, SynapticRule, Tile};
use crate::config::{ANY, NOT_NEGATIVE, Parameter, Takes};
use crate::kernels::{CurveTable, attenuation};
use crate::optim::OptimizerStep;

/// A measured plasticity: the factor of an update that raises the hidden weight, and of one that lowers it.
///
/// ```text
/// W <- W - U f_up(W)      where the update raises W: M < 0
/// W <- W - U f_down(W)    where it lowers W: M > 0
/// ```
/// U is the update of plain Adam and M its first moment, as in [`Metaplastic`](super::Metaplastic). Both factors are given at some
/// hidden weights W_1 < W_2 < ... < W_n, linear between them, and constant beyond the first and the last. 0 keeps a weight
/// as it is, 1 is plain Adam, a factor above 1 is a weight that is easier to move there. The paper's rule
/// ([`Metaplastic`](super::Metaplastic)) is f_up(W) = f_meta(m, W) for W < 0 and 1 elsewhere, f_down(W) = f_meta(m, W) for
/// W > 0 and 1 elsewhere: [`Curve::sampled`].
///
/// The points may lie at any distances from each other. What is computed with is a table of both curves on a grid of equal
/// intervals from W_1 to W_n: n - 1 of them, or twice, four times, ... as many, until table and curves differ by no more
/// than [`Curve::TOLERANCE`] or there are [`Curve::FINEST`] intervals. [`Curve::error`] says how much they differ. Points
/// at equal distances are the table, but for roundings.
///
/// The same curves hold in all layers, in the units of hidden weight.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Points", into = "Points")]
pub struct Curve {
    points: Points,
    /// Made when it is first needed: the settings of a large grid of runs hold none.
    table: OnceLock<Resampled>,
}

/// The measured points of a [`Curve`], before they are checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Points {
    /// Hidden weights, increasing.
    pub hidden: Vec<f32>,
    /// Factors of updates that raise the hidden weight, as many.
    pub up: Vec<f32>,
    /// Factors of updates that lower it, as many.
    pub down: Vec<f32>,
}

/// The table of two curves.
#[derive(Clone, Debug)]
struct Resampled {
    table: CurveTable,
    /// The largest deviation from the curves.
    error: f32,
}

/// Points that are no curve. Places are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum CurveError {
    /// Too few or too many points.
    #[error("a curve of {count} points, expected 2 to {}", Curve::MOST_POINTS)]
    Count {
        /// Number of hidden values.
        count: usize,
    },
    /// Not as many factors as hidden values.
    #[error("{count} factors {which}, expected {expected}, as many as hidden values")]
    Length {
        /// `up` or `down`.
        which: &'static str,
        /// How many there are.
        count: usize,
        /// Number of hidden values.
        expected: usize,
    },
    /// A hidden value that is not finite, or not greater than the one before.
    #[error("the hidden value {place} is {value:?}, expected a finite number{}", greater(*before))]
    Hidden {
        /// Which one.
        place: usize,
        /// The value.
        value: f32,
        /// The one before.
        before: Option<f32>,
    },
    /// Hidden values that are too close together, or too far apart, to compute with.
    #[error("hidden values from {first:?} to {last:?}, expected the last 1e-30 to 1e30 above the first")]
    Range {
        /// The first hidden value.
        first: f32,
        /// The last one.
        last: f32,
    },
    /// A factor that is negative or not finite.
    #[error("the factor {which} {place} is {value:?}, expected a finite number >= 0")]
    Factor {
        /// `up` or `down`.
        which: &'static str,
        /// Which one.
        place: usize,
        /// The value.
        value: f32,
    },
}

fn greater(before: Option<f32>) -> String {
    before.map(|before| format!(" above the one before, {before:?}")).unwrap_or_default()
}

impl PartialEq for Curve {
    fn eq(&self, other: &Self) -> bool {
        self.points == other.points
    }
}

impl Default for Curve {
    /// The paper's rule at m = 1.35, at 33 points from -3 to 3.
    fn default() -> Self {
        let points = Points::sampled(3.0, 32, |weight| attenuation(1.35 * weight));
        Self { points, table: OnceLock::new() }
    }
}

impl Default for Points {
    fn default() -> Self {
        Curve::default().into()
    }
}

impl TryFrom<Points> for Curve {
    type Error = CurveError;

    fn try_from(points: Points) -> Result<Self, CurveError> {
        points.check()?;
        Ok(Self { points, table: OnceLock::new() })
    }
}

impl From<Curve> for Points {
    fn from(curve: Curve) -> Self {
        curve.points
    }
}

impl Curve {
    /// Most points of a curve.
    pub const MOST_POINTS: usize = 4097;
    /// Intervals of the table beyond which it is not refined.
    pub const FINEST: usize = 4096;
    /// Difference of factors between table and curves that the table is refined down to.
    pub const TOLERANCE: f32 = 1e-4;

    /// The curves through the factors `up` and `down` measured at the hidden weights `hidden`, all of one length, 2 to
    /// [`Curve::MOST_POINTS`]; `hidden` increasing, the factors >= 0.
    ///
    /// # Errors
    /// Lists of other lengths, numbers that are not finite, negative factors, hidden values that do not increase or span
    /// less than 1e-30 or more than 1e30.
    pub fn new(hidden: Vec<f32>, up: Vec<f32>, down: Vec<f32>) -> Result<Self, CurveError> {
        Points { hidden, up, down }.try_into()
    }

    /// A metaplasticity function of the paper's kind: f(|W|) scales updates that would shrink |W|, all others are those of
    /// plain Adam. It is sampled at intervals + 1 equally spaced points over [-reach, reach]; `f` is called with |W| in
    /// (0, reach].
    ///
    /// Between points the curve is off by at most h^2/8 max|f''|, with h = 2 reach / intervals, where f is smooth, and
    /// f(0) = 1. Take an even number of intervals, so that 0 is a point: both factors are 1 there. If f(0) is not 1, the jump
    /// from 1 to f(0) falls within one interval, in which the curve goes straight from 1 to f(h).
    ///
    /// # Errors
    /// A reach that is not positive, factors that are negative or not finite, no interval or more than 4096.
    ///
    /// ```
    /// use metabnn::rule::Curve;
    ///
    /// // A synapse that cannot be pulled back from beyond 0.5.
    /// let curve = Curve::sampled(1.0, 64, |weight| if weight < 0.5 { 1.0 } else { 0.0 })?;
    /// assert_eq!(curve.down()[64], 0.0);
    /// assert_eq!(curve.up()[64], 1.0);
    /// # Ok::<(), metabnn::rule::CurveError>(())
    /// ```
    pub fn sampled(reach: f32, intervals: usize, f: impl FnMut(f32) -> f32) -> Result<Self, CurveError> {
        // No memory for a number of points that is refused.
        if !(1..Self::MOST_POINTS).contains(&intervals) {
            return Err(CurveError::Count { count: intervals.saturating_add(1) });
        }
        Points::sampled(reach, intervals, f).try_into()
    }

    /// The hidden weights of the measured points, increasing.
    pub fn hidden(&self) -> &[f32] {
        &self.points.hidden
    }

    /// The factors of updates that raise the hidden weight, >= 0, one for each of [`Curve::hidden`].
    pub fn up(&self) -> &[f32] {
        &self.points.up
    }

    /// The factors of updates that lower the hidden weight, >= 0, one for each of [`Curve::hidden`].
    pub fn down(&self) -> &[f32] {
        &self.points.down
    }

    /// The largest difference between the factors of the table and those of the curves, at any hidden weight; roundings
    /// aside.
    ///
    /// It is above [`Curve::TOLERANCE`] where a curve changes much between two points that lie closer together than 1/4096
    /// of the whole range.
    pub fn error(&self) -> f32 {
        self.resampled().error
    }

    fn resampled(&self) -> &Resampled {
        self.table.get_or_init(|| self.points.resampled())
    }
}

impl BuiltIn for Curve {
    const PARAMETERS: &'static [Parameter] = &[
        Parameter { name: "hidden", takes: Takes::Reals(ANY, 2, Curve::MOST_POINTS) },
        Parameter { name: "up", takes: Takes::Reals(NOT_NEGATIVE, 2, Curve::MOST_POINTS) },
        Parameter { name: "down", takes: Takes::Reals(NOT_NEGATIVE, 2, Curve::MOST_POINTS) },
    ];
}

impl SynapticRule for Curve {
    built_in!();

    /// One Adam step with the factors of the table.
    fn update(&self, step: &OptimizerStep, _layer: usize, mut tile: Tile<'_>) {
        step.curved(&self.resampled().table, &mut tile);
    }
}

impl Points {
    /// See [`Curve::sampled`]; nothing is checked.
    fn sampled(reach: f32, intervals: usize, mut f: impl FnMut(f32) -> f32) -> Self {
        let mut points =
            Self { hidden: Vec::new(), up: vec![1.0; intervals + 1], down: vec![1.0; intervals + 1] };
        for place in 0..=intervals {
            let along = place as f64 / intervals as f64;
            let weight = (f64::from(reach) * (2.0 * along - 1.0)) as f32;
            points.hidden.push(weight);
            if weight < 0.0 {
                points.up[place] = f(-weight);
            } else if weight > 0.0 {
                points.down[place] = f(weight);
            }
        }
        points
    }

    fn check(&self) -> Result<(), CurveError> {
        let Self { hidden, up, down } = self;
        let count = hidden.len();
        if !(2..=Curve::MOST_POINTS).contains(&count) {
            return Err(CurveError::Count { count });
        }
        for (which, factors) in [("up", up), ("down", down)] {
            if factors.len() != count {
                return Err(CurveError::Length { which, count: factors.len(), expected: count });
            }
            let wrong = factors.iter().position(|factor| !(factor.is_finite() && *factor >= 0.0));
            if let Some(index) = wrong {
                return Err(CurveError::Factor { which, place: index + 1, value: factors[index] });
            }
        }
        let mut before = None;
        for (index, &value) in hidden.iter().enumerate() {
            if !value.is_finite() || before.is_some_and(|before| value <= before) {
                return Err(CurveError::Hidden { place: index + 1, value, before });
            }
            before = Some(value);
        }
        let (first, last) = (hidden[0], hidden[count - 1]);
        let span = f64::from(last) - f64::from(first);
        if (1e-30..=1e30).contains(&span) { Ok(()) } else { Err(CurveError::Range { first, last }) }
    }

    /// The table of points that were checked.
    fn resampled(&self) -> Resampled {
        let mut intervals = self.hidden.len() - 1;
        loop {
            let grid = self.on_grid(intervals);
            let error = self.deviation(&grid) as f32;
            if error <= Curve::TOLERANCE || intervals >= Curve::FINEST {
                let table = CurveTable::new(self.hidden[0], self.hidden[self.hidden.len() - 1], &grid);
                return Resampled { table, error };
            }
            intervals *= 2;
        }
    }

    /// The factors (down, up) at the points of a grid of equal intervals.
    fn on_grid(&self, intervals: usize) -> Vec<[f32; 2]> {
        let (first, span) = self.ends();
        let mut piece = 0;
        let at = |index: usize| {
            let weight = first + span * index as f64 / intervals as f64;
            // The last piece that begins at or before it.
            while piece + 2 < self.hidden.len() && f64::from(self.hidden[piece + 1]) <= weight {
                piece += 1;
            }
            let [low, high] = [piece, piece + 1].map(|place| f64::from(self.hidden[place]));
            let along = ((weight - low) / (high - low)).clamp(0.0, 1.0);
            [&self.down, &self.up].map(|factors| between(factors[piece], factors[piece + 1], along) as f32)
        };
        (0..=intervals).map(at).collect()
    }

    /// The largest difference between the curves and the straight lines through the points of a grid.
    ///
    /// A difference of piecewise linear functions is largest where one of them bends. At the points of the grid they agree:
    /// it is at a measured point.
    fn deviation(&self, grid: &[[f32; 2]]) -> f64 {
        let (first, span) = self.ends();
        let intervals = grid.len() - 1;
        let mut largest = 0.0_f64;
        for (place, weight) in self.hidden.iter().enumerate() {
            let position = (f64::from(*weight) - first) / span * intervals as f64;
            let index = (position as usize).min(intervals - 1);
            let along = position - index as f64;
            for (way, factors) in [&self.down, &self.up].into_iter().enumerate() {
                let table = between(grid[index][way], grid[index + 1][way], along);
                largest = largest.max((table - f64::from(factors[place])).abs());
            }
        }
        largest
    }

    /// The first hidden weight, and how far the last one is from it.
    fn ends(&self) -> (f64, f64) {
        let first = f64::from(self.hidden[0]);
        (first, f64::from(self.hidden[self.hidden.len() - 1]) - first)
    }
}

/// A share of the way from `a` to `b`.
fn between(a: f32, b: f32, share: f64) -> f64 {
    let (a, b) = (f64::from(a), f64::from(b));
    a + share * (b - a)
}
