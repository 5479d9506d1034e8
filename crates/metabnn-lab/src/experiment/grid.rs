//! The runs of a recipe, shared out over jobs.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{io, thread};

use super::run_folder::RunFolder;
use super::work::{Job, Work};
use super::{Event, ExperimentError, Options, folder};
use crate::recipe::Run;
use crate::report::folder::{RunResults, Verify};
use crate::report::gather::read_settled;
use crate::report::summary::RunSummary;
use metabnn::data::Dataset;
use metabnn::kernels::Pool;
use metabnn::machine::Machine;
use metabnn::model::checkpoint::Digests;

/// Data sets and their digests, by name.
pub(super) type Sets = BTreeMap<String, (Dataset, String)>;

/// What became of each run that was begun, by its position.
pub(super) type Results = BTreeMap<usize, Result<RunSummary, ExperimentError>>;

/// All runs, and what they need.
pub(super) struct Grid<'a> {
    pub(super) runs: &'a [Run],
    pub(super) sets: &'a Sets,
    pub(super) options: &'a Options,
}

/// What the jobs share: the runs that are left, and what became of the others.
struct Board<O> {
    left: Range<usize>,
    results: Results,
    observe: O,
}

impl Grid<'_> {
    /// Does the `chosen` runs, the first ones first, as many at a time as there are jobs. A run that was asked to stop, or
    /// never begun, has no result.
    pub(super) fn work(
        &self,
        chosen: Range<usize>,
        observe: impl FnMut(usize, Event<'_>) + Send,
    ) -> Result<Results, ExperimentError> {
        // Before the first look at whether somebody asked: either it is seen there, or it is heeded.
        let _heeding = self.options.stop.heed();
        let jobs = self.options.jobs.clamp(1, chosen.len().max(1));
        if jobs > Pool::MAX_THREADS {
            let problem = format!("there can be {} at most", Pool::MAX_THREADS);
            let source = io::Error::new(io::ErrorKind::InvalidInput, problem);
            return Err(ExperimentError::Threads { jobs, source });
        }
        let board = Mutex::new(Board { left: chosen, results: Results::new(), observe });
        if jobs == 1 {
            self.job(&self.options.machine.stopped_by(&self.options.stop), &board);
        } else {
            let machines: Vec<Machine> =
                (0..jobs).map(|job| self.share(job, jobs)).collect::<Result<_, _>>()?;
            thread::scope(|scope| {
                // No run begins until all jobs are there.
                let mut waiting = lock(&board);
                for machine in &machines {
                    let job = || self.job(machine, &board);
                    if let Err(source) = thread::Builder::new().spawn_scoped(scope, job) {
                        waiting.left = 0..0;
                        return Err(ExperimentError::Threads { jobs, source });
                    }
                }
                Ok(())
            })?;
        }
        Ok(board.into_inner().unwrap_or_else(PoisonError::into_inner).results)
    }

    /// Does one run after the other until there is none, or a reason to begin no other.
    fn job<O: FnMut(usize, Event<'_>) + Send>(&self, machine: &Machine, board: &Mutex<Board<O>>) {
        loop {
            let Some(index) = lock(board).left.next() else { return };
            if self.options.stop.is_requested() {
                return;
            }
            let result = self.one(index, machine, |event| (lock(board).observe)(index, event)).transpose();
            let mut board = lock(board);
            match &result {
                None => return,
                Some(Ok((summary, found))) => {
                    (board.observe)(index, Event::Finished { summary, found: *found });
                }
                Some(Err(error)) => {
                    (board.observe)(index, Event::Failed { error });
                    if error.is_everywhere() {
                        board.left = 0..0;
                    }
                }
            }
            board.results.extend(result.map(|result| (index, result.map(|(summary, _)| summary))));
        }
    }

    /// One run: what it says of itself, and whether it was found done; `None` if it was asked to stop.
    fn one(
        &self,
        index: usize,
        machine: &Machine,
        observe: impl FnMut(Event<'_>),
    ) -> Result<Option<(RunSummary, bool)>, ExperimentError> {
        let (run, options) = (&self.runs[index], self.options);
        let digests = digests(run, self.sets);
        let found = || match options.fresh {
            true => Ok(None),
            false => finished(&options.out, run, &digests),
        };
        if let Some(summary) = found()? {
            return Ok(Some((summary, true)));
        }
        let work = Work::of(run, self.sets)?;
        let taken = RunFolder::take(&options.out, run, options.fresh)?;
        // Another process may just have finished it.
        match found() {
            Ok(None) => {}
            Ok(Some(summary)) => {
                taken.leave();
                return Ok(Some((summary, true)));
            }
            Err(error) => {
                taken.leave();
                return Err(error);
            }
        }
        let job = Job { run, folder: &taken, options, machine, digests: digests.clone(), observe };
        match job.work(work) {
            Ok(Some(done)) => Ok(Some((taken.complete(done)?, false))),
            Ok(None) => {
                taken.leave();
                Ok(None)
            }
            // It would go wrong in the same way again.
            Err(error @ ExperimentError::Train { .. }) => {
                taken.discard();
                Err(error)
            }
            Err(error) => {
                taken.leave();
                Err(error)
            }
        }
    }

    /// The threads and kernels of one of several jobs: its share of the machine, one thread at least.
    fn share(&self, job: usize, jobs: usize) -> Result<Machine, ExperimentError> {
        let whole = &self.options.machine;
        let threads = whole.pool.threads();
        let of_this = (job + 1) * threads / jobs - job * threads / jobs;
        Machine::new(of_this.max(1), whole.kernels.platform)
            .map(|machine| machine.stopped_by(&self.options.stop))
            .map_err(|source| ExperimentError::Threads { jobs, source })
    }
}

/// Digests of the data sets that `run` trains on.
pub(super) fn digests(run: &Run, sets: &Sets) -> Digests {
    let used = run.settings.data.sets.iter().filter(|_| run.settings.analysis.trains());
    used.map(|name| (name.clone(), sets[name].1.clone())).collect()
}

/// The summary of `run` if it was done here before, by this version, with these settings and on these data.
///
/// # Errors
/// [`ExperimentError::Damaged`] if what was done is no longer whole.
pub(super) fn finished(
    out: &Path,
    run: &Run,
    digests: &Digests,
) -> Result<Option<RunSummary>, ExperimentError> {
    let folder = out.join(folder(run));
    let is_empty = || fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_none());
    if fs::symlink_metadata(&folder).is_err() || is_empty() {
        return Ok(None);
    }
    match read_settled(&folder, Verify::Quick) {
        Some(Ok(RunResults { summary, .. })) => {
            let same_data = summary.data.is_empty() || summary.data == *digests;
            Ok((summary.hash == run.hash && same_data).then_some(summary))
        }
        Some(Err(problem)) => Err(ExperimentError::Damaged { folder, problem }),
        None => Ok(None),
    }
}

/// What the jobs share; a job that panicked left it whole.
fn lock<T>(board: &Mutex<T>) -> MutexGuard<'_, T> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}
