//! TensorBoard's event files: records of protocol buffers, each with checksums.

use std::time::{SystemTime, UNIX_EPOCH};

use prost::{Message, Oneof};

use super::{Context, Encoder, EvaluationFormat};
use metabnn::metrics::{Evaluation, Split};

/// The format on the command line and in Python.
pub(super) static FORMAT: EvaluationFormat = EvaluationFormat {
    name: "tensorboard",
    help: "event files for TensorBoard",
    encoder: |run, _| {
        let epochs = run.summary.epochs * run.summary.accuracy_matrix.len();
        Ok(Box::new(TensorBoard::afterwards(run.summary.seconds / epochs.max(1) as f64)))
    },
};

/// An event file of scalars for TensorBoard: accuracies as fractions in [0, 1], losses in nats, both in single precision.
///
/// | tag | what |
/// |---|---|
/// | `test/accuracy/TEST`, `test/loss/TEST` | on the images kept apart of every task |
/// | `train/accuracy`, `train/loss` | on the training images of the task in training |
/// | `train/accuracy/task N`, `train/loss/task N` | on those of task N while another one is in training |
/// | `train/accuracy/all tasks`, `train/loss/all tasks` | on those of all tasks together |
///
/// The step is the number of epochs done since the start of the run; 0 is the untrained network.
#[derive(Clone, Copy, Debug)]
pub struct TensorBoard(Clock);

/// Where the wall time of events comes from.
#[derive(Clone, Copy, Debug)]
enum Clock {
    /// The system.
    Now,
    /// Seconds per epoch; the run starts at 0. A folder of results does not say when the runs were made, and the same
    /// folder gives the same file.
    PerEpoch(f64),
}

impl TensorBoard {
    /// Name of the file. TensorBoard knows its files by "tfevents"; what usually follows is a time and a machine.
    pub const FILE: &'static str = "events.out.tfevents.0.metabnn";

    /// For a run that is going on: the wall time is the time at which rows are written.
    pub fn live() -> Self {
        Self(Clock::Now)
    }

    /// For a finished run: the wall time runs from 0, evenly, so that times relative to the start are about right.
    pub fn afterwards(seconds_per_epoch: f64) -> Self {
        Self(Clock::PerEpoch(seconds_per_epoch))
    }

    /// Seconds since 1970.
    fn wall_time(self, epochs_done: usize) -> f64 {
        match self.0 {
            Clock::Now => {
                SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
            }
            Clock::PerEpoch(seconds) => seconds * epochs_done as f64,
        }
    }
}

impl Encoder for TensorBoard {
    fn file_name(&self) -> &'static str {
        Self::FILE
    }

    fn header(&self, _: &Context) -> Vec<u8> {
        let what = What::FileVersion("brain.Event:2".into());
        record(&Event { wall_time: self.wall_time(0), step: 0, what: Some(what) })
    }

    fn encode(&self, context: &Context, rows: &[Evaluation]) -> Vec<u8> {
        let event = |row: &Evaluation| {
            let done = context.epochs_done(row);
            let scalar = |quantity: &str, value: f64| Value {
                tag: tag(context, row, quantity),
                simple_value: Some(value as f32),
            };
            let value = vec![scalar("accuracy", row.accuracy), scalar("loss", row.loss)];
            let step = i64::try_from(done).unwrap_or(i64::MAX);
            record(&Event {
                wall_time: self.wall_time(done),
                step,
                what: Some(What::Summary(Summary { value })),
            })
        };
        rows.iter().flat_map(event).collect()
    }
}

/// Name of the curve that a row belongs to.
fn tag(context: &Context, row: &Evaluation, quantity: &str) -> String {
    match row.split {
        Split::Test => format!("test/{quantity}/{}", context.test(row.task_evaluated)),
        Split::All => format!("train/{quantity}/all tasks"),
        Split::Train if row.task_evaluated == row.task_trained => format!("train/{quantity}"),
        Split::Train => format!("train/{quantity}/task {}", row.task_evaluated),
    }
}

/// Length and data, each followed by its checksum; all numbers little-endian.
fn record(event: &Event) -> Vec<u8> {
    let data = event.encode_to_vec();
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &checksum(&length), &data, &checksum(&data)].concat()
}

/// CRC-32C, rotated and shifted: data may hold checksums itself, and a checksum of one should not look like it.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// `tensorflow.Event`, the fields that are used.
#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "What", tags = "3, 5")]
    what: Option<What>,
}

/// What an event tells.
#[derive(Clone, PartialEq, Oneof)]
enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
}

/// `tensorflow.Summary`
#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

/// `tensorflow.Summary.Value`
#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    // One of several kinds of value, and so written even where it is 0.
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}
