//! Plasticity as measured curves: one update by hand, the table against the points, whole runs against the paper's rule.

#![allow(clippy::unwrap_used)]

#[path = "support/stripes.rs"]
mod stripes;

use metabnn::kernels::{AdamStep, attenuation};
use metabnn::machine::Machine;
use metabnn::optim::OptimizerStep;
use metabnn::rule::{Curve, CurveError, Metaplastic, PerLayer, Rule, SynapticRule, Tile};
use metabnn::train::Outcome;
use metabnn_lab::recipe::settings::{Precision, Settings, State, Statistics};
use metabnn_lab::setup::train;
use stripes::{dataset, settings};

/// Without memory of gradients, the update of Adam is lr sign(g).
const FORGETFUL: AdamStep = AdamStep { beta1: 0.0, beta2: 0.0, eps: 0.0, size: 0.1, weight_decay: 0.0 };

/// The weights after one update with gradients of this sign.
fn updated(curve: &Curve, step: &AdamStep, weights: &[f32], gradient: f32) -> Vec<f32> {
    let mut hidden = weights.to_vec();
    let n = hidden.len();
    let (mut mean, mut square) = (vec![0.0; n], vec![0.0; n]);
    let tile = Tile {
        binarized: true,
        gradient: &mut vec![gradient; n],
        hidden: &mut hidden,
        mean: &mut mean,
        square: &mut square,
        state: &mut [],
    };
    let step = OptimizerStep::new(Machine::get().kernels, *step);
    Rule::Curve(curve.clone()).update(&step, 0, tile);
    hidden
}

#[track_caller]
fn assert_near(ours: &[f32], expected: &[f32], allowed: f32) {
    assert_eq!(ours.len(), expected.len());
    let near = ours.iter().zip(expected).all(|(a, b)| (a - b).abs() <= allowed);
    assert!(near, "{ours:?}, not {expected:?}");
}

#[test]
fn one_update_is_what_the_curves_say() {
    let curve = Curve::new(vec![-1.0, 0.0, 1.0], vec![0.5, 1.0, 2.0], vec![1.0, 1.0, 0.0]).unwrap();
    let weights = [-9.0, -1.0, -0.5, 0.0, 0.25, 1.0, 3.0];
    // Rounded to 6e-8 of the weight.
    let raised = [-8.95, -0.95, -0.425, 0.1, 0.375, 1.2, 3.2];
    assert_near(&updated(&curve, &FORGETFUL, &weights, -2.0), &raised, 1e-6);
    let lowered = [-9.1, -1.1, -0.6, -0.1, 0.175, 1.0, 3.0];
    assert_near(&updated(&curve, &FORGETFUL, &weights, 2.0), &lowered, 1e-6);
    // A weight stands still without a gradient, and one that cannot be lowered is still raised.
    let half = AdamStep { eps: 1.0, ..FORGETFUL };
    assert_eq!(updated(&curve, &half, &weights, 0.0), weights);
}

/// Both factors as the rule applies them.
fn factors(curve: &Curve, weight: f32) -> [f32; 2] {
    // A step of 1: a factor is what the weight moves by.
    let step = AdamStep { size: 1.0, ..FORGETFUL };
    [-1.0, 1.0].map(|gradient| (updated(curve, &step, &[weight], gradient)[0] - weight) * -gradient)
}

