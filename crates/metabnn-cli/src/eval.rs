//! `metabnn eval`

use std::fs;
use std::path::Path;

use anyhow::Context;
use metabnn::data;
use metabnn::evaluate::evaluate;
use metabnn::model::Model;
use metabnn::recipe::settings::Settings;
use metabnn::tasks::Test;
use serde_json::json;

use crate::arguments::{Eval, Output};
use crate::output::{self, percent};

pub fn eval(arguments: &Eval, output: Output) -> anyhow::Result<()> {
    arguments.machine.prepare()?;
    let path = arguments.model.display();
    let model = read(&arguments.model)?;
    let settings = &tested_with(arguments, &model.description.settings)?;
    let sets = arguments.data_set.as_ref().map_or(settings.data.sets.clone(), |name| vec![name.clone()]);
    let mut tests: Vec<Test> = Vec::new();
    for name in &sets {
        let set = data::load(name, arguments.data.folder.as_deref())?;
        tests.extend(model.tests_on(&set).with_context(|| format!("{path} on {name}"))?);
    }
    if arguments.last_state {
        tests.iter_mut().for_each(|test| test.phase = None);
    }
    let scores: Vec<_> = tests
        .iter()
        .map(|test| (test, evaluate(&model.knowledge, &test.images, test.phase, settings)))
        .collect();
    if output.json {
        let row = |(test, score): &(&Test, metabnn::evaluate::Score)| json!({"test": test.name, "images": test.images.len(), "accuracy": score.accuracy, "loss": score.loss});
        return output::json(&scores.iter().map(row).collect());
    }
    let width = tests.iter().map(|test| test.name.len()).max().unwrap_or(0).max("test".len());
    output::line(&format!("{:width$}  accuracy    loss  images", "test"))?;
    for (test, score) in &scores {
        let accuracy = percent(score.accuracy);
        output::line(&format!(
            "{:width$}  {accuracy:>6} %  {:>6.4}  {:>6}",
            test.name,
            score.loss,
            test.images.len()
        ))?;
    }
    Ok(())
}

/// The model in a file.
pub fn read(path: &Path) -> anyhow::Result<Model> {
    let bytes = fs::read(path).with_context(|| format!("{}: cannot read the model", path.display()))?;
    Model::from_bytes(&bytes).with_context(|| path.display().to_string())
}

/// The settings of the model, with what the command line says of the test.
fn tested_with(arguments: &Eval, trained: &Settings) -> anyhow::Result<Settings> {
    let mut settings = trained.clone();
    if let Some(statistics) = arguments.statistics {
        statistics.apply(&mut settings);
    }
    if let Some(size) = arguments.test_batch {
        settings.schedule.test_batch = size as usize;
    }
    settings.check()?;
    Ok(settings)
}
