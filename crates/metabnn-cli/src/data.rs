//! `metabnn data`

use std::io;
use std::path::Path;

use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};
use metabnn_data::catalogue::{self, Entry, Source};
use metabnn_data::fetch::{FetchOptions, Progress, fetch};
use metabnn_data::{DataError, FileState, default_folder};
use serde_json::json;

use crate::arguments::{Data, DataCommand, DataFolder, Fetch, Output, Verify};
use crate::output;

pub fn data(arguments: &Data, output: Output) -> anyhow::Result<()> {
    match &arguments.command {
        DataCommand::List(folder) => list(folder, output),
        DataCommand::Fetch(fetch) => fetch_sets(fetch, output),
        DataCommand::Verify(verify) => verify_sets(verify, output),
    }
}

/// The named entries, or all.
fn entries(names: &[String]) -> anyhow::Result<Vec<Entry>> {
    if names.is_empty() {
        return Ok(catalogue::entries());
    }
    Ok(names.iter().map(|name| catalogue::find(name)).collect::<Result<_, _>>()?)
}

fn list(data: &DataFolder, output: Output) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for entry in catalogue::entries() {
        let place = match &entry.source {
            Source::Drawn(_) => "built in".to_string(),
            Source::Files(_) | Source::Records(_) => match entry.verify(data.folder.as_deref()) {
                Ok(files) if files.iter().all(|file| file.state.is_right()) => "here".into(),
                Ok(files) if files.iter().all(|file| file.state.is_right() || is_own(&file.state)) => {
                    "own files".into()
                }
                Ok(_) => "incomplete".into(),
                Err(_) => "not here".into(),
            },
        };
        rows.push((entry, place));
    }
    if output.json {
        let row = |(entry, place): &(Entry, String)| json!({"name": entry.name, "title": entry.title, "train": entry.train, "test": entry.test, "state": place});
        return output::json(&rows.iter().map(row).collect());
    }
    for (entry, place) in &rows {
        output::line(&format!("{:<14} {:<11} {}", entry.name, place, entry.title))?;
    }
    output::line(&format!("\nfolder of downloads: {}", default_folder(data.folder.as_deref())?.display()))
}

fn fetch_sets(arguments: &Fetch, output: Output) -> anyhow::Result<()> {
    let folder = default_folder(arguments.data.folder.as_deref())?;
    let mut options = FetchOptions::from_env();
    options.mirrors.splice(0..0, arguments.mirror.iter().cloned());
    let mut wanted = entries(&arguments.sets)?;
    if arguments.sets.is_empty() && options.mirrors.is_empty() {
        // Asked for everything: leave out what nobody publishes, instead of failing on it.
        wanted.retain(|entry| matches!(&entry.source, Source::Files(files) if !files.mirrors.is_empty()));
    }
    let mut fetched = Vec::new();
    for entry in &wanted {
        let mut bar = Bar::new(output);
        let mut has_own = false;
        let paths = fetch(entry, &folder, &options, &mut |progress| {
            has_own |= matches!(progress, Progress::Own { .. });
            bar.show(&progress);
        })?;
        bar.bar.finish_and_clear();
        match output.json {
            true => fetched.push(json!({"name": entry.name, "files": paths})),
            false => output::line(&finished(entry, paths.first().and_then(|path| path.parent()), has_own))?,
        }
    }
    if output.json { output::json(&fetched.into()) } else { Ok(()) }
}

/// Whether a file is somebody's own, which is no fault.
fn is_own(state: &FileState) -> bool {
    matches!(state, FileState::Own { .. })
}

/// What is said of a set that is complete in `place`; none has one that the program draws.
fn finished(entry: &Entry, place: Option<&Path>, has_own: bool) -> String {
    match place {
        None => format!("{}: built in, nothing to download", entry.name),
        Some(place) if has_own => {
            format!("{}: own files in {}, left as they are", entry.name, place.display())
        }
        Some(place) => format!("{}: complete in {}", entry.name, place.display()),
    }
}

/// A bar per file on a terminal, lines elsewhere.
struct Bar {
    bar: ProgressBar,
    terminal: bool,
    quiet: bool,
}

impl Bar {
    fn new(output: Output) -> Self {
        let quiet = output.quiet || output.json;
        Self { bar: ProgressBar::hidden(), terminal: output::takes_bars(&io::stderr()), quiet }
    }

    fn show(&mut self, progress: &Progress<'_>) {
        match progress {
            Progress::Started { file, url } => {
                self.say(&format!("{file} from {url}"));
                if self.terminal && !self.quiet {
                    self.bar = ProgressBar::no_length();
                    if let Ok(style) = ProgressStyle::with_template(
                        "{wide_bar:.cyan/blue} {bytes}/{total_bytes}  {eta} left",
                    ) {
                        self.bar.set_style(style);
                    }
                }
            }
            Progress::Bytes { done, total, .. } => {
                if let Some(total) = total {
                    self.bar.set_length(*total);
                }
                self.bar.set_position(*done);
            }
            Progress::Failed { file, attempt } => self.say(&format!("{file}: {attempt}")),
            Progress::MovedAside { from, to } => {
                self.say(&format!("{} is not the published file; kept as {}", from.display(), to.display()));
            }
            Progress::Waiting { folder } => {
                self.say(&format!("waiting for another download into {}", folder.display()))
            }
            Progress::Done { .. } => self.bar.finish_and_clear(),
            _ => {}
        }
    }

    fn say(&self, message: &str) {
        if !self.quiet {
            self.bar.suspend(|| output::note(message));
        }
    }
}

fn verify_sets(arguments: &Verify, output: Output) -> anyhow::Result<()> {
    let (mut rows, mut wrong) = (Vec::new(), 0);
    for entry in entries(&arguments.sets)? {
        let files = match entry.verify(arguments.data.folder.as_deref()) {
            // Asked for everything: a set that was never fetched is no fault.
            Err(DataError::NotFetched { .. } | DataError::ByHand { .. }) if arguments.sets.is_empty() => {
                match output.json {
                    true => rows
                        .push(json!({"set": entry.name, "path": null, "right": null, "state": "not here"})),
                    false => output::line(&format!("{}: not here", entry.name))?,
                }
                continue;
            }
            files => files?,
        };
        for file in files {
            let state = file.state.to_string();
            // Neither right nor wrong: whether it is what it should be is for whoever made it to say.
            let right = Some(file.state.is_right()).filter(|_| !is_own(&file.state));
            wrong += usize::from(right == Some(false));
            match output.json {
                true => {
                    rows.push(json!({"set": entry.name, "path": file.path, "right": right, "state": state}))
                }
                false => output::line(&format!("{}: {state}", file.path.display()))?,
            }
        }
    }
    if output.json {
        output::json(&rows.into())?;
    }
    if wrong > 0 {
        bail!(
            "{wrong} {} missing or damaged; `metabnn data fetch` downloads what is missing, and keeps what it replaces",
            if wrong == 1 { "file is" } else { "files are" }
        );
    }
    Ok(())
}
