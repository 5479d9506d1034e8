//! Runs that come to the same settings are refused, and so are settings that no run has.

use std::collections::HashSet;

use super::{errors, errors_with, owned, with};
use crate::recipe::flat::flatten;
use crate::recipe::{Recipe, builtin};
use serde_json::Value as Json;

/// A built-in recipe with overrides.
fn built_in(name: &str, overrides: &[(&str, &str)]) -> Result<Recipe, String> {
    let (text, origin) = builtin::find(name).unwrap();
    Recipe::from_toml(&text, &origin, &owned(overrides), None).map_err(|errors| errors.to_string())
}

#[test]
fn arms_that_overrides_make_the_same_are_refused() {
    let error = built_in("quickstart", &[("rule.name", "ewc")]).unwrap_err();
    let says = "--set rule.name=ewc: arm: the arms \"plain\" and \"metaplastic\" come to the same settings; choose \
                one, --set arm=plain or --set arm=metaplastic, or let them differ";
    assert_eq!(error, says);
    let error = built_in("quickstart", &[("rule.m", "0")]).unwrap_err();
    assert_eq!(error, says.replace("rule.name=ewc", "rule.m=0"));
    let one = built_in("quickstart", &[("rule.name", "ewc"), ("arm", "plain")]).unwrap();
    assert_eq!(super::names(&one.runs().unwrap()), ["plain_seed=0"]);
    // Once for all combinations of a grid.
    let grid = built_in("quickstart", &[("rule.name", "ewc"), ("vary.seed", "[0, 1, 2]")]).unwrap_err();
    assert_eq!(grid.lines().count(), 1, "{grid}");
}

#[test]
fn runs_that_the_file_itself_makes_the_same_are_refused() {
    let arms = "name = 'x'\n[[arm]]\nname = 'a'\n[[arm]]\nname = 'b'\nset = { rule.m = 1.35 }";
    let says = "x.toml:4: arm: the arms \"a\" and \"b\" come to the same settings; choose one, --set arm=a or --set \
                arm=b, or let them differ";
    let error = errors(arms);
    assert_eq!(error.split_once(": ").unwrap().1, says.split_once(": ").unwrap().1);
    // Zero stands for the number of sets.
    let grid = "name = 'x'\ndata.sets = ['a', 'b']\ntasks.stream = 'sequence'\n[vary]\ntasks.count = [0, 2]";
    let says = "x.toml:4: vary: the runs count=0_seed=0 and count=2_seed=0 come to the same settings; leave one of \
                the values out";
    assert_eq!(errors(grid), says);
}

#[test]
fn a_setting_that_no_run_has_is_refused() {
    let arms = "name = 'x'\n[[arm]]\nname = 'a'\nset = { rule.name = 'si' }\n\
                [[arm]]\nname = 'b'\nset = { rule.name = 'beakers' }";
    let says = "--set rule.m=2: rule.m: no run has 2.0 there, so this would change nothing; pick one arm, --set arm=a, \
                or set another key";
    assert_eq!(errors_with(arms, &[("rule.m", "2")]), says);
    // Zero tasks of a sequence are as many as there are sets, and what is varied has the values of the grid.
    with("name = 'x'\ndata.sets = ['a', 'b']\ntasks.stream = 'sequence'", &[("tasks.count", "0")]);
    with("name = 'x'", &[("seed", "7"), ("vary.seed", "[8]")]);
}

/// What the combinations are made of.
const SETTINGS: &[&[(&str, &str)]] = &[
    &[("rule.name", "ewc")],
    &[("rule.name", "si"), ("norm.eps", "1e-4")],
    &[("rule.name", "metaplastic"), ("rule.m", "0")],
    &[("rule.name", "metaplastic"), ("rule.m", "1.35")],
    &[("rule.name", "random-consolidation"), ("seed", "3")],
    &[("rule.name", "beakers"), ("vary.seed", "[0, 1]")],
    &[("rule.m", "2")],
    &[("rule.m", "0"), ("optimizer.lr", "0.001")],
    &[("tasks.stream", "interleaved")],
    &[("data.sets", "glyphs"), ("tasks.stream", "permuted")],
    &[("data.sets", "['mnist', 'fashion-mnist']"), ("tasks.stream", "sequence"), ("tasks.count", "0")],
    &[("network.precision", "full-precision")],
    &[("norm.kind", "instance"), ("norm.statistics", "batch")],
    &[("norm.gamma_scale", "[2, '..', 1]"), ("network.hidden", "[8, 8, 8, 8]")],
    &[("network.hidden", "[8]"), ("vary.rule.m", "[0, 1]")],
    &[("vary.norm.gamma_init", "['ones', 'uniform']"), ("schedule.epochs", "1")],
    &[("norm.affine", "false"), ("norm.gamma_init", "ones")],
];

#[test]
fn whatever_is_set_runs_differ_and_have_it() {
    let (mut taken, mut refused) = (0, 0);
    for (name, _) in builtin::builtin() {
        for settings in SETTINGS {
            match built_in(name, settings) {
                Err(error) => {
                    refused += 1;
                    assert!(error.contains("--set ") || error.contains(name), "{name} {settings:?}: {error}");
                }
                Ok(recipe) => {
                    taken += 1;
                    assert_all_differ_and_have(&recipe, settings);
                }
            }
        }
    }
    assert!(taken > 100 && refused > 50, "{taken} taken, {refused} refused");
}

fn assert_all_differ_and_have(recipe: &Recipe, settings: &[(&str, &str)]) {
    let runs = recipe.runs().unwrap();
    let hashes: HashSet<&str> = runs.iter().map(|run| run.hash.as_str()).collect();
    assert_eq!(hashes.len(), runs.len(), "{} {settings:?}: equal runs", recipe.name);
    let layers: Vec<_> =
        runs.iter().map(|run| (run.settings.network.depth(), flatten(&run.settings))).collect();
    for (key, text) in settings.iter().filter(|given| **given != ("tasks.count", "0")) {
        let toml = format!("value = {text}").parse::<toml::Table>();
        let value = toml.map_or(Json::from(*text), |mut table| {
            serde_json::to_value(table.remove("value").unwrap()).unwrap()
        });
        let (key, wanted) = match key.strip_prefix("vary.") {
            Some(key) => (key, value.as_array().unwrap().clone()),
            None => (*key, vec![value]),
        };
        for wanted in wanted {
            let has = |(depth, layer): &(usize, crate::recipe::flat::Layer)| {
                same(&layer[key], &crate::recipe::spread::over(&wanted, *depth))
            };
            // What is in the settings of a run under this key.
            let found = layers.iter().any(|layer| layer.1.contains_key(key) && has(layer));
            assert!(found, "{} {settings:?}: no run has {key} = {wanted}", recipe.name);
        }
    }
}

/// Whether two values are the same, 2 and 2.0 being one number and "a" a list of one.
fn same(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(_), Json::Number(_)) => one.as_f64() == other.as_f64(),
        (Json::Array(all), Json::String(_)) => *all == [other.clone()],
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        _ => one == other,
    }
}
