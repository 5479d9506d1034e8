//! What several recipes differ in.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

/// A recipe's entries by key: `rule.m`, `vary.seed`, `arm.plain.rule.m`, and the names of its arms under `arm`.
type Entries = BTreeMap<String, Json>;

/// The name that the text of a recipe gives it.
pub fn name_in(text: &str) -> Option<String> {
    let recipe: toml::Table = text.parse().ok()?;
    recipe.get("name").and_then(toml::Value::as_str).map(str::to_owned)
}

/// Keys in which recipes differ, with the value of each where it has one. The texts are those of resolved recipes, of
/// whatever version; words such as the title do not count.
pub fn differences(texts: &[&str]) -> Vec<(String, Vec<Option<Json>>)> {
    let all: Vec<Entries> = texts.iter().map(|text| entries(text)).collect();
    let keys: BTreeSet<&String> = all.iter().flat_map(BTreeMap::keys).collect();
    let values = |key: &String| all.iter().map(|entries| entries.get(key).cloned()).collect::<Vec<_>>();
    let all = keys.into_iter().map(|key| (key.clone(), values(key)));
    all.filter(|(_, values)| values.iter().any(|value| *value != values[0])).collect()
}

fn entries(text: &str) -> Entries {
    let mut entries = Entries::new();
    let recipe: toml::Table = text.parse().unwrap_or_default();
    for (key, value) in recipe {
        match (key.as_str(), value) {
            ("name" | "title" | "shows" | "cost" | "preset", _) => {}
            ("arm", toml::Value::Array(arms)) => {
                let arms = arms.iter().filter_map(toml::Value::as_table);
                let named = arms.filter_map(|arm| Some((arm.get("name")?.as_str()?, arm.get("set"))));
                let mut names = Vec::new();
                for (name, set) in named {
                    names.push(Json::from(name));
                    set.into_iter().for_each(|set| flatten(&format!("arm.{name}"), set, &mut entries));
                }
                entries.insert("arm".into(), Json::Array(names));
            }
            (_, value) => flatten(&key, &value, &mut entries),
        }
    }
    entries
}

fn flatten(path: &str, value: &toml::Value, entries: &mut Entries) {
    match value {
        toml::Value::Table(table) => {
            table.iter().for_each(|(key, value)| flatten(&format!("{path}.{key}"), value, entries));
        }
        value => drop(entries.insert(path.to_owned(), serde_json::to_value(value).unwrap_or_default())),
    }
}
