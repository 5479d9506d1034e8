//! Makes a sample report from made-up results: `cargo run -p metabnn-lab --example sample_report -- FOLDER`

mod sample;

use std::path::PathBuf;
use std::process::ExitCode;

use metabnn_lab::report::{folder::read_summary, table, write_report};

fn main() -> ExitCode {
    let Some(out) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("expected a folder for the report");
        return ExitCode::from(2);
    };
    let made = sample::Sample::default()
        .write(&out)
        .and_then(|()| write_report(&out))
        .and_then(|report| Ok((report, read_summary(&out)?)));
    match made {
        Ok((report, summary)) => {
            println!("{}\n{}", table(&summary), report.html.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