#[test]
fn the_error_of_the_table_is_known() {
    // The second point is 0.8 of an interval of 1/4096 from the table's point before it, and 0.2 from the next one.
    let peak = Curve::new(vec![0.0, 0.3, 1.0], vec![0.0, 1.0, 0.0], vec![1.0; 3]).unwrap();
    let exact = 0.8 * 0.2 / 4096.0 * (1.0 / 0.3 + 1.0 / 0.7);
    // The factors of the table are rounded to 6e-8.
    assert!((peak.error() - exact).abs() < 1e-7, "{:e}, not {exact:e}", peak.error());
    assert!(peak.error() > Curve::TOLERANCE, "it is not refined any further");
    // It is reached, and nowhere exceeded. The weight after the update is rounded to 1.2e-7.
    let [up, down] = factors(&peak, 0.3);
    assert!((1.0 - up - exact).abs() < 1e-6 && down == 1.0, "{up} {down}");
    for place in 0..=1000 {
        let weight = place as f32 / 1000.0;
        let expected = if weight < 0.3 { weight / 0.3 } else { (1.0 - weight) / 0.7 };
        let [up, _] = factors(&peak, weight);
        assert!((up - expected).abs() <= exact + 1e-6, "{weight}: {up}, not {expected}");
    }
    // Of two intervals the points are 2/3 and 1/3 apart from the grid; of four they are on it.
    let on_grid = Curve::new(vec![0.0, 1.0, 4.0], vec![0.0, 1.0, 0.5], vec![3.0, 0.25, 0.0]).unwrap();
    assert_eq!(on_grid.error(), 0.0);
    assert_eq!(factors(&on_grid, 1.0), [1.0, 0.25]);
    // Refined no further than it has to be: 384 intervals are within the tolerance, 192 are not.
    let bend = Curve::new(vec![0.0, 1.0, 1.5, 3.0], vec![0.0, 0.0, 0.1, 0.1], vec![1.0; 4]).unwrap();
    assert!(bend.error() <= Curve::TOLERANCE, "{}", bend.error());
    assert_eq!(Curve::default().error(), 0.0);
}

#[test]
fn a_sampled_function_is_as_near_as_its_bend_allows() {
    let (reach, intervals, m) = (2.0, 64, 1.35_f64);
    let f = |weight: f64| (m * weight).cosh().powi(-2);
    let curve = Curve::sampled(reach, intervals, |weight| f(f64::from(weight)) as f32).unwrap();
    assert_eq!((curve.hidden()[0], curve.hidden()[32], curve.hidden()[64]), (-2.0, 0.0, 2.0));
    assert_eq!(curve.error(), 0.0, "points on a grid are the table");
    // h^2/8 max|f''|, and |f''| is largest at 0: 2 m^2. The factors come out of weights rounded to 2.4e-7.
    let bound = (4.0 / 64.0_f64).powi(2) / 8.0 * 2.0 * m * m + 5e-7;
    let mut largest = 0.0_f64;
    for place in -2000..=2000 {
        let weight = place as f32 / 1000.0;
        let shrunk = f(f64::from(weight));
        let expected = if place < 0 { [shrunk, 1.0] } else { [1.0, shrunk] };
        for (factor, expected) in factors(&curve, weight).into_iter().zip(expected) {
            largest = largest.max((f64::from(factor) - expected).abs());
        }
    }
    assert!((0.5 * bound..bound).contains(&largest), "{largest:e}, at most {bound:e}");
}

#[test]
fn points_that_are_no_curve_are_refused() {
    let ones = |count: usize| vec![1.0; count];
    let hidden = |count: usize| (0..count).map(|place| place as f32).collect::<Vec<_>>();
    let error = |hidden, up, down| Curve::new(hidden, up, down).unwrap_err().to_string();
    assert_eq!(error(vec![0.0], ones(1), ones(1)), "a curve of 1 points, expected 2 to 4097");
    assert_eq!(error(hidden(4098), ones(4098), ones(4098)), "a curve of 4098 points, expected 2 to 4097");
    assert!(Curve::new(hidden(4097), ones(4097), ones(4097)).is_ok());
    assert_eq!(error(hidden(3), ones(2), ones(3)), "2 factors up, expected 3, as many as hidden values");
    assert_eq!(error(hidden(3), ones(3), ones(4)), "4 factors down, expected 3, as many as hidden values");
    let nan = f32::NAN;
    let says = "the hidden value 1 is NaN, expected a finite number";
    assert_eq!(error(vec![nan, 1.0], ones(2), ones(2)), says);
    let says = "the hidden value 2 is NaN, expected a finite number above the one before, 1.0";
    assert_eq!(error(vec![1.0, nan], ones(2), ones(2)), says);
    let says = "the hidden value 3 is 1.0, expected a finite number above the one before, 1.0";
    assert_eq!(error(vec![0.0, 1.0, 1.0], ones(3), ones(3)), says);
    let says = "the factor up 2 is -0.5, expected a finite number >= 0";
    assert_eq!(error(hidden(2), vec![1.0, -0.5], ones(2)), says);
    let says = "the factor down 1 is inf, expected a finite number >= 0";
    assert_eq!(error(hidden(2), ones(2), vec![f32::INFINITY, 1.0]), says);
    let far = error(vec![f32::MIN, f32::MAX], ones(2), ones(2));
    assert!(far.ends_with("expected the last 1e-30 to 1e30 above the first"), "{far}");
    let sampled = |reach, intervals| Curve::sampled(reach, intervals, |_| 0.5).unwrap_err();
    assert_eq!(sampled(1.0, usize::MAX), CurveError::Count { count: usize::MAX });
    assert_eq!(sampled(1.0, 0), CurveError::Count { count: 1 });
    assert!(matches!(sampled(nan, 4), CurveError::Hidden { place: 1, .. }));
    assert!(matches!(sampled(-1.0, 4), CurveError::Hidden { place: 2, .. }));
}

