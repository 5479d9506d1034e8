//! `metabnn export`: results for other programs, models for devices.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use metabnn::export::{Costs, Packed, c_header, c_name, npz};
use metabnn::report::export::{Kind, export as write};
use metabnn::report::folder::write_atomically;
use serde_json::json;

use crate::arguments::{Export, ExportFormat, Output, UsageError};
use crate::eval::read;
use crate::output;

pub fn export(arguments: &Export, output: Output) -> anyhow::Result<()> {
    match arguments.to {
        ExportFormat::Tensorboard => results(arguments, Kind::TensorBoard, output),
        ExportFormat::Csv => results(arguments, Kind::AuthorsCsv, output),
        ExportFormat::Jsonl => results(arguments, Kind::JsonLines, output),
        ExportFormat::Packed => packed(arguments, "packed", output),
        ExportFormat::CHeader => packed(arguments, "h", output),
        ExportFormat::Npz => arrays(arguments, output),
    }
}

/// The name of the format.
fn name(format: ExportFormat) -> String {
    format.to_possible_value().map_or("export".into(), |value| value.get_name().to_owned())
}

fn results(arguments: &Export, kind: Kind, output: Output) -> anyhow::Result<()> {
    let (from, name) = (&arguments.from, name(arguments.to));
    if from.is_file() {
        let given = format!("--to {name} takes a folder of results; {} is a file", from.display());
        return Err(UsageError(format!("{given} (a model goes --to packed, c-header or npz)")).into());
    }
    if arguments.statistics.is_some() {
        return Err(UsageError(format!("--statistics is for models; --to {name} takes results")).into());
    }
    let out = arguments.out.clone().unwrap_or_else(|| from.join(&name));
    let files = write(from, kind, &out)?;
    if output.json {
        return output::json(&json!({ "files": files }));
    }
    let folders: BTreeSet<&Path> = files.iter().filter_map(|file| file.parent()).collect();
    let runs = if folders.len() == 1 { "run" } else { "runs" };
    output::line(&format!("{name}: {}, {} {runs}", out.display(), folders.len()))
}

/// The file to be written, by default beside the model.
fn model_file(arguments: &Export, ending: &str) -> anyhow::Result<PathBuf> {
    let (from, name) = (&arguments.from, name(arguments.to));
    if from.is_dir() {
        let given = format!("--to {name} takes a model; {} is a folder", from.display());
        let model = from.join("runs").join("NAME").join("model.safetensors");
        return Err(UsageError(format!("{given} (a run leaves its model as {})", model.display())).into());
    }
    Ok(arguments.out.clone().unwrap_or_else(|| from.with_extension(ending)))
}

fn arrays(arguments: &Export, output: Output) -> anyhow::Result<()> {
    let out = model_file(arguments, "npz")?;
    if arguments.statistics.is_some() {
        return Err(UsageError("--statistics: --to npz takes all that training kept".into()).into());
    }
    let model = read(&arguments.from)?;
    let bytes = npz(&model).with_context(|| arguments.from.display().to_string())?;
    write_atomically(&out, &bytes)?;
    if output.json {
        return output::json(&json!({ "file": out, "bytes": bytes.len() }));
    }
    output::line(&format!("npz: {}, {} bytes", out.display(), bytes.len()))
}

fn packed(arguments: &Export, ending: &str, output: Output) -> anyhow::Result<()> {
    let (out, path) = (model_file(arguments, ending)?, arguments.from.display());
    let mut model = read(&arguments.from)?;
    if let Some(statistics) = arguments.statistics {
        statistics.apply(&mut model.description.settings);
    }
    let packed = Packed::checked(&model).with_context(|| path.to_string())?;
    let (bytes, costs) = match arguments.to {
        ExportFormat::CHeader => {
            let stem = out.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            let (text, costs) = c_header(&packed, &c_name(&stem.unwrap_or_default()))?;
            (text.into_bytes(), costs)
        }
        _ => (packed.bytes.clone(), packed.costs),
    };
    write_atomically(&out, &bytes)?;
    if output.json {
        let (states, size) = (&packed.states, bytes.len());
        let document = json!({
            "file": out, "bytes": size, "states": states, "images_checked": Packed::DRAWN, "costs": costs,
        });
        return output::json(&document);
    }
    output::line(&format!("{}: {}, {} bytes", name(arguments.to), out.display(), bytes.len()))?;
    let states = packed.states.len();
    output::line(&format!(
        "checked: the classes of the network on {} drawn images in each of {states} states\n",
        Packed::DRAWN
    ))?;
    for (number, state) in packed.states.iter().enumerate() {
        output::line(&format!("state {number:3}  {state}"))?;
    }
    output::line("")?;
    say(&costs)
}

/// What it takes, for people.
fn say(costs: &Costs) -> anyhow::Result<()> {
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
