//! Augmentation: training images changed a little each time they are shown.

use crate::data::Shape;
use crate::random::Stream;
use serde::{Deserialize, Serialize};

/// Largest rotation, both ways, in degrees.
const MAX_ROTATION: f32 = 10.0;
/// Largest shift in each direction, both ways, in pixels.
const MAX_SHIFT: i32 = 4;

/// How training images are changed each time they are shown; images are never changed for tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Augment {
    /// Not at all.
    #[default]
    None,
    /// Mirrored left to right or not, turned by up to 10 degrees, and shifted by up to 4 pixels.
    FlipRotateCrop,
    /// Mirrored or not, then either turned or shifted, at even odds: what the authors' code does.
    FlipRotateOrCrop,
}

/// A change of an image: mirrored, then turned, then shifted.
///
/// The turned image takes the nearest pixel, and is black where the corners turn out of the picture, as torchvision's
/// rotation is by default. The shifted image is a crop of the turned one padded with its own outermost pixels. Both are
/// done in one go, so nothing is rounded twice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Whether left and right are exchanged.
    pub flip: bool,
    /// Rotation about the middle of the image, counter-clockwise, in radians.
    pub angle: f32,
    /// Rows and columns by which the crop lies below and right of the image.
    pub shift: (i32, i32),
}

impl Change {
    /// No change at all.
    pub const NONE: Self = Self { flip: false, angle: 0.0, shift: (0, 0) };

    /// Draws the next change from `stream`: always as many numbers, so that one image shifts no other.
    pub fn draw(augment: Augment, stream: &mut Stream) -> Self {
        let flip = stream.below(2) == 1;
        let degrees = stream.uniform(-MAX_ROTATION, MAX_ROTATION);
        let mut shift = || stream.below(2 * MAX_SHIFT as u32 + 1) as i32 - MAX_SHIFT;
        let shift = (shift(), shift());
        let rotates = stream.below(2) == 1;
        let drawn = Self { flip, angle: degrees * (std::f32::consts::PI / 180.0), shift };
        match augment {
            Augment::None => Self::NONE,
            Augment::FlipRotateCrop => drawn,
            Augment::FlipRotateOrCrop if rotates => Self { shift: (0, 0), ..drawn },
            Augment::FlipRotateOrCrop => Self { angle: 0.0, ..drawn },
        }
    }

    /// Writes `image` of this `shape`, changed, to `to`; both are (channels, rows, columns).
    pub fn apply(&self, image: &[u8], shape: Shape, to: &mut [u8]) {
        let Shape { rows, columns, .. } = shape;
        let plane = rows * columns;
        let (sin, cos) = (libm::sinf(self.angle), libm::cosf(self.angle));
        let (middle_row, middle_column) = ((rows as f32 - 1.0) / 2.0, (columns as f32 - 1.0) / 2.0);
        for row in 0..rows {
            for column in 0..columns {
                let y = moved(row, self.shift.0, rows) as f32 - middle_row;
                let x = moved(column, self.shift.1, columns) as f32 - middle_column;
                // Where the turned pixel came from; rows count downwards.
                let from_row = within(cos * y + sin * x + middle_row, rows);
                let from_column = within(cos * x - sin * y + middle_column, columns);
                let from = from_row.zip(from_column).map(|(row, column)| {
                    let column = if self.flip { columns - 1 - column } else { column };
                    row * columns + column
                });
                let planes = image.chunks_exact(plane).zip(to.chunks_exact_mut(plane));
                for (image, to) in planes {
                    to[row * columns + column] = from.map_or(0, |from| image[from]);
                }
            }
        }
    }
}

/// `at` + `by`, or the nearest place in 0..size.
fn moved(at: usize, by: i32, size: usize) -> usize {
    (at as i64 + i64::from(by)).clamp(0, size as i64 - 1) as usize
}

/// The nearest whole number, if it is in 0..size; halves go up.
fn within(at: f32, size: usize) -> Option<usize> {
    let nearest = (at + 0.5).floor();
    (nearest >= 0.0 && nearest < size as f32).then_some(nearest as usize)
}

#[cfg(test)]
mod tests {
    use std::f32::consts::{FRAC_PI_2, PI};

    use super::*;
    use crate::random::Purpose;

    const SHAPE: Shape = Shape { channels: 2, rows: 3, columns: 3 };

