//! From a recipe to its runs: layers of settings folded into one, named and hashed.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value as Json;

use super::check::{self, Fault};
use super::draft::MAX_ERRORS;
use super::flat::{Layer, flatten};
use super::keys::Choice;
use super::render;
use super::same::{Seen, Unused};
use super::settings::Settings;
use super::{Arm, Recipe, RecipeError, Run, keys, spread};
use metabnn::digest::Digest;
use metabnn::stream::{StreamKind, StreamTraits};

/// Most runs of one recipe: beyond it a grid is a slip.
pub(super) const MAX_RUNS: usize = 1 << 16;
/// Longest name of a run in bytes, with room for what a file system and a report add to it.
const MAX_NAME: usize = 160;

/// The settings that layers add up to, the last one on top, and rule settings that are not the rule's.
///
/// Two settings mean something only together with another one, and yield when a later layer changes that: the
/// settings of a rule are dropped with the rule, and the number of tasks of a `sequence` or of given groups of classes,
/// which is that of its data sets or groups, is counted anew.
pub(super) fn fold(layers: &[&Layer]) -> (Layer, Vec<Fault>) {
    static DEFAULTS: LazyLock<Layer> = LazyLock::new(|| {
        let mut defaults = flatten(&Settings::default());
        // Left out of settings that have no analysis.
        defaults.entry("analysis.kind".into()).or_insert_with(|| Json::from("none"));
        defaults
    });
    let word = |layer: &Layer, key: &str| layer.get(key).or_else(|| DEFAULTS.get(key)).cloned();
    // The number of tasks where other settings determine it.
    let counted = |layer: &Layer| {
        let stream: StreamKind = serde_json::from_value(word(layer, "tasks.stream")?).ok()?;
        let listed = match stream.traits() {
            StreamTraits { takes_many_sets: true, .. } => "data.sets",
            StreamTraits { groups_classes: true, .. } => "tasks.classes",
            _ => return None,
        };
        word(layer, listed)?.as_array().map(Vec::len).filter(|count| *count > 0)
    };
    let (mut sum, mut faults) = (Layer::new(), Vec::new());
    for layer in layers {
        for Choice { section, key: [choice], .. } in &keys::CHOICES {
            if layer.contains_key(*choice) && layer.get(*choice) != word(&sum, choice).as_ref() {
                sum.retain(|key, _| keys::section(key) != *section);
            }
        }
        let reshaped =
            ["tasks.stream", "data.sets", "tasks.classes"].iter().any(|key| layer.contains_key(*key));
        let was_counted = counted(&sum).is_some();
        let count = sum.remove("tasks.count");
        sum.extend(layer.iter().map(|(key, value)| (key.clone(), value.clone())));
        if let Some(count) = count
            && !(reshaped && (was_counted || counted(&sum).is_some()))
        {
            sum.entry("tasks.count".into()).or_insert(count);
        }
        for Choice { section, key: with @ [choice], noun } in &keys::CHOICES {
            let word = word(&sum, choice);
            let word = word.as_ref().and_then(Json::as_str).unwrap_or_default();
            let of_section = layer.keys().filter(|key| keys::section(key) == *section);
            for key in of_section.filter(|key| !keys::is_of_rule(key, word)) {
                sum.remove(key);
                let words = keys::find(key).map(|key| key.rules.join(" or ")).unwrap_or_default();
                faults.push(Fault {
                    key: key.clone(),
                    got: format!("{choice} = {word:?}"),
                    takes: format!("{noun} that has this setting ({words})"),
                    with,
                });
            }
        }
    }
    // A rule is told by its name: settings of the default rule bring the name with them.
    if let (true, Some(rule)) = (sum.keys().any(|key| keys::section(key) == "rule"), word(&sum, "rule.name"))
    {
        sum.insert("rule.name".into(), rule);
    }
    let uncounted = sum.get("tasks.count").is_none_or(|count| count.as_u64() == Some(0));
    if let (Some(count), true) = (counted(&sum), uncounted) {
        sum.insert("tasks.count".into(), Json::from(count));
    }
    (sum, faults)
}

/// All runs that can be made, and all that is wrong.
pub(super) fn expand(recipe: &Recipe) -> (Vec<Run>, Vec<RecipeError>) {
    let (mut runs, mut errors) = (Vec::new(), Vec::new());
    each(recipe, &BTreeSet::new(), true, |run| match run {
        Ok(run) => runs.push(run),
        Err(error) => errors.push(error),
    });
    (runs, errors)
}

/// What is wrong with the runs, each error once; silent on what depends on a setting that is `unknown`. `compare` says
/// whether they are compared with each other and with the command line: what is wrong otherwise may make them equal.
pub(super) fn check(recipe: &Recipe, unknown: &BTreeSet<String>, compare: bool) -> Vec<RecipeError> {
    let (mut errors, mut unused) = (Vec::new(), Unused::new(recipe));
    each(recipe, unknown, compare, |run| match run {
        Ok(run) => unused.add(&run),
        Err(error) if errors.len() < MAX_ERRORS && !errors.contains(&error) => errors.push(error),
        Err(_) => {}
    });
    if errors.is_empty() && compare {
        errors = unused.errors(recipe);
    }
    errors
}

