//! A rectangle with axes: from values to pixels, ticks, labels, legends, and several panels in rows.

use kuva::render::color::Color;

use super::canvas::{Anchor, Canvas, GRID, INK, LABEL, MUTED, TICK, TITLE, shortened, width_of};

/// Where values of x and y lie on the canvas.
pub struct Frame {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// Width in pixels.
    pub width: f64,
    /// Height in pixels.
    pub height: f64,
    /// Values at the left and right edges.
    pub x: (f64, f64),
    /// Values at the lower and upper edges.
    pub y: (f64, f64),
}

impl Frame {
    /// The pixel of (x, y).
    pub fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let share = |value: f64, (low, high): (f64, f64)| (value - low) / (high - low);
        let up = share(y, self.y).clamp(0.0, 1.0);
        (self.left + share(x, self.x) * self.width, self.top + (1.0 - up) * self.height)
    }

    /// Lower edge.
    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// Right edge.
    pub fn right(&self) -> f64 {
        self.left + self.width
    }

    /// Horizontal grid lines, with labels at the left if `labelled`.
    pub fn y_axis(&self, canvas: &mut Canvas, ticks: &[(f64, String)], labelled: bool) {
        for (value, label) in ticks {
            let (_, y) = self.at(self.x.0, *value);
            canvas.line((self.left, y), (self.right(), y), &GRID, 1.0);
            if labelled {
                canvas.text((self.left - 8.0, y + 4.0), label, TICK, Anchor::End, &MUTED);
            }
        }
    }

    /// The lower edge with ticks and their labels.
    pub fn x_axis(&self, canvas: &mut Canvas, ticks: &[(f64, String)]) {
        let bottom = self.bottom();
        canvas.line((self.left, bottom), (self.right(), bottom), &MUTED, 1.0);
        for (value, label) in ticks {
            let (x, _) = self.at(*value, self.y.0);
            canvas.line((x, bottom), (x, bottom + 4.0), &MUTED, 1.0);
            canvas.text((x, bottom + 18.0), label, TICK, Anchor::Middle, &MUTED);
        }
    }

    /// What x is, under the labels of its ticks.
    pub fn x_label(&self, canvas: &mut Canvas, label: &str) {
        let at = (self.left + self.width / 2.0, self.bottom() + 38.0);
        canvas.text(at, label, LABEL, Anchor::Middle, &INK);
    }

    /// What y is, above its labels.
    pub fn y_label(&self, canvas: &mut Canvas, label: &str) {
        canvas.text((self.left - 56.0, self.top - 26.0), label, LABEL, Anchor::Start, &INK);
    }

    /// Title and a second line above the frame.
    pub fn heading(&self, canvas: &mut Canvas, title: &str, detail: &str) {
        let width = self.width + 20.0;
        canvas.title((self.left, self.top - 68.0), &shortened(title, TITLE, width));
        canvas.text(
            (self.left, self.top - 50.0),
            &shortened(detail, TICK, width),
            TICK,
            Anchor::Start,
            &MUTED,
        );
    }
}

/// Round numbers over `low..=high`, as near to `count` of them as steps of 1, 2 and 5 come.
pub fn round_ticks((low, high): (f64, f64), count: usize) -> Vec<(f64, String)> {
    let wanted = (high - low) / count.max(1) as f64;
    let power = wanted.log10().floor();
    // Digit and power apart, so that a value is one rounding away from its decimal form.
    let steps = [(1.0, power), (2.0, power), (5.0, power), (1.0, power + 1.0)];
    let off = |(digit, power): &(f64, f64)| (digit * 10f64.powf(*power) / wanted).ln().abs();
    let (digit, power) = steps.into_iter().min_by(|a, b| off(a).total_cmp(&off(b))).unwrap_or(steps[0]);
    let step = digit * 10f64.powf(power);
    let decimals = (-power).max(0.0) as usize;
    let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
    (first..=last)
        .map(|index| index as f64 * step)
        .map(|value| (value, format!("{value:.decimals$}")))
        .collect()
}

/// The same over whole numbers only.
pub fn whole_ticks(range: (f64, f64), count: usize) -> Vec<(f64, String)> {
    let mut ticks = round_ticks(range, count);
    ticks.retain(|(value, _)| value.fract() == 0.0);
    ticks.into_iter().map(|(value, _)| (value, format!("{value}"))).collect()
}

