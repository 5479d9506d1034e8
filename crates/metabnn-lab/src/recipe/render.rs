//! Recipes, runs and settings as readable TOML in one canonical form.

use std::fmt::Write;

use serde_json::Value as Json;

use super::flat::{Layer, flatten};
use super::keys::{self, KEYS};
use super::{Recipe, Run, Settings};

/// A number as a person would write it; without a decimal point if it has none.
pub(super) fn number(value: f64) -> String {
    let plain = value == 0.0 || (1e-4..1e7).contains(&value.abs());
    if plain { format!("{value}") } else { format!("{value:e}") }
}

/// A value as TOML.
pub(super) fn value(value: &Json) -> String {
    match value {
        Json::Number(given) if given.is_f64() => {
            let digits = number(given.as_f64().unwrap_or_default());
            // TOML tells a float from an integer by its point or exponent.
            if digits.contains(['.', 'e']) { digits } else { format!("{digits}.0") }
        }
        // JSON's escapes are TOML's, but for DEL, which JSON leaves as it is.
        Json::String(_) => value.to_string().replace('\u{7f}', "\\u007F"),
        Json::Array(values) => format!("[{}]", values.iter().map(self::value).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// Whether a setting has an effect: of the network and its training, only if there is one, or the analysis uses it.
pub(super) fn is_used(path: &str, settings: &Settings) -> bool {
    let uses = |path| settings.analysis.get().is_none_or(|(_, one)| one.trains() || one.uses(path));
    uses(path) || matches!(keys::section(path), "" | "analysis")
}

/// The settings as TOML, section by section.
pub(super) fn settings(settings: &Settings) -> String {
    with_lists(settings, &Layer::new())
}

/// The settings as TOML, with these values in place of their own.
fn with_lists(settings: &Settings, lists: &Layer) -> String {
    let mut layer = flatten(settings);
    layer.extend(lists.clone());
    let mut text = String::new();
    let mut section = "";
    for key in KEYS.iter() {
        let Some(given) = layer.get(key.path).filter(|_| is_used(key.path, settings)) else { continue };
        if keys::section(key.path) != section {
            section = keys::section(key.path);
            line(&mut text, format_args!("\n[{section}]"));
        }
        let name = key.path.rsplit('.').next().unwrap_or(key.path);
        line(&mut text, format_args!("{name} = {}", value(given)));
    }
    text
}

/// The recipe as TOML.
pub(super) fn recipe(recipe: &Recipe) -> String {
    let mut text = String::new();
    let words =
        [("name", &recipe.name), ("title", &recipe.title), ("shows", &recipe.shows), ("cost", &recipe.cost)];
    for (key, word) in words {
        if !word.is_empty() {
            line(&mut text, format_args!("{key} = {}", value(&Json::from(word.as_str()))));
        }
    }
    text.push_str(&with_lists(&recipe.base, &recipe.lists));
    for arm in &recipe.arms {
        line(&mut text, format_args!("\n[[arm]]\nname = {}", value(&Json::from(arm.name.as_str()))));
        let set: Vec<_> = arm.set.iter().map(|(key, given)| format!("{key} = {}", value(given))).collect();
        if !set.is_empty() {
            line(&mut text, format_args!("set = {{ {} }}", set.join(", ")));
        }
    }
    if !recipe.vary.is_empty() {
        line(&mut text, format_args!("\n[vary]"));
    }
    for axis in &recipe.vary {
        line(&mut text, format_args!("{} = {}", axis.key, value(&Json::Array(axis.values.clone()))));
    }
    text
}

/// The recipe of a single run as TOML.
pub(super) fn run(run: &Run) -> String {
    let name = value(&Json::from(run.recipe.as_str()));
    format!("# The run {} with every setting given.\nname = {name}\n{}", run.name, settings(&run.settings))
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}
