//! Bit matrices and XNOR-popcount products for binarized networks.
//!
//! A value of +1 or -1 is one bit: 1 stands for +1, 0 for -1. The product of two such values is +1 exactly where
//! their bits agree, so a dot product of n of them is n - 2 popcount(a XOR b): no multiplication, and exact.
//!
//! ```
//! # #[cfg(feature = "alloc")] {
//! use metabnn_infer::{BitMatrix, xnor_product};
//!
//! let input = BitMatrix::from_signs(1, 3, &[0.5, -2.0, 1.0]); // (batch, in): + - +
//! let weight = BitMatrix::from_signs(2, 3, &[1.0, 1.0, 1.0, -1.0, 1.0, -1.0]); // (out, in)
//! let mut output = [0.0; 2];
//! xnor_product(&input, 0, &weight, &mut output);
//! assert_eq!(output, [1.0, -3.0]);
//! # }
//! ```
//!
//! The crate is `no_std`. [`packed`] models, which are what a device runs, need no allocator, nor does [`learn`], which
//! goes on learning there: a firmware depends on this crate with `default-features = false`. Matrices need one, the
//! feature `alloc`. Whole batches go through `kernels`, which with the feature `std` use the widest instructions of the
//! machine.
#![no_std]
#![deny(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod bits;
#[cfg(feature = "alloc")]
pub mod kernels;
pub mod learn;
#[cfg(feature = "alloc")]
mod matrix;
pub mod packed;

pub use bits::{WORD, dot, pack, transpose_block, unpack};
#[cfg(feature = "alloc")]
pub use matrix::{BitMatrix, xnor_product};
