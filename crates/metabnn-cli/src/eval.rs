//! `metabnn eval`

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use metabnn::evaluate::Score;
use metabnn::stream::Test;
use metabnn::text;
use metabnn_lab::report::folder::MODEL;
use metabnn_lab::saved::{SavedError, SavedRun};
use serde_json::json;

use crate::arguments::{Eval, Output, UsageError};
use crate::output::{self, percent};

pub fn eval(arguments: &Eval, output: Output) -> anyhow::Result<()> {
    arguments.machine.prepare()?;
    let path = arguments.model.display();
    let mut saved = read(&arguments.model)?;
    saved.test_with(arguments.statistics.map(Into::into), arguments.test_batch.map(|size| size as usize))?;
    let folder = arguments.data.folder.as_deref();
    let mut tests = match &arguments.data_set {
        Some(name) => {
            let set = metabnn_data::load(name, folder)?;
            saved.tests_on(&set).with_context(|| format!("{path} on {name}"))?
        }
        None => saved
            .tests(|name| metabnn_data::load(name, folder).map_err(anyhow::Error::from))
            .map_err(|error| with_remedy(error, &path.to_string()))?,
    };
    if arguments.last_state {
        tests.iter_mut().for_each(|test| test.experience = None);
    }
    let scores: Vec<_> = tests.iter().map(|test| (test, saved.evaluate(test))).collect();
    if output.json {
        let row = |(test, score): &(&Test, Score)| json!({"test": test.name, "images": test.samples.len(), "accuracy": score.accuracy, "loss": score.loss});
        return output::json(&scores.iter().map(row).collect());
    }
    let width =
        tests.iter().map(|test| text::name(&test.name).chars().count()).max().unwrap_or(0).max("test".len());
    output::line(&format!("{:width$}  accuracy    loss  images", "test"))?;
    for (test, score) in &scores {
        let accuracy = percent(score.accuracy);
        output::line(&format!(
            "{:width$}  {accuracy:>6} %  {:>6.4}  {:>6}",
            text::name(&test.name),
            score.loss,
            test.samples.len()
        ))?;
    }
    Ok(())
}

/// What to do about data that are not known to be the model's.
fn with_remedy(error: anyhow::Error, path: &str) -> anyhow::Error {
    match error.downcast_ref() {
        Some(SavedError::Arrays { .. } | SavedError::OtherData { .. } | SavedError::Unsure { .. }) => {
            anyhow!("{path}: {error}; --data-set NAME tests it on a set all the same")
        }
        Some(_) => error.context(path.to_owned()),
        None => error,
    }
}

/// The file of a model: the one given, or that of the one run in a folder.
///
/// # Errors
/// If a folder holds none, or several.
pub fn model_file(given: &Path) -> anyhow::Result<PathBuf> {
    if !given.is_dir() {
        return Ok(given.into());
    }
    let of_run = given.join(MODEL);
    if of_run.is_file() {
        return Ok(of_run);
    }
    let runs = fs::read_dir(given.join("runs")).into_iter().flatten().flatten();
    let mut models: Vec<PathBuf> =
        runs.map(|run| run.path().join(MODEL)).filter(|model| model.is_file()).collect();
    models.sort();
    match models.as_slice() {
        [] => {
            Err(UsageError(format!("{}: a folder without a model of a finished run", given.display())).into())
        }
        [model] => Ok(model.clone()),
        [first, ..] => Err(UsageError(format!(
            "{}: a folder with the models of {} runs; name one of them, such as {}",
            given.display(),
            models.len(),
            first.display()
        ))
        .into()),
    }
}

/// The model in a file, or of the one run in a folder.
pub fn read(path: &Path) -> anyhow::Result<SavedRun> {
    let path = &model_file(path)?;
    let bytes = fs::read(path).with_context(|| format!("{}: cannot read the model", path.display()))?;
    SavedRun::from_bytes(&bytes).with_context(|| path.display().to_string())
}
