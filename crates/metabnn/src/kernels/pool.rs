//! The threads: started once, handed one job after the other.
//!
//! A job runs on all threads at once and is over when all of them are done with it. Most are lists of independent pieces
//! of work. Every thread starts with its own part of the list, the same in every training step, so that it finds its
//! synapses in its own caches; who is done early takes what others have left. Which thread does what changes no result.

use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// Turns of waiting for the next job before a thread goes to sleep: some tens of microseconds, which is longer than
/// the pauses within a training step. Waking a thread takes about as long.
const SPINS: usize = 5_000;

thread_local! {
    /// Whether this thread is at work on a job; what it shares out then, it does by itself.
    static WORKING: Cell<bool> = const { Cell::new(false) };
}

/// Called with the number of the thread.
type Job<'a> = &'a (dyn Fn(usize) + Sync);

/// A number of threads, the caller's own among them.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    /// Held while a job runs: jobs of several callers go one after the other.
    turn: Mutex<()>,
    workers: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Counts the jobs.
    number: AtomicUsize,
    /// Workers that are not yet done with the present job.
    busy: AtomicUsize,
    panicked: AtomicBool,
    sleepers: AtomicUsize,
    job: Mutex<Option<Handed>>,
    wake: Condvar,
}

/// A job as the workers see it, without its lifetime; `None` ends them.
#[derive(Clone, Copy)]
struct Handed(Job<'static>);

impl std::fmt::Debug for Handed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handed")
    }
}

/// The value behind `mutex`; a panic while it was held broke nothing here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// Most threads of a pool: far more than any machine has cores, and so few that all can wait for each other.
    pub const MAX_THREADS: usize = 1024;

    /// A pool of `threads` (at least one) in all: one fewer are started, the caller is the last.
    ///
    /// # Errors
    /// If there are to be more than [`Pool::MAX_THREADS`], or the system starts no more.
    pub fn new(threads: usize) -> std::io::Result<Self> {
        if threads > Self::MAX_THREADS {
            let problem = format!("{threads} threads: there can be {} at most", Self::MAX_THREADS);
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, problem));
        }
        let shared = Arc::new(Shared::default());
        let mut pool = Self { shared: shared.clone(), turn: Mutex::default(), workers: Vec::new() };
        for index in 1..threads {
            let shared = shared.clone();
            let builder = thread::Builder::new().name(format!("metabnn-{index}"));
            pool.workers.push(builder.spawn(move || shared.serve(index))?);
        }
        Ok(pool)
    }

    /// Number of threads, the caller's own among them.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Does `work` on every item: each thread on its part of them, in order.
    ///
    /// # Panics
    /// If `work` does.
    pub fn share<T: Send>(&self, items: impl IntoIterator<Item = T>, work: impl Fn(T) + Sync) {
        self.share_lists(self.parts(items), work);
    }

    /// The items in one list per thread, as even as can be, in order.
    pub fn parts<T>(&self, items: impl IntoIterator<Item = T>) -> Vec<Vec<T>> {
        let items: Vec<T> = items.into_iter().collect();
        let (count, threads) = (items.len(), self.threads());
        let mut items = items.into_iter();
        let ends = (1..=threads).map(|thread| thread * count / threads);
        ends.scan(0, |start, end| Some((std::mem::replace(start, end), end)))
            .map(|(start, end)| items.by_ref().take(end - start).collect())
            .collect()
    }

    /// Does `work` on the items of all lists: thread t on those of list t in order, then on what others have left, from
    /// the end.
    ///
    /// # Panics
    /// If `work` does.
    pub fn share_lists<T: Send>(&self, lists: Vec<Vec<T>>, work: impl Fn(T) + Sync) {
        let queues: Vec<_> = lists.into_iter().map(|list| Mutex::new(VecDeque::from(list))).collect();
        self.broadcast(&|thread| {
            let own = || lock(queues.get(thread)?).pop_front();
            while let Some(item) = own() {
                work(item);
            }
            for queue in &queues {
                let left = || lock(queue).pop_back();
                while let Some(item) = left() {
                    work(item);
                }
            }
        });
    }

    /// What `work` makes of every item, in the items' order.
    ///
    /// # Panics
    /// If `work` does.
    pub fn map<T: Send, R: Send>(
        &self,
        items: impl IntoIterator<Item = T>,
        work: impl Fn(T) -> R + Sync,
    ) -> Vec<R> {
        let results = Mutex::new(Vec::new());
        self.share(items.into_iter().enumerate(), |(index, item)| {
            let result = work(item);
            lock(&results).push((index, result));
        });
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_unstable_by_key(|(index, _)| *index);
        results.into_iter().map(|(_, result)| result).collect()
    }

    /// Runs `job` once on every thread; returns when all are done.
    fn broadcast(&self, job: Job<'_>) {
        if self.workers.is_empty() || WORKING.get() {
            return job(0);
        }
        let _turn = lock(&self.turn);
        // SAFETY: only the lifetime is changed. The workers use the reference between here and the moment when `busy`
        // is zero again, and this function does not return, nor unwind, before that: its own part of the job runs
        // under `catch_unwind`.
        let job_of_workers = unsafe { std::mem::transmute::<Job<'_>, Job<'static>>(job) };
        self.shared.hand(Some(Handed(job_of_workers)), self.workers.len());
        WORKING.set(true);
        let own = catch_unwind(AssertUnwindSafe(|| job(0)));
        WORKING.set(false);
        let mut turns = 0;
        while self.shared.busy.load(Ordering::Acquire) > 0 {
            turns += 1;
            if turns < SPINS { std::hint::spin_loop() } else { thread::yield_now() }
        }
        let others = self.shared.panicked.swap(false, Ordering::Relaxed);
        if let Err(panic) = own {
            resume_unwind(panic);
        }
        assert!(!others, "a thread of the pool panicked");
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.hand(None, 0);
        for worker in self.workers.drain(..) {
            // A worker catches the panics of its jobs.
            let _ = worker.join();
        }
    }
}

