//! Maps as the input of a dense layer, and their gradient back.

use metabnn_infer::kernels::Samples;
use metabnn_infer::{BitMatrix, WORD};

use crate::tensor::Rows;

/// Maps (channels, batch * positions) as one row for each of their numbers, (channels * positions, batch).
pub(crate) fn flatten(maps: &Rows, batch: usize, flat: &mut Rows) {
    let positions = maps.batch() / batch;
    for channel in 0..maps.features() {
        for position in 0..positions {
            let from = maps.row(channel)[position..].iter().step_by(positions);
            let to = flat.row_mut(channel * positions + position).iter_mut();
            to.zip(from).for_each(|(to, from)| *to = *from);
        }
    }
}

/// The opposite of [`flatten`].
pub(crate) fn unflatten(flat: &Rows, maps: &mut Rows) {
    let positions = maps.batch() / flat.batch();
    for channel in 0..maps.features() {
        for position in 0..positions {
            let from = flat.row(channel * positions + position).iter();
            let to = maps.row_mut(channel)[position..].iter_mut().step_by(positions);
            to.zip(from).for_each(|(to, from)| *to = *from);
        }
    }
}

/// [`flatten`] for maps of signs.
pub(crate) fn flatten_signs(maps: &Samples, batch: usize) -> BitMatrix {
    let positions = maps.batch() / batch;
    let mut flat = BitMatrix::new(maps.width() * positions, batch);
    for channel in 0..maps.width() {
        let words = &maps.words()[channel / WORD * maps.stride()..][..maps.batch()];
        for position in 0..positions {
            let row = flat.row_mut(channel * positions + position);
            for (sample, word) in words[position..].iter().step_by(positions).enumerate() {
                row[sample / WORD] |= (word >> (channel % WORD) & 1) << (sample % WORD);
            }
        }
    }
    flat
}

/// Maps of signs as real numbers, (channels, columns).
pub(crate) fn signs_to_rows(maps: &Samples) -> Rows {
    let mut rows = Rows::new(maps.width(), maps.batch());
    for channel in 0..maps.width() {
        let words = &maps.words()[channel / WORD * maps.stride()..][..maps.batch()];
        for (value, word) in rows.row_mut(channel).iter_mut().zip(words) {
            *value = if word >> (channel % WORD) & 1 == 1 { 1.0 } else { -1.0 };
        }
    }
    rows
}
