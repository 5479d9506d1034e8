//! What the command line changes in a recipe: `--set key=value` and `--seed N`.

use toml::Spanned;
use toml::de::DeValue;

use super::bare;
use super::draft::{Draft, WORDS};
use super::flat::Layer;
use super::label::Change;
use super::source::Source;
use super::{Arm, Axis, RecipeError};

impl Draft {
    /// Applies the overrides in order; of two that concern the same key, the last one holds.
    pub(super) fn override_with(&mut self, overrides: &[(String, String)], seed: Option<u64>) {
        let mut given: Vec<(String, &str, &str)> = overrides
            .iter()
            .map(|(key, text)| (format!("--set {key}={text}"), key.as_str(), text.as_str()))
            .collect();
        let seed = seed.map(|seed| seed.to_string());
        if let Some(seed) = &seed {
            given.push((format!("--seed {seed}"), "seed", seed));
        }
        // A preset is what the others change, wherever it stands.
        given.sort_by_key(|(_, key, _)| *key != "preset");
        for (origin, key, text) in &given {
            // Printed on one line, whatever the value holds.
            let origin = origin.split_whitespace().collect::<Vec<_>>().join(" ");
            let list = bare::list(key, text);
            let source = Source { origin: &origin, text: list.as_deref().unwrap_or(text), breaks: None };
            self.override_one(&source, key);
        }
        self.check_pins();
    }

    /// Applies one override.
    fn override_one(&mut self, source: &Source<'_>, key: &str) {
        let bare = || Spanned::new(0..source.text.len(), DeValue::String(source.text.into()));
        let is_word = WORDS.contains(&key) || key == "arm" || key == "preset";
        let parsed = DeValue::parse(source.text).ok().filter(|value| !is_word || value.get_ref().is_str());
        let value = parsed.unwrap_or_else(bare);
        let at = source.origin.to_owned();
        let name = value.get_ref().as_str().unwrap_or_default();
        if is_word {
            // The name is the first word of the label anyway.
            if key != "name" {
                self.changes.insert(key.to_owned(), Change::word(name));
            }
            return match key {
                "arm" => self.pick_arm(at, name),
                "preset" => self.pick_preset(at, name),
                _ => self.word(source, key, at, &value),
            };
        }
        let mut leaves = Vec::new();
        if let Some(path) = key.strip_prefix("vary.") {
            self.leaf(source, ("vary.", path), at, &value, &mut leaves);
            for leaf in &leaves {
                let Some(axis) = self.axis(source, "vary.", leaf) else { continue };
                self.places.insert("vary".into(), leaf.at.clone());
                self.varied.insert(axis.key.clone());
                self.changes.insert(format!("vary.{}", axis.key), Change::axis(&axis));
                self.put_axis(axis);
            }
        } else {
            self.leaf(source, ("", key), at, &value, &mut leaves);
            for (path, value) in self.layer(source, "", leaves) {
                self.drop_axis(&path);
                self.changes.remove(&format!("vary.{path}"));
                self.changes.insert(path.clone(), Change::value(&value));
                self.pinned.insert(path, value);
            }
        }
    }

    /// Adds an axis to the grid, or replaces the one of its key.
    pub(super) fn put_axis(&mut self, axis: Axis) {
        match self.axes.iter_mut().find(|old| old.key == axis.key) {
            Some(old) => *old = axis,
            None => self.axes.push(axis),
        }
    }

    /// Takes a key that has one value now out of the grid.
    pub(super) fn drop_axis(&mut self, path: &str) {
        self.axes.retain(|axis| axis.key != path);
        self.places.remove(&format!("vary.{path}"));
    }

    fn pick_arm(&mut self, at: String, name: &str) {
        let Some(arm) = self.arms.iter().find(|arm| arm.name == name).cloned() else {
            let known: Vec<String> = self.arms.iter().map(|arm| arm.name.clone()).collect();
            return self.refuse_choice(at, "arm", name, &known);
        };
        // Its settings become the recipe's, so that a value of the command line or a grid goes before them.
        for (key, value) in &arm.set {
            let place = self.places.remove(&format!("arm.{name}.{key}"));
            if let Some(place) = place.filter(|_| !self.pinned.contains_key(key)) {
                self.places.insert(key.clone(), place);
            }
            self.picked.insert(key.clone(), value.clone());
        }
        self.arms = vec![Arm { name: arm.name.clone(), set: Layer::new() }];
        self.picked_arm = Some(arm);
    }

    /// Notes that there is no arm, or no preset, of this name.
    pub(super) fn refuse_choice(&mut self, at: String, key: &str, name: &str, known: &[String]) {
        let takes = match known {
            [] => format!("nothing: the recipe has no {key}s"),
            known => known.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" or "),
        };
        self.errors.push(RecipeError::Value { at, key: key.into(), got: format!("{name:?}"), takes });
    }

    /// A pinned key that every arm sets would change nothing: an error, unless the one arm was picked on purpose.
    fn check_pins(&mut self) {
        let keys: Vec<String> = self.pinned.keys().cloned().collect();
        for key in keys {
            if !self.arms.is_empty() && self.arms.iter().all(|arm| arm.set.contains_key(&key)) {
                let names: Vec<_> = self.arms.iter().map(|arm| arm.name.as_str()).collect();
                self.note(RecipeError::Conflict {
                    at: self.places.get(&key).unwrap_or(&self.origin).clone(),
                    got: format!("every arm sets it ({}), so this would change nothing", names.join(", ")),
                    remedy: format!("pick one arm, --set arm={}, or set another key", names[0]),
                    key,
                });
            }
        }
    }
}
