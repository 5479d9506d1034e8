//! How reports show the path of two hidden weights over the landscape of their loss, like Fig. 5a of the paper.

use kuva::render::color::Color;

use super::Trajectory;
use crate::analysis::Findings;
use crate::report::analyzed::{AnalyzedGroup, Invalid, NOTHING, Renderer, significant};
use crate::report::grid::{Column, Grid as Table};
use crate::report::plots::Figure;
use crate::report::plots::axes::{Frame, Grid, legend, legend_height, round_ticks, whole_ticks};
use crate::report::plots::canvas::{Anchor, Canvas, GRID, INK, MUTED, TICK, distinct, ordered};

const FILE: &str = "trajectory.csv";
const COLUMNS: [&str; 3] = ["step", "weight", "hidden_weight"];
const HEIGHT: f64 = 330.0;
/// Lines of equal loss.
const CONTOURS: usize = 20;
/// The plane beyond path, corners and optimum.
const MARGIN: f64 = 0.6;

/// The path of two weights.
pub(in crate::analysis) const TRAJECTORY: TrajectoryRenderer = TrajectoryRenderer;

pub(in crate::analysis) struct TrajectoryRenderer;

impl Renderer for TrajectoryRenderer {
    fn is_in(&self, findings: &Findings) -> bool {
        findings.trajectory.is_some()
    }

    fn file(&self) -> &'static str {
        FILE
    }

    fn check(&self, findings: &Findings) -> Result<(), Invalid> {
        let Some(path) = &findings.trajectory else { return Ok(()) };
        let mut weights = path.hidden_weights.as_flattened().iter();
        if let Some(value) = weights.find(|value| !value.is_finite()) {
            let (expected, got) = ("a finite number".into(), value.to_string());
            return Err(Invalid { what: "an analysis", expected, got });
        }
        if path.hidden_weights.is_empty() {
            let expected = "at least the weights before the first step".into();
            return Err(Invalid { what: "the trajectory", expected, got: "none".into() });
        }
        Ok(())
    }

    /// One line per step and weight.
    fn csv(&self, findings: &Findings) -> String {
        let mut text = COLUMNS.join(",") + "\n";
        let path = findings.trajectory.iter().flat_map(|path| &path.hidden_weights);
        for (step, weights) in path.enumerate() {
            for (index, weight) in weights.iter().enumerate() {
                text += &format!("{step},{},{weight:?}\n", index + 1);
            }
        }
        text
    }

    fn figure(&self, groups: &[AnalyzedGroup<'_>]) -> Option<Figure> {
        figure(groups)
    }

    fn details(&self, group: &AnalyzedGroup<'_>) -> Table {
        let columns = ["step", "W_x", "W_y"].map(Column::numbers).into();
        let path = trajectory(group).into_iter().flat_map(|path| &path.hidden_weights);
        let row = |(step, weights): (usize, &[f64; 2])| {
            [vec![step.to_string()], weights.map(significant).to_vec()].concat()
        };
        Table { columns, over: None, rows: path.enumerate().map(row).collect() }
    }

    /// Where each path ends.
    fn overview(&self, groups: &[AnalyzedGroup<'_>]) -> Table {
        let numbers = ["steps", "W_x at the end", "W_y at the end"].map(Column::numbers);
        let row = |group: &AnalyzedGroup<'_>| {
            let weights = &trajectory(group)?.hidden_weights;
            let end = weights.last().map_or([NOTHING.into(), NOTHING.into()], |end| end.map(significant));
            let steps = weights.len().saturating_sub(1).to_string();
            Some([vec![group.label.clone(), steps], end.to_vec()].concat())
        };
        let columns = [Column::text("setting")].into_iter().chain(numbers).collect();
        Table { columns, over: None, rows: groups.iter().filter_map(row).collect() }
    }

    fn sentence(&self, group: &AnalyzedGroup<'_>) -> String {
        let Some(path) = trajectory(group) else { return String::new() };
        let steps = path.hidden_weights.len().saturating_sub(1);
        let [x, y] = [0, 1].map(|weight| format!("W_{} {}", ["x", "y"][weight], course(path, weight)));
        format!("In {steps} steps {x}; {y}.")
    }
}

