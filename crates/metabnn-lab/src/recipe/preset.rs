//! Presets: changes that a recipe brings along under a name, such as a quick form of itself.

use std::collections::{BTreeMap, HashSet};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::draft::{Draft, MAX_ERRORS, NAME_TAKES, WORDS, in_order, is_name};
use super::flat::Layer;
use super::source::Source;
use super::{Axis, Preset, RecipeError};

/// What `[preset.NAME]` changes when it is picked.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    /// Words at the top: the title, what it shows, what it costs.
    words: BTreeMap<String, String>,
    settings: Layer,
    axes: Vec<Axis>,
    /// Settings of arms, by the arm's name.
    arms: Vec<(String, String, Layer)>,
}

impl Draft {
    /// Reads `[preset.NAME]` tables: settings, `vary`, `arm.NAME` and the words of the recipe.
    pub(super) fn presets(&mut self, source: &Source<'_>, at: String, value: &Spanned<DeValue<'_>>) {
        let takes = "tables headed [preset.NAME]";
        let Some(tables) = value.get_ref().as_table() else {
            return self.refuse(source, (at, "preset".into()), value, takes);
        };
        for (name, value) in in_order(tables) {
            let at = source.at(name.span());
            let name = name.get_ref().as_ref();
            match value.get_ref().as_table() {
                Some(_) if !is_name(name) => {
                    let (key, got) = ("preset".into(), format!("{name:?}"));
                    self.note(RecipeError::Value { at, key, got, takes: NAME_TAKES.into() });
                }
                Some(table) => {
                    let changes = self.changes(source, &format!("preset.{name}."), table);
                    self.presets.insert(name.to_owned(), changes);
                }
                None => self.refuse(source, (at, format!("preset.{name}")), value, takes),
            }
        }
    }

    fn changes(&mut self, source: &Source<'_>, scope: &str, table: &DeTable<'_>) -> Changes {
        let (mut changes, mut leaves) = (Changes::default(), Vec::new());
        for (key, value) in in_order(table) {
            let at = source.at(key.span());
            match (key.get_ref().as_ref(), value.get_ref().as_table()) {
                (word, _) if WORDS.contains(&word) => {
                    if let Some(text) = self.text(source, word, at, value) {
                        changes.words.insert(word.to_owned(), text);
                    }
                }
                ("vary", Some(axes)) => {
                    let scope = format!("{scope}vary.");
                    let mut leaves = Vec::new();
                    self.leaves(source, (&scope, ""), axes, &mut leaves);
                    changes.axes = leaves.iter().filter_map(|leaf| self.axis(source, &scope, leaf)).collect();
                }
                ("arm", Some(arms)) => changes.arms = self.changes_of_arms(source, scope, arms),
                (path, _) => self.leaf(source, (scope, path), at, value, &mut leaves),
            }
        }
        changes.settings = self.layer(source, scope, leaves);
        changes
    }

    fn changes_of_arms(
        &mut self,
        source: &Source<'_>,
        scope: &str,
        arms: &DeTable<'_>,
    ) -> Vec<(String, String, Layer)> {
        let mut changes = Vec::new();
        for (name, value) in in_order(arms) {
            let (at, name) = (source.at(name.span()), name.get_ref().as_ref());
            let key = format!("{scope}arm.{name}");
            let scope = format!("{key}.");
            match value.get_ref().as_table() {
                Some(table) => {
                    let mut leaves = Vec::new();
                    self.leaves(source, (&scope, ""), table, &mut leaves);
                    changes.push((at, name.to_owned(), self.layer(source, &scope, leaves)));
                }
                None => self.refuse(source, (at, key), value, "a table of settings of that arm"),
            }
        }
        changes
    }

    /// Checks that the presets speak of arms that there are; to be called once all arms are read.
    pub(super) fn check_presets(&mut self) {
        let known: HashSet<&str> = self.arms.iter().map(|arm| arm.name.as_str()).collect();
        let mut errors = Vec::new();
        for (name, changes) in &self.presets {
            for (at, arm, _) in changes.arms.iter().filter(|(_, arm, _)| !known.contains(arm.as_str())) {
                if errors.len() == MAX_ERRORS {
                    break;
                }
                let of_recipe = || self.arms.iter().map(|arm| arm.name.as_str()).take(MAX_ERRORS);
                errors.push(RecipeError::UnknownKey {
                    at: at.clone(),
                    key: format!("preset.{name}.arm.{arm}"),
                    nearest: super::error::nearest(arm, of_recipe()),
                    known: of_recipe().map(str::to_owned).collect(),
                });
            }
        }
        errors.into_iter().for_each(|error| self.note(error));
    }

    /// Puts a preset's changes in place of what the file says.
    pub(super) fn pick_preset(&mut self, at: String, name: &str) {
        let Some(changes) = self.presets.get(name).cloned() else {
            let known: Vec<String> = self.presets.keys().cloned().collect();
            return self.refuse_choice(at, "preset", name, &known);
        };
        let scope = format!("preset.{name}.");
        let mut moved = |from: String, to: String| {
            if let Some(place) = self.places.get(&from).cloned() {
                self.places.insert(to, place);
            }
        };
        for key in changes.settings.keys() {
            moved(format!("{scope}{key}"), key.clone());
        }
        for axis in &changes.axes {
            moved(format!("{scope}vary.{}", axis.key), format!("vary.{}", axis.key));
        }
        for (_, arm, set) in &changes.arms {
            for key in set.keys() {
                moved(format!("{scope}arm.{arm}.{key}"), format!("arm.{arm}.{key}"));
            }
        }
        self.words.extend(changes.words);
        for key in changes.settings.keys() {
            self.drop_axis(key);
        }
        self.picked.extend(changes.settings);
        for axis in changes.axes {
            self.put_axis(axis);
        }
        for (_, arm, set) in changes.arms {
            if let Some(arm) = self.arms.iter_mut().find(|known| known.name == arm) {
                arm.set.extend(set);
            }
        }
    }

    /// The presets with what they say of their cost.
    pub(super) fn preset_names(&self) -> Vec<Preset> {
        let cost = |changes: &Changes| changes.words.get("cost").cloned().unwrap_or_default();
        self.presets
            .iter()
            .map(|(name, changes)| Preset { name: name.clone(), cost: cost(changes) })
            .collect()
    }
}
