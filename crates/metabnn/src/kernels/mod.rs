//! The inner loops, behind one dispatch.
//!
//! Each kernel is one readable body of plain loops, compiled once per instruction set; [`Platform::detect`]
//! picks the widest one that the machine has. A body fixes the order of every sum, and fuses multiplication
//! with addition where it says `mul_add` and nowhere else, so all platforms give the same bits: the choice changes the
//! time alone.

#![allow(unsafe_code)]

mod adam;
pub mod ceilings;
mod compact;
mod curve;
mod lanes;
mod mask;
mod norm;
mod pool;
mod portable;
mod product;
mod signed;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use adam::moments;
pub use adam::{AdamStep, attenuation};
pub use curve::CurveTable;
pub use lanes::{LANES, Lanes};
pub use metabnn_infer::kernels::Platform;
pub use norm::{Gate, NormRow};
pub use pool::Pool;
pub use product::{Left, SparseRows};
pub use signed::{Matrix, MatrixMut, Signs};

/// Signs of groups of sixteen reals: see [`Kernels::put_signs`].
type PutSigns = fn(values: &[f32], used: u16, place: usize, words: &mut [u64]);
/// A product of signs and reals: see [`Kernels::signed_product`].
type SignedProduct = fn(s: Signs<'_>, m: Matrix<'_>, y: MatrixMut<'_>, columns: usize);
/// A product of real matrices: see [`Kernels::product`].
type Product = fn(x: Left<'_>, m: Matrix<'_>, y: MatrixMut<'_>, columns: usize);
/// A product of real matrices, the left one sparse: see [`Kernels::sparse_product`].
type SparseProduct = fn(x: &SparseRows, first: usize, m: Matrix<'_>, y: &mut [f32], tiles: usize);
/// One optimizer step of a tile of synapses.
type AdamTile =
    fn(step: &AdamStep, m: f32, gradient: &[f32], hidden: &mut [f32], mean: &mut [f32], square: &mut [f32]);
/// One optimizer step of a tile of synapses with measured curves of plasticity.
type AdamCurveTile = fn(
    step: &AdamStep,
    table: &CurveTable,
    gradient: &[f32],
    hidden: &mut [f32],
    mean: &mut [f32],
    square: &mut [f32],
);
/// Backward pass of batch norm: see [`Kernels::norm_backward`].
type NormBackward = fn(gate: Gate, row: NormRow, normed: &[f32], d: &mut [f32]) -> (f32, f32);

/// The kernels of one platform.
#[derive(Clone, Copy, Debug)]
pub struct Kernels {
    /// The platform they were compiled for.
    pub platform: Platform,
    /// The products of bits.
    pub bits: metabnn_infer::kernels::Kernels,
    /// Puts the signs of each group of sixteen values, those of `used`, into a word from bit `place` on, sign(0) = +1;
    /// at place 0 the word's other bits become 0.
    pub put_signs: PutSigns,
    /// `y[r, j] = sum_k s[r, k] m[k, j]`, s of +-1. Shapes: s (rows, depth), m (depth, columns), y (rows, columns).
    pub signed_product: SignedProduct,
    /// `y[r, j] += sum_k x[r, k] m[k, j]`, k in order. Shapes: x (rows, depth), m (depth, columns), y (rows, columns).
    pub product: Product,
    /// `y[t, r, j] = sum_k x[first + r, k] m[k, t, j]`, k in order, the zeros of x left out. Shapes: m (depth, tiles,
    /// 16), y (tiles, rows, 16).
    pub sparse_product: SparseProduct,
    /// Adam whose shrinking updates are scaled by f_meta(m, W). All slices have one length.
    pub adam_tile: AdamTile,
    /// Adam whose updates are scaled by what a table says, those that raise a weight apart from those that lower it. All
    /// slices have one length.
    pub adam_curve_tile: AdamCurveTile,
    /// Numbers of 16 bits (bfloat16) in 32.
    pub widen: fn(bits: &[u16], values: &mut [f32]),
    /// Numbers in 16 bits, rounded at random: the noise is a hash of `key` and the position.
    pub narrow: fn(values: &[f32], key: u32, bits: &mut [u16]),
    /// Mean and biased variance of a row.
    pub statistics: fn(y: &[f32]) -> (f32, f32),
    /// y <- (y - mean) inverse.
    pub normalise: fn(y: &mut [f32], mean: f32, inverse: f32),
    /// The signs of gamma normed + beta in words of 64 bits.
    pub norm_signs: fn(normed: &[f32], gamma: f32, beta: f32, words: &mut [u64]),
    /// The gradient d behind a batch norm and its gate becomes that before them; gives (dL/dgamma, dL/dbeta).
    pub norm_backward: NormBackward,
}

impl Kernels {
    /// The kernels of `platform`.
    ///
    /// # Panics
    /// If this machine lacks it.
    pub fn of(platform: Platform) -> Self {
        // Asserts that the machine has it.
        let bits = metabnn_infer::kernels::Kernels::of(platform);
        match platform {
            #[cfg(target_arch = "x86_64")]
            Platform::Avx2 => x86::avx2(bits),
            #[cfg(target_arch = "x86_64")]
            Platform::Avx512 => x86::avx512(bits),
            _ => portable::kernels(bits),
        }
    }
}

#[cfg(test)]
mod tests;
