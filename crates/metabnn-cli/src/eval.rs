//! `metabnn eval`

use std::fs;

use anyhow::Context;
use metabnn::data;
use metabnn::evaluate::evaluate;
use metabnn::model::Model;
use metabnn::recipe::settings::{Settings, Statistics};
use metabnn::tasks::Test;
use serde_json::json;

use crate::arguments::{Eval, Output, TestStatistics};
use crate::output::{self, percent};

pub fn eval(arguments: &Eval, output: Output) -> anyhow::Result<()> {
    arguments.machine.prepare()?;
    let path = arguments.model.display();
    let bytes = fs::read(&arguments.model).with_context(|| format!("{path}: cannot read the model"))?;
    let model = Model::from_bytes(&bytes).with_context(|| path.to_string())?;
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

/// The settings of the model, with what the command line says of the test.
fn tested_with(arguments: &Eval, trained: &Settings) -> anyhow::Result<Settings> {
    let mut settings = trained.clone();
    match arguments.statistics {
        Some(TestStatistics::Batch) => settings.norm.statistics = Statistics::Batch,
        // Which ones they are was decided in training.
        Some(TestStatistics::Kept) if settings.norm.statistics == Statistics::Batch => {
            settings.norm.statistics = Statistics::Running;
        }
        Some(TestStatistics::Kept) | None => {}
    }
    if let Some(size) = arguments.test_batch {
        settings.schedule.test_batch = size as usize;
    }
    settings.check()?;
    Ok(settings)
}