/// Hands on every run that can be made, or what is wrong with it as far as it depends on no setting that is `unknown`,
/// in order; if they are to be compared, also what makes two of them one.
fn each(
    recipe: &Recipe,
    unknown: &BTreeSet<String>,
    compare: bool,
    mut take: impl FnMut(Result<Run, RecipeError>),
) {
    if let Some(error) = too_many(recipe) {
        return take(Err(error));
    }
    let mut base = flatten(&recipe.base);
    base.extend(recipe.lists.clone());
    let (mut names, mut seen) = (BTreeSet::new(), Seen::default());
    for (arm, varied) in product(recipe) {
        let arm_name = arm.map(|arm| arm.name.as_str());
        match one(recipe, &base, arm, varied) {
            // Where a setting is unknown, so are names.
            Ok(run) if unknown.is_empty() && !names.insert(run.name.to_lowercase()) => {
                let (key, at) = recipe.place(None, "vary");
                take(Err(RecipeError::Twice { at, key, got: format!("the run {}", run.name) }));
            }
            Ok(run) => {
                let same = if compare { seen.add(recipe, &run) } else { None };
                take(same.map_or(Ok(run), Err));
            }
            Err(faults) => {
                let known = |fault: &Fault| {
                    !unknown.contains(&fault.key) && !fault.with.iter().any(|key| unknown.contains(*key))
                };
                let known = faults.into_iter().filter(known);
                known.for_each(|fault| take(Err(fault.locate(recipe, arm_name))));
            }
        }
    }
}

fn too_many(recipe: &Recipe) -> Option<RecipeError> {
    let axes = recipe.vary.iter().map(|axis| axis.values.len());
    let runs = axes.fold(recipe.arms.len().max(1), usize::saturating_mul);
    let (key, at) = recipe.place(None, "vary");
    let takes = format!("a grid of at most {MAX_RUNS} runs, arms included");
    (runs > MAX_RUNS).then(|| RecipeError::Value { at, key, got: format!("{runs} runs"), takes })
}

/// Every arm with every combination of the grid, the last axis fastest. One at a time: all of them together are many.
fn product(recipe: &Recipe) -> impl Iterator<Item = (Option<&Arm>, Layer)> {
    let arms: Vec<_> =
        if recipe.arms.is_empty() { vec![None] } else { recipe.arms.iter().map(Some).collect() };
    let combinations = recipe.vary.iter().map(|axis| axis.values.len()).product();
    let combination = |mut index: usize| {
        let axes = recipe.vary.iter().rev().map(|axis| {
            let value = axis.values[index % axis.values.len()].clone();
            index /= axis.values.len();
            (axis.key.clone(), value)
        });
        axes.collect::<Layer>()
    };
    arms.into_iter().flat_map(move |arm| (0..combinations).map(move |index| (arm, combination(index))))
}

fn one(recipe: &Recipe, base: &Layer, arm: Option<&Arm>, mut varied: Layer) -> Result<Run, Vec<Fault>> {
    let nothing = Layer::new();
    let (mut layer, mut faults) = fold(&[base, arm.map_or(&nothing, |arm| &arm.set), &varied]);
    spread::spread(&mut layer);
    let settings = check::settings(&layer).map_err(|fault| vec![fault])?;
    faults.extend(check::across(&settings));
    if !faults.is_empty() {
        return Err(faults);
    }
    varied.remove("seed");
    let name = run_name(recipe, arm, &varied, settings.seed);
    let (arm, hash) = (arm.map(|arm| arm.name.clone()), hash(&settings));
    Ok(Run { recipe: recipe.name.clone(), name, arm, varied, settings, hash })
}

/// `arm_key=value_key=value_seed=0`, of letters, digits and `-_=.` alone.
fn run_name(recipe: &Recipe, arm: Option<&Arm>, varied: &Layer, seed: u64) -> String {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let mut parts: Vec<String> = arm.iter().map(|arm| arm.name.clone()).collect();
    for axis in &recipe.vary {
        let Some(value) = varied.get(&axis.key) else { continue };
        let alone = recipe.vary.iter().filter(|other| last(&other.key) == last(&axis.key)).count() == 1;
        let label = if alone { last(&axis.key) } else { axis.key.clone() };
        parts.push(format!("{label}={}", plain(value)));
    }
    let seed = format!("seed={seed}");
    let name = parts.join("_");
    if name.is_empty() {
        return seed;
    }
    if name.len() <= MAX_NAME {
        return format!("{name}_{seed}");
    }
    // All characters are ASCII: any cut is between two of them.
    format!("{}-{}_{seed}", &name[..MAX_NAME - 9], Digest::default().with(&name).digits(8))
}

/// A value in a file name: 1.35, 512-512, mnist.
pub(super) fn plain(value: &Json) -> String {
    match value {
        Json::Array(values) if values.is_empty() => "none".into(),
        Json::Array(values) => {
            // Groups: 0-1.2-3
            let between = if values.iter().any(Json::is_array) { "." } else { "-" };
            values.iter().map(plain).collect::<Vec<_>>().join(between)
        }
        Json::Number(number) if number.is_f64() => render::number(number.as_f64().unwrap_or_default()),
        Json::String(text) => {
            text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect()
        }
        other => other.to_string(),
    }
}

/// Names the content of a run: other settings or another version, another hash.
fn hash(settings: &Settings) -> String {
    hash_of(&render::settings(settings))
}

/// Names a text, of this version: the first 16 hexadecimal digits of a SHA-256.
pub(super) fn hash_of(text: &str) -> String {
    let version = concat!("metabnn ", env!("CARGO_PKG_VERSION"), "\n");
    Digest::default().with(version).with(text).digits(16)
}
