//! `metabnn eval`

use std::fs;

use anyhow::Context;
use metabnn::data;
use metabnn::evaluate::evaluate;
use metabnn::model::Model;
use metabnn::tasks::Test;
use serde_json::json;

use crate::arguments::{Eval, Output};
use crate::output::{self, percent};

pub fn eval(arguments: &Eval, output: Output) -> anyhow::Result<()> {
    arguments.machine.prepare()?;
    let path = arguments.model.display();
    let bytes = fs::read(&arguments.model).with_context(|| format!("{path}: cannot read the model"))?;
    let model = Model::from_bytes(&bytes).with_context(|| path.to_string())?;
    let settings = &model.description.settings;
    let sets = arguments.data_set.as_ref().map_or(settings.data.sets.clone(), |name| vec![name.clone()]);
    let mut tests: Vec<Test> = Vec::new();
    for name in &sets {
        let set = data::load(name, arguments.data.folder.as_deref())?;
        tests.extend(model.tests_on(&set).with_context(|| format!("{path} on {name}"))?);
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