impl Shared {
    /// Makes `job` the present one and wakes who sleeps.
    fn hand(&self, job: Option<Handed>, workers: usize) {
        *lock(&self.job) = job;
        self.busy.store(workers, Ordering::Relaxed);
        self.number.fetch_add(1, Ordering::SeqCst);
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            // The lock makes sure that a worker about to sleep either sees the new number or hears the call.
            let _job = lock(&self.job);
            self.wake.notify_all();
        }
    }

    /// A worker's life.
    fn serve(&self, thread: usize) {
        WORKING.set(true);
        let mut seen = 0;
        loop {
            self.wait_beyond(seen);
            seen = seen.wrapping_add(1);
            let Some(Handed(job)) = *lock(&self.job) else { return };
            if catch_unwind(AssertUnwindSafe(|| job(thread))).is_err() {
                self.panicked.store(true, Ordering::Relaxed);
            }
            self.busy.fetch_sub(1, Ordering::Release);
        }
    }

    /// Returns when there is a job after number `seen`.
    fn wait_beyond(&self, seen: usize) {
        for _ in 0..SPINS {
            if self.number.load(Ordering::Acquire) != seen {
                return;
            }
            std::hint::spin_loop();
        }
        let mut job = lock(&self.job);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        while self.number.load(Ordering::SeqCst) == seen {
            job = self.wake.wait(job).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_done_once_and_results_keep_their_order() {
        for threads in 1..5 {
            let pool = Pool::new(threads).unwrap();
            assert_eq!(pool.threads(), threads);
            for count in [0, 1, 7, 100] {
                let squares = pool.map(0..count, |i: usize| i * i);
                assert_eq!(squares, (0..count).map(|i| i * i).collect::<Vec<_>>());
            }
            let mut values = vec![0; 50];
            pool.share(values.chunks_mut(7), |values| values.iter_mut().for_each(|value| *value += 1));
            assert_eq!(values, [1; 50]);
        }
    }

    #[test]
    fn more_threads_than_there_can_be_are_refused() {
        for threads in [Pool::MAX_THREADS + 1, 1 << 20, usize::MAX] {
            let error = Pool::new(threads).unwrap_err().to_string();
            assert_eq!(error, format!("{threads} threads: there can be 1024 at most"));
        }
    }

    #[test]
    fn what_a_job_shares_out_it_does_itself() {
        let pool = Pool::new(3).unwrap();
        let sums = pool.map(0..20_u32, |i| pool.map(0..i, |j| j).into_iter().sum::<u32>());
        assert_eq!(sums, (0..20).map(|i| i * (i.max(1) - 1) / 2).collect::<Vec<_>>());
    }

    #[test]
    fn sleeping_threads_wake_up() {
        let pool = Pool::new(2).unwrap();
        for _ in 0..3 {
            thread::sleep(std::time::Duration::from_millis(20));
            assert_eq!(pool.map(0..4, |i: i32| i + 1), [1, 2, 3, 4]);
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_goes_on() {
        let pool = Pool::new(2).unwrap();
        for bad in 0..4 {
            let run = || pool.share(0..4, |i: i32| assert!(i != bad, "piece {i}"));
            assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
            assert_eq!(pool.map(0..3, |i: i32| i), [0, 1, 2]);
        }
    }
}
