//! Why bytes are no packed model, or why one cannot be asked what it is asked.

use core::fmt::{Display, Formatter, Result};

use super::layout::{MAGIC, VERSION};

/// Why bytes are no packed model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PackedError {
    /// It begins with something else.
    Magic {
        /// The first four bytes.
        found: [u8; 4],
    },
    /// It is of another version of the format.
    Version {
        /// The version it says.
        found: u16,
    },
    /// The end is missing.
    TooShort {
        /// Bytes that it says it has.
        needs: u64,
        /// Bytes that are there.
        has: usize,
    },
    /// Something follows its end.
    TooLong {
        /// Bytes that it says it has.
        needs: u64,
        /// Bytes that are there.
        has: usize,
    },
    /// Some byte is not what was written.
    Checksum {
        /// What the file says.
        stored: u32,
        /// What its bytes have.
        computed: u32,
    },
    /// A field of the header or of its tables is out of range.
    Field {
        /// Which one.
        what: &'static str,
        /// Layer, state or place, counted from 0.
        index: usize,
        /// What it says.
        found: u64,
        /// What would be right.
        expected: &'static str,
    },
    /// The parts that the header describes do not add up to the file's length.
    Parts {
        /// Bytes of all parts together.
        needs: u64,
        /// Bytes of the file.
        has: u64,
    },
    /// A number among the weights, norms or orders cannot be one.
    Value {
        /// What it belongs to.
        what: &'static str,
        /// Its place there, counted from 0.
        index: usize,
        /// What would be right.
        expected: &'static str,
    },
}

impl Display for PackedError {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Magic { found } => {
                write!(f, "not a packed model: it begins with the bytes {found:02x?}, not with {MAGIC:02x?}")
            }
            Self::Version { found } => write!(f, "a packed model of version {found}, this reads {VERSION}"),
            Self::TooShort { needs, has } => write!(f, "too short: needs {needs} bytes, has {has}"),
            Self::TooLong { needs, has } => write!(f, "too long: needs {needs} bytes, has {has}"),
            Self::Checksum { stored, computed } => {
                write!(f, "damaged: its checksum is {computed:08x}, the file says {stored:08x}")
            }
            Self::Field { what, index, found, expected } => {
                write!(f, "the {what} at {index} is {found}, expected {expected}")
            }
            Self::Parts { needs, has } => {
                write!(f, "its parts have {needs} bytes together, the file has {has}")
            }
            Self::Value { what, index, expected } => {
                write!(f, "the {what} hold at {index} something else than {expected}")
            }
        }
    }
}

impl core::error::Error for PackedError {}

/// Why a model cannot say which class something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InputError {
    /// Another number of pixels than it takes.
    Pixels {
        /// Pixels that it takes.
        expected: usize,
        /// Pixels given.
        got: usize,
    },
    /// There is no such state.
    State {
        /// Number of states.
        states: usize,
        /// The state asked for, counted from 0.
        got: usize,
    },
    /// Too little memory to work in.
    Scratch {
        /// Words needed, [`Model::scratch_len`](super::Model::scratch_len).
        needs: usize,
        /// Words given.
        got: usize,
    },
    /// Another number of places for scores than there are classes.
    Scores {
        /// Number of classes.
        classes: usize,
        /// Places given.
        got: usize,
    },
}

impl Display for InputError {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Pixels { expected, got } => write!(f, "the model takes {expected} pixels, got {got}"),
            Self::State { states, got } => {
                write!(f, "the model has {states} states, there is no state {got}")
            }
            Self::Scratch { needs, got } => write!(f, "the model needs {needs} words of scratch, got {got}"),
            Self::Scores { classes, got } => write!(f, "the model has {classes} classes, got room for {got}"),
        }
    }
}

impl core::error::Error for InputError {}
