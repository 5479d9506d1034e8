//! Files of trained networks.

use std::fmt::Display;

use metabnn::model::checkpoint::Checkpoint;
use metabnn::model::{Model, ModelError};
use metabnn_lab::saved::SavedRun;

use crate::Allowance;
use crate::tiny::{self, Run};

/// `model.safetensors`: of any network, and of a run with the settings of a recipe.
pub(crate) fn model(allowance: &Allowance, input: &[u8]) -> bool {
    let run = |run: &SavedRun| run.model.to_bytes();
    reads_back(allowance, input, SavedRun::from_bytes, run);
    reads_back(allowance, input, Model::from_bytes, Model::to_bytes)
}

thread_local! {
    static RUNS: Vec<Run> = tiny::KINDS.iter().map(|(_, settings)| Run::of(settings)).collect();
}

/// `checkpoint.safetensors`. If it is one of a known run, that goes on, and its next checkpoints can be read.
pub(crate) fn checkpoint(allowance: &Allowance, input: &[u8]) -> bool {
    let read = allowance.within(input.len(), || {
        Checkpoint::from_bytes(input).inspect_err(|error| assert!(!error.to_string().is_empty()))
    });
    let Ok(checkpoint) = read else { return false };
    RUNS.with(|runs| {
        for run in runs {
            for bytes in run.go_on(checkpoint.clone()).into_iter().flatten().flatten() {
                let again = Checkpoint::from_bytes(&bytes);
                again.unwrap_or_else(|error| panic!("what was written is refused: {error}"));
            }
        }
    });
    true
}

/// A parser of bytes that its program writes as well: what is accepted is written to bytes that read back as what is
/// written the same.
fn reads_back<T, E: Display>(
    allowance: &Allowance,
    input: &[u8],
    read: fn(&[u8]) -> Result<T, E>,
    write: fn(&T) -> Result<Vec<u8>, ModelError>,
) -> bool {
    let refused = |error: &dyn Display| -> ! { panic!("what was accepted is refused later: {error}") };
    let first = match allowance.within(input.len(), || read(input)) {
        Ok(value) => write(&value).unwrap_or_else(|error| refused(&error)),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let again = read(&first).unwrap_or_else(|error| refused(&error));
    let second = write(&again).unwrap_or_else(|error| refused(&error));
    assert!(first == second, "what was written reads back as something else");
    true
}
