//! `metabnn eval`

use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow};
use metabnn::evaluate::Score;
use metabnn::stream::Test;
use metabnn::text;
use metabnn_lab::saved::{SavedError, SavedRun};
use serde_json::json;

use crate::arguments::{Eval, Output};
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

/// The model in a file.
pub fn read(path: &Path) -> anyhow::Result<SavedRun> {
    let bytes = fs::read(path).with_context(|| format!("{}: cannot read the model", path.display()))?;
    SavedRun::from_bytes(&bytes).with_context(|| path.display().to_string())
}
