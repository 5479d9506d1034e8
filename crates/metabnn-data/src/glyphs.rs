//! The built-in data set: ten signs of an invented alphabet, drawn by the program itself, so that everything
//! can be tried without a download.
//!
//! Every image is drawn anew: the points of a sign are shaken a little, then rotated, sheared, scaled and
//! shifted; a pen of random width and brightness runs along the curves between them; specks and noise go on
//! top. All of it is a function of a fixed seed and made of +, -, *, / and square root, which IEEE 754
//! defines to the last bit: the images are the same on every platform.
//!
//! Shifts make it a task for a hidden layer. Measured with 6,000 training and 2,000 test images; networks
//! with batch 100, lr 0.005, weight decay 1e-7 and batch statistics; two numbers are two seeds:
//!
//! | classifier | test accuracy, % |
//! |---|---|
//! | multinomial logistic regression on the pixels, best epoch | 85.3 |
//! | binarized 784-256-256-10, 10 epochs, m = 0 | 97.6, 98.1 |
//! | the same, m = 1.35 | 97.9, 98.2 |
//! | binarized 784-512-512-10, 5 epochs, m = 1.35 | 99.1 |

use super::{Dataset, Images};
use metabnn::random::{Purpose, Stream};

/// Training images of the built-in data set.
pub const TRAINING_IMAGES: usize = 6_000;

/// Test images of the built-in data set.
pub const TEST_IMAGES: usize = 2_000;

/// Rows and columns of an image.
const SIDE: usize = 28;

/// The images are part of what this version promises: another seed is another data set.
const SEED: u64 = 2021;

/// Horizontal and vertical position; down is positive.
type Point = (f32, f32);

/// A stroke of the pen: its start, then a control point and an end for each quadratic Bezier curve.
type Stroke = &'static [Point];

/// The ten signs, in the square from -1 to 1.
#[rustfmt::skip]
const SIGNS: [&[Stroke]; 10] = [
    // Hook: a stem that curls up, and a dash beside it.
    &[&[(-0.2, -0.9), (-0.2, -0.2), (-0.2, 0.3), (-0.2, 0.9), (0.3, 0.9), (0.75, 0.85), (0.7, 0.3)],
      &[(0.25, -0.5), (0.5, -0.5), (0.75, -0.5)]],
    // Fork: a cup on a stem.
    &[&[(-0.75, -0.9), (-0.75, 0.0), (0.0, 0.0), (0.75, 0.0), (0.75, -0.9)],
      &[(0.0, -0.6), (0.0, 0.2), (0.0, 0.95)]],
    // Wave over a bar.
    &[&[(-0.9, -0.1), (-0.5, -1.1), (0.0, -0.3), (0.5, 0.5), (0.9, -0.5)],
      &[(-0.8, 0.7), (0.0, 0.7), (0.8, 0.7)]],
    // Arch with a low sill.
    &[&[(-0.7, 0.9), (-0.8, -0.9), (0.0, -0.9), (0.8, -0.9), (0.7, 0.9)],
      &[(-0.7, 0.3), (0.0, 0.3), (0.7, 0.3)]],
    // Eye: a lens with an upright pupil.
    &[&[(-0.95, 0.0), (0.0, -1.1), (0.95, 0.0), (0.0, 1.1), (-0.95, 0.0)],
      &[(0.0, -0.4), (0.0, 0.0), (0.0, 0.4)]],
    // Flag: a stem with a pennant.
    &[&[(-0.5, -0.95), (-0.5, 0.0), (-0.5, 0.95)],
      &[(-0.5, -0.9), (0.1, -0.7), (0.7, -0.4), (0.1, -0.1), (-0.5, 0.05)]],
    // Spiral.
    &[&[(0.1, 0.1), (0.1, -0.35), (-0.25, -0.3), (-0.7, -0.1), (-0.45, 0.4), (0.0, 0.95), (0.6, 0.4),
        (0.95, -0.3), (0.4, -0.8), (0.0, -1.0), (-0.6, -0.8)]],
    // Hourglass.
    &[&[(-0.7, -0.85), (0.0, -0.85), (0.7, -0.85), (0.0, 0.0), (-0.7, 0.85), (0.0, 0.85), (0.7, 0.85),
        (0.0, 0.0), (-0.7, -0.85)]],
    // Comb: a bar with three teeth.
    &[&[(-0.85, -0.7), (0.0, -0.7), (0.85, -0.7)],
      &[(-0.7, -0.7), (-0.7, 0.1), (-0.7, 0.8)], &[(0.0, -0.7), (0.0, 0.0), (0.0, 0.5)],
      &[(0.7, -0.7), (0.7, 0.1), (0.7, 0.8)]],
    // Ribbon: one line that crosses itself.
    &[&[(-0.8, 0.9), (0.3, 0.1), (0.5, -0.4), (0.5, -0.95), (0.0, -0.95), (-0.5, -0.95), (-0.5, -0.4),
        (-0.3, 0.1), (0.8, 0.9)]],
];

