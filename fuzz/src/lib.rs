//! Hostile input for every parser of metabnn: what each may be given, and what it promises in return.
//!
//! A [`Target`] is one parser with its contract. Whatever the bytes are:
//!
//! - it does not panic,
//! - it allocates at most so many bytes per byte of input, and a constant on top: a header that claims 10^12 images
//!   costs nothing,
//! - what it accepts is consistent: written and read again it is the same.
//!
//! `tests/` runs every target on the files in `corpus/` and `regressions/` and on some thousands of mutations of them;
//! `libfuzzer/` lets a coverage-guided fuzzer loose on the same functions.
#![deny(missing_docs)]

mod data;
mod files;
mod memory;
mod model;
pub mod mutation;
mod packed;
mod recipe;
mod results;
pub mod seeds;
mod tiny;

pub use files::join;
pub use memory::{Allowance, peak_share};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
/// How many bytes deflate, the compression of gzip and zip, makes of one at most.
const DEFLATE: u64 = 1032;

/// A parser and its contract.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folders in `corpus/` and `regressions/`.
    pub name: &'static str,
    /// What the parser may allocate.
    pub allowance: Allowance,
    /// Feeds the parser; whether it accepted the input.
    check: fn(&Allowance, &[u8]) -> bool,
}

/// Every target. One more parser is one more line here, its seeds in `corpus/NAME/` and in [`seeds`].
pub const TARGETS: &[Target] = &[
    target("idx", 6, 256 * KIB, data::idx),
    target("idx-gzip", 4 * DEFLATE, 512 * KIB, data::idx_gzip),
    target("records", 4 * DEFLATE, 512 * KIB, data::records),
    target("npy", 32, 256 * KIB, data::npy),
    // A directory of 16-bit length is laid out before it is read: 216 bytes for each of 65535 files.
    target("npz", 32 * DEFLATE, 16 * MIB, data::npz),
    target("model", 64, MIB, model::model),
    target("checkpoint", 128, MIB, model::checkpoint),
    // Weights of one input are unpacked into words of 64 bits.
    target("packed", 64, 256 * KIB, packed::packed),
    // The names of 65536 runs, each of at most 180 bytes, are told apart.
    target("recipe", 256, 24 * MIB, recipe::recipe),
    // Fields that are not those of every run are held until the findings of an analysis are looked for among them.
    target("results", 128, MIB, results::results),
];

const fn target(
    name: &'static str,
    factor: u64,
    constant: u64,
    check: fn(&Allowance, &[u8]) -> bool,
) -> Target {
    Target { name, allowance: Allowance { factor, constant }, check }
}

/// The target called `name`.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

impl Target {
    /// Feeds `input` to the parser; whether it was accepted.
    ///
    /// # Panics
    /// If the parser breaks its contract.
    pub fn run(&self, input: &[u8]) -> bool {
        (self.check)(&self.allowance, input)
    }
}
