//! Asking work to stop before its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Asks work to stop, from another thread: what takes long looks at it every few milliseconds. Clones are one and the same.
///
/// A request is never taken back. What is cut short leaves no half of a result: a training goes back to where it can go on
/// from, an evaluation gives NaN.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<State>);

#[derive(Debug, Default)]
struct State {
    requested: AtomicBool,
    /// Those who have something to keep before they stop.
    heeding: AtomicUsize,
}

impl Stop {
    /// Asks.
    pub fn request(&self) {
        self.0.requested.store(true, Ordering::SeqCst);
    }

    /// Whether somebody asked.
    pub fn is_requested(&self) -> bool {
        self.0.requested.load(Ordering::SeqCst)
    }

    /// Says that there is something to keep if work is stopped, until what is returned is dropped.
    #[must_use = "it holds for as long as this lives"]
    pub fn heed(&self) -> Heeding {
        self.0.heeding.fetch_add(1, Ordering::SeqCst);
        Heeding(self.clone())
    }

    /// Whether somebody has something to keep. If not, the process may as well end at once.
    pub fn is_heeded(&self) -> bool {
        self.0.heeding.load(Ordering::SeqCst) > 0
    }
}

/// Somebody has something to keep: see [`Stop::heed`].
#[derive(Debug)]
pub struct Heeding(Stop);

impl Drop for Heeding {
    fn drop(&mut self) {
        self.0.0.heeding.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_heard_by_all_and_heeded_as_long_as_somebody_lives_who_does() {
        let stop = Stop::default();
        let other = stop.clone();
        let (first, second) = (stop.heed(), other.heed());
        drop(first);
        assert!(stop.is_heeded() && !stop.is_requested());
        other.request();
        assert!(stop.is_requested());
        drop(second);
        assert!(!other.is_heeded());
    }
}
