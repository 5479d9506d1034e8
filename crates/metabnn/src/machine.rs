//! What the work is done with: kernels and threads, which change no result, and who may ask it to stop.

use std::sync::{Arc, OnceLock};
use std::{io, thread};

use crate::kernels::{Kernels, Platform, Pool};
use crate::stop::Stop;

/// The kernels of an instruction set, and a pool of threads. Cheap to clone: the threads are shared.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The inner loops.
    pub kernels: Kernels,
    /// The threads.
    pub pool: Arc<Pool>,
    /// Asks what is done on this machine to stop.
    pub stop: Stop,
}

static DEFAULT: OnceLock<Machine> = OnceLock::new();

impl Machine {
    /// `threads` threads (at least one) and the kernels of `platform`.
    ///
    /// # Errors
    /// If the threads cannot be started, or are more than [`Pool::MAX_THREADS`].
    ///
    /// # Panics
    /// If this machine lacks the platform.
    pub fn new(threads: usize, platform: Platform) -> io::Result<Self> {
        Ok(Self {
            kernels: Kernels::of(platform),
            pool: Arc::new(Pool::new(threads)?),
            stop: Stop::default(),
        })
    }

    /// The machine that networks are made on: the one that [`Machine::make_default`] was called with, else one thread
    /// per core and the widest instructions there are.
    pub fn get() -> &'static Self {
        DEFAULT.get_or_init(|| {
            let threads = Self::cores().min(Pool::MAX_THREADS);
            let kernels = Kernels::of(Platform::detect());
            // A pool of one starts no thread: what cannot be started can be done without.
            let pool = Pool::new(threads).or_else(|_| Pool::new(1)).expect("a pool of one thread");
            Self { kernels, pool: Arc::new(pool), stop: Stop::default() }
        })
    }

    /// The same kernels and threads for work that `stop` asks to stop.
    #[must_use]
    pub fn stopped_by(&self, stop: &Stop) -> Self {
        Self { stop: stop.clone(), ..self.clone() }
    }

    /// Cores that this process may use: as many threads as work at once.
    pub fn cores() -> usize {
        thread::available_parallelism().map_or(1, usize::from)
    }

    /// Makes this the default for the rest of the process; `false` if there was one already.
    pub fn make_default(self) -> bool {
        DEFAULT.set(self).is_ok()
    }
}