/// Straight pieces that stand for one curve: enough that its corners do not show.
const PIECES: usize = 6;

// How much images of one sign differ. Together these decide how hard the data set is; see the table above.

/// Each point of a sign moves by up to this, in units of the sign's half size, both ways.
const SHAKE: f32 = 0.1;
/// Tangent of half the largest rotation: 20 degrees.
const TILT: f32 = 0.18;
/// Largest slant: horizontal displacement per unit of height.
const SHEAR: f32 = 0.2;
/// Half the size of a sign, smallest and largest, in pixels.
const HALF_SIZE: (f32, f32) = (8.0, 10.5);
/// Height over width, smallest and largest.
const ASPECT: (f32, f32) = (0.85, 1.15);
/// Largest distance of a sign's centre from that of the image, both ways, in pixels.
const SHIFT: f32 = 3.5;
/// Half the width of a stroke, smallest and largest, in pixels.
const HALF_WIDTH: (f32, f32) = (0.9, 1.6);
/// Brightness of a stroke, smallest and largest; 1 is white.
const BRIGHTNESS: (f32, f32) = (0.7, 1.0);
/// Largest number of specks.
const SPECKS: u32 = 4;
/// Every pixel changes by up to this brightness, both ways.
const NOISE: f32 = 0.06;

/// The built-in data set, with `train` training and `test` test images of 28 x 28 pixels; usually
/// [`TRAINING_IMAGES`] and [`TEST_IMAGES`].
///
/// The ten classes take turns: image i has label i mod 10. Image i is the same however many are asked for.
pub fn glyphs(train: usize, test: usize) -> Dataset {
    let split = |images: usize, index: u32| {
        let mut stream = Stream::new(SEED, Purpose::Glyphs, index);
        let labels: Vec<u8> = (0..images).map(|image| (image % SIGNS.len()) as u8).collect();
        let pixels = labels.iter().flat_map(|&label| draw(SIGNS[usize::from(label)], &mut stream)).collect();
        Images::new(SIDE, SIDE, SIGNS.len(), pixels, labels).expect("a label for every image drawn").into()
    };
    Dataset { name: "glyphs".to_owned(), train: split(train, 0), test: split(test, 1) }
}

/// One image of a sign.
fn draw(sign: &[Stroke], stream: &mut Stream) -> [u8; SIDE * SIDE] {
    let mut paper = Paper([0.0; SIDE * SIDE]);
    let pose = Pose::random(stream);
    let pen = Pen { half_width: between(HALF_WIDTH, stream), brightness: between(BRIGHTNESS, stream) };
    for stroke in sign {
        let mut shaken = |&(x, y): &Point| (x + around(SHAKE, stream), y + around(SHAKE, stream));
        let points: Vec<Point> = stroke.iter().map(|point| pose.place(shaken(point))).collect();
        for curve in points.windows(3).step_by(2) {
            paper.curve(curve, &pen);
        }
    }
    for _ in 0..stream.below(SPECKS + 1) {
        let at = (stream.uniform(0.0, SIDE as f32), stream.uniform(0.0, SIDE as f32));
        let pen = Pen { half_width: stream.uniform(0.3, 0.9), brightness: stream.uniform(0.4, 1.0) };
        paper.line(at, at, &pen);
    }
    // Round to the nearest level; `as` saturates, so nothing wraps around below 0 or above 255.
    paper.0.map(|ink| ((ink + around(NOISE, stream)) * 255.0 + 0.5) as u8)
}

/// Uniform between the two.
fn between((low, high): (f32, f32), stream: &mut Stream) -> f32 {
    stream.uniform(low, high)
}

/// Uniform between -most and most.
fn around(most: f32, stream: &mut Stream) -> f32 {
    stream.uniform(-most, most)
}

/// Size, slant, rotation and place of a sign.
struct Pose {
    /// (x, y) of the sign goes to (a x + b y, c x + d y) pixels from its centre.
    affine: [f32; 4],
    /// Centre of the sign, in pixels.
    centre: Point,
}

impl Pose {
    fn random(stream: &mut Stream) -> Self {
        // With t = tan(angle / 2): cos = (1 - t^2) / (1 + t^2), sin = 2t / (1 + t^2). No sine is called: its
        // last bit depends on the platform.
        let t = around(TILT, stream);
        let (cos, sin) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
        let shear = around(SHEAR, stream);
        let width = between(HALF_SIZE, stream);
        let height = width * between(ASPECT, stream);
        let affine = [cos * width, (cos * shear - sin) * height, sin * width, (sin * shear + cos) * height];
        let middle = (SIDE as f32 - 1.0) / 2.0;
        Self { affine, centre: (middle + around(SHIFT, stream), middle + around(SHIFT, stream)) }
    }

