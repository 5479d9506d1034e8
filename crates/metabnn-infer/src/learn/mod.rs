//! Learning on a device: multi-layer perceptrons of binary weights, in memory that the caller gives.
//!
//! A hidden weight is one of a few levels, 2 to 16 bits in an `i8` or `i16`; its sign is the binary weight. Steps are
//! rounded at random, so that many small ones add up to what they should. Steps back towards the change of sign are
//! attenuated by metaplasticity, so that what was learned is kept while other things are learned, and nobody says when
//! one task ends and another begins. There is no state per synapse but its level, and no optimizer.
//!
//! ```
//! use metabnn_infer::learn::{Learner, Settings, Shape, Workspace};
//!
//! # fn main() -> Result<(), metabnn_infer::learn::LearnError> {
//! const SHAPE: Shape<'_> = Shape::new(&[4, 16, 2]); // pixels, hidden units, classes
//! // In a firmware these are static: their sizes are known when it is compiled.
//! let mut levels = [0_i8; SHAPE.synapses()];
//! let mut numbers = [0.0; SHAPE.numbers(1)];
//! let workspace = Workspace { levels: &mut levels, numbers: &mut numbers };
//!
//! let settings = Settings::new(8, 3.0, 0.02); // 8 bits, m = 3, learning rate 0.02
//! let mut learner = Learner::new(&SHAPE, workspace, 7, settings)?;
//! let (left, right) = ([200, 0, 200, 0], [0, 200, 0, 200]);
//! for _ in 0..50 {
//!     learner.learn(&left, &[0])?;
//!     learner.learn(&right, &[1])?;
//! }
//! assert_eq!(learner.classify(&left)?, 0);
//! assert_eq!(learner.classify(&right)?, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # What is computed
//!
//! For every sample of a batch, layer after layer, with the level k of a hidden weight and its sign w = +1 where k >= 0,
//! else -1:
//!
//! ```text
//! s[o] = sum_i w[i, o] x[i]           x: pixels 0 to 255, or +1 and -1 of the layer before; exact
//! n[o] = (s[o] - mean) / sqrt(variance + 1)    over the units of the layer, for this sample alone
//! hidden unit: +1 where n >= 0, else -1
//! class:       z = gamma_classes n; that of the largest
//! ```
//!
//! The norm needs no state and no batch; so nothing of it has to be told which task an image is of, and nothing grows
//! stale. The way back, from softmax cross-entropy through the sign's straight-through estimator:
//!
//! ```text
//! d[c] = gamma_classes (softmax(z)[c] - [c is the label])          classes
//! d[o] = gamma_hidden e[o] where |gamma_hidden n[o]| <= 1, else 0  hidden units
//! g    = d - mean(d) - n mean(d n)                                 over the units
//! e[i] = sum_o w[i, o] g[o] / sqrt(out)                            for the layer before
//! ```
//!
//! g is the gradient of s but for the factor 1 / sqrt(variance + 1), and e has 1 / sqrt(out) in its place, so that all
//! layers learn at one pace, whatever their widths. Then, for every synapse of b bits, with x of pixels in [0, 1],
//!
//! ```text
//! u = lr 2^(b-1) mean over the batch of g[o] x[i]     in levels, exact to 2^-24 of a level (i8) or 2^-16 (i16)
//! u <- u f_meta(m, W)  where u would bring k towards the change of sign
//! k <- k - floor(u + r),  r uniform in [0, 1);  k stays in -2^(b-1) to 2^(b-1) - 1
//! ```
//!
//! The hidden weight is W = (k + 1/2) / 2^(b-1), in (-1, 1), and f_meta = 1 - tanh^2(m |W|), from a table: see
//! [`Plasticity`]. On the average the weight moves by -u, to the last place of u. r is a hash of seed, step, layer, input
//! and unit.
//!
//! All of it is + - * / of 32-bit floats in a fixed order, none of them fused, and whole numbers: the same seed and images
//! give the same bits on every platform.
//!
//! # Memory and time
//!
//! [`Shape::synapses`] levels and [`Shape::numbers`] floats, from the caller; a [`Learner`] itself is less than 1 KiB, most
//! of it the table. The firmware in `examples/cortex-m`, which prints and runs a packed model as well, has enough with 4
//! KiB of stack. Signs are read from the levels, none are kept beside. A step costs three sweeps over the levels; black pixels are left out of the first layer's, which has no way
//! back. It wants a processor that multiplies floats; without one it is slow.

mod error;
mod layer;
mod learner;
mod level;
mod plasticity;
mod random;
mod real;
mod shape;

pub use error::LearnError;
pub use learner::{Learner, Settings, Workspace};
pub use level::Level;
pub use plasticity::Plasticity;
pub use shape::{MOST_INPUTS, MOST_LAYERS, Shape};

#[cfg(test)]
mod tests;
