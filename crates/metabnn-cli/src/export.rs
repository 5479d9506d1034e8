//! `metabnn export`: results for other programs, models for devices.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use metabnn::export::{Costs, DeviceReport, ExportError, Exported, MODEL_FORMATS, ModelFormat, Unpackable};
use metabnn_lab::report::export::{EvaluationFormat, export_telling};
use metabnn_lab::report::folder::write_atomically;
use serde_json::json;

use crate::arguments::{Export, ExportFormat, Output, UsageError};
use crate::eval::{self, read};
use crate::output;

pub fn export(arguments: &Export, output: Output) -> anyhow::Result<()> {
    match arguments.to {
        ExportFormat::Results(format) => results(arguments, format, output),
        ExportFormat::Model(format) => model(arguments, format, output),
    }
}

fn results(arguments: &Export, format: &EvaluationFormat, output: Output) -> anyhow::Result<()> {
    let (from, name) = (&arguments.from, format.name);
    if from.is_file() {
        let given = format!("--to {name} takes a folder of results; {} is a file", from.display());
        let models = listed(MODEL_FORMATS);
        return Err(UsageError(format!("{given} (a model goes --to {models})")).into());
    }
    if arguments.statistics.is_some() {
        return Err(UsageError(format!("--statistics is for models; --to {name} takes results")).into());
    }
    let out = arguments.out.clone().unwrap_or_else(|| from.join(name));
    let files = export_telling(from, format, &out, output::warn)?;
    if output.json {
        return output::json(&json!({ "files": files }));
    }
    let folders: BTreeSet<&Path> = files.iter().filter_map(|file| file.parent()).collect();
    let runs = if folders.len() == 1 { "run" } else { "runs" };
    output::line(&format!("{name}: {}, {} {runs}", out.display(), folders.len()))
}

fn model(arguments: &Export, format: &ModelFormat, output: Output) -> anyhow::Result<()> {
    let (out, name, path) = (model_file(arguments, format)?, format.name, arguments.from.display());
    if arguments.statistics.is_some() && !format.takes_statistics {
        return Err(UsageError(format!("--statistics: --to {name} takes all that training kept")).into());
    }
    let mut saved = read(&arguments.from)?;
    saved.test_with(arguments.statistics.map(Into::into), None)?;
    let stem = out.file_stem().unwrap_or_default().to_string_lossy();
    let exported = format.export(&saved.model, &stem);
    let Exported { bytes, device } =
        exported.map_err(|error| anyhow!("{path}: {error}{}", remedy(&error)))?;
    write_atomically(&out, &bytes)?;
    if output.json {
        let mut document = json!({ "file": out, "bytes": bytes.len() });
        if let (Some(document), Some(device)) = (document.as_object_mut(), device) {
            let DeviceReport { states, images_checked, costs, .. } = device;
            document.extend([
                ("states".into(), json!(states)),
                ("images_checked".into(), json!(images_checked)),
                ("costs".into(), json!(costs)),
            ]);
        }
        return output::json(&document);
    }
    output::line(&format!("{name}: {}, {} bytes", out.display(), bytes.len()))?;
    device.map_or(Ok(()), |device| say(&device))
}

/// The file to be written, by default beside the model.
fn model_file(arguments: &Export, format: &ModelFormat) -> anyhow::Result<PathBuf> {
    let beside = |model: PathBuf| model.with_extension(format.extension);
    arguments.out.clone().map_or_else(|| eval::model_file(&arguments.from).map(beside), Ok)
}

/// What to do about it, in the words of the command and of recipes.
fn remedy(error: &ExportError) -> String {
    match error {
        ExportError::Unpackable { has } => {
            let setting = match has {
                Unpackable::RealWeights => "it was trained with network.precision = \"full-precision\"; ",
                Unpackable::Convolutions => "they are those of network.channels; ",
                Unpackable::LayerNorm => "it was trained with norm.kind = \"layer\"; ",
                Unpackable::InstanceNorm => "it was trained with norm.kind = \"instance\"; ",
                Unpackable::RealInputs => "network.input = \"sign\" makes signs of them; ",
                _ => "",
            };
            let any = MODEL_FORMATS.into_iter().filter(|format| format.takes_any_network);
            format!(" ({setting}--to {} takes any network)", listed(any))
        }
        ExportError::BatchStatistics => {
            "; train with norm.statistics = \"recalibrated\", or take the averages that training kept: --statistics kept \
             (metabnn eval has the same and says what accuracy is left)"
                .into()
        }
        _ => String::new(),
    }
}

/// "packed, c-header or npz"
fn listed(formats: impl IntoIterator<Item = &'static ModelFormat>) -> String {
    let names: Vec<&str> = formats.into_iter().map(|format| format.name).collect();
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => names.concat(),
    }
}

/// What a device gets, for people.
fn say(device: &DeviceReport) -> anyhow::Result<()> {
    let DeviceReport { states, images_checked, costs, .. } = device;
    output::line(&format!(
        "checked: the classes of the network on {images_checked} drawn images in each of {} states\n",
        states.len()
    ))?;
    for (number, state) in states.iter().enumerate() {
        output::line(&format!("state {number:3}  {state}"))?;
    }
    output::line("")?;
    say_costs(costs)
}

fn say_costs(costs: &Costs) -> anyhow::Result<()> {
    let Costs { flash, ram, operations, synaptic_operations: synaptic, .. } = costs;
    let (footprint, memory) = (costs.footprint, ram.scratch + ram.table);
    output::line(&format!(
        "flash        {footprint} bytes: weights {}, thresholds {}, output layer {}, pixel orders {}, header {}",
        flash.weights, flash.thresholds, flash.outputs, flash.orders, flash.header
    ))?;
    output::line(&format!(
        "RAM          {memory} bytes beside the pixels: sums and signs {}, table of sums {}",
        ram.scratch, ram.table
    ))?;
    output::line(&format!(
        "in floats    {} bytes, 4 for each of {} parameters: {:.1} times the flash",
        costs.float_bytes,
        costs.parameters,
        costs.float_bytes as f64 / footprint as f64
    ))?;
    output::line(&format!(
        "an inference {} multiply-accumulates of pixels by bits, {} of bits by bits, {} of real numbers",
        operations.pixels, operations.binary, operations.real
    ))?;
    output::line(&format!(
        "NeuroBench   footprint {footprint}, connection sparsity {:.1}, synaptic operations: dense {}, \
         effective MACs at most {} (black pixels do not count), effective ACs {}",
        costs.connection_sparsity, synaptic.dense, synaptic.effective_macs, synaptic.effective_acs
    ))
}
