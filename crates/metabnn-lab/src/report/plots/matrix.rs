//! Accuracy matrices as heat maps: what is known of each task after each task.

use crate::report::most::{CELLS, SIDE};
use crate::report::view::{GroupView, View, percent, short_names};

use super::Figure;
use super::canvas::{Anchor, Canvas, INK, LABEL, MUTED, TICK, TITLE, ink_on, ramp, shortened, width_of};

/// Side of a cell, at most and at least; between them it gives way to the number of cells.
const CELL: (f64, f64) = (56.0, 12.0);
/// Widest and highest matrix that is not held open by the smallest cells.
const ROOM: (f64, f64) = (900.0, 560.0);
const WIDTH: f64 = 1080.0;
const GAP: f64 = 40.0;
/// Width of the scale of colours.
const SCALE: f64 = 200.0;
/// Height of headings and names of columns.
const ABOVE: f64 = 92.0;
/// Widest heading that makes room for itself.
const HEADING: f64 = 400.0;

/// One heat map per group; `None` where each would be a single number.
pub(super) fn figure(view: &View<'_>) -> Option<Figure> {
    if view.groups.iter().all(|group| group.phases() * group.tests().len() == 1) {
        return None;
    }
    let side = CELLS.checked_div(view.groups.len()).unwrap_or(CELLS).isqrt().clamp(SIDE.1, SIDE.0);
    let maps: Vec<HeatMap<'_>> = view.groups.iter().map(|group| HeatMap::new(group, side)).collect();
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
    let mut canvas = Canvas::new((reach + 16.0).max(SCALE + 110.0), y + row_height + 52.0);
    for (map, place) in maps.iter().zip(places) {
        map.draw(&mut canvas, place);
    }
    scale(&mut canvas, (16.0, y + row_height + 14.0));
    Some(Figure {
        name: "accuracy_matrix",
        title: "What is known after each task",
        caption: caption(&view.groups) + &merged(&maps),
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

/// What the cells are, where they are fewer than the accuracies.
fn merged(maps: &[HeatMap<'_>]) -> String {
    let most = |of: fn(&HeatMap<'_>) -> usize| maps.iter().map(of).max().unwrap_or(1);
    match (most(|map| map.merged.0), most(|map| map.merged.1)) {
        (1, 1) => String::new(),
        (rows, columns) => format!(
            " Each cell is the mean of up to {rows} rows and {columns} columns; accuracy_matrix.csv of each run has all \
             of them."
        ),
    }
}

/// A group's matrix and how it is laid out.
struct HeatMap<'a> {
    group: &'a GroupView<'a>,
    /// Rows and columns of the matrix that are one of the map.
    merged: (usize, usize),
    /// Of the columns, and of the rows.
    names: Vec<String>,
    row_names: Vec<String>,
    across: String,
    cell: (f64, f64),
    left: f64,
}

impl<'a> HeatMap<'a> {
    /// A map of at most `most` rows and columns.
    fn new(group: &'a GroupView<'a>, most: usize) -> Self {
        let merged = (group.phases().div_ceil(most).max(1), group.tests().len().div_ceil(most).max(1));
        let (rows, columns) = (group.phases().div_ceil(merged.0), group.tests().len().div_ceil(merged.1));
        let side = |room: f64, count: usize| (room / count as f64).clamp(CELL.1, CELL.0);
        let (names, word) = short_names(group.tests());
        let rows_of_all = row_names(group, &names);
        let [names, row_names] = [(names, merged.1), (rows_of_all, merged.0)]
            .map(|(names, merged)| names.into_iter().step_by(merged).collect::<Vec<_>>());
        let widest = |names: &[String]| names.iter().map(|name| width_of(name, TICK)).fold(0.0, f64::max);
        // Names stand above their columns; where they would not fit, numbers do.
        let fitting = widest(&names) + 8.0;
        let fits = fitting * columns as f64 <= ROOM.0.max(CELL.0);
        let number = |column: usize| (1 + column * merged.1).to_string();
        let names = if fits { names } else { (0..columns).map(number).collect() };
        let wide = if fits { fitting } else { 0.0 };
        let cell = (side(ROOM.0, columns).max(wide), side(ROOM.1, rows).min(44.0));
        let across = word.map_or("accuracy on".into(), |word| format!("accuracy on {word}"));
        let left = widest(&row_names).max(width_of("after", TICK)) + 25.0;
        Self { group, merged, names, row_names, across, cell, left }
    }

    fn size(&self) -> (f64, f64) {
        let (rows, columns) = (self.row_names.len() as f64, self.names.len() as f64);
        let across = width_of(&self.across, LABEL);
        let heading =
            width_of(&self.group.label, TITLE).max(width_of(&self.group.seeds(), TICK)).min(HEADING);
        let width = (self.left + (columns * self.cell.0).max(across)).max(heading + 16.0);
        (width, ABOVE + rows * self.cell.1)
    }

    fn draw(&self, canvas: &mut Canvas, (x, y): (f64, f64)) {
        let (width, _) = self.size();
        canvas.title((x + 16.0, y + 26.0), &shortened(&self.group.label, TITLE, width - 16.0));
        canvas.text((x + 16.0, y + 44.0), &self.group.seeds(), TICK, Anchor::Start, &MUTED);
        let (left, top) = (x + self.left, y + ABOVE);
        self.draw_names(canvas, (left, top));
        for (row, accuracies) in coarse(&self.group.mean_matrix(), self.merged).iter().enumerate() {
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
        canvas.text((left, top - 24.0), &self.across, LABEL, Anchor::Start, &INK);
        canvas.text((left - 8.0, top - 7.0), "after", TICK, Anchor::End, &INK);
        // Cells may be smaller than their numbers: then only every so many has one.
        let widest = self.names.iter().map(|name| width_of(name, TICK)).fold(0.0, f64::max);
        let every = ((widest + 2.0) / self.cell.0).ceil() as usize;
        for (column, name) in self.names.iter().enumerate().step_by(every.max(1)) {
            let x = left + (column as f64 + 0.5) * self.cell.0;
            canvas.text((x, top - 7.0), name, TICK, Anchor::Middle, &MUTED);
        }
        let every = (14.0 / self.cell.1).ceil() as usize;
        for (row, name) in self.row_names.iter().enumerate().step_by(every) {
            let y = top + (row as f64 + 0.5) * self.cell.1 + 4.0;
            canvas.text((left - 8.0, y), name, TICK, Anchor::End, &MUTED);
        }
    }
}

/// Means over so many rows and columns.
fn coarse(matrix: &[Vec<f64>], (rows, columns): (usize, usize)) -> Vec<Vec<f64>> {
    let mean = |block: &[Vec<f64>], start: usize| {
        let values = block.iter().flat_map(|row| &row[start..row.len().min(start + columns)]);
        values.clone().sum::<f64>() / values.count() as f64
    };
    let merge = |block: &[Vec<f64>]| {
        let starts = (0..block[0].len()).step_by(columns);
        starts.map(|start| mean(block, start)).collect()
    };
    matrix.chunks(rows).map(merge).collect()
}

/// What each row was trained on: the name of its column, else its number.
fn row_names(group: &GroupView<'_>, names: &[String]) -> Vec<String> {
    let rows = group.trained().into_iter().enumerate();
    rows.map(|(row, trained)| match trained.and_then(|column| names.get(column)) {
        Some(name) => name.clone(),
        None => (row + 1).to_string(),
    })
    .collect()
}

/// What the colours mean.
fn scale(canvas: &mut Canvas, (x, y): (f64, f64)) {
    const STEPS: usize = 100;
    canvas.text((x, y + 11.0), "0 %", TICK, Anchor::Start, &MUTED);
    let width = SCALE / STEPS as f64;
    for step in 0..STEPS {
        let at = (x + 30.0 + width * step as f64, y);
        canvas.rectangle(at, (width, 14.0), &ramp(step as f64 / (STEPS - 1) as f64));
    }
    canvas.text((x + 38.0 + SCALE, y + 11.0), "100 %", TICK, Anchor::Start, &MUTED);
}