/// The path on the plane, of the first seed.
fn trajectory<'a>(group: &AnalyzedGroup<'a>) -> Option<&'a Trajectory> {
    group.runs[0].findings.trajectory.as_ref()
}

/// What a hidden weight did in the second half of its path.
fn course(path: &Trajectory, weight: usize) -> String {
    let values: Vec<f64> = path.hidden_weights.iter().map(|weights| weights[weight]).collect();
    let late = &values[values.len() / 2..];
    let (least, most) =
        late.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), w| (low.min(*w), high.max(*w)));
    if least < 0.0 && most >= 0.0 {
        format!("oscillates between {} and {}", significant(least), significant(most))
    } else {
        format!("goes from {} to {}", significant(values[0]), significant(values[values.len() - 1]))
    }
}

/// Two panels per group: the plane, and the hidden weights step by step; `None` where no path was kept.
fn figure(groups: &[AnalyzedGroup<'_>]) -> Option<Figure> {
    let paths: Vec<(String, &Trajectory)> = groups
        .iter()
        .filter_map(|group| {
            Some((format!("{}, seed {}", group.label, group.runs[0].seed), trajectory(group)?))
        })
        .collect();
    if paths.is_empty() {
        return None;
    }
    let colors = distinct(3);
    let entries: Vec<(String, Color)> = ["path of the hidden weights", "W_x", "W_y"]
        .map(String::from)
        .into_iter()
        .zip(colors.clone())
        .collect();
    let grid = Grid::with_columns(1, 2 * paths.len(), HEIGHT);
    let mut canvas = Canvas::new(grid.width, grid.height() + legend_height(grid.width, &entries) + 14.0);
    for (index, (label, path)) in paths.iter().enumerate() {
        let (x, y) = plane(path);
        let frame = grid.frame(2 * index, x, y);
        frame.heading(
            &mut canvas,
            label,
            "hidden weights on the landscape of the loss; squares: pairs of signs",
        );
        draw_plane(&mut canvas, &frame, path, &colors[0]);
        let last = path.hidden_weights.len().saturating_sub(1).max(1) as f64;
        let values = path.hidden_weights.as_flattened().iter().copied().chain([0.0]);
        let frame = grid.frame(2 * index + 1, (0.0, last), around(values));
        frame.heading(&mut canvas, label, "hidden weights step by step");
        frame.y_axis(&mut canvas, &round_ticks(frame.y, 5), true);
        frame.y_label(&mut canvas, "hidden weight");
        frame.x_axis(&mut canvas, &whole_ticks(frame.x, 8));
        frame.x_label(&mut canvas, "step");
        for weight in 0..2 {
            let steps = path.hidden_weights.iter().enumerate();
            let curve = steps.map(|(step, weights)| frame.at(step as f64, weights[weight]));
            canvas.curve(curve.collect(), &colors[1 + weight], 2.2);
        }
    }
    legend(&mut canvas, grid.height() + 4.0, grid.width, &entries);
    Some(Figure {
        name: "trajectory",
        title: "Hidden weights on the landscape of their loss",
        caption: "Lines of equal loss around its minimum W*, which no pair of signs reaches. The gradient is taken at \
                  the signs of the hidden weights: a hidden weight whose optimum lies beyond its sign drifts without \
                  bound, one whose optimum lies between -1 and +1 oscillates around zero."
            .into(),
        drawing: canvas.finish(),
    })
}

/// Least and greatest of `values`, with a margin.
fn around(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let margin = 0.05 * (high - low).max(f64::MIN_POSITIVE);
    (low - margin, high + margin)
}

/// The part of the plane with the path, the pairs of signs and the optimum.
fn plane(path: &Trajectory) -> ((f64, f64), (f64, f64)) {
    let of = |axis: usize| {
        let values = path.hidden_weights.iter().map(|weights| weights[axis]);
        let values = values.chain([-1.0, 1.0, path.optimum[axis]]);
        let (low, high) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        (low - MARGIN, high + MARGIN)
    };
    (of(0), of(1))
}

fn draw_plane(canvas: &mut Canvas, frame: &Frame, path: &Trajectory, color: &Color) {
    frame.y_axis(canvas, &round_ticks(frame.y, 4), true);
    frame.y_label(canvas, "W_y");
    frame.x_axis(canvas, &round_ticks(frame.x, 10));
    frame.x_label(canvas, "W_x");
    draw_contours(canvas, frame, path);
    for zero in [
        (frame.at(0.0, frame.y.0), frame.at(0.0, frame.y.1)),
        (frame.at(frame.x.0, 0.0), frame.at(frame.x.1, 0.0)),
    ] {
        canvas.line(zero.0, zero.1, &MUTED, 1.0);
    }
    for (x, y) in [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)] {
        let (left, top) = frame.at(x, y);
        canvas.rectangle((left - 5.0, top - 5.0), (10.0, 10.0), &INK);
    }
    let points: Vec<(f64, f64)> =
        path.hidden_weights.iter().map(|weights| frame.at(weights[0], weights[1])).collect();
    points.iter().for_each(|point| canvas.dot(*point, 2.6, color));
    canvas.curve(points, color, 1.6);
    let (x, y) = frame.at(path.optimum[0], path.optimum[1]);
    canvas.line((x - 6.0, y - 6.0), (x + 6.0, y + 6.0), &INK, 2.0);
    canvas.line((x - 6.0, y + 6.0), (x + 6.0, y - 6.0), &INK, 2.0);
    canvas.text((x + 9.0, y - 6.0), "W*", TICK, Anchor::Start, &INK);
}

