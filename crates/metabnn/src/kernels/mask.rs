//! Signs of sixteen numbers as sixteen bits: what compilers do not find by themselves.

use metabnn_infer::kernels::lookup::Plain;
#[cfg(target_arch = "x86_64")]
use metabnn_infer::kernels::x86::{Avx2, Avx512};

use super::lanes::LANES;

/// An instruction set's way to take signs.
pub(super) trait Mask {
    /// Bit l is set where `values[l] >= 0`: sign(0) = sign(-0) = +1.
    fn signs(values: &[f32; LANES]) -> u16;
}

impl Mask for Plain {
    #[inline(always)]
    fn signs(values: &[f32; LANES]) -> u16 {
        values.iter().enumerate().fold(0, |mask, (lane, &value)| mask | (u16::from(value >= 0.0) << lane))
    }
}

#[cfg(target_arch = "x86_64")]
impl Mask for Avx2 {
    #[inline(always)]
    fn signs(values: &[f32; LANES]) -> u16 {
        use std::arch::x86_64::{
            _CMP_GE_OQ, _mm256_cmp_ps, _mm256_loadu_ps, _mm256_movemask_ps, _mm256_setzero_ps,
        };
        // SAFETY: used in functions compiled for AVX2 alone, which run only where the machine has it; the two loads
        // are the two halves of `values`.
        unsafe {
            let half = |start: usize| {
                let half = _mm256_loadu_ps(values.as_ptr().add(start));
                _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GE_OQ>(half, _mm256_setzero_ps())) as u16
            };
            half(0) | half(LANES / 2) << (LANES / 2)
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Mask for Avx512 {
    #[inline(always)]
    fn signs(values: &[f32; LANES]) -> u16 {
        use std::arch::x86_64::{_CMP_GE_OQ, _mm512_cmp_ps_mask, _mm512_loadu_ps, _mm512_setzero_ps};
        // SAFETY: used in functions compiled for AVX-512 alone, which run only where the machine has it; the load is
        // all of `values`.
        unsafe { _mm512_cmp_ps_mask::<_CMP_GE_OQ>(_mm512_loadu_ps(values.as_ptr()), _mm512_setzero_ps()) }
    }
}

/// The signs of `values` in words of 64 bits, lowest first; padding bits become zero.
///
/// # Panics
/// If `words` is not as long as the values need.
#[inline(always)]
pub(super) fn pack<M: Mask>(values: &[f32], words: &mut [u64]) {
    assert_eq!(words.len(), values.len().div_ceil(64), "words for {} values", values.len());
    for (word, values) in words.iter_mut().zip(values.chunks(64)) {
        let (groups, rest) = values.as_chunks::<LANES>();
        let mut bits = 0;
        for (index, group) in groups.iter().enumerate() {
            bits |= u64::from(M::signs(group)) << (LANES * index);
        }
        for (index, &value) in rest.iter().enumerate() {
            bits |= u64::from(value >= 0.0) << (LANES * groups.len() + index);
        }
        *word = bits;
    }
}

/// Puts the signs of each group of sixteen values, those of `used`, into the words from bit `place` on. At place 0 the
/// other bits become 0; elsewhere they stay, and those of the place have to be 0 before.
#[inline(always)]
pub(super) fn put_signs<M: Mask>(values: &[f32], used: u16, place: usize, words: &mut [u64]) {
    let groups = values.as_chunks::<LANES>().0.iter();
    if place == 0 {
        words.iter_mut().zip(groups).for_each(|(word, group)| *word = u64::from(M::signs(group) & used));
    } else {
        words
            .iter_mut()
            .zip(groups)
            .for_each(|(word, group)| *word |= u64::from(M::signs(group) & used) << place);
    }
}
