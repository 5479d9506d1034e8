//! Recipes and settings.

use metabnn::rule::{Curve, SynapticRule};
use metabnn_lab::recipe::settings::Settings;
use metabnn_lab::recipe::{self, builtin};
use pyo3::prelude::*;
use serde_json::{Value as Json, json};

use crate::errors::{OrRaise, Raise, RecipeError};

/// A recipe, every value checked.
#[pyclass(frozen)]
pub struct Recipe {
    pub recipe: recipe::Recipe,
}

#[pymethods]
impl Recipe {
    /// A recipe by name or path, with changes.
    #[staticmethod]
    #[pyo3(signature = (name, changes, seed=None))]
    fn find(name: &str, changes: Vec<(String, String)>, seed: Option<u64>) -> PyResult<Self> {
        let (text, origin) = builtin::find(name).or_raise()?;
        Self::read(&text, &origin, changes, seed)
    }

    /// A recipe from its text; `origin` names it in errors.
    #[staticmethod]
    #[pyo3(signature = (text, origin, changes, seed=None))]
    fn read(text: &str, origin: &str, changes: Vec<(String, String)>, seed: Option<u64>) -> PyResult<Self> {
        Ok(Self { recipe: recipe::Recipe::from_toml(text, origin, &changes, seed).or_raise()? })
    }

    #[getter]
    fn name(&self) -> &str {
        &self.recipe.name
    }

    #[getter]
    fn hash(&self) -> String {
        self.recipe.hash()
    }

    /// Its name with what was changed of it: what a folder of its results is called.
    #[getter]
    fn label(&self) -> String {
        self.recipe.label()
    }

    /// The recipe as TOML, every default filled in.
    fn to_toml(&self) -> String {
        self.recipe.to_toml()
    }

    /// Its runs, as JSON.
    fn runs(&self) -> PyResult<String> {
        let run = |run: &recipe::Run| {
            json!({"name": run.name, "arm": run.arm, "varied": run.varied, "seed": run.settings.seed,
                   "hash": run.hash, "settings": json(&run.settings)})
        };
        Ok(json!(self.recipe.runs().or_raise()?.iter().map(run).collect::<Vec<_>>()).to_string())
    }
}

/// The built-in recipes, as JSON.
#[pyfunction]
pub fn recipes() -> PyResult<String> {
    let read = |(name, text): &(&str, &str)| recipe::Recipe::from_toml(text, name, &[], None);
    let recipes: Vec<_> = builtin::builtin().iter().map(read).collect::<Result<_, _>>().or_raise()?;
    let recipe = |r: &recipe::Recipe| {
        let presets = r.presets.iter().map(|preset| &preset.name).collect::<Vec<_>>();
        json!({"name": r.name, "title": r.title, "shows": r.shows, "cost": r.cost, "presets": presets})
    };
    Ok(json!(recipes.iter().map(recipe).collect::<Vec<_>>()).to_string())
}

/// The settings that these changes of the defaults make.
pub fn settings(changes: &[(String, String)]) -> PyResult<Settings> {
    let recipe = recipe::Recipe::from_toml("name = \"python\"", "settings", changes, None).or_raise()?;
    let mut runs = recipe.runs().map_err(Raise::raise)?;
    match runs.len() {
        1 => Ok(runs.remove(0).settings),
        _ => Err(RecipeError::new_err("settings of one network: vary and arm are for recipes")),
    }
}

/// Checks what a trainer of a network of so many layers is to learn by.
#[pyfunction]
pub fn check_settings(changes: Vec<(String, String)>, layers: usize) -> PyResult<()> {
    let settings = settings(&changes)?;
    settings
        .train_config()
        .validate()
        .and_then(|()| settings.rule.validate(layers))
        .map_err(|error| RecipeError::new_err(error.to_string()))
}

/// Settings with their numbers as a person writes them: 1.35 stays 1.35, as 32 bits wide as it is.
pub fn json(settings: &Settings) -> Json {
    let text = serde_json::to_string(settings).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// How far the table that a curve is computed with is from it at most.
#[pyfunction]
pub fn curve_error(hidden: Vec<f32>, up: Vec<f32>, down: Vec<f32>) -> PyResult<f32> {
    let curve = Curve::new(hidden, up, down).map_err(|error| RecipeError::new_err(error.to_string()))?;
    Ok(curve.error())
}
