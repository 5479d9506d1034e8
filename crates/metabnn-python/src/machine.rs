//! The threads and kernels of this process.

use std::sync::{Mutex, PoisonError};

use metabnn::kernels::Platform;
use metabnn::machine::Machine;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors::Raise;

/// A machine and the process whose threads it has.
struct Owned {
    process: u32,
    machine: Machine,
}

static OWNED: Mutex<Option<Owned>> = Mutex::new(None);

/// Most threads that can be asked for.
const MOST: usize = 1024;

/// The machine of this process. A forked process has its parent's memory but not its threads: it gets its own.
pub fn machine() -> PyResult<Machine> {
    let mut owned = OWNED.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    match &*owned {
        Some(owned) if owned.process == process => Ok(owned.machine.clone()),
        of_parent => {
            let threads =
                of_parent.as_ref().map_or_else(Machine::cores, |owned| owned.machine.pool.threads());
            let machine = start(threads)?;
            // Ending the pool of the parent would wait for threads that are not here.
            std::mem::forget(owned.replace(Owned { process, machine: machine.clone() }));
            Ok(machine)
        }
    }
}

fn start(threads: usize) -> PyResult<Machine> {
    Machine::new(threads, Platform::detect()).map_err(Raise::raise)
}

/// Sets the number of threads that work goes over from now on, 1 to 1024; at first there is one per core. It changes no
/// result. Networks that were made before take their new threads when they are next used.
#[pyfunction]
pub fn set_threads(threads: usize) -> PyResult<()> {
    if !(1..=MOST).contains(&threads) {
        return Err(PyValueError::new_err(format!("threads: 1 to {MOST}, not {threads}")));
    }
    let (process, machine) = (std::process::id(), start(threads)?);
    let mut owned = OWNED.lock().unwrap_or_else(PoisonError::into_inner);
    let before = owned.replace(Owned { process, machine });
    if before.as_ref().is_some_and(|before| before.process != process) {
        std::mem::forget(before);
    }
    Ok(())
}

/// The number of threads that work goes over.
#[pyfunction]
pub fn threads() -> PyResult<usize> {
    Ok(machine()?.pool.threads())
}
