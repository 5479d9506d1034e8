//! `metabnn list` and `metabnn show`

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use metabnn::machine::Machine;
use metabnn_data::catalogue;
use metabnn_lab::needs::RunMemory;
use metabnn_lab::recipe::{Preset, Recipe, Run, builtin};
use metabnn_lab::report::listing;
use serde_json::json;

use crate::arguments::{Chosen, List, Listed, Output};
use crate::output::{self, percent};
use crate::run::RESULTS;

pub fn list(arguments: &List, output: Output) -> anyhow::Result<()> {
    match arguments.what {
        Some(Listed::Results) => {
            results(&listing::list(arguments.folder.as_deref().unwrap_or(Path::new(RESULTS)))?, output)
        }
        None => built_in(output),
    }
}

/// The folders of results that were found in a folder.
pub fn results(found: &[listing::Listed], output: Output) -> anyhow::Result<()> {
    if output.json {
        return output::json(&json!({ "results": found }));
    }
    let mut lines = vec![["folder", "recipe", "runs", "average", "set"].map(String::from)];
    lines.extend(found.iter().map(|one| {
        let planned = one.planned.map_or("?".into(), |planned| planned.to_string());
        let average = one.average_accuracy.map_or("-".into(), |average| format!("{} %", percent(average)));
        let runs = format!("{} of {planned}", one.done);
        [one.folder.display().to_string(), one.recipe.clone(), runs, average, one.set.clone()]
    }));
    let widths =
        [0, 1, 2, 3].map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0));
    for [folder, recipe, runs, average, set] in &lines {
        let [folders, recipes, all, averages] = widths;
        let line = format!("{folder:folders$}  {recipe:recipes$}  {runs:all$}  {average:>averages$}  {set}");
        output::line(line.trim_end())?;
    }
    Ok(())
}

fn built_in(output: Output) -> anyhow::Result<()> {
    let recipes: Result<Vec<Recipe>, _> =
        builtin::builtin().iter().map(|(name, text)| Recipe::from_toml(text, name, &[], None)).collect();
    let (recipes, sets) = (recipes?, catalogue::entries());
    if output.json {
        let preset = |p: &Preset| json!({"name": p.name, "cost": p.cost});
        let recipe = |r: &Recipe| {
            json!({"name": r.name, "title": r.title, "shows": r.shows, "cost": r.cost,
                   "presets": r.presets.iter().map(preset).collect::<Vec<_>>()})
        };
        let set = |e: &catalogue::Entry| {
            json!({"name": e.name, "title": e.title, "channels": e.shape.channels, "rows": e.shape.rows,
                   "columns": e.shape.columns, "classes": e.classes,
                   "train": e.train, "test": e.test})
        };
        let (recipes, sets): (Vec<_>, Vec<_>) =
            (recipes.iter().map(recipe).collect(), sets.iter().map(set).collect());
        return output::json(&json!({"recipes": recipes, "data_sets": sets}));
    }
    output::line("Recipes (metabnn run NAME, metabnn show NAME)")?;
    for recipe in &recipes {
        output::line(&format!("\n  {}\n    {}", recipe.name, recipe.title))?;
        for (what, text) in [("shows", &recipe.shows), ("cost", &recipe.cost)] {
            output::line(&format!("    {what}: {text}"))?;
        }
        for Preset { name, cost } in &recipe.presets {
            output::line(&format!("    --set preset={name}: {cost}"))?;
        }
    }
    output::line("\nData sets (metabnn data fetch NAME)\n")?;
    for set in &sets {
        let catalogue::Entry { name, title, shape, classes, train, test, .. } = set;
        output::line(&format!("  {name:<14} {title}; {shape}, {classes} classes, {train} + {test} samples"))?;
    }
    Ok(())
}

pub fn show(chosen: &Chosen, output: Output) -> anyhow::Result<()> {
    let recipe = chosen.recipe()?;
    let runs = recipe.runs()?;
    if output.json {
        let runs: Result<Vec<_>, _> = runs
            .iter()
            .map(|run| {
                let settings = serde_json::to_value(&run.settings).context("settings as JSON")?;
                let memory = RunMemory::new(&run.settings, Machine::cores());
                let memory = memory.map(|memory| (memory, memory.total()));
                let memory = memory.map(|(RunMemory { data, stream, network }, total)| {
                    json!({"data": data, "stream": stream, "network": network, "total": total})
                });
                anyhow::Ok(json!({"name": run.name, "arm": run.arm, "hash": run.hash, "settings": settings,
                                  "memory": memory, "notes": run.settings.expected_notes()}))
            })
            .collect();
        return output::json(&json!({"name": recipe.name, "toml": recipe.to_toml(), "runs": runs?}));
    }
    output::line(&recipe.to_toml())?;
    output::line(&format!("\n# {} {}:", runs.len(), if runs.len() == 1 { "run" } else { "runs" }))?;
    let width = runs.len().saturating_sub(1).to_string().len();
    let line = |(index, run): (usize, &Run)| format!("#   {index:>width$}  {}  {}", run.hash, run.name);
    runs.iter().enumerate().try_for_each(|run| output::line(&line(run)))?;
    let memory = runs.iter().filter_map(|run| RunMemory::new(&run.settings, Machine::cores()));
    if let Some(most) = memory.max_by_key(RunMemory::total).filter(|most| most.total() > 0) {
        let of = if runs.len() == 1 { "memory" } else { "memory of the largest run" };
        output::line(&format!("# {of}: {}", most.words()))?;
    }
    let notes: BTreeSet<String> = runs.iter().flat_map(|run| run.settings.expected_notes()).collect();
    notes.iter().try_for_each(|note| output::line(&format!("# note: {note}")))
}
