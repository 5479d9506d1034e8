//! Files of trained networks.

use std::fmt::Display;

use metabnn::model::Model;

use crate::Allowance;

/// `model.safetensors`.
pub(crate) fn model(allowance: &Allowance, input: &[u8]) -> bool {
    reads_back(allowance, input, Model::from_bytes, Model::to_bytes)
}

/// A parser of bytes that its program writes as well: what is accepted is written to bytes that read back as what is
/// written the same.
fn reads_back<T, E: Display>(
    allowance: &Allowance,
    input: &[u8],
    read: fn(&[u8]) -> Result<T, E>,
    write: fn(&T) -> Result<Vec<u8>, E>,
) -> bool {
    let refused = |error: E| -> ! { panic!("what was accepted is refused later: {error}") };
    let first = match allowance.within(input.len(), || read(input)) {
        Ok(value) => write(&value).unwrap_or_else(|error| refused(error)),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let again = read(&first).unwrap_or_else(|error| refused(error));
    let second = write(&again).unwrap_or_else(|error| refused(error));
    assert!(first == second, "what was written reads back as something else");
    true
}
