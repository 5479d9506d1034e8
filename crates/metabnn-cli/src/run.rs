//! `metabnn run`

use std::path::{Path, PathBuf};
use std::time::Duration;

use metabnn_lab::experiment::{self, ExperimentError, Options, Stop};
use metabnn_lab::report;

use crate::arguments::{Output, Run};
use crate::output;
use crate::progress::Display;
use crate::signals;
use crate::slurm;

/// Where results go unless it is said.
pub const RESULTS: &str = "results";

pub fn run(arguments: &Run, output: Output) -> anyhow::Result<()> {
    slurm::check(arguments)?;
    let recipe = arguments.chosen.recipe()?;
    let out = arguments.out.clone().unwrap_or_else(|| PathBuf::from(RESULTS).join(recipe.label()));
    if arguments.engine.is_slurm() {
        return slurm::run(arguments, &recipe, &out, output);
    }
    arguments.machine.prepare()?;
    let options = Options {
        data: arguments.data.folder.clone(),
        fresh: arguments.fresh,
        resume: arguments.resume,
        only: arguments.index,
        jobs: usize::from(arguments.jobs),
        checkpoint_every: Duration::from_secs(arguments.checkpoint.into()),
        tensorboard: arguments.tensorboard,
        stop: Stop::default(),
        ..Options::new(out)
    };
    let last_words = format!(
        "stopped; what the runs have come to is kept; to go on: {}",
        resuming(arguments, &options.out)
    );
    signals::stop_gently(&options.stop, last_words)?;
    let mut display = Display::new(output, recipe.runs()?.len(), arguments.index.is_some());
    let result = experiment::run(&recipe, &options, |run, event| display.show(run, &event));
    display.close();
    let summary = match result {
        Err(ExperimentError::Stopped { .. }) if !options.out.exists() => {
            anyhow::bail!("stopped before there was anything to keep");
        }
        Err(error @ ExperimentError::Stopped { .. }) => {
            anyhow::bail!("{error}; to go on: {}", resuming(arguments, &options.out));
        }
        result => result?,
    };
    if output.json {
        return output::json(&serde_json::to_value(&summary)?);
    }
    let gap = if output.quiet { "" } else { "\n" };
    output::line(&format!("{gap}{}", report::table(&summary)))?;
    match arguments.index {
        Some(_) => output::line(&format!("\nreport of all runs: metabnn report {}", quoted(&options.out))),
        None => output::line(&format!("\nreport: {}", options.out.join("report.html").display())),
    }
}

/// The command that goes on with an experiment that was stopped.
fn resuming(arguments: &Run, out: &Path) -> String {
    let mut words = vec!["metabnn run".into(), quoted(&out.join("recipe.toml")), "--out".into(), quoted(out)];
    words.extend(arguments.data.folder.iter().flat_map(|data| ["--data".into(), quoted(data)]));
    words.extend(arguments.index.map(|index| format!("--index {index}")));
    words.extend((arguments.jobs > 1).then(|| format!("--jobs {}", arguments.jobs)));
    words.push("--resume".into());
    words.join(" ")
}

/// A path as a shell takes it.
pub fn quoted(path: &Path) -> String {
    experiment::slurm::quoted(&path.display().to_string())
}
