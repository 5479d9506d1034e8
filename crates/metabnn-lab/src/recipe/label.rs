//! A name for a recipe with what was set of it, fit for a folder.

use serde_json::Value as Json;

use super::expand::plain;
use super::render;
use super::{Axis, Recipe};
use metabnn::digest::Digest;

/// What an override changed, as it stands in a name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    /// `1.35`, `256-256`, `0,1,2`
    label: String,
    /// All of it, where the label is not.
    exact: Option<String>,
}

impl Change {
    /// A setting's value.
    pub(super) fn value(value: &Json) -> Self {
        let label = plain(value);
        Self { exact: (!is_plain(value) || label.ends_with('.')).then(|| render::value(value)), label }
    }

    /// A word: the name of an arm, a title.
    pub(super) fn word(text: &str) -> Self {
        Self::value(&Json::from(text))
    }

    /// The values of an axis.
    pub(super) fn axis(axis: &Axis) -> Self {
        let all: Vec<Self> = axis.values.iter().map(Self::value).collect();
        let exact = all.iter().any(|one| one.exact.is_some());
        Self {
            label: all.into_iter().map(|one| one.label).collect::<Vec<_>>().join(","),
            exact: exact.then(|| render::value(&Json::Array(axis.values.clone()))),
        }
    }
}

/// Whether all texts of a value can stand in a name as they are.
fn is_plain(value: &Json) -> bool {
    match value {
        Json::String(text) => text.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-'),
        Json::Array(values) => values.iter().all(is_plain),
        _ => true,
    }
}

/// Longest name in bytes, with room for what a file system takes and a user adds.
const MAX_LABEL: usize = 120;

impl Recipe {
    /// The name of the recipe and, in the order of their keys, what overrides set: `quickstart-rule.m=2-seed=1`. Letters, digits
    /// and `-_=.,` alone, at most 120 of them; what has other characters or is longer ends with a short hash of all of it.
    pub fn label(&self) -> String {
        let mut label = self.name.clone();
        let mut exact = label.clone();
        for (key, change) in &self.changes {
            label += &format!("-{key}={}", change.label);
            exact += &format!("\n{key}={}", change.exact.as_ref().unwrap_or(&change.label));
        }
        if label.len() <= MAX_LABEL && self.changes.values().all(|change| change.exact.is_none()) {
            return label;
        }
        // All characters are ASCII: any cut is between two of them.
        label.truncate(MAX_LABEL - 9);
        format!("{label}-{}", Digest::default().with(&exact).digits(8))
    }

    /// What overrides set, as [`Recipe::label`] has it: `rule.m=2 seed=1`; empty: nothing.
    pub fn changed(&self) -> String {
        let one = |(key, change): (&String, &Change)| format!("{key}={}", change.label);
        self.changes.iter().map(one).collect::<Vec<_>>().join(" ")
    }
}
