//! The inner loops, behind one dispatch.
//!
//! Each kernel is one readable body of plain loops, compiled once per instruction set; [`Platform::detect`]
//! picks the widest one that the machine has. A body fixes the order of every sum and no compiler here fuses
//! multiplication with addition, so all platforms give the same bits: the choice changes the time alone.

#![allow(unsafe_code)]

mod adam;
mod portable;
mod product;
mod signed;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::OnceLock;

use metabnn_infer::BitMatrix;

pub use adam::{AdamStep, attenuation};
pub use product::SparseRows;

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Platform {
    /// What every machine of the architecture has.
    Portable,
    /// x86-64 with AVX2 and POPCNT.
    Avx2,
    /// x86-64 with AVX-512 F, VL, BW, DQ and VPOPCNTDQ.
    Avx512,
}

impl Platform {
    /// The widest instruction set of this machine.
    pub fn detect() -> Self {
        Self::available().last().copied().unwrap_or(Self::Portable)
    }

    /// All instruction sets of this machine, the widest last.
    pub fn available() -> Vec<Self> {
        let mut platforms = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if x86::has_avx2() {
                platforms.push(Self::Avx2);
            }
            if x86::has_avx512() {
                platforms.push(Self::Avx512);
            }
        }
        platforms
    }

    /// The name that `metabnn run --kernels` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

/// One row of signs times a matrix of signs: see [`metabnn_infer::xnor_product`].
type XnorProduct = fn(input: &BitMatrix, row: usize, weights: &BitMatrix, output: &mut [f32]);
/// Signs of reals as bits: see [`metabnn_infer::pack`].
type Pack = fn(values: &[f32], words: &mut [u64]);
/// A product of signs and reals: see [`Kernels::signed_product`].
type SignedProduct = fn(s: &BitMatrix, first: usize, m: &[f32], n: usize, y: &mut [f32]);
/// A product of real matrices, the left one sparse: see [`Kernels::sparse_product`].
type SparseProduct = fn(x: &SparseRows, first: usize, m: &[f32], n: usize, y: &mut [f32]);
/// A product of real matrices: see [`Kernels::product`].
type Product = fn(x: &[f32], m: &[f32], depth: usize, y: &mut [f32]);
/// One optimizer step of a tile of synapses.
type AdamTile =
    fn(step: &AdamStep, m: f32, gradient: &[f32], hidden: &mut [f32], mean: &mut [f32], square: &mut [f32]);

/// The kernels of one platform.
#[derive(Clone, Copy, Debug)]
pub struct Kernels {
    /// The platform they were compiled for.
    pub platform: Platform,
    /// `output[o] = sum_i input[row, i] weights[o, i]`, all +-1.
    pub xnor_product: XnorProduct,
    /// The signs of values as bits, sign(0) = +1.
    pub pack: Pack,
    /// `y[r, j] = sum_k s[first + r, k] m[k, j]`, s of +-1. Shapes: s (.., depth), m (depth, n), y (rows, n).
    pub signed_product: SignedProduct,
    /// `y[r, j] += sum_k x[r, k] m[k, j]`, k in order. Shapes: x (rows, depth), m (depth, n), y (rows, n).
    pub product: Product,
    /// `y[r, j] = sum_k x[first + r, k] m[k, j]`, k in order, the zeros of x left out. Shapes as above.
    pub sparse_product: SparseProduct,
    /// Adam whose shrinking updates are scaled by f_meta(m, W). All slices have one length.
    pub adam_tile: AdamTile,
}

static FORCED: OnceLock<Platform> = OnceLock::new();

impl Kernels {
    /// The kernels to use: those of the forced platform, else of the widest one.
    pub fn get() -> Self {
        static DETECTED: OnceLock<Platform> = OnceLock::new();
        Self::of(*FORCED.get().unwrap_or_else(|| DETECTED.get_or_init(Platform::detect)))
    }

    /// Makes [`Kernels::get`] answer with `platform` for the rest of the process; `false` if this machine lacks it
    /// or another one was forced before.
    pub fn force(platform: Platform) -> bool {
        Platform::available().contains(&platform) && *FORCED.get_or_init(|| platform) == platform
    }

    /// The kernels of `platform`.
    ///
    /// # Panics
    /// If this machine lacks it.
    pub fn of(platform: Platform) -> Self {
        assert!(Platform::available().contains(&platform), "this machine has no {platform:?}");
        match platform {
            #[cfg(target_arch = "x86_64")]
            Platform::Avx2 => x86::avx2(),
            #[cfg(target_arch = "x86_64")]
            Platform::Avx512 => x86::avx512(),
            _ => portable::kernels(),
        }
    }
}

#[cfg(test)]
mod tests;
