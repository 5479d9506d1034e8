//! Packed models.

use metabnn_infer::packed::{Content, Model, checksum};

use crate::Allowance;

/// Where a packed model says how long it is.
const LENGTH: std::ops::Range<usize> = 8..12;
/// Most states that are tried.
const STATES: usize = 8;

/// A packed model, as it is and with length and checksum made right, which lets changes through to what they protect:
/// whatever is accepted classifies, and is written to the same bytes again.
pub(crate) fn packed(allowance: &Allowance, input: &[u8]) -> bool {
    let as_it_is = read(allowance, input);
    read(allowance, &sealed(input)) || as_it_is
}

fn read(allowance: &Allowance, input: &[u8]) -> bool {
    let model = match Model::parse(input) {
        Ok(model) => model,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    allowance.within(input.len(), || {
        let (pixels, mut scratch) = (vec![200; model.inputs()], vec![0; model.scratch_len()]);
        for state in 0..model.states().min(STATES) {
            let class = model.classify(&pixels, state, &mut scratch);
            assert!(
                class.is_ok_and(|class| class < model.classes()),
                "no class of a model that was accepted"
            );
        }
        let again = Content::from(&model).to_bytes();
        assert!(again.is_ok_and(|bytes| bytes == input), "what was accepted is written as something else");
    });
    true
}

/// `input` with the length and the checksum that it ought to have.
fn sealed(input: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    if let (Ok(length), Some(place)) = (u32::try_from(input.len()), bytes.get_mut(LENGTH)) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    if let Some((content, last)) = bytes.split_last_chunk_mut::<4>() {
        *last = checksum(content).to_le_bytes();
    }
    bytes
}
