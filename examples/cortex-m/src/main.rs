//! Classifies and learns on a Cortex-M7, and prints what is known through semihosting. It ends with success or failure,
//! as a command does.
#![no_std]
#![no_main]

#[path = "../../../crates/metabnn-infer/examples/device/demo.rs"]
mod demo;

use core::fmt::Write;
use core::panic::PanicInfo;

use cortex_m_rt::entry;
use cortex_m_semihosting::debug::{self, EXIT_FAILURE, EXIT_SUCCESS};
use cortex_m_semihosting::hio;
use demo::{LEVELS, NUMBERS, SCRATCH};

#[entry]
fn main() -> ! {
    let levels = cortex_m::singleton!(: [i8; LEVELS] = [0; LEVELS]);
    let numbers = cortex_m::singleton!(: [f32; NUMBERS] = [0.0; NUMBERS]);
    let scratch = cortex_m::singleton!(: [u32; SCRATCH] = [0; SCRATCH]);
    let (Some(levels), Some(numbers), Some(scratch), Ok(mut out)) =
        (levels, numbers, scratch, hio::hstdout())
    else {
        end(EXIT_FAILURE)
    };
    match demo::run(levels, numbers, scratch, &mut out) {
        Ok(()) => end(EXIT_SUCCESS),
        Err(failure) => {
            // Where not even this can be written, the failure is the answer.
            let _ = writeln!(out, "error: {failure}");
            end(EXIT_FAILURE)
        }
    }
}

/// Ends the emulator, or stops in the debugger.
fn end(status: debug::ExitStatus) -> ! {
    loop {
        debug::exit(status);
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    if let Ok(mut out) = hio::hstdout() {
        let _ = writeln!(out, "{info}");
    }
    end(EXIT_FAILURE)
}
