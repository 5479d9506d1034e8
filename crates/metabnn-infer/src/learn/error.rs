//! Why a learner cannot be made, or cannot learn what it is given.

use core::fmt::{Display, Formatter, Result};

use super::{MOST_INPUTS, MOST_LAYERS};

/// Why a learner cannot be made, or cannot learn what it is given.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum LearnError {
    /// Too few or too many layers.
    Layers {
        /// Widths given: those of the input and of every layer.
        got: usize,
    },
    /// A layer without units, or one with too many.
    Width {
        /// Its place among the widths, counted from 0.
        index: usize,
        /// Its width.
        got: usize,
    },
    /// No such precision in these levels.
    Bits {
        /// The most that a level can hold.
        most: u32,
        /// Bits asked for.
        got: u32,
    },
    /// A setting that is no number of its range.
    Setting {
        /// Which one.
        what: &'static str,
        /// Its value.
        got: f32,
        /// What would be right.
        expected: &'static str,
    },
    /// Too little memory for the hidden weights.
    Levels {
        /// Levels needed, [`Shape::synapses`](super::Shape::synapses).
        needs: usize,
        /// Levels given.
        got: usize,
    },
    /// Too little memory to work in.
    Numbers {
        /// Numbers needed, [`Shape::numbers`](super::Shape::numbers).
        needs: usize,
        /// Numbers given.
        got: usize,
    },
    /// Another number of pixels than the images have.
    Pixels {
        /// Pixels of the images together.
        expected: usize,
        /// Pixels given.
        got: usize,
    },
    /// More images than the memory is for, or none.
    Batch {
        /// The most.
        most: usize,
        /// Labels given.
        got: usize,
    },
    /// A label that is no class.
    Label {
        /// Number of classes.
        classes: usize,
        /// The label.
        got: u8,
    },
}

impl Display for LearnError {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Layers { got } => {
                write!(f, "{got} widths, expected those of the input and of 1 to {MOST_LAYERS} layers")
            }
            Self::Width { index, got } => {
                write!(f, "the width at {index} is {got}, expected 1 to {MOST_INPUTS}, classes 2 to 256")
            }
            Self::Bits { most, got } => write!(f, "hidden weights of {got} bits, expected 2 to {most}"),
            Self::Setting { what, got, expected } => write!(f, "{what} is {got}, expected {expected}"),
            Self::Levels { needs, got } => write!(f, "the learner needs {needs} levels, got {got}"),
            Self::Numbers { needs, got } => {
                write!(f, "the learner needs {needs} numbers to work in, got {got}")
            }
            Self::Pixels { expected, got } => write!(f, "the images have {expected} pixels, got {got}"),
            Self::Batch { most, got } => write!(f, "{got} labels, expected 1 to {most}"),
            Self::Label { classes, got } => write!(f, "there are {classes} classes, there is no class {got}"),
        }
    }
}

impl core::error::Error for LearnError {}
