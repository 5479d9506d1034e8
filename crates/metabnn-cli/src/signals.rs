//! Ctrl-C, the signal to terminate and the closing of the terminal: the first one asks the experiment to stop, a later one
//! ends the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use metabnn_lab::experiment::Stop;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::output;

/// Time between two looks at what came.
const LOOK: Duration = Duration::from_millis(20);
/// Signals that come in so short a time are one request: job managers send theirs to a process and then to its group.
const TOGETHER: Duration = Duration::from_millis(500);

/// A signal, and whether it came since the last look.
type Watched = (i32, Arc<AtomicBool>);

/// From now on, a first signal is handed to `stop`. If nobody heeds that, or at a second signal, the program ends at once,
/// with the status that shells give to a program ended by that signal; `last_words` are said then, on one line.
pub fn stop_gently(stop: &Stop, last_words: String) -> anyhow::Result<()> {
    let (sender, watched) = channel::<Vec<Watched>>();
    let stop = stop.clone();
    let listener = thread::Builder::new().name("signals".into()).spawn(move || {
        if let Ok(watched) = watched.recv() {
            listen(&watched, &stop, &last_words);
        }
    });
    if listener.is_err() {
        // Without a thread that listens, signals had better do what they do otherwise: they end the program.
        return Ok(());
    }
    let watched = signals().into_iter().map(watch).collect::<Result<Vec<_>, _>>();
    Ok(sender.send(watched.context("cannot listen to Ctrl-C")?)?)
}

fn watch(signal: i32) -> std::io::Result<Watched> {
    let came = Arc::new(AtomicBool::new(false));
    flag::register(signal, came.clone())?;
    Ok((signal, came))
}

/// One thread sees all signals, one after the other: which of two was the first is no question of chance.
fn listen(watched: &[Watched], stop: &Stop, last_words: &str) -> ! {
    let mut first: Option<Instant> = None;
    loop {
        thread::sleep(LOOK);
        let came: Vec<i32> = watched
            .iter()
            .filter(|(_, came)| came.swap(false, Ordering::SeqCst))
            .map(|(signal, _)| *signal)
            .collect();
        let Some(signal) = came.first() else { continue };
        stop.request();
        let is_second = first.get_or_insert_with(Instant::now).elapsed() >= TOGETHER;
        if is_second || !stop.is_heeded() {
            output::note(&format!("error: {last_words}"));
            std::process::exit(128 + signal);
        }
    }
}

#[cfg(unix)]
fn signals() -> Vec<i32> {
    let hangup = signal_hook::consts::SIGHUP;
    [SIGINT, SIGTERM].into_iter().chain((!is_ignored(hangup)).then_some(hangup)).collect()
}

#[cfg(not(unix))]
fn signals() -> Vec<i32> {
    vec![SIGINT, SIGTERM]
}

/// Whether the program was started so that this signal does nothing, as `nohup` does with the closing of the terminal: that
/// has to stay so. Where it cannot be told, it is taken to be.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask >> (signal - 1) & 1 == 1)
}
