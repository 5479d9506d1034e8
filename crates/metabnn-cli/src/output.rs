//! Writing to standard output, where the reader may go away at any time (`metabnn list | head`), and to standard error. All
//! text goes out through here, so that what files and other programs call themselves does nothing to a terminal.

use std::env;
use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write};

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
    // Nobody may be there to read it.
    let _ = writeln!(io::stderr().lock(), "{}", text::message(message));
}

/// Says on standard error what does not keep the command from being done.
pub fn warn(text: &str) {
    note(&format!("warning: {text}"));
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

/// Whether bars can be drawn on `stream`: it is a terminal, and one that can move its cursor.
pub fn takes_bars(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && moves_cursor(env::var_os("TERM").as_deref())
}

/// Whether a terminal of this kind moves its cursor where it is told to. Windows does not name its terminals.
fn moves_cursor(kind: Option<&OsStr>) -> bool {
    match kind {
        None => cfg!(windows),
        Some(kind) => !["", "dumb", "unknown"].iter().any(|plain| kind == *plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_terminals_get_no_bars() {
        for kind in ["", "dumb", "unknown"] {
            assert!(!moves_cursor(Some(OsStr::new(kind))), "{kind:?}");
        }
        for kind in ["xterm-256color", "screen", "linux", "vt100"] {
            assert!(moves_cursor(Some(OsStr::new(kind))), "{kind}");
        }
        assert_eq!(moves_cursor(None), cfg!(windows));
    }
}
