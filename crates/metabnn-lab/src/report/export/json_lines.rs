//! JSON Lines: one object per evaluation.

use super::{Context, Encoder, EvaluationFormat};
use metabnn::metrics::Evaluation;

/// The format on the command line and in Python.
pub(super) static FORMAT: EvaluationFormat = EvaluationFormat {
    name: "jsonl",
    help: "JSON Lines, one object per evaluation",
    encoder: |_, _| Ok(Box::new(JsonLines)),
};

/// `metrics.jsonl`: the rows of `metrics.csv` as one JSON object a line, with the fields of [`Evaluation`]. A loss that is
/// not finite is `null`: JSON has no such number.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonLines;

impl JsonLines {
    /// Name of the file.
    pub const FILE: &'static str = "metrics.jsonl";
}

impl Encoder for JsonLines {
    fn file_name(&self) -> &'static str {
        Self::FILE
    }

    fn header(&self, _: &Context) -> Vec<u8> {
        Vec::new()
    }

    fn encode(&self, _: &Context, rows: &[Evaluation]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for row in rows {
            serde_json::to_writer(&mut bytes, row).expect("numbers and a word, into memory");
            bytes.push(b'\n');
        }
        bytes
    }
}
