//! `metabnn report`

use std::path::PathBuf;

use metabnn::report;
use serde_json::json;

use crate::arguments::{Output, Report};
use crate::output;

pub fn report(arguments: &Report, output: Output) -> anyhow::Result<()> {
    let paths = match (arguments.folders.as_slice(), &arguments.out) {
        ([folder], None) => report::write_report(folder)?,
        (folders, out) => {
            let out = out.clone().unwrap_or_else(|| PathBuf::from("comparison"));
            report::compare(folders, &out)?
        }
    };
    if output.json {
        return output::json(&json!({"html": paths.html, "figures": paths.figures}));
    }
    output::line(&format!("report: {}", paths.html.display()))
}
