//! Drawing in pixels: a thin layer over the plotting library's scene, with one set of colours and type sizes.

use crate::report::most::{POINTS, spread_out};
use kuva::backend::raster::RasterBackend;
use kuva::backend::svg::SvgBackend;
use kuva::plot::ColorMap;
use kuva::render::color::Color;
use kuva::render::render::{PathData, Primitive, Scene, TextAnchor, TextSpan};
use metabnn::text;

/// Text and axes. The style sheet of the report exchanges these three colours in dark mode.
pub const INK: Color = Color::Rgb(0x22, 0x26, 0x2e);
/// Secondary text.
pub const MUTED: Color = Color::Rgb(0x6a, 0x71, 0x7d);
/// Grid lines.
pub const GRID: Color = Color::Rgb(0xdf, 0xe2, 0xe8);

/// Size of titles of panels.
pub const TITLE: u32 = 15;
/// Size of labels of axes and legends.
pub const LABEL: u32 = 13;
/// Size of labels of ticks.
pub const TICK: u32 = 12;

/// Of Okabe and Ito, distinct for the colour-blind; without yellow and black, which vanish on one of the grounds.
const DISTINCT: [Color; 6] = [
    Color::Rgb(0x00, 0x72, 0xb2),
    Color::Rgb(0xe6, 0x9f, 0x00),
    Color::Rgb(0x00, 0x9e, 0x73),
    Color::Rgb(0xcc, 0x79, 0xa7),
    Color::Rgb(0x56, 0xb4, 0xe9),
    Color::Rgb(0xd5, 0x5e, 0x00),
];

/// Fonts of the reader's system: an SVG with its own font would weigh a megabyte.
const FONTS: &str = "system-ui, 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif";

/// Pixels of the PNG per pixel of the drawing.
const PNG_SCALE: f32 = 2.0;

/// Where text stands relative to its position.
pub type Anchor = TextAnchor;

/// Colours for `count` things without order: distinct ones while there are enough, else samples of a ramp.
pub fn distinct(count: usize) -> Vec<Color> {
    if count <= DISTINCT.len() { DISTINCT[..count].to_vec() } else { ordered(count) }
}

/// Colours for `count` things in order, from blue to yellow-green; the ends of the ramp that vanish on a dark or
/// a white ground are left out.
pub fn ordered(count: usize) -> Vec<Color> {
    let at = |index: usize| 0.24 + 0.64 * index as f64 / (count.max(2) - 1) as f64;
    (0..count).map(|index| ramp(at(index))).collect()
}

/// Sequential colours for a value in [0, 1]: perceptually uniform, readable to the colour-blind and in grey.
pub fn ramp(value: f64) -> Color {
    Color::from(ColorMap::Viridis.map(value.clamp(0.0, 1.0)))
}

/// Black or white, whichever is read better on `ground`.
pub fn ink_on(ground: &Color) -> Color {
    let Color::Rgb(red, green, blue) = *ground else { return INK };
    // Relative weights of the primaries in perceived brightness (ITU-R BT.601).
    let brightness = 0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue);
    if brightness > 140.0 { Color::Rgb(0x10, 0x10, 0x10) } else { Color::Rgb(0xff, 0xff, 0xff) }
}

/// Roughly how wide `text` is; the fonts are the reader's, so this errs on the wide side.
pub fn width_of(text: &str, size: u32) -> f64 {
    text.chars().count() as f64 * f64::from(size) * 0.6
}

