//! What the firmware and the laptop both run: the same bytes in, the same lines out.

use core::fmt::{self, Display, Formatter, Write};

use metabnn_infer::learn::{LearnError, Learner, Settings, Shape, Workspace};
use metabnn_infer::packed::{InputError, Model, PackedError};

/// 14 x 14 pixels.
const PIXELS: usize = 196;
const TRAINING: usize = 1200;
const TEST: usize = 200;
const EPOCHS: usize = 4;

/// Bytes of an image, a bit per pixel.
const BYTES: usize = PIXELS.div_ceil(8);

/// Labels, then images: see `device_files`, which makes both files.
static GLYPHS: &[u8; (TRAINING + TEST) * (1 + BYTES)] = include_bytes!("glyphs.bin");
static MODEL: &[u8] = include_bytes!("model.packed");

const SHAPE: Shape<'_> = Shape::new(&[PIXELS, 96, 10]);
/// Hidden weights of the network that learns, a byte each.
pub const LEVELS: usize = SHAPE.synapses();
/// Numbers that it works in.
pub const NUMBERS: usize = SHAPE.numbers(1);
/// Words that the packed model works in.
pub const SCRATCH: usize = 80;

/// What can go wrong. Nothing does with the files that are here.
#[derive(Debug)]
pub enum Failure {
    /// The packed model cannot be read.
    Packed(PackedError),
    /// It cannot be asked.
    Input(InputError),
    /// The learner cannot learn.
    Learn(LearnError),
    /// Nothing can be printed.
    Output,
}

impl From<PackedError> for Failure {
    fn from(error: PackedError) -> Self {
        Self::Packed(error)
    }
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        Self::Input(error)
    }
}

impl From<LearnError> for Failure {
    fn from(error: LearnError) -> Self {
        Self::Learn(error)
    }
}

impl From<fmt::Error> for Failure {
    fn from(_: fmt::Error) -> Self {
        Self::Output
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packed(error) => error.fmt(f),
            Self::Input(error) => error.fmt(f),
            Self::Learn(error) => error.fmt(f),
            Self::Output => f.write_str("nothing can be printed"),
        }
    }
}

/// Tasks: the glyphs as they are, and the same glyphs with their pixels in another order.
#[derive(Clone, Copy)]
enum Task {
    First,
    Second,
}

impl Task {
    /// Image `index` of this task and its label. 101 and 196 have no divisor in common, so every pixel is there once.
    fn image(self, index: usize) -> ([u8; PIXELS], u8) {
        let (labels, images) = GLYPHS.split_at(TRAINING + TEST);
        let image = images.chunks_exact(BYTES).nth(index).unwrap_or(&[]);
        let pixel = |place: usize| {
            let byte = image.get(place / 8).copied().unwrap_or(0);
            255 * (byte >> (place % 8) & 1)
        };
        let order = |place| match self {
            Self::First => place,
            Self::Second => (101 * place + 37) % PIXELS,
        };
        (core::array::from_fn(|place| pixel(order(place))), labels.get(index).copied().unwrap_or(0))
    }
}

/// How many of the test images `classify` knows.
fn known<E>(task: Task, mut classify: impl FnMut(&[u8]) -> Result<usize, E>) -> Result<usize, E> {
    let mut right = 0;
    for index in TRAINING..TRAINING + TEST {
        let (image, label) = task.image(index);
        right += usize::from(classify(&image)? == usize::from(label));
    }
    Ok(right)
}

/// Classifies with the packed model, then learns two tasks one after the other, first without metaplasticity, then with
/// it, and writes what is known of each.
pub fn run(
    levels: &mut [i8; LEVELS],
    numbers: &mut [f32; NUMBERS],
    scratch: &mut [u32; SCRATCH],
    out: &mut impl Write,
) -> Result<(), Failure> {
    let model = Model::parse(MODEL)?;
    let right = known(Task::First, |image| model.classify(image, 0, scratch))?;
    writeln!(out, "packed model of {} bytes: {right} of {TEST} glyphs", MODEL.len())?;
    for (name, settings) in
        [("plain", Settings::new(8, 0.0, 0.02)), ("metaplastic", Settings::new(8, 3.0, 0.02))]
    {
        let workspace = Workspace { levels, numbers };
        let mut learner = Learner::new(&SHAPE, workspace, 1, settings)?;
        for (number, task) in [(1, Task::First), (2, Task::Second)] {
            for index in (0..EPOCHS).flat_map(|_| 0..TRAINING) {
                let (image, label) = task.image(index);
                learner.learn(&image, &[label])?;
            }
            let first = known(Task::First, |image| learner.classify(image))?;
            let second = known(Task::Second, |image| learner.classify(image))?;
            writeln!(out, "{name}, after task {number}: {first} of {TEST} of task 1, {second} of task 2")?;
        }
        // A checksum of all hidden weights: the same bits, not the same percents alone.
        let sum = learner.levels().iter().fold(0_u32, |sum, level| {
            sum.rotate_left(5) ^ u32::from(level.unsigned_abs()) ^ u32::from(*level < 0) << 8
        });
        writeln!(out, "{name}, all {LEVELS} hidden weights: {sum:08x}")?;
    }
    Ok(())
}
