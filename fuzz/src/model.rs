//! Files of trained networks.

use std::fmt::Display;

use metabnn::model::checkpoint::Checkpoint;
use metabnn::model::{Model, ModelError};
use metabnn_infer::packed::checksum;
use metabnn_lab::saved::SavedRun;
use safetensors::SafeTensors;

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

/// `checkpoint.safetensors`, as it is and with its checksum made right, which lets changes through to what it protects. If it
/// is one of a known run, that goes on, and its next checkpoints can be read.
pub(crate) fn checkpoint(allowance: &Allowance, input: &[u8]) -> bool {
    let as_it_is = go_on(allowance, input);
    sealed(input).is_some_and(|input| go_on(allowance, &input)) || as_it_is
}

/// `input` with the checksum that it ought to have, if there is room for one.
fn sealed(input: &[u8]) -> Option<Vec<u8>> {
    let (header, metadata) = SafeTensors::read_metadata(input).ok()?;
    let (start, end) = metadata.info("checksum")?.data_offsets;
    let place = (8 + header).checked_add(start)?..(8 + header).checked_add(end)?;
    let mut bytes = input.to_vec();
    bytes.get_mut(place.clone())?.fill(0);
    let right = checksum(&bytes);
    let place: &mut [u8; 4] = bytes.get_mut(place)?.try_into().ok()?;
    *place = right.to_le_bytes();
    Some(bytes)
}

fn go_on(allowance: &Allowance, input: &[u8]) -> bool {
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
