//! Recipes: experiments as data. Raw TOML becomes a validated [`Recipe`], a recipe expands to its [`Run`]s.
//!
//! A recipe gives settings ([`settings::Settings`], section by section), and optionally named sets of overrides
//! (`[[arm]]`) and a grid (`[vary]`). Its runs are their product:
//!
//! ```
//! let text = r#"
//!     name = "strength"
//!     [network]
//!     hidden = [256, 256]
//!     [[arm]]
//!     name = "ones"
//!     set = { "norm.gamma_init" = "ones" }
//!     [[arm]]
//!     name = "uniform"
//!     [vary]
//!     "rule.m" = [0, 1.35]
//! "#;
//! let recipe = metabnn_lab::recipe::Recipe::from_toml(text, "strength.toml", &[], None)?;
//! let names: Vec<_> = recipe.runs()?.into_iter().map(|run| run.name).collect();
//! assert_eq!(names, ["ones_m=0_seed=0", "ones_m=1.35_seed=0", "uniform_m=0_seed=0", "uniform_m=1.35_seed=0"]);
//! # Ok::<(), metabnn_lab::recipe::RecipeErrors>(())
//! ```

mod bare;
pub mod builtin;
mod check;
mod differences;
mod draft;
mod error;
mod expand;
mod flat;
pub(crate) mod keys;
mod label;
mod overrides;
mod preset;
mod render;
mod rule;
mod same;
pub mod settings;
mod source;
mod spread;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub(crate) use check::Fault;
pub use differences::{differences, name_in};
pub use error::{RecipeError, RecipeErrors};
pub use keys::keys_called;
use serde_json::Value as Json;
use settings::Settings;

/// An experiment: settings, arms and a grid, every value checked.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Letters, digits, `-` and `_`.
    pub name: String,
    /// The experiment in one line; may be empty, like the next two.
    pub title: String,
    /// What to see in the result.
    pub shows: String,
    /// Time on two cores.
    pub cost: String,
    /// The settings that arms and grid start from, defaults filled in.
    pub base: Settings,
    /// Named sets of overrides, in the recipe's order; none: the base alone.
    pub arms: Vec<Arm>,
    /// The grid: axes in the recipe's order, the seed last.
    pub vary: Vec<Axis>,
    /// What `--set preset=NAME` can pick. They are not part of [`Recipe::to_toml`].
    pub presets: Vec<Preset>,
    /// What places are relative to: the file, or the name of a built-in recipe.
    origin: String,
    /// Where each key was given: `rule.m`, `arm.plain.rule.m`, `vary.rule.m`.
    places: BTreeMap<String, String>,
    /// Settings that overrides gave.
    pinned: BTreeMap<String, Json>,
    /// What overrides set, by key.
    changes: BTreeMap<String, label::Change>,
    /// Lists of the base that go with any number of layers, where runs have different ones.
    lists: BTreeMap<String, Json>,
}

/// A named set of overrides: `[[arm]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// Letters, digits, `-` and `_`.
    pub name: String,
    /// Settings that this arm gives another value, by key: `{"rule.m": 0.0}`.
    pub set: BTreeMap<String, Json>,
}

/// Changes that a recipe brings along under a name, such as a quick form of itself: `[preset.quick]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Preset {
    /// Letters, digits, `-` and `_`.
    pub name: String,
    /// Time on two cores; may be empty.
    pub cost: String,
}

/// One axis of the grid: an entry of `[vary]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// The settings key, `rule.m`.
    pub key: String,
    /// Its values, at least one, all different.
    pub values: Vec<Json>,
}

/// One run of a recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Name of the recipe.
    pub recipe: String,
    /// Arm, varied settings and seed: `metaplastic_m=1.35_seed=0`. Unique in its recipe, and fit for a folder.
    pub name: String,
    /// The arm, if the recipe has arms.
    pub arm: Option<String>,
    /// The varied settings by key, without the seed: `{"rule.m": 1.35}`.
    pub varied: BTreeMap<String, Json>,
    /// Everything that determines the result, the seed included.
    pub settings: Settings,
    /// First 16 hexadecimal digits of the SHA-256 of this crate's version and the settings as TOML.
    pub hash: String,
}

impl Recipe {
    /// Reads and checks a recipe.
    ///
    /// `origin` names the text in errors: its path, or the name of a built-in recipe. `overrides` are the
    /// `--set key=value` of the command line, in order, and `seed` its `--seed`; they take precedence over the file:
    ///
    /// - a settings key (`rule.m`) is pinned: an axis of that key is dropped;
    /// - `vary.KEY` adds an axis or replaces it;
    /// - `name`, `title`, `shows` and `cost` are replaced;
    /// - `preset` takes what the recipe has under `[preset.NAME]` in place of what it says otherwise, before all other
    ///   overrides;
    /// - `arm` keeps the arm of that name alone, whose settings then yield to other overrides.
    ///
    /// A value is read as TOML; what is not TOML is taken as a string, so that `ones` needs no quotes, or, where the key
    /// takes a list, as its values: `256,256`.
    ///
    /// # Errors
    /// All that is wrong with the recipe, each with its place, its key, what was given and what the key takes.
    pub fn from_toml(
        text: &str,
        origin: &str,
        overrides: &[(String, String)],
        seed: Option<u64>,
    ) -> Result<Self, RecipeErrors> {
        let mut draft = draft::Draft::read(text, origin)?;
        draft.override_with(overrides, seed);
        draft.finish()
    }

    /// The runs: every arm with every combination of the grid, in the recipe's order, the last axis fastest.
    ///
    /// # Errors
    /// Settings at odds with each other. A recipe as [`Recipe::from_toml`] returned it has none.
    pub fn runs(&self) -> Result<Vec<Run>, RecipeErrors> {
        let (runs, errors) = expand::expand(self);
        if errors.is_empty() { Ok(runs) } else { Err(RecipeErrors(errors)) }
    }

    /// The recipe as TOML, every default filled in; reading it again gives the same runs.
    pub fn to_toml(&self) -> String {
        render::recipe(self)
    }

    /// First 16 hexadecimal digits of the SHA-256 of this crate's version and the recipe as TOML.
    pub fn hash(&self) -> String {
        expand::hash_of(&self.to_toml())
    }

    /// Which entry gives `key` its value in the runs of `arm` (`rule.m`, `arm.plain.rule.m`, `vary.rule.m`), and
    /// where it stands.
    fn place(&self, arm: Option<&str>, key: &str) -> (String, String) {
        let entries = [Some(format!("vary.{key}")), arm.map(|arm| format!("arm.{arm}.{key}"))];
        let entry = entries.into_iter().flatten().find(|entry| self.places.contains_key(entry));
        let entry = entry.unwrap_or_else(|| key.to_owned());
        let at = self.places.get(&entry).unwrap_or(&self.origin).clone();
        (entry, at)
    }
}

impl Run {
    /// The recipe of this run alone, every setting given; running it gives the same settings and the same hash.
    pub fn to_toml(&self) -> String {
        render::run(self)
    }
}
