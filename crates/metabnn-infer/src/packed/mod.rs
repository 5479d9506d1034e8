//! Packed models: binarized networks of dense layers as they lie in the flash memory of a device.
//!
//! One bit per weight, one comparison of whole numbers per hidden unit, four numbers per class. A [`Model`] is read
//! where it lies, from all bytes of a file at any alignment: nothing is copied, nothing allocated. [`Model::parse`]
//! checks all of it; after that nothing can fail but for what it is given. `metabnn export` writes such files, and
//! `Content` does from its parts, with the feature `alloc`.
//!
//! ```
//! # #[cfg(feature = "alloc")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use metabnn_infer::BitMatrix;
//! # use metabnn_infer::packed::{ClassNorm, Content, Kind, Norm, Threshold};
//! use metabnn_infer::packed::Model;
//!
//! # // Two hidden units look for ink on the left and on the right of four pixels.
//! # let hidden = BitMatrix::from_signs(2, 4, &[1.0, -1.0, 1.0, -1.0, -1.0, 1.0, -1.0, 1.0]);
//! # let output = BitMatrix::from_signs(2, 2, &[1.0, -1.0, -1.0, 1.0]);
//! # let class = ClassNorm { mean: 0.0, inverse: 1.0, gamma: 1.0, beta: 0.0 };
//! # let norm = Norm { thresholds: vec![vec![Threshold::at_least(100); 2]], classes: vec![class; 2] };
//! # let weights = vec![hidden, output];
//! # let content = Content { kind: Kind::Pixels, weights, norms: vec![norm], orders: vec![], states: vec![(0, None)] };
//! # let bytes = content.to_bytes()?;
//! # let bytes = bytes.as_slice();
//! // On a device: static MODEL: &[u8] = include_bytes!("model.packed");
//! let model = Model::parse(bytes)?;
//! let mut scratch = [0; 64];
//! assert!(model.scratch_len() <= scratch.len());
//! let (left, right) = ([200, 0, 200, 0], [0, 200, 0, 200]);
//! assert_eq!(model.classify(&left, 0, &mut scratch)?, 0);
//! assert_eq!(model.classify(&right, 0, &mut scratch)?, 1);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "alloc"))]
//! # fn main() {}
//! ```
//!
//! # States
//!
//! The weights are one set; what a network remembers of a task it remembers under that task's batch norm. A *state* is
//! a norm and, where tasks have their pixels in orders of their own, a pixel order. The caller chooses one: that of the
//! task at hand, or, where nobody knows the task, one with the norm that the network had in the end. Pixels are always
//! given as they are in the image.
//!
//! # What is computed
//!
//! ```text
//! s = sum_i w[o, i] x[i]        x: pixels 0..=255, or +1 and -1; exact in whole numbers
//! hidden unit: +1 where s reaches its threshold, else -1
//! class:       z = gamma (y - mean) inverse + beta, with y = s / 255 for pixels, else y = s; in 32-bit floats
//! ```
//!
//! The class is that of the largest z, the first among equals. A threshold stands for the sign of a batch norm with
//! fixed statistics and gives the same sign for every s: see [`Threshold::of`].
//!
//! # The bytes
//!
//! All numbers are little-endian and are read byte by byte, so a file may lie at any address. Every part begins at a
//! multiple of four bytes from the start; what fills up a part is zero. With L layers, S states, N norms and P orders:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | `mbnn` |
//! | 4 | 2 | version of the format, 1 |
//! | 6 | 2 | L, 1 to 255 |
//! | 8 | 4 | length of the file in bytes, checksum included |
//! | 12 | 4 | inputs: pixels of a sample |
//! | 16 | 2 | S, at least 1 |
//! | 18 | 2 | N, at least 1 |
//! | 20 | 2 | P, at most 65534 |
//! | 22 | 2 | 0 |
//! | 24 | 8 L | layers, each: outputs (4), kind (1): 0 pixels, 1 signs; zeros (3) |
//! | then | 4 S | states, each: number of its norm (2), number of its order or 65535 for none (2) |
//! | then | | weights of each layer, see below |
//! | then | | N norms, each: a threshold (4) per hidden unit, layer after layer; then per class mean, inverse, gamma, beta (32-bit floats) |
//! | then | | P orders, each: for every input the number of its pixel (2; 4 where there are more than 65536 inputs) |
//! | end - 4 | 4 | CRC-32C of all bytes before |
//!
//! A layer's inputs are the outputs of the one before. Kind 0 is for the first layer alone, with at most 65793 inputs:
//! it takes pixels as numbers. A first layer of kind 1 takes a pixel as +1 where it is not 0. A bit that is 1 stands for a
//! weight of +1, the lowest bit of a byte or word for the first of its inputs. Weights are
//!
//! - of kind 0 in planes, (inputs / 8, outputs): for every eight inputs one byte per output, so that the 256 sums of
//!   eight pixels serve all outputs;
//! - of kind 1 in rows, (outputs, inputs / 32): words of four bytes.
//!
//! Bits beyond the last input are 0. A [`Threshold`] is a signed number of four bytes, twice what is compared with, and
//! the direction in the lowest bit.
//!
//! # Memory
//!
//! Flash: [`Sizes`]. RAM: [`Model::scratch_len`] words from the caller, that is four bytes per unit of a first layer that
//! sees pixels and two bits per unit of the widest layer; and some 1.2 KiB of stack.

mod check;
mod checksum;
#[cfg(feature = "alloc")]
mod content;
mod error;
mod layout;
mod model;
mod sums;
mod threshold;

pub use checksum::checksum;
#[cfg(feature = "alloc")]
pub use content::{Content, Norm};
pub use error::{InputError, PackedError};
pub use layout::{Kind, MOST_PIXELS, MOST_UNITS, Sizes, VERSION};
pub use model::{ClassNorm, Layer, Model, PIXEL_SCALE};
pub use threshold::Threshold;

/// Whether bytes begin as a packed model does.
pub fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(&layout::MAGIC)
}

#[cfg(all(test, feature = "alloc"))]
mod tests;