    /// Where a point of the sign lands, in pixels.
    fn place(&self, (x, y): Point) -> Point {
        let [a, b, c, d] = self.affine;
        (a * x + b * y + self.centre.0, c * x + d * y + self.centre.1)
    }
}

/// A round pen.
struct Pen {
    /// Half the width of its stroke, in pixels.
    half_width: f32,
    /// Brightness of its stroke, 0 to 1.
    brightness: f32,
}

/// Brightness of every pixel, (rows, columns); the centre of a pixel is at whole numbers.
struct Paper([f32; SIDE * SIDE]);

impl Paper {
    /// A quadratic Bezier curve: start, control point, end.
    fn curve(&mut self, curve: &[Point], pen: &Pen) {
        let mut from = curve[0];
        for piece in 1..=PIECES {
            let t = piece as f32 / PIECES as f32;
            let mix = |p: [f32; 3]| (1.0 - t) * (1.0 - t) * p[0] + 2.0 * t * (1.0 - t) * p[1] + t * t * p[2];
            let to = (mix([0, 1, 2].map(|i| curve[i].0)), mix([0, 1, 2].map(|i| curve[i].1)));
            self.line(from, to, pen);
            from = to;
        }
    }

    /// A straight line with round ends; a dot if it has no length. The brighter of ink and paper wins, so
    /// that pieces of one stroke join without a seam.
    fn line(&mut self, from: Point, to: Point, pen: &Pen) {
        let reach = pen.half_width + 0.5;
        // `as` saturates: what lies outside the paper becomes an empty or a cut range.
        let near = |a: f32, b: f32| {
            ((a.min(b) - reach) as usize).min(SIDE)..((a.max(b) + reach + 1.0) as usize).min(SIDE)
        };
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length_squared = (dx * dx + dy * dy).max(f32::MIN_POSITIVE);
        for row in near(from.1, to.1) {
            for column in near(from.0, to.0) {
                let (x, y) = (column as f32 - from.0, row as f32 - from.1);
                let along = ((x * dx + y * dy) / length_squared).clamp(0.0, 1.0);
                let (x, y) = (x - along * dx, y - along * dy);
                let covered = (reach - (x * x + y * y).sqrt()).clamp(0.0, 1.0);
                let pixel = &mut self.0[row * SIDE + column];
                *pixel = pixel.max(covered * pen.brightness);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metabnn::data::Samples;
    use sha2::{Digest, Sha256};

    fn digest(images: &Samples) -> String {
        let mut hash = Sha256::new();
        hash.update(images.images().unwrap().pixels());
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The pixels of every platform and every version to come.
    #[test]
    fn pixels_are_pinned_to_the_bit() {
        let dataset = glyphs(TRAINING_IMAGES, TEST_IMAGES);
        assert_eq!(
            digest(&dataset.train),
            "1ac2e29d7812e195de4bb110616a4427206e3a79c5026503f4f43a6d21433e8a"
        );
        assert_eq!(digest(&dataset.test), "dd194c7bbc5af90c7c9cbd11b3bf9c8195d6438927788782275e9b03e229cb2d");
    }

    #[test]
    fn fewer_images_are_the_first_of_more() {
        let (few, more) = (glyphs(7, 0), glyphs(30, 10));
        let image = |images: &Samples, index: usize| images.images().unwrap().image(index).to_vec();
        assert_eq!((few.train.len(), few.test.len()), (7, 0));
        assert_eq!((few.train.classes(), few.train.width()), (10, 784));
        for index in 0..7 {
            assert_eq!(image(&few.train, index), image(&more.train, index));
            assert_eq!(usize::from(few.train.label(index)), index);
        }
        assert_ne!(image(&more.train, 0), image(&more.test, 0), "training and test images are drawn apart");
    }

    #[test]
    fn a_horizontal_line_covers_what_its_pen_reaches() {
        let mut paper = Paper([0.0; SIDE * SIDE]);
        paper.line((5.0, 10.0), (20.0, 10.0), &Pen { half_width: 1.0, brightness: 0.8 });
        let column: Vec<f32> = (7..14).map(|row| paper.0[row * SIDE + 12]).collect();
        assert_eq!(column, [0.0, 0.0, 0.4, 0.8, 0.4, 0.0, 0.0], "half of the outer rows is covered");
        let row = &paper.0[10 * SIDE..][..SIDE];
        assert_eq!((row[3], row[4], row[5], row[20], row[21], row[22]), (0.0, 0.4, 0.8, 0.8, 0.4, 0.0));
    }

    #[test]
    fn ink_outside_the_paper_is_lost() {
        let mut paper = Paper([0.0; SIDE * SIDE]);
        paper.line((-9.0, -9.0), (-5.0, 40.0), &Pen { half_width: 1.5, brightness: 1.0 });
        paper.line((40.0, 3.0), (60.0, 3.0), &Pen { half_width: 1.5, brightness: 1.0 });
        assert!(paper.0.iter().all(|&ink| ink == 0.0));
    }
}
