//! A value that several threads of Python use: any number of them read it, one alone changes it. Whoever has to wait does so
//! without Python's lock, and Ctrl-C ends the wait; only of a training, which may take hours, an error is said at once.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError, TryLockResult};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// Time between two tries.
const WAIT: Duration = Duration::from_millis(1);

/// A value with its lock.
pub struct Shared<T> {
    value: RwLock<T>,
    is_learning: AtomicBool,
}

impl<T> Shared<T> {
    pub fn new(value: T) -> Self {
        Self { value: RwLock::new(value), is_learning: AtomicBool::new(false) }
    }

    /// The value, to be read.
    pub fn read(&self, py: Python<'_>) -> PyResult<RwLockReadGuard<'_, T>> {
        self.wait(py, || self.value.try_read())
    }

    /// The value, for a change of a moment.
    pub fn write(&self, py: Python<'_>) -> PyResult<RwLockWriteGuard<'_, T>> {
        self.wait(py, || self.value.try_write())
    }

    /// The value, to learn for as long as it takes; what other threads ask of it meanwhile is refused.
    pub fn learn(&self, py: Python<'_>) -> PyResult<Learning<'_, T>> {
        if self.is_learning.swap(true, Ordering::AcqRel) {
            return Err(busy());
        }
        let flag = Flag(&self.is_learning);
        let value = wait(py, || self.value.try_write(), || Ok(()))?;
        Ok(Learning { value, _flag: flag })
    }

    fn wait<G>(&self, py: Python<'_>, attempt: impl FnMut() -> TryLockResult<G>) -> PyResult<G> {
        let is_free = || if self.is_learning.load(Ordering::Acquire) { Err(busy()) } else { Ok(()) };
        wait(py, attempt, is_free)
    }
}

/// Tries until `attempt` succeeds or `may_wait` fails, which is asked before every try.
fn wait<G>(
    py: Python<'_>,
    mut attempt: impl FnMut() -> TryLockResult<G>,
    may_wait: impl Fn() -> PyResult<()>,
) -> PyResult<G> {
    loop {
        may_wait()?;
        match attempt() {
            Ok(guard) => return Ok(guard),
            // A thread that ended in the midst of a change has said so.
            Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {}
        }
        py.check_signals()?;
        py.detach(|| thread::sleep(WAIT));
    }
}

fn busy() -> PyErr {
    PyRuntimeError::new_err("the network is learning just now, in another call")
}

/// A value that learns.
pub struct Learning<'a, T> {
    // Freed before the flag is taken back.
    value: RwLockWriteGuard<'a, T>,
    _flag: Flag<'a>,
}

impl<T> Deref for Learning<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Learning<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// Taken back at its end.
struct Flag<'a>(&'a AtomicBool);

impl Drop for Flag<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
