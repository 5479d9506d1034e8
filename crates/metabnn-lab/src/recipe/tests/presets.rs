//! Presets: what they change, what goes before them, and what is wrong with them.

use serde_json::json;

use super::{errors, errors_with, names, recipe, with};
use crate::recipe::flat::flatten;
use crate::recipe::{Preset, builtin};

const TEXT: &str = "\
name = 'x'
cost = 'a day'
schedule.epochs = 40
[[arm]]
name = 'plain'
set = { 'rule.m' = 0 }
[[arm]]
name = 'strong'
set = { 'rule.m' = 1.35 }
[vary]
seed = [0, 1, 2]
network.hidden = [[4096, 4096], [2048, 2048]]
[preset.quick]
cost = 'a minute'
schedule.epochs = 2
seed = 7
arm.strong.rule.m = 5.5
[preset.quick.vary]
network.hidden = [[16], [32], [64]]
[preset.tiny]
network.hidden = [8]
";

#[test]
fn a_preset_replaces_settings_axes_words_and_settings_of_arms() {
    let full = recipe(TEXT);
    assert_eq!((full.cost.as_str(), full.runs().unwrap().len()), ("a day", 12));
    let preset = |name: &str, cost: &str| Preset { name: name.into(), cost: cost.into() };
    assert_eq!(full.presets, [preset("quick", "a minute"), preset("tiny", "")]);
    let quick = with(TEXT, &[("preset", "quick")]);
    let runs = quick.runs().unwrap();
    let expected = ["plain_hidden=16", "plain_hidden=32", "plain_hidden=64"]
        .into_iter()
        .chain(["strong_hidden=16", "strong_hidden=32", "strong_hidden=64"])
        .map(|name| format!("{name}_seed=7"));
    assert_eq!(names(&runs), expected.collect::<Vec<_>>());
    assert_eq!(quick.cost, "a minute");
    let values: Vec<_> = runs.iter().map(|run| flatten(&run.settings)["rule.m"].clone()).collect();
    assert_eq!((&values[0], &values[3]), (&json!(0.0), &json!(5.5)));
    assert!(runs.iter().all(|run| run.settings.schedule.epochs == 2));
    // A key given one value is no axis any more; the other axis stays.
    let tiny = with(TEXT, &[("preset", "tiny")]).runs().unwrap();
    let expected =
        ["plain_seed=0", "plain_seed=1", "plain_seed=2", "strong_seed=0", "strong_seed=1", "strong_seed=2"];
    assert_eq!(names(&tiny), expected);
    assert!(tiny.iter().all(|run| run.settings.network.hidden == [8] && run.settings.schedule.epochs == 40));
}

#[test]
fn other_overrides_go_before_a_preset_wherever_they_stand() {
    for order in
        [[("schedule.epochs", "3"), ("preset", "quick")], [("preset", "quick"), ("schedule.epochs", "3")]]
    {
        let runs = with(TEXT, &order).runs().unwrap();
        assert!(runs.iter().all(|run| run.settings.schedule.epochs == 3));
    }
    let picked = with(TEXT, &[("arm", "strong"), ("preset", "quick"), ("vary.network.hidden", "[[9]]")]);
    assert_eq!(names(&picked.runs().unwrap()), ["strong_hidden=9_seed=7"]);
}

#[test]
fn a_preset_that_names_another_rule_leaves_nothing_of_the_first() {
    let text = "name = 'x'\nrule.m = 2\n[preset.other]\nrule.name = 'metaplastic'\nrule.m = 1";
    let runs = with(text, &[("preset", "other")]).runs().unwrap();
    assert_eq!(flatten(&runs[0].settings)["rule.m"], json!(1.0));
}

#[test]
fn a_picked_preset_is_written_out_and_runs_the_same_again() {
    let quick = with(TEXT, &[("preset", "quick")]);
    let again = recipe(&quick.to_toml());
    assert_eq!(again.runs().unwrap(), quick.runs().unwrap());
    assert!(again.presets.is_empty());
}

#[test]
fn what_is_wrong_with_a_preset_is_said_with_its_place() {
    let cases = [
        ("preset = 1", "x.toml:2: preset: takes tables headed [preset.NAME], got 1"),
        ("[preset]\nquick = 1", "x.toml:3: preset.quick: takes tables headed [preset.NAME], got 1"),
        (
            "[preset.quick]\nschedule.epochs = 0",
            "x.toml:3: preset.quick.schedule.epochs: takes a whole number from 1 to 1073741824, got 0",
        ),
        (
            "[preset.quick]\nschedule.epoch = 1",
            "x.toml:3: preset.quick.schedule.epoch: no such key; did you mean preset.quick.schedule.epochs?",
        ),
        (
            "[preset.quick]\nvary.seed = []",
            "x.toml:3: preset.quick.vary.seed: takes a list of at least one value, each a whole number from 0 to 9223372036854775807, got []",
        ),
        (
            "[[arm]]\nname = 'plain'\n[preset.quick]\narm.plane.rule.m = 1",
            "x.toml:5: preset.quick.arm.plane: no such key; did you mean plain?",
        ),
        (
            "[preset.quick]\narm.a = 1",
            "x.toml:3: preset.quick.arm.a: takes a table of settings of that arm, got 1",
        ),
        ("[preset.quick]\ncost = 3", "x.toml:3: cost: takes a text of one line, got 3"),
        (
            "[preset.'very quick']\n",
            "x.toml:2: preset: takes letters, digits, '-' and '_', at most 64 of them, got \"very quick\"",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(errors(&format!("name = \"x\"\n{text}")), message, "{text}");
    }
    let cases = [
        ("name = 'x'", "--set preset=quick: preset: takes nothing: the recipe has no presets, got \"quick\""),
        ("name = 'x'\n[preset.fast]\nseed = 1", "--set preset=quick: preset: takes \"fast\", got \"quick\""),
    ];
    for (text, message) in cases {
        assert_eq!(errors_with(text, &[("preset", "quick")]), message, "{text}");
    }
    // Settings at odds only in the preset: the error points there.
    let text = "name = 'x'\n[preset.quick]\ntasks.count = 0";
    assert_eq!(
        errors_with(text, &[("preset", "quick")]),
        "x.toml:3: tasks.count: takes at least 1 with tasks.stream = \"permuted\", got 0"
    );
}

#[test]
fn every_preset_of_the_built_in_recipes_expands() {
    for (name, text) in builtin::builtin() {
        for preset in recipe(text).presets {
            let picked = with(text, &[("preset", preset.name.as_str())]);
            assert!(!picked.runs().unwrap().is_empty(), "{name}, {}", preset.name);
            assert!(!preset.cost.is_empty(), "{name}, {}: says nothing of its cost", preset.name);
        }
    }
}
