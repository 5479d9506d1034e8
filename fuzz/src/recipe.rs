//! Recipes.

use metabnn_lab::recipe::Recipe;

use crate::Allowance;

/// What a run of a recipe takes in memory: its settings and its name.
const RUN: u64 = 8 << 10;

/// Runs of recipes that are read back: those of larger grids would take all the time.
const MOST_RUNS: usize = 1 << 10;

/// A recipe with its runs. What is accepted, written with every setting filled in, has the same runs.
pub(crate) fn recipe(allowance: &Allowance, input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    let recipe = allowance.within(input.len(), || {
        Recipe::from_toml(text, "recipe.toml", &[], None).inspect_err(|errors| {
            assert!(!errors.to_string().is_empty());
        })
    });
    let Ok(recipe) = recipe else { return false };
    let grid = recipe.vary.iter().fold(recipe.arms.len().max(1), |runs, axis| runs * axis.values.len());
    let of_runs = Allowance { constant: allowance.constant + RUN * grid as u64, ..*allowance };
    let runs = of_runs.within(input.len(), || recipe.runs().expect("a recipe that was accepted has runs"));
    assert_eq!(runs.len(), grid);
    if grid > MOST_RUNS {
        return true;
    }
    let written = recipe.to_toml();
    let again = Recipe::from_toml(&written, "written.toml", &[], None)
        .unwrap_or_else(|errors| panic!("what was written is refused: {errors}\n{written}"));
    assert_eq!(again.to_toml(), written);
    assert!(again.runs().is_ok_and(|same| same == runs), "what was written has other runs");
    // Each run alone is a recipe, too; that of the last one stands for all.
    let run = runs.last().expect("a grid has at least one run");
    let alone = Recipe::from_toml(&run.to_toml(), "run.toml", &[], None);
    let alone = alone.unwrap_or_else(|errors| panic!("a run alone is refused: {errors}\n{}", run.to_toml()));
    assert_eq!(alone.runs().map(|runs| runs[0].hash.clone()), Ok(run.hash.clone()));
    true
}
