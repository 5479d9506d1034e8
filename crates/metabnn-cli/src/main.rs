//! The command `metabnn`: learn a stream of tasks, show what is kept.
#![forbid(unsafe_code)]

mod arguments;
mod bench;
mod data;
mod eval;
mod export;
mod list;
mod output;
mod progress;
mod report;
mod run;
mod signals;
mod slurm;
mod usage;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::Parser;
use metabnn::text;
use metabnn_data::DataError;
use metabnn_lab::experiment::ExperimentError;
use metabnn_lab::recipe::RecipeErrors;
use metabnn_lab::words;

fn main() -> ExitCode {
    let arguments = Arguments::try_parse().unwrap_or_else(|error| usage::usage(error));
    let output = arguments.output;
    let result = match arguments.command {
        Command::Run(run) => run::run(&run, output),
        Command::List(list) => list::list(&list, output),
        Command::Show(show) => list::show(&show, output),
        Command::Data(data) => data::data(&data, output),
        Command::Eval(eval) => eval::eval(&eval, output),
        Command::Bench(bench) => bench::bench(&bench, output),
        Command::Report(report) => report::report(&report, output),
        Command::Export(export) => export::export(&export, output),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => {
            messages(&error).iter().for_each(|message| output::note(&format!("error: {message}")));
            // A recipe is part of how the command is used: 2, as for a wrong argument.
            let usage = error.is::<arguments::UsageError>() || error.chain().any(|e| e.is::<RecipeErrors>());
            ExitCode::from(if usage { 2 } else { 1 })
        }
    }
}

/// Every error of a recipe; of anything else, the error with its causes and what helps.
fn messages(error: &anyhow::Error) -> Vec<String> {
    if let Some(RecipeErrors(errors)) = error.downcast_ref() {
        return errors.iter().map(ToString::to_string).collect();
    }
    vec![text::of_error(error.as_ref()) + &remedy(error)]
}

/// What helps where data are missing, in flags of this command.
fn remedy(error: &anyhow::Error) -> String {
    let experiment = error.chain().find_map(|cause| cause.downcast_ref::<ExperimentError>());
    if let Some(ExperimentError::Occupied { .. }) = experiment {
        return "; where it is a recipe of this name that was changed since, --fresh begins anew".into();
    }
    let of_data = error.chain().find_map(|cause| match cause.downcast_ref() {
        Some(ExperimentError::Data(error)) => Some(error),
        _ => cause.downcast_ref::<DataError>(),
    });
    match of_data {
        Some(DataError::NoFolder) => " (a folder is named by --data DIR)".into(),
        Some(DataError::NoMirror { .. }) => " (a server is named by --mirror URL, too)".into(),
        Some(error) => words::download_command(error)
            .map_or_else(String::new, |command| format!("; `{command}` downloads it")),
        None => String::new(),
    }
}