/// Entries of a legend, centred in rows under each other from `top`; with more than `MANY` entries only some of them.
pub fn legend(canvas: &mut Canvas, top: f64, width: f64, entries: &[(String, Color)]) {
    for (row, entries) in legend_rows(width, entries).into_iter().enumerate() {
        let whole: f64 = entries.iter().map(|(name, _)| entry_width(name)).sum();
        let mut x = (width - whole) / 2.0;
        let y = top + ROW * row as f64 + 12.0;
        for (name, color) in entries {
            canvas.line((x, y - 4.0), (x + 20.0, y - 4.0), &color, 3.0);
            canvas.text((x + 27.0, y), &name, LABEL, Anchor::Start, &INK);
            x += entry_width(&name);
        }
    }
}

/// Height of [`legend`].
pub fn legend_height(width: f64, entries: &[(String, Color)]) -> f64 {
    legend_rows(width, entries).len() as f64 * ROW
}

const ROW: f64 = 22.0;
const MANY: usize = 12;

fn entry_width(name: &str) -> f64 {
    27.0 + width_of(name, LABEL) + 22.0
}

fn legend_rows(width: f64, entries: &[(String, Color)]) -> Vec<Vec<(String, Color)>> {
    let shown: Vec<&(String, Color)> = if entries.len() > MANY {
        (0..6).map(|index| &entries[index * (entries.len() - 1) / 5]).collect()
    } else {
        entries.iter().collect()
    };
    let mut rows = vec![Vec::new()];
    let mut used = 0.0;
    for (name, color) in shown {
        let name = shortened(name, LABEL, width - 80.0);
        if used + entry_width(&name) > width && used > 0.0 {
            rows.push(Vec::new());
            used = 0.0;
        }
        used += entry_width(&name);
        rows.last_mut().expect("one row at least").push((name, color.clone()));
    }
    rows
}

/// Panels of equal size in rows, with room for headings and labels around each.
pub struct Grid {
    /// Width of the whole.
    pub width: f64,
    /// Panels in a row.
    pub columns: usize,
    rows: usize,
    between: f64,
    panel: (f64, f64),
}

const LEFT: f64 = 68.0;
const RIGHT: f64 = 20.0;
const BETWEEN: f64 = 36.0;
const ABOVE: f64 = 94.0;
const BELOW: f64 = 50.0;

impl Grid {
    /// For `count` panels: up to three in a row, four in two rows.
    pub fn of(count: usize, panel_height: f64) -> Self {
        let columns = match count {
            0..=3 => count.max(1),
            4 => 2,
            _ => 3,
        };
        Self::with_columns(columns, count.div_ceil(columns), panel_height)
    }

    /// For `rows` rows of `columns` panels.
    pub fn with_columns(columns: usize, rows: usize, panel_height: f64) -> Self {
        let width = match columns {
            1 => 820.0,
            2 => 1080.0,
            3 => 1200.0,
            more => 1200.0 + 320.0 * (more - 3) as f64,
        };
        Self { width, columns, rows, between: 0.0, panel: (0.0, panel_height) }.apart(BETWEEN)
    }

    /// The same, with this many pixels between panels beside each other.
    pub fn apart(mut self, between: f64) -> Self {
        let inner = self.width - LEFT - RIGHT - between * (self.columns - 1) as f64;
        (self.between, self.panel.0) = (between, inner / self.columns as f64);
        self
    }

    /// Height of all rows.
    pub fn height(&self) -> f64 {
        self.rows as f64 * (self.panel.1 + ABOVE + BELOW)
    }

    /// The frame of the panel `index`, counted row by row.
    pub fn frame(&self, index: usize, x: (f64, f64), y: (f64, f64)) -> Frame {
        let (row, column) = (index / self.columns, index % self.columns);
        let (width, height) = self.panel;
        Frame {
            left: LEFT + column as f64 * (width + self.between),
            top: ABOVE + row as f64 * (height + ABOVE + BELOW),
            width,
            height,
            x,
            y,
        }
    }

    /// Whether the panel `index` is the first of its row.
    pub fn is_leftmost(&self, index: usize) -> bool {
        index.is_multiple_of(self.columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: Vec<(f64, String)>) -> Vec<String> {
        ticks.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(labels(round_ticks((0.0, 100.0), 5)), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(labels(round_ticks((-0.3, 0.3), 5)), ["-0.3", "-0.2", "-0.1", "0.0", "0.1", "0.2", "0.3"]);
        assert_eq!(labels(whole_ticks((0.0, 2.0), 8)), ["0", "1", "2"]);
    }

    #[test]
    fn a_long_legend_shows_first_and_last() {
        let entries: Vec<_> = (1..=60).map(|task| (format!("task {task}"), INK)).collect();
        let rows = legend_rows(400.0, &entries);
        let shown: Vec<&str> = rows.iter().flatten().map(|(name, _)| name.as_str()).collect();
        assert_eq!((shown[0], shown[5], shown.len()), ("task 1", "task 60", 6));
    }
}
