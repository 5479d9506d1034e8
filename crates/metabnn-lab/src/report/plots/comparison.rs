//! Average accuracy of every group, one bar each.

use crate::report::view::{View, percent};

use super::Figure;
use super::axes::{Frame, round_ticks};
use super::canvas::{Anchor, Canvas, GRID, INK, LABEL, MUTED, TICK, distinct, ink_on, shortened, width_of};

const WIDTH: f64 = 820.0;
const BAR: f64 = 34.0;

/// Bars with the standard deviation and every seed; `None` for a single group.
pub(super) fn figure(view: &View<'_>) -> Option<Figure> {
    if view.groups.len() < 2 {
        return None;
    }
    let label_width =
        view.groups.iter().map(|group| width_of(&group.label, LABEL)).fold(0.0, f64::max).min(300.0);
    let left = label_width + 32.0;
    let (width, height) = (WIDTH - left - 30.0, view.groups.len() as f64 * BAR);
    let frame = Frame { left, top: 20.0, width, height, x: (0.0, 100.0), y: (0.0, 1.0) };
    let mut canvas = Canvas::new(WIDTH, frame.bottom() + 54.0);
    let fill = distinct(1).remove(0);
    let ticks = round_ticks(frame.x, 5);
    for (value, _) in &ticks {
        canvas.line(frame.at(*value, 0.0), frame.at(*value, 1.0), &GRID, 1.0);
    }
    for (index, group) in view.groups.iter().enumerate() {
        let y = frame.top + (index as f64 + 0.5) * BAR;
        let average = group.average;
        let x = |percent: f64| frame.at(percent, 0.0).0;
        let label = shortened(&group.label, LABEL, 300.0);
        canvas.text((left - 10.0, y + 4.5), &label, LABEL, Anchor::End, &INK);
        let size = (x(average.mean * 100.0) - left, BAR - 12.0);
        canvas.rectangle((left, y - size.1 / 2.0), size, &fill);
        let mut end = average.mean;
        if let Some(std) = average.std {
            let (low, high) = ((average.mean - std).max(0.0) * 100.0, (average.mean + std).min(1.0) * 100.0);
            canvas.line((x(low), y), (x(high), y), &INK, 1.6);
            for edge in [low, high] {
                canvas.line((x(edge), y - 5.0), (x(edge), y + 5.0), &INK, 1.6);
            }
            end = high / 100.0;
        }
        // Beside the bar, or inside it where it reaches the edge of the frame.
        let text = percent(average.mean);
        if end < 0.93 {
            canvas.text((x(end * 100.0) + 8.0, y + 4.5), &text, TICK, Anchor::Start, &INK);
        } else {
            let inside = (x((2.0 * average.mean - end) * 100.0) - 8.0, y + 4.5);
            canvas.text(inside, &text, TICK, Anchor::End, &ink_on(&fill));
        }
    }
    canvas.line((left, frame.top), (left, frame.bottom()), &MUTED, 1.0);
    frame.x_axis(&mut canvas, &ticks);
    frame.x_label(&mut canvas, "average test accuracy at the end (%)");
    let spread = if view.groups.iter().any(|group| group.runs.len() > 1) {
        " Whiskers: standard deviation over the seeds."
    } else {
        ""
    };
    Some(Figure {
        name: "comparison",
        title: "Side by side",
        caption: format!("Mean test accuracy over all tasks when training has ended.{spread}"),
        drawing: canvas.finish(),
    })
}
