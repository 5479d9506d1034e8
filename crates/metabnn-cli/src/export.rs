//! `metabnn export`

use std::collections::BTreeSet;
use std::path::Path;

use clap::ValueEnum;
use metabnn::report::export::{Kind, export as write};
use serde_json::json;

use crate::arguments::{Export, ExportFormat, Output};
use crate::output;

pub fn export(arguments: &Export, output: Output) -> anyhow::Result<()> {
    let kind = match arguments.to {
        ExportFormat::Tensorboard => Kind::TensorBoard,
        ExportFormat::Csv => Kind::AuthorsCsv,
        ExportFormat::Jsonl => Kind::JsonLines,
    };
    let name = arguments.to.to_possible_value();
    let name = name.as_ref().map_or("export", |value| value.get_name());
    let out = arguments.out.clone().unwrap_or_else(|| arguments.results.join(name));
    let files = write(&arguments.results, kind, &out)?;
    if output.json {
        return output::json(&json!({ "files": files }));
    }
    let folders: BTreeSet<&Path> = files.iter().filter_map(|file| file.parent()).collect();
    let runs = if folders.len() == 1 { "run" } else { "runs" };
    output::line(&format!("{name}: {}, {} {runs}", out.display(), folders.len()))
}
