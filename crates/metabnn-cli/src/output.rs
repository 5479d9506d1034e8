//! Writing to standard output, where the reader may go away at any time (`metabnn list | head`), and to standard error. All
//! text goes out through here, so that what files and other programs call themselves does nothing to a terminal.

use std::io::{self, Write};

use anyhow::Context;
use metabnn::text;
use serde_json::Value;

/// Prints `text` and a line feed.
pub fn line(text: &str) -> anyhow::Result<()> {
    writeln!(io::stdout().lock(), "{}", text::lines(text.trim_end_matches('\n'))).context("standard output")
}

/// Prints one JSON document.
pub fn json(value: &Value) -> anyhow::Result<()> {
    let document = serde_json::to_string_pretty(value)?;
    writeln!(io::stdout().lock(), "{}", text::json(&document)).context("standard output")
}

/// Says something on standard error.
pub fn note(message: &str) {
    eprintln!("{}", text::message(message));
}

/// Says on standard error what does not keep the command from being done.
pub fn warn(text: &str) {
    // Nobody may be there to read it.
    let _ = writeln!(io::stderr().lock(), "warning: {text}");
}

/// Whether the error is that the reader of standard output went away: no failure of ours.
pub fn is_closed(error: &anyhow::Error) -> bool {
    let broken = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.downcast_ref::<io::Error>().is_some_and(broken)
}

/// A fraction as percent with one decimal.
pub fn percent(fraction: f64) -> String {
    format!("{:.1}", 100.0 * fraction)
}
