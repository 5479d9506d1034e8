//! The command `metabnn`.
fn main() {}