/// Ellipses (W - W*)' H (W - W*) = 2 L, with L growing as the square, so that they are evenly apart.
fn draw_contours(canvas: &mut Canvas, frame: &Frame, path: &Trajectory) {
    // H = U' U: W = W* + sqrt(2 L) U^-1 (cos, sin) goes around the ellipse.
    let [[a, b], [_, d]] = path.hessian;
    let (root, slope) = (a.sqrt(), b / a.sqrt());
    let last = (d - slope * slope).max(0.0).sqrt();
    let corner = |x: f64, y: f64| {
        let (x, y) = (x - path.optimum[0], y - path.optimum[1]);
        (a * x * x + 2.0 * b * x * y + d * y * y).sqrt()
    };
    let ((left, right), (low, high)) = (frame.x, frame.y);
    let farthest = [corner(left, low), corner(left, high), corner(right, low), corner(right, high)];
    let step = farthest.into_iter().fold(0.0, f64::max) / CONTOURS as f64;
    for (contour, color) in (1..=CONTOURS).zip(ordered(CONTOURS)) {
        let radius = step * contour as f64;
        let mut visible = Vec::new();
        // Larger ellipses in more pieces, so that they reach the edges of the frame.
        let pieces = 100 * contour;
        for piece in 0..=pieces {
            let angle = std::f64::consts::TAU * piece as f64 / pieces as f64;
            let v = radius * libm::sin(angle) / last;
            let u = (radius * libm::cos(angle) - slope * v) / root;
            let (x, y) = (path.optimum[0] + u, path.optimum[1] + v);
            if (left..=right).contains(&x) && (low..=high).contains(&y) {
                visible.push(frame.at(x, y));
            } else if !visible.is_empty() {
                canvas.curve(std::mem::take(&mut visible), &color, 1.2);
            }
        }
        canvas.curve(visible, &color, 1.2);
    }
    canvas.line((frame.left, frame.top), (frame.left, frame.bottom()), &GRID, 1.0);
}
