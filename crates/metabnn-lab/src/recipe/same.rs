//! Runs that come to the same settings, and settings of the command line that no run has.
//!
//! Two runs of one content are a comparison of nothing with itself, under two names; a setting that no run has would be
//! taken for one that made no difference. Both are told before anything is computed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::flat::{Layer, flatten};
use super::{Arm, Recipe, RecipeError, Run, keys, render, spread};
use serde_json::Value as Json;

/// The runs that there are so far, by their hashes.
#[derive(Default)]
pub(super) struct Seen(BTreeMap<String, (Option<String>, String)>);

impl Seen {
    /// Takes note of a run; the error, if an earlier one has the same settings.
    pub(super) fn add(&mut self, recipe: &Recipe, run: &Run) -> Option<RecipeError> {
        match self.0.entry(run.hash.clone()) {
            Entry::Vacant(place) => {
                place.insert((run.arm.clone(), run.name.clone()));
                None
            }
            Entry::Occupied(known) => {
                let (arm, name) = known.get();
                Some(match (arm, &run.arm) {
                    (Some(one), Some(other)) if one != other => same_arms(recipe, one, other),
                    _ => same_runs(recipe, name, &run.name),
                })
            }
        }
    }
}

/// Two arms come to the same settings.
fn same_arms(recipe: &Recipe, one: &str, other: &str) -> RecipeError {
    let find = |name: &str| recipe.arms.iter().find(|arm| arm.name == name);
    let at = match (find(one), find(other)) {
        (Some(first), Some(second)) => cause(recipe, first, second),
        _ => None,
    };
    RecipeError::Conflict {
        at: at.unwrap_or_else(|| recipe.place(None, &format!("arm.{other}")).1),
        key: "arm".into(),
        got: format!("the arms {one:?} and {other:?} come to the same settings"),
        remedy: format!("choose one, --set arm={one} or --set arm={other}, or let them differ"),
    }
}

/// The override that leaves nothing of what the arms differ in: one of those that they differ in, or the word
/// that the whole section depends on.
fn cause(recipe: &Recipe, one: &Arm, other: &Arm) -> Option<String> {
    let differs = |key: &&String| one.set.get(*key) != other.set.get(*key);
    let differing: Vec<&String> = one.set.keys().chain(other.set.keys()).filter(differs).collect();
    let words = keys::CHOICES
        .iter()
        .filter(|choice| differing.iter().any(|key| keys::section(key) == choice.section));
    let words = words.flat_map(|choice| choice.key);
    let candidates = words.chain(differing.iter().map(|key| key.as_str()));
    let given =
        candidates.filter(|key| recipe.pinned.contains_key(*key)).find_map(|key| recipe.places.get(key));
    given.cloned()
}

/// Two runs that the grid makes come to the same settings.
fn same_runs(recipe: &Recipe, one: &str, other: &str) -> RecipeError {
    let (key, at) = recipe.place(None, "vary");
    let got = format!("the runs {one} and {other} come to the same settings");
    RecipeError::Conflict { at, key, got, remedy: "leave one of the values out".into() }
}

/// Settings of the command line, as far as no run has been found that has them.
pub(super) struct Unused(Layer);

impl Unused {
    /// All that were given.
    pub(super) fn new(recipe: &Recipe) -> Self {
        // No task at all stands for as many as there are sets or groups; what is varied has other values.
        let is_told = |(key, value): &(&String, &Json)| {
            let is_varied = recipe.vary.iter().any(|axis| axis.key == **key);
            !is_varied && (key.as_str() != "tasks.count" || value.as_u64() != Some(0))
        };
        let given = recipe.pinned.iter().filter(is_told);
        Self(given.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    /// Takes note of a run.
    pub(super) fn add(&mut self, run: &Run) {
        if !self.0.is_empty() {
            let layer = flatten(&run.settings);
            let layers = run.settings.network.depth();
            self.0.retain(|key, value| layer.get(key) != Some(&spread::over(value, layers)));
        }
    }

    /// Those that no run has.
    pub(super) fn errors(self, recipe: &Recipe) -> Vec<RecipeError> {
        let error = |(key, value): (String, Json)| RecipeError::Conflict {
            at: recipe.place(None, &key).1,
            got: format!("no run has {} there, so this would change nothing", render::value(&value)),
            remedy: match recipe.arms.first() {
                Some(arm) => format!("pick one arm, --set arm={}, or set another key", arm.name),
                None => "leave it out".into(),
            },
            key,
        };
        self.0.into_iter().map(error).collect()
    }
}
