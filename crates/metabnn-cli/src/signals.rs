//! Ctrl-C and the signal to terminate: the first one asks the experiment to stop, the second one ends the program.

use anyhow::Context;
use metabnn_lab::experiment::Stop;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// From now on, a first signal is handed to `stop`. A second one ends the program at once, with the status that shells
/// give to a program ended by that signal.
pub fn stop_gently(stop: &Stop) -> anyhow::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // In this order: whether to end is decided before the flag is set.
        flag::register_conditional_shutdown(signal, 128 + signal, stop.flag())
            .and_then(|_| flag::register(signal, stop.flag()))
            .context("cannot listen to Ctrl-C")?;
    }
    Ok(())
}
