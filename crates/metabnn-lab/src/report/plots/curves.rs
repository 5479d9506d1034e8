//! Percentages at named places, as lines in panels side by side: for studies that are no run of a recipe.

use super::axes::{Grid, legend, legend_height, round_ticks};
pub use super::canvas::Drawing;
use super::canvas::{Canvas, distinct};

const HEIGHT: f64 = 260.0;

/// A panel of lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What stands above it.
    pub title: String,
    /// Its lines; those of one name have one colour in all panels if they come in one order.
    pub curves: Vec<Curve>,
}

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Its name in the legend.
    pub name: String,
    /// Place on the axis and percentage, from left to right.
    pub points: Vec<(String, f64)>,
}

/// Draws `panels` with the places of the first one's first line on all horizontal axes, labelled `x`, and percentages on
/// the vertical ones, labelled `y`. Points at other places are left out.
pub fn draw(panels: &[Panel], x: &str, y: &str) -> Drawing {
    let grid = Grid::of(panels.len(), HEIGHT);
    let first = panels.first().map_or(&[][..], |panel| &panel.curves);
    let colors = distinct(panels.iter().map(|panel| panel.curves.len()).max().unwrap_or(0));
    let entries: Vec<_> = first.iter().map(|curve| curve.name.clone()).zip(colors.iter().cloned()).collect();
    let places: Vec<&str> =
        first.first().map_or(vec![], |curve| curve.points.iter().map(|(place, _)| place.as_str()).collect());
    let mut canvas = Canvas::new(grid.width, grid.height() + legend_height(grid.width, &entries) + 12.0);
    let ticks: Vec<(f64, String)> =
        places.iter().enumerate().map(|(at, place)| (at as f64, (*place).into())).collect();
    for (index, panel) in panels.iter().enumerate() {
        let frame = grid.frame(index, (-0.4, places.len() as f64 - 0.6), (0.0, 100.0));
        canvas.title((frame.left, frame.top - 44.0), &panel.title);
        frame.y_axis(&mut canvas, &round_ticks(frame.y, 5), grid.is_leftmost(index));
        if grid.is_leftmost(index) {
            frame.y_label(&mut canvas, y);
        }
        frame.x_axis(&mut canvas, &ticks);
        frame.x_label(&mut canvas, x);
        for (curve, color) in panel.curves.iter().zip(&colors) {
            let at = |(name, percent): &(String, f64)| {
                let place = places.iter().position(|place| place == name)?;
                Some(frame.at(place as f64, *percent))
            };
            let points: Vec<_> = curve.points.iter().filter_map(at).collect();
            canvas.curve(points.clone(), color, 2.2);
            points.into_iter().for_each(|point| canvas.dot(point, 4.5, color));
        }
    }
    legend(&mut canvas, grid.height(), grid.width, &entries);
    canvas.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_at_a_place_of_the_axis_is_drawn() {
        let curve = |name: &str, places: &[&str]| Curve {
            name: name.into(),
            points: places.iter().map(|place| ((*place).into(), 50.0)).collect(),
        };
        let curves = vec![curve("one", &["2", "4", "8"]), curve("other", &["4", "elsewhere"])];
        let panel = Panel { title: "A stream".into(), curves };
        let svg = draw(&[panel.clone(), panel], "bits", "accuracy (%)").svg();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let circles = document.descendants().filter(|node| node.has_tag_name("circle")).count();
        assert_eq!(circles, 2 * (3 + 1));
        let texts: Vec<&str> = document.descendants().filter_map(|node| node.text()).collect();
        for text in ["A stream", "bits", "accuracy (%)", "one", "other", "8"] {
            assert!(texts.contains(&text), "{text} is missing: {texts:?}");
        }
        assert!(draw(&[], "x", "y").svg().contains("<svg"));
    }
}
