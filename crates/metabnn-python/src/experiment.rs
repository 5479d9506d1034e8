//! Running a recipe.

use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use metabnn::metrics::Evaluation;
use metabnn_lab::experiment::{self, Event, Options, Stop};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use serde_json::{Value as Json, json};

use crate::errors::{OrRaise, message};
use crate::machine::machine;
use crate::recipe::Recipe;

/// Time between two looks at what Python wants: short enough for a person who presses Ctrl-C.
pub const LOOK: Duration = Duration::from_millis(50);
/// How long the end of an interrupted experiment is waited for.
const PATIENCE: Duration = Duration::from_millis(800);

/// Runs a recipe as the command does; gives `summary.json`. `on_event` hears of each event, as JSON, on the thread that
/// called. An exception in there, or Ctrl-C, makes every run at work write a checkpoint and stop.
#[pyfunction]
#[pyo3(signature = (recipe, out, *, data=None, fresh=false, resume=false, only=None, jobs=1, checkpoint_every=60.0,
                    tensorboard=false, on_event=None))]
#[allow(clippy::too_many_arguments)] // keywords of Python
pub fn run(
    py: Python<'_>,
    recipe: &Recipe,
    out: PathBuf,
    data: Option<PathBuf>,
    fresh: bool,
    resume: bool,
    only: Option<usize>,
    jobs: usize,
    checkpoint_every: f64,
    tensorboard: bool,
    on_event: Option<Py<PyAny>>,
) -> PyResult<String> {
    let stop = Stop::default();
    let options = Options {
        data,
        fresh,
        resume,
        only,
        jobs,
        checkpoint_every: Duration::try_from_secs_f64(checkpoint_every)
            .map_err(|error| pyo3::exceptions::PyValueError::new_err(format!("checkpoint_every: {error}")))?,
        tensorboard,
        machine: machine()?,
        stop: stop.clone(),
        ..Options::new(out)
    };
    let recipe = recipe.recipe.clone();
    let (sender, mut events) = channel();
    let worker = thread::Builder::new().spawn(move || {
        let mut reporter = Reporter { sender, last: None };
        experiment::run(&recipe, &options, |run, event| reporter.tell(run, &event))
    });
    let worker = worker.or_raise()?;
    let mut raised = None;
    loop {
        let waiting = &mut events;
        let event = py.detach(move || waiting.recv_timeout(LOOK));
        let heard = match (event, &on_event) {
            (Ok(event), Some(on_event)) if raised.is_none() => {
                on_event.call1(py, (event.to_string(),)).map(|_| ())
            }
            (Err(RecvTimeoutError::Disconnected), _) => break,
            _ => Ok(()),
        };
        if let Err(error) = heard.and_then(|()| py.check_signals()) {
            stop.request();
            raised.get_or_insert(error);
        }
        if raised.is_some() && !stop.is_heeded() {
            break;
        }
    }
    if let Some(error) = raised {
        // No run is at work, and there is nothing more to keep. A report may go on for longer than a person waits.
        let since = Instant::now();
        while !worker.is_finished() && since.elapsed() < PATIENCE {
            py.detach(|| thread::sleep(LOOK / 10));
        }
        return Err(error);
    }
    let result = py.detach(|| worker.join());
    let result =
        result.map_err(|_| PyRuntimeError::new_err("the experiment ended with an internal error"))?;
    Ok(json!(result.or_raise()?).to_string())
}

/// Takes a folder for the results of a recipe whose runs are done elsewhere; tells which of them are finished there.
#[pyfunction]
pub fn claim(recipe: &Recipe, out: PathBuf) -> PyResult<Vec<bool>> {
    experiment::claim(&recipe.recipe, &out).or_raise()
}

/// Tells Python what happens, and of mere steps not too often.
struct Reporter {
    sender: Sender<Json>,
    last: Option<Instant>,
}

impl Reporter {
    fn tell(&mut self, run: usize, event: &Event<'_>) {
        let is_due = self.last.is_none_or(|last| last.elapsed() >= LOOK);
        if let Some(event) = describe(run, event, is_due) {
            self.last = Some(Instant::now());
            // Whoever listened may have gone.
            let _ = self.sender.send(event);
        }
    }
}

/// The event as JSON; none of a step of which nothing but its number is to be said, unless that is due.
fn describe(index: usize, event: &Event<'_>, is_due: bool) -> Option<Json> {
    let row = |row: &Evaluation| {
        json!({"task_trained": row.task_trained, "epoch": row.epoch, "split": row.split,
               "task_evaluated": row.task_evaluated, "accuracy": row.accuracy, "loss": row.loss})
    };
    Some(match event {
        Event::Started { run, done, steps } => {
            json!({"kind": "started", "run": index, "name": run.name, "done": done, "steps": steps})
        }
        Event::Progress(progress) if is_due || !progress.evaluations.is_empty() => {
            json!({"kind": "progress", "run": index, "task": progress.task, "epoch": progress.epoch,
                   "done": progress.steps, "steps": progress.total_steps,
                   "evaluations": progress.evaluations.iter().map(row).collect::<Vec<_>>()})
        }
        Event::Analyzed { steps, .. } if is_due => json!({"kind": "analysed", "run": index, "done": steps}),
        Event::Finished { summary, found } => {
            json!({"kind": "finished", "run": index, "found": found, "summary": summary})
        }
        Event::Note { note } => json!({"kind": "note", "run": index, "note": note}),
        Event::Failed { error } => json!({"kind": "failed", "run": index, "error": message(*error)}),
        _ => return None,
    })
}