/// `text`, shortened to `width` pixels with an ellipsis.
pub fn shortened(text: &str, size: u32, width: f64) -> String {
    let room = (width / width_of("n", size)) as usize;
    if text.chars().count() <= room {
        return text.into();
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

/// A drawing in progress.
pub struct Canvas {
    scene: Scene,
}

impl Canvas {
    /// An empty white drawing of `width` times `height` pixels.
    pub fn new(width: f64, height: f64) -> Self {
        let mut scene = Scene::new(width.ceil(), height.ceil());
        scene.font_family = Some(FONTS.into());
        scene.text_color = Some(INK.to_svg_string());
        Self { scene }
    }

    /// Text whose baseline starts, is centred or ends at (x, y). It is never turned: the library's rasteriser loses the
    /// smooth edges of turned letters.
    pub fn text(&mut self, (x, y): (f64, f64), content: &str, size: u32, anchor: Anchor, color: &Color) {
        // What stands between dollar signs would be taken for mathematics.
        let content = printable(content).replace('$', "\\$");
        let (rotate, bold, color) = (None, false, Some(color.clone()));
        self.scene.add(Primitive::Text { x, y, content, size, anchor, rotate, bold, color });
    }

    /// Bold text that starts at (x, y).
    pub fn title(&mut self, (x, y): (f64, f64), content: &str) {
        let mut span = TextSpan::plain(printable(content));
        span.bold = true;
        let (spans, anchor, color) = (vec![span], Anchor::Start, Some(INK));
        self.scene.add(Primitive::RichText { x, y, spans, size: TITLE, anchor, color });
    }

    /// A straight line.
    pub fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), color: &Color, width: f64) {
        let stroke = color.clone();
        self.scene.add(Primitive::Line {
            x1,
            y1,
            x2,
            y2,
            stroke,
            stroke_width: width,
            stroke_dasharray: None,
        });
    }

    /// A curve through `points`, or through as many of them as can be told apart.
    pub fn curve(&mut self, points: Vec<(f64, f64)>, color: &Color, width: f64) {
        let points = if points.len() > POINTS { thinned(&points) } else { points };
        let stroke = color.clone();
        self.scene.add(Primitive::PolyLine { points, stroke, stroke_width: width, stroke_dasharray: None });
    }

    /// A transparent area between two curves that run from left to right.
    pub fn band(&mut self, lower: &[(f64, f64)], upper: &[(f64, f64)], color: &Color) {
        let [lower, upper] = [lower, upper].map(thinned);
        let around = lower.iter().chain(upper.iter().rev());
        let path = around.map(|(x, y)| format!("{x:.2} {y:.2}")).collect::<Vec<_>>().join(" L ");
        self.scene.add(Primitive::Path(Box::new(PathData {
            d: format!("M {path} Z"),
            fill: Some(color.clone()),
            stroke: Color::None,
            stroke_width: 0.0,
            opacity: Some(0.22),
            stroke_dasharray: None,
        })));
    }

    /// A vertical line from `low` to `high` with short ends: a deviation.
    pub fn whisker(&mut self, low: (f64, f64), high: (f64, f64), color: &Color) {
        self.line(low, high, color, 1.4);
        for (x, y) in [low, high] {
            self.line((x - 4.0, y), (x + 4.0, y), color, 1.4);
        }
    }

    /// A filled rectangle.
    pub fn rectangle(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), fill: &Color) {
        let fill = fill.clone();
        let (stroke, stroke_width, opacity) = (None, None, None);
        self.scene.add(Primitive::Rect { x, y, width, height, fill, stroke, stroke_width, opacity });
    }

    /// A dot.
    pub fn dot(&mut self, (cx, cy): (f64, f64), radius: f64, fill: &Color) {
        let (fill, r) = (fill.clone(), radius);
        let (fill_opacity, stroke, stroke_width) = (None, None, None);
        self.scene.add(Primitive::Circle { cx, cy, r, fill, fill_opacity, stroke, stroke_width });
    }

    /// The finished drawing.
    pub fn finish(self) -> Drawing {
        Drawing { scene: self.scene }
    }
}

fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    spread_out(points.len(), POINTS).map(|place| points[place]).collect()
}

/// A finished drawing.
pub struct Drawing {
    scene: Scene,
}

impl Drawing {
    /// As an SVG file on white ground.
    pub fn svg(&self) -> String {
        let svg = SvgBackend::new().with_pretty(true).render_scene(&self.scene);
        // With a view box a page can scale the drawing.
        let view_box = format!("<svg viewBox=\"0 0 {} {}\" ", self.scene.width, self.scene.height);
        svg.replacen("<svg ", &view_box, 1)
    }

    /// As a PNG file; text is drawn with the font inside the program.
    ///
    /// # Errors
    /// What the rasteriser says.
    pub fn png(&self) -> Result<Vec<u8>, String> {
        RasterBackend::new().with_scale(PNG_SCALE).render_scene(&self.scene)
    }
}

/// `text` without control characters, which have no place in XML, and not longer than anybody reads in a figure.
fn printable(text: &str) -> String {
    let seen: String = text.chars().filter(|character| !text::is_acting(*character)).collect();
    text::name(&seen).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_as_it_is_given() {
        let mut canvas = Canvas::new(200.0, 50.0);
        canvas.text((10.0, 20.0), "a $x^2$ & <b>\u{1}", LABEL, Anchor::Start, &INK);
        canvas.title((10.0, 40.0), "$y^2$");
        let svg = canvas.finish().svg();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let texts: String = document.descendants().filter_map(|node| node.text()).collect();
        assert!(texts.contains("a $x^2$ & <b>"), "{texts}");
        assert!(texts.contains("$y^2$"), "{texts}");
    }

    #[test]
    fn shortening_leaves_what_fits() {
        assert_eq!(shortened("metaplastic", 10, 66.0), "metaplastic");
        assert_eq!(shortened("metaplastic", 10, 42.0), "metapl…");
    }
}