    /// The pixels 1 to 9 and, in the other channel, 101 to 109.
    const IMAGE: [u8; 18] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 101, 102, 103, 104, 105, 106, 107, 108, 109];

    fn changed(change: Change, image: &[u8]) -> Vec<u8> {
        let mut to = vec![255; image.len()];
        change.apply(image, SHAPE, &mut to);
        to
    }

    /// The first channel of the image changed; the second has to be the same but for 100 more where it is not black.
    fn first(change: Change) -> Vec<u8> {
        let both = changed(change, &IMAGE);
        let second = both[9..].iter().map(|&pixel| pixel.saturating_sub(100)).collect::<Vec<_>>();
        assert_eq!(both[..9], second);
        second
    }

    #[test]
    fn no_change_and_two_flips_are_the_image_itself() {
        assert_eq!(changed(Change::NONE, &IMAGE), IMAGE);
        let flip = Change { flip: true, ..Change::NONE };
        assert_eq!(first(flip), [3, 2, 1, 6, 5, 4, 9, 8, 7]);
        assert_eq!(changed(flip, &changed(flip, &IMAGE)), IMAGE);
    }

    #[test]
    fn a_quarter_turn_goes_counter_clockwise() {
        let turn = |angle| first(Change { angle, ..Change::NONE });
        assert_eq!(turn(FRAC_PI_2), [3, 6, 9, 2, 5, 8, 1, 4, 7]);
        assert_eq!(turn(-FRAC_PI_2), [7, 4, 1, 8, 5, 2, 9, 6, 3]);
        assert_eq!(turn(PI), [9, 8, 7, 6, 5, 4, 3, 2, 1]);
        // By 45 degrees the corners come from 1.41 pixels beside the middle: the middles of the sides.
        assert_eq!(turn(PI / 4.0), [2, 3, 6, 1, 5, 9, 4, 7, 8]);
    }

    #[test]
    fn what_turns_in_from_outside_is_black() {
        let shape = Shape::grey(1, 5);
        let mut to = [255; 5];
        Change { angle: FRAC_PI_2, ..Change::NONE }.apply(&[1, 2, 3, 4, 5], shape, &mut to);
        assert_eq!(to, [0, 0, 3, 0, 0]);
    }

    #[test]
    fn a_shift_repeats_the_outermost_pixels() {
        let shift = |rows, columns| first(Change { shift: (rows, columns), ..Change::NONE });
        assert_eq!(shift(1, 0), [4, 5, 6, 7, 8, 9, 7, 8, 9]);
        assert_eq!(shift(0, -2), [1, 1, 1, 4, 4, 4, 7, 7, 7]);
        assert_eq!(shift(-4, 4), [3; 9]);
    }

    #[test]
    fn a_flip_comes_before_the_turn_and_the_shift_last() {
        let flipped = changed(Change { flip: true, ..Change::NONE }, &IMAGE);
        let turned = changed(Change { angle: FRAC_PI_2, ..Change::NONE }, &flipped);
        let shifted = changed(Change { shift: (1, -1), ..Change::NONE }, &turned);
        assert_eq!(changed(Change { flip: true, angle: FRAC_PI_2, shift: (1, -1) }, &IMAGE), shifted);
    }

    #[test]
    fn changes_are_drawn_within_their_bounds_and_all_of_them() {
        let drawn = |augment| {
            let mut stream = Stream::new(0, Purpose::Augmentation, 0);
            (0..2000).map(|_| Change::draw(augment, &mut stream)).collect::<Vec<_>>()
        };
        let all = drawn(Augment::FlipRotateCrop);
        let degrees = |change: &Change| change.angle * 180.0 / PI;
        assert!(all.iter().all(|change| degrees(change).abs() <= 10.001));
        assert!(
            all.iter().any(|change| degrees(change) > 9.9) && all.iter().any(|change| degrees(change) < -9.9)
        );
        for shift in -4..=4 {
            // 222 of 2,000 on average, with a standard deviation of 14.
            for count in [
                all.iter().filter(|change| change.shift.0 == shift).count(),
                all.iter().filter(|change| change.shift.1 == shift).count(),
            ] {
                assert!((160..290).contains(&count), "{shift}: {count}");
            }
        }
        let flips = all.iter().filter(|change| change.flip).count();
        assert!((900..1100).contains(&flips), "{flips}");
        let either = drawn(Augment::FlipRotateOrCrop);
        let turned = either.iter().filter(|change| change.angle != 0.0).count();
        assert!((900..1100).contains(&turned), "{turned}");
        assert!(either.iter().all(|change| change.angle == 0.0 || change.shift == (0, 0)));
        assert!(drawn(Augment::None).iter().all(|change| *change == Change::NONE));
    }
}
