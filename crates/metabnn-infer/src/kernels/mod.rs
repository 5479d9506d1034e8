//! The products of bits, and the instruction sets they are compiled for.
//!
//! Each is one body of plain loops. With the feature `std`, x86-64 machines get the same bodies compiled for wider
//! instructions, chosen at run time; results are whole numbers and the same everywhere.

#![allow(unsafe_code)]

pub mod lookup;
mod pixels;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
pub mod x86;
mod xnor;

pub use pixels::{Pixels, pixel_product};
pub use xnor::{Samples, transpose_features, transpose_samples, xnor_product};

use crate::BitMatrix;

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Platform {
    /// What every machine of the architecture has: SSE2 on x86-64, NEON on 64-bit Arm.
    Portable,
    /// x86-64 with AVX2, FMA, POPCNT, BMI1 and BMI2.
    Avx2,
    /// The same with AVX-512 F, VL, BW, DQ and VPOPCNTDQ.
    Avx512,
}

impl Platform {
    /// The widest instruction set of this machine.
    pub fn detect() -> Self {
        Self::ALL.into_iter().rfind(|platform| platform.is_available()).unwrap_or(Self::Portable)
    }

    /// All instruction sets of this architecture, the widest last.
    #[cfg(target_arch = "x86_64")]
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];
    /// All instruction sets of this architecture, the widest last.
    #[cfg(not(target_arch = "x86_64"))]
    pub const ALL: [Self; 1] = [Self::Portable];

    /// Whether this machine has it; without the feature `std`, all but the portable one count as missing.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Self::Avx2 => x86::has_avx2(),
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Self::Avx512 => x86::has_avx512(),
            #[allow(unreachable_patterns)] // without `std`
            _ => false,
        }
    }

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            // The portable bodies are NEON code there: every 64-bit Arm processor has it.
            Self::Portable if cfg!(target_arch = "aarch64") => "neon",
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

/// Binary weights times a batch of signs: see [`xnor_product`].
type XnorProduct = fn(w: &BitMatrix, first: usize, x: &Samples, y: &mut [f32], stride: usize);
/// Binary weights times a batch of pixels: see [`pixel_product`].
type PixelProduct = fn(s: &BitMatrix, first: usize, p: &Pixels, scale: f32, y: &mut [f32], stride: usize);

/// The products of one platform.
#[derive(Clone, Copy, Debug)]
pub struct Kernels {
    /// See [`xnor_product`].
    pub xnor_product: XnorProduct,
    /// See [`pixel_product`].
    pub pixel_product: PixelProduct,
    /// See [`transpose_features`].
    pub transpose_features: fn(rows: &[u64], stride: usize, samples: &mut [u64]),
    /// See [`transpose_samples`].
    pub transpose_samples: fn(samples: &[u64], rows: &mut [u64], stride: usize),
}

impl Kernels {
    /// The kernels of `platform`.
    ///
    /// # Panics
    /// If this machine lacks it.
    pub fn of(platform: Platform) -> Self {
        assert!(platform.is_available(), "this machine has no {platform:?}");
        match platform {
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Platform::Avx2 => x86::avx2(),
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Platform::Avx512 => x86::avx512(),
            _ => Self {
                xnor_product: |w, first, x, y, stride| xnor_product(w, first, x, y, stride),
                // SAFETY: `Plain` needs nothing.
                pixel_product: |s, first, p, scale, y, stride| unsafe {
                    pixel_product::<lookup::Plain>(s, first, p, scale, y, stride)
                },
                transpose_features: |rows, stride, samples| transpose_features(rows, stride, samples),
                transpose_samples: |samples, rows, stride| transpose_samples(samples, rows, stride),
            },
        }
    }
}

#[cfg(test)]
mod tests;
