//! Settings as a flat map of keys and values, and recipes as readable TOML in one canonical form.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value as Json;

use super::keys::{self, KEYS};
use super::{Recipe, Run, Settings};

/// Settings by key, `rule.m`; numbers as the file gives them.
pub(super) type Layer = BTreeMap<String, Json>;

/// All settings by key.
pub(super) fn flatten(settings: &Settings) -> Layer {
    let mut layer = Layer::new();
    let tree = serde_json::to_value(settings).expect("settings are plain data with text for keys");
    flatten_into(&mut layer, "", tree);
    layer
}

/// The first setting in which two differ: its key, and both values.
pub(crate) fn difference(there: &Settings, here: &Settings) -> Option<(String, String, String)> {
    let (there, here) = (flatten(there), flatten(here));
    let text = |layer: &Layer, key: &String| layer.get(key).map_or("nothing".into(), Json::to_string);
    let mut keys = there.keys().chain(here.keys());
    let key = keys.find(|key| there.get(*key) != here.get(*key))?;
    Some((key.clone(), text(&there, key), text(&here, key)))
}

fn flatten_into(layer: &mut Layer, path: &str, value: Json) {
    match value {
        Json::Object(table) => {
            for (name, value) in table {
                let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                flatten_into(layer, &path, value);
            }
        }
        leaf => {
            layer.insert(path.to_owned(), narrow(leaf));
        }
    }
}

/// Every real setting is an `f32`, which JSON widened: back to its shortest form.
fn narrow(value: Json) -> Json {
    match value {
        Json::Number(number) if number.is_f64() => {
            Json::from(keys::shortest(number.as_f64().unwrap_or_default() as f32))
        }
        Json::Array(values) => values.into_iter().map(narrow).collect(),
        other => other,
    }
}

/// The inverse of [`flatten`]: keys left out take their defaults.
///
/// # Errors
/// What serde says of a value that does not fit; [`keys`] refuses all such values before.
pub(super) fn unflatten(layer: &Layer) -> Result<Settings, String> {
    let mut tree = serde_json::Map::new();
    for (path, value) in layer {
        match path.split_once('.') {
            None => {
                tree.insert(path.clone(), value.clone());
            }
            Some((section, name)) => {
                let table = tree.entry(section).or_insert_with(|| Json::Object(serde_json::Map::new()));
                if let Json::Object(table) = table {
                    table.insert(name.into(), value.clone());
                }
            }
        }
    }
    serde_json::from_value(Json::Object(tree)).map_err(|error| error.to_string())
}

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

/// Whether a setting has an effect: of the network and its training, all but the learning rate only if there is one.
pub(super) fn is_used(path: &str, settings: &Settings) -> bool {
    settings.analysis.trains() || path == "optimizer.lr" || matches!(keys::section(path), "" | "analysis")
}

/// The settings as TOML, section by section.
pub(super) fn settings(settings: &Settings) -> String {
    let layer = flatten(settings);
    let mut text = String::new();
    let mut section = "";
    for key in KEYS {
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
    text.push_str(&settings(&recipe.base));
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
