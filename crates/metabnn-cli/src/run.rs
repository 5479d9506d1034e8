//! `metabnn run`

use std::path::PathBuf;

use metabnn::experiment::{self, Places};
use metabnn::recipe::Recipe;
use metabnn::report;

use crate::arguments::{Output, Run};
use crate::output;
use crate::progress::Display;

pub fn run(arguments: &Run, output: Output) -> anyhow::Result<()> {
    arguments.machine.prepare()?;
    let recipe = arguments.chosen.recipe()?;
    let out = arguments.out.clone().unwrap_or_else(|| default_folder(&recipe, arguments.chosen.is_changed()));
    let places = Places { data: arguments.data.folder.clone(), out, fresh: arguments.fresh };
    let mut display = Display::new(output);
    let summary = experiment::run(&recipe, &places, |event| display.show(&event))?;
    if output.json {
        return output::json(&serde_json::to_value(&summary)?);
    }
    let gap = if output.quiet { "" } else { "\n" };
    output::line(&format!("{gap}{}", report::table(&summary)))?;
    output::line(&format!("\nreport: {}", places.out.join("report.html").display()))
}

/// `results/RECIPE`; a changed recipe gets a folder of its own beside it.
fn default_folder(recipe: &Recipe, changed: bool) -> PathBuf {
    let name = if changed { format!("{}-{}", recipe.name, &recipe.hash()[..8]) } else { recipe.name.clone() };
    PathBuf::from("results").join(name)
}