fn outcome(settings: Settings, rule: Rule) -> Outcome {
    let settings = Settings { rule, ..settings };
    let stream = settings.stream(&[dataset()]).unwrap();
    Outcome { seconds: 0.0, ..train(&settings, &stream, |_| {}).unwrap() }
}

fn weights(outcome: &Outcome) -> Vec<f32> {
    outcome.trained.network.layers.iter().flat_map(|layer| layer.linear.hidden().to_rows()).collect()
}

/// The mean distance of the weights.
fn distance(a: &Outcome, b: &Outcome) -> f64 {
    let (a, b) = (weights(a), weights(b));
    assert_eq!(a.len(), b.len());
    let sum: f64 = a.iter().zip(&b).map(|(a, b)| f64::from((a - b).abs())).sum();
    sum / a.len() as f64
}

fn metaplastic(m: f32) -> Rule {
    Rule::Metaplastic(Metaplastic { m: PerLayer::Same(m) })
}

/// Factors are off by at most (1/1024)^2 / 8 * 2 m^2 = 4e-7 and updates are some 0.005, so the curve changes a weight by
/// 2e-9 in a step: less than its rounding, up to 6e-8. Of those there are forty. They are compared on average: Adam moves
/// a weight by some 0.005 however small its gradient is, so a rounding shows in full where gradients cancel.
#[test]
fn a_run_with_the_curve_of_the_papers_rule_is_the_papers() {
    for precision in [Precision::Binary, Precision::FullPrecision] {
        let settings = settings(precision, Statistics::Running);
        let curve = Curve::sampled(2.0, 4096, |weight| attenuation(1.35 * weight)).unwrap();
        let paper = outcome(settings.clone(), metaplastic(1.35));
        let measured = outcome(settings.clone(), Rule::Curve(curve));
        let plain = outcome(settings, metaplastic(0.0));
        let off = distance(&paper, &measured);
        assert_eq!(paper.steps, 40);
        assert!(off < 40.0 * 6e-8, "{precision:?}: off by {off:e}");
        assert!(distance(&paper, &plain) > 5e-4, "{precision:?}: the rule shows");
        assert_eq!(paper.matrix, measured.matrix);
    }
}

#[test]
fn a_run_with_level_curves_is_a_plain_one_bit_for_bit() {
    let level = Curve::new(vec![-0.3, 0.0, 1.7], vec![1.0; 3], vec![1.0; 3]).unwrap();
    for (precision, state) in [
        (Precision::Binary, State::F32),
        (Precision::Binary, State::Bf16),
        (Precision::FullPrecision, State::F32),
    ] {
        let mut settings = settings(precision, Statistics::Batch);
        settings.optimizer.state = state;
        let plain = outcome(settings.clone(), metaplastic(0.0));
        let level = outcome(settings, Rule::Curve(level.clone()));
        assert_eq!(weights(&plain), weights(&level));
        assert_eq!((plain.evaluations, plain.flips), (level.evaluations, level.flips));
    }
}
