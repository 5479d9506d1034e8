//! `metabnn report`

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use metabnn_lab::report::folder::Verify;
use metabnn_lab::report::{self, listing};
use serde_json::json;

use crate::arguments::{Output, Report, TableFormat};
use crate::{list, output};

pub fn report(arguments: &Report, output: Output) -> anyhow::Result<()> {
    if let ([folder], None) = (arguments.folders.as_slice(), &arguments.out)
        && folder.is_dir()
        && !listing::is_results(folder)
        && let Ok(found) = listing::list(folder)
    {
        list::results(&found, output)?;
        if !output.json && !output.quiet {
            output::line("\nmetabnn report DIR makes the report of one of them, of several side by side")?;
        }
        return Ok(());
    }
    let verify = if arguments.verify { Verify::Everything } else { Verify::Quick };
    let paths = match (arguments.folders.as_slice(), &arguments.out) {
        ([folder], None) => report::write_report_verified(folder, verify)?,
        (folders, out) => {
            let out = out.clone().unwrap_or_else(|| PathBuf::from("comparison"));
            report::compare_verified(folders, &out, verify)?
        }
    };
    paths.left_out.iter().for_each(|line| output::warn(line));
    if output.json {
        let tables = json!({"markdown": paths.markdown, "latex": paths.latex});
        return output::json(
            &json!({"html": paths.html, "figures": paths.figures, "tables": tables, "left_out": paths.left_out}),
        );
    }
    if let Some(format) = arguments.table {
        let path = match format {
            TableFormat::Markdown => &paths.markdown,
            TableFormat::Latex => &paths.latex,
        };
        let text = fs::read_to_string(path).with_context(|| format!("{}: cannot read", path.display()))?;
        return output::line(&text);
    }
    output::line(&format!("report: {}", paths.html.display()))
}
