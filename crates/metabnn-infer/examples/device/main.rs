//! What the firmware in `examples/cortex-m` does, on this machine: it prints the same lines.
//!
//! ```sh
//! cargo run --release -p metabnn-infer --no-default-features --example device
//! ```

mod demo;

use demo::{Failure, LEVELS, NUMBERS, SCRATCH};

/// What is written goes to the terminal.
struct Terminal;

impl std::fmt::Write for Terminal {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        print!("{text}");
        Ok(())
    }
}

fn main() -> Result<(), Failure> {
    demo::run(&mut [0; LEVELS], &mut [0.0; NUMBERS], &mut [0; SCRATCH], &mut Terminal)
}
