//! Counter-based random streams: one independent ChaCha8 stream per purpose, so that drawing more numbers
//! for one purpose never shifts another, and the same seed gives the same numbers on every platform.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream of random numbers is for. The discriminant is part of the stream's identity: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// Initial hidden weights; index = layer.
    Init = 1,
    /// Pixel permutations; index = task.
    Permutation = 2,
    /// Order of the training images; index = task.
    Shuffle = 3,
    /// Division of a data set into subsets.
    Subsets = 4,
    /// Strokes of the built-in glyphs; index = split.
    Glyphs = 5,
    /// Initial batch-norm scales; index = layer.
    NormScale = 6,
    /// Which synapses a random consolidation holds; index = 256 task + layer, both counted from 0.
    Consolidation = 20,
    /// Eigenvalues of the quadratic binary task.
    Eigenvalues = 40,
    /// Eigenvectors of the quadratic binary task.
    Eigenvectors = 41,
    /// Optimum of the quadratic binary task.
    Optimum = 42,
    /// Hidden weights that the quadratic binary task starts from.
    Start = 43,
    /// Binary weights that an analysis switches; index = layer, bin and draw.
    SignSwitching = 44,
    /// Layer, prototypes and samples of the built-in features.
    Features = 30,
    /// Augmentation of training images; index = task.
    Augmentation = 31,
    /// Activations dropped in training: see [`hash`].
    Dropout = 50,
    /// Images that exported networks are checked on.
    ExportCheck = 60,
}

/// 64 bits that look random: a hash of (seed, purpose, place), for numbers that are wanted at many places in any
/// order. Each word goes through the finalizer of SplitMix64 (Steele, Lea and Flood 2014).
pub fn hash(seed: u64, purpose: Purpose, place: [u64; 3]) -> u64 {
    let words = [seed, purpose as u64].into_iter().chain(place);
    words.fold(0, |state, word| mix((state ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15)))
}

/// The finalizer of SplitMix64.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// A stream of random numbers, identified by (seed, purpose, index).
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream of `seed` for `purpose`; `index` separates, say, one layer or task from the next.
    pub fn new(seed: u64, purpose: Purpose, index: u32) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(((purpose as u64) << 32) | u64::from(index));
        Self(generator)
    }

    /// 32 random bits.
    pub fn bits(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Uniform in [0, 1) on a grid of 2^-24: every value is exact in f32.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 8) as f32 * (1.0 / (1 << 24) as f32)
    }

    /// Uniform in [low, high).
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Standard normal, by Box and Muller; `libm` keeps it the same on every platform.
    pub fn normal(&mut self) -> f32 {
        let radius = libm::sqrtf(-2.0 * libm::logf(1.0 - self.unit()));
        radius * libm::cosf(core::f32::consts::TAU * self.unit())
    }

    /// Uniform in 0..bound without bias (Lemire's multiply-and-reject). `bound` must be at least 1.
    pub fn below(&mut self, bound: u32) -> u32 {
        debug_assert!(bound > 0);
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u64::from(self.bits()) * u64::from(bound);
            if product as u32 >= threshold {
                return (product >> 32) as u32;
            }
        }
    }

    /// Puts `items` in random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u32 + 1) as usize);
        }
    }

    /// A random permutation of 0..n.
    pub fn permutation(&mut self, n: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n as u32).collect();
        self.shuffle(&mut order);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_purpose_and_index() {
        let draw = |seed, purpose, index| Stream::new(seed, purpose, index).bits();
        let first = draw(0, Purpose::Init, 0);
        assert_ne!(first, draw(1, Purpose::Init, 0));
        assert_ne!(first, draw(0, Purpose::Shuffle, 0));
        assert_ne!(first, draw(0, Purpose::Init, 1));
        assert_eq!(first, draw(0, Purpose::Init, 0));
    }

    #[test]
    fn hashes_differ_by_seed_purpose_and_place_and_are_even() {
        let first = hash(0, Purpose::Dropout, [0, 0, 0]);
        for other in [
            hash(1, Purpose::Dropout, [0, 0, 0]),
            hash(0, Purpose::Init, [0, 0, 0]),
            hash(0, Purpose::Dropout, [1, 0, 0]),
            hash(0, Purpose::Dropout, [0, 1, 0]),
            hash(0, Purpose::Dropout, [0, 0, 1]),
        ] {
            assert_ne!(first, other);
        }
        // Each bit is set half of the time: of 10,000 within six standard deviations of 50.
        for bit in 0..64 {
            let set =
                (0..10_000).filter(|&i| hash(7, Purpose::Dropout, [i / 100, 3, i % 100]) >> bit & 1 == 1);
            assert!((set.count() as i32 - 5000).abs() < 300, "bit {bit}");
        }
    }

    #[test]
    fn a_permutation_holds_every_index_once() {
        let mut order = Stream::new(7, Purpose::Permutation, 0).permutation(784);
        order.sort_unstable();
        assert!(order.iter().enumerate().all(|(i, &p)| i as u32 == p));
    }

    #[test]
    fn unit_and_normal_have_their_moments() {
        let mut stream = Stream::new(3, Purpose::Init, 0);
        let n = 100_000;
        let mean = (0..n).map(|_| f64::from(stream.unit())).sum::<f64>() / f64::from(n);
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
        let normals: Vec<f64> = (0..n).map(|_| f64::from(stream.normal())).collect();
        let mean = normals.iter().sum::<f64>() / f64::from(n);
        let variance = normals.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }
}
