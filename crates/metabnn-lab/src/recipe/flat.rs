//! Settings as a flat map of keys and values, as recipes lay them over each other, and back.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::Settings;
use super::keys;

/// Settings by key, `rule.m`; numbers as the file gives them.
pub(super) type Layer = BTreeMap<String, Json>;

/// All settings by key.
pub(super) fn flatten(settings: &Settings) -> Layer {
    let mut layer = Layer::new();
    let tree = serde_json::to_value(settings).expect("settings are plain data with text for keys");
    flatten_into(&mut layer, "", tree);
    layer
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
