//! Random bits: a hash of what they are for, so that no state is kept and none depends on another.

/// Bits for one synapse of a row after the other: a hash of the row's name and the synapse's place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row(u32);

impl Row {
    /// The row of synapses behind input `input` of layer `layer`, in step `step`.
    pub fn new(seed: u64, step: u64, layer: usize, input: usize) -> Self {
        let words = [seed as u32, (seed >> 32) as u32, step as u32, (step >> 32) as u32];
        let name = words.into_iter().chain([layer as u32, input as u32]);
        Self(name.fold(0, |hash, word| mix(hash ^ word).wrapping_add(GOLDEN)))
    }

    /// 32 random bits for the synapse at `place` in the row.
    #[inline(always)]
    pub fn bits(self, place: usize) -> u32 {
        mix(self.0.wrapping_add((place as u32).wrapping_mul(GOLDEN)))
    }
}

/// 2^32 over the golden ratio, odd: its multiples are spread evenly.
const GOLDEN: u32 = 0x9e37_79b9;

/// A one-to-one map of 32 bits in which every bit that goes in changes half of those that come out. It is the one that
/// ends Murmur3.
#[inline(always)]
fn mix(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}
