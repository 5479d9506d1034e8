//! The sums of one sample, exact in whole numbers: pixels by signs, and signs by signs.

use super::Threshold;

/// Pixels that are looked up together: the signs of a byte.
pub(super) const TOGETHER: usize = 8;

/// `sums[o] = sum_i w[o, i] p[i]`, w of +-1. `planes` holds for every eight inputs one byte of signs per output;
/// `eights` gives the pixels p, eight at a time, zeros behind the last one. Shapes: planes (inputs / 8, out), sums
/// (out).
///
/// A table of all 256 sums of eight pixels does the work of eight additions at once, and black pixels cost nothing:
/// with A the sum of the pixels whose weight is +1, and T of all of them, the sum is 2 A - T.
pub(super) fn pixel_sums(planes: &[u8], eights: impl Iterator<Item = [u8; TOGETHER]>, sums: &mut [u32]) {
    sums.fill(0);
    let (mut total, mut table) = (0, [0; 256]);
    for (eight, plane) in eights.zip(planes.chunks_exact(sums.len().max(1))) {
        if eight == [0; TOGETHER] {
            continue;
        }
        subset_sums(eight, &mut table);
        total += u32::from(table[255]);
        for (sum, signs) in sums.iter_mut().zip(plane) {
            *sum = sum.wrapping_add(u32::from(table[usize::from(*signs)]));
        }
    }
    sums.iter_mut().for_each(|sum| *sum = (2 * *sum).wrapping_sub(total));
}

/// The sum of those pixels whose bit is set in the index, for every index; that of none is there already.
#[inline(never)]
fn subset_sums(eight: [u8; TOGETHER], table: &mut [u16; 256]) {
    for (bit, pixel) in eight.into_iter().enumerate() {
        let (without, with) = table[..2 << bit].split_at_mut(1 << bit);
        with.iter_mut().zip(without).for_each(|(with, without)| *with = *without + u16::from(pixel));
    }
}

/// The sums of a sample of signs, one per row of weights of `inputs` +-1 each: inputs - 2 popcount(w XOR x). Shapes:
/// rows (out, inputs / 32) in words of four bytes, x (inputs / 32).
pub(super) fn sign_sums<'a>(rows: &'a [u8], x: &'a [u32], inputs: usize) -> impl Iterator<Item = i32> + 'a {
    rows.as_chunks::<4>().0.chunks_exact(x.len().max(1)).map(move |row| {
        let words = row.iter().zip(x);
        let differing: u32 = words.map(|(w, x)| (u32::from_le_bytes(*w) ^ x).count_ones()).sum();
        inputs as i32 - 2 * differing as i32
    })
}

/// The signs of hidden units with these `sums`: a bit is set where its threshold is reached, the others of the last word
/// stay 0. Shapes: sums and thresholds (units), signs (units / 32).
pub(super) fn signs(sums: impl Iterator<Item = i32>, thresholds: &[[u8; 4]], signs: &mut [u32]) {
    let thresholds = thresholds.iter().map(|word| Threshold::from_word(i32::from_le_bytes(*word)));
    let mut units = thresholds.zip(sums).map(|(threshold, sum)| threshold.is_reached(sum));
    for word in signs {
        *word =
            units.by_ref().take(32).enumerate().fold(0, |word, (bit, is_on)| word | u32::from(is_on) << bit);
    }
}
