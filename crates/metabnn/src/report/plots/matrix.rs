//! Accuracy matrices as heat maps: what is known of each task after each task.

use crate::report::view::{GroupView, View, percent, short_names};

use super::Figure;
use super::canvas::{
    Anchor, Canvas, INK, LABEL, MUTED, TICK, TITLE, ink_on, ramp, shortened, turned_text_height, width_of,
};

/// Side of a cell, at most and at least; between them it gives way to the number of cells.
const CELL: (f64, f64) = (56.0, 12.0);
/// Widest and highest matrix.
const ROOM: (f64, f64) = (900.0, 560.0);
const WIDTH: f64 = 1080.0;
const GAP: f64 = 40.0;

/// One heat map per group.
pub(super) fn figure(view: &View<'_>) -> Option<Figure> {
    let maps: Vec<HeatMap<'_>> = view.groups.iter().map(HeatMap::of).collect();
    let mut places = Vec::new();
    let (mut x, mut y, mut row_height, mut reach) = (0.0f64, 0.0, 0.0f64, 0.0f64);
    for map in &maps {
        let (width, height) = map.size();
        if x > 0.0 && x + width > WIDTH {
            (x, y, row_height) = (0.0, y + row_height + GAP / 2.0, 0.0);
        }
        places.push((x, y));
        x += width + GAP;
        reach = reach.max(x - GAP);
        row_height = row_height.max(height);
    }
    let mut canvas = Canvas::new(reach + 16.0, y + row_height + 52.0);
    for (map, place) in maps.iter().zip(places) {
        map.draw(&mut canvas, place);
    }
    scale(&mut canvas, (16.0, y + row_height + 14.0));
    Some(Figure {
        name: "accuracy_matrix",
        title: "What is known after each task",
        caption: caption(&view.groups),
        drawing: canvas.finish(),
    })
}

fn caption(groups: &[GroupView<'_>]) -> String {
    let square = groups.iter().all(|group| group.is_square() && group.phases() > 1);
    let look = if square {
        " Down a column one sees what later training does to a task: a column that stays bright below the diagonal is \
         remembered. Right of the diagonal are tasks not yet trained."
    } else {
        ""
    };
    format!("Test accuracy in percent: one row per task just trained, one column per task tested.{look}")
}

/// A group's matrix and how it is laid out.
struct HeatMap<'a> {
    group: &'a GroupView<'a>,
    names: Vec<String>,
    across: String,
    cell: (f64, f64),
    left: f64,
    above: f64,
}

impl<'a> HeatMap<'a> {
    fn of(group: &'a GroupView<'a>) -> Self {
        let (rows, columns) = (group.phases(), group.tests().len());
        let side = |room: f64, count: usize| (room / count as f64).clamp(CELL.1, CELL.0);
        let cell = (side(ROOM.0, columns), side(ROOM.1, rows).min(44.0));
        let (names, word) = short_names(group.tests());
        let names: Vec<String> = names.iter().map(|name| shortened(name, TICK, 150.0)).collect();
        let across = word.map_or("accuracy on".into(), |word| format!("accuracy on {word}"));
        let widest = names.iter().map(|name| width_of(name, TICK)).fold(0.0, f64::max);
        let upright = widest <= cell.0;
        let row_names = if group.is_square() { widest } else { width_of(&rows.to_string(), TICK) };
        let above = 76.0 + if upright { 16.0 } else { turned_text_height(widest) };
        Self { group, names, across, cell, left: row_names + 40.0, above }
    }

    fn size(&self) -> (f64, f64) {
        let (rows, columns) = (self.group.phases() as f64, self.names.len() as f64);
        let heading = width_of(&self.group.label, TITLE).max(width_of(&self.detail(), TICK)).min(400.0);
        let turned = if self.upright() { 0.0 } else { self.above - 76.0 };
        ((self.left + columns * self.cell.0 + turned).max(heading), self.above + rows * self.cell.1)
    }

    fn upright(&self) -> bool {
        self.names.iter().all(|name| width_of(name, TICK) <= self.cell.0)
    }

    fn detail(&self) -> String {
        self.group.seeds()
    }

    fn draw(&self, canvas: &mut Canvas, (x, y): (f64, f64)) {
        let (width, _) = self.size();
        canvas.title((x + 16.0, y + 26.0), &shortened(&self.group.label, TITLE, width.max(400.0)));
        canvas.text((x + 16.0, y + 44.0), &self.detail(), TICK, Anchor::Start, &MUTED);
        let (left, top) = (x + self.left, y + self.above);
        self.draw_names(canvas, (left, top));
        for (row, accuracies) in self.group.mean_matrix().iter().enumerate() {
            for (column, accuracy) in accuracies.iter().enumerate() {
                let at = (left + column as f64 * self.cell.0, top + row as f64 * self.cell.1);
                let fill = ramp(*accuracy);
                canvas.rectangle(at, (self.cell.0 - 1.5, self.cell.1 - 1.5), &fill);
                if self.cell.0 >= 34.0 && self.cell.1 >= 15.0 {
                    let middle = (at.0 + self.cell.0 / 2.0, at.1 + self.cell.1 / 2.0 + 4.0);
                    canvas.text(middle, &percent(*accuracy), TICK, Anchor::Middle, &ink_on(&fill));
                }
            }
        }
    }

    fn draw_names(&self, canvas: &mut Canvas, (left, top): (f64, f64)) {
        let rows = self.group.phases();
        canvas.text((left, self.title_height(top)), &self.across, LABEL, Anchor::Start, &INK);
        for (column, name) in self.names.iter().enumerate() {
            let x = left + (column as f64 + 0.5) * self.cell.0;
            if self.upright() {
                canvas.text((x, top - 7.0), name, TICK, Anchor::Middle, &MUTED);
            } else {
                canvas.turned_text((x, top - 7.0), name, TICK, Anchor::Start, -40.0);
            }
        }
        let middle = (left - self.left + 24.0, top + rows as f64 * self.cell.1 / 2.0);
        let word = if rows > 2 { "after training" } else { "after" };
        canvas.turned_text(middle, word, LABEL, Anchor::Middle, -90.0);
        for row in 0..rows {
            let number = (row + 1).to_string();
            let name = if self.group.is_square() { &self.names[row] } else { &number };
            let y = top + (row as f64 + 0.5) * self.cell.1 + 4.0;
            canvas.text((left - 7.0, y), name, TICK, Anchor::End, &MUTED);
        }
    }

    fn title_height(&self, top: f64) -> f64 {
        top - (self.above - 70.0)
    }
}

/// What the colours mean.
fn scale(canvas: &mut Canvas, (x, y): (f64, f64)) {
    const STEPS: usize = 100;
    canvas.text((x, y + 11.0), "0 %", TICK, Anchor::Start, &MUTED);
    for step in 0..STEPS {
        let at = (x + 30.0 + 2.0 * step as f64, y);
        canvas.rectangle(at, (2.0, 14.0), &ramp(step as f64 / (STEPS - 1) as f64));
    }
    canvas.text((x + 38.0 + 2.0 * STEPS as f64, y + 11.0), "100 %", TICK, Anchor::Start, &MUTED);
}
