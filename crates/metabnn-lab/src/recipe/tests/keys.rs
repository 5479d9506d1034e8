//! The table of keys and the settings cannot drift apart.

use std::collections::BTreeSet;

use crate::analysis::Analysis;
use crate::recipe::flat::{Layer, flatten, unflatten};
use crate::recipe::keys::{CHOICES, KEYS, Kind, find, is_of_rule, section};
use crate::recipe::settings::Settings;
use metabnn::config::Takes;

fn words(path: &str) -> &'static [&'static str] {
    match find(path).map(|key| &key.kind) {
        Some(Kind::Plain(Takes::Word(words))) => words,
        _ => panic!("{path} takes no words"),
    }
}

#[test]
fn the_keys_are_those_of_the_settings_for_every_rule() {
    for rule in words("rule.name") {
        let layer = Layer::from([("rule.name".to_owned(), (*rule).into())]);
        let settings: BTreeSet<String> = flatten(&unflatten(&layer).unwrap()).into_keys().collect();
        let others = KEYS.iter().map(|key| key.path.to_owned()).filter(|path| !path.starts_with("analysis."));
        let keys: BTreeSet<String> = others.filter(|path| is_of_rule(path, rule)).collect();
        assert_eq!(keys, settings, "rule {rule}");
    }
}

#[test]
fn the_keys_are_those_of_the_settings_for_every_analysis() {
    for kind in words("analysis.kind") {
        let layer = Layer::from([("analysis.kind".to_owned(), (*kind).into())]);
        let mut settings: BTreeSet<String> = flatten(&unflatten(&layer).unwrap()).into_keys().collect();
        assert_eq!(settings.insert("analysis.kind".into()), *kind == "none", "left out where there is none");
        let of_default = |path: &String| {
            let rule = flatten(&Settings::default())["rule.name"].clone();
            is_of_rule(path, if path.starts_with("rule.") { rule.as_str().unwrap() } else { kind })
        };
        let keys: BTreeSet<String> = KEYS.iter().map(|key| key.path.to_owned()).filter(of_default).collect();
        assert_eq!(keys, settings, "analysis {kind}");
    }
}

#[test]
fn the_settings_of_analyses_are_explained_and_shared_ones_take_the_same() {
    let all = Analysis::settings_help();
    for one in &all {
        let known = find(one.key).expect("a key of recipes");
        assert!(known.rules.contains(&one.analysis) && one.takes == known.kind.takes(), "{one:?}");
        assert!(!one.help.is_empty(), "{one:?}");
    }
    assert!(all.iter().any(|one| (one.key, one.analysis) == ("analysis.bins", "sign-switching")));
}

#[test]
fn every_rule_key_names_rules_that_exist() {
    for key in KEYS.iter() {
        let choice =
            CHOICES.iter().find(|choice| section(key.path) == choice.section && key.path != choice.key[0]);
        let known = choice.map_or(&[][..], |choice| words(choice.key[0]));
        assert!(key.rules.iter().all(|rule| known.contains(rule)), "{}", key.path);
        assert_eq!(choice.is_some(), !key.rules.is_empty(), "{}", key.path);
    }
}

#[test]
fn the_words_of_a_key_are_those_of_its_enum() {
    let mut seen = 0;
    for key in KEYS.iter() {
        let Kind::Plain(Takes::Word(words)) = &key.kind else { continue };
        let mut bad = Layer::from([(key.path.to_owned(), "?".into())]);
        bad.extend(key.rules.first().map(|rule| ("rule.name".to_owned(), (*rule).into())));
        let message = unflatten(&bad).unwrap_err();
        // serde lists the variants of the enum: `a`, `b`
        let variants: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
        assert_eq!(&variants, words, "{}: {message}", key.path);
        seen += 1;
    }
    assert_eq!(seen, 18);
}

#[test]
fn defaults_are_taken_by_their_own_keys() {
    let text = crate::recipe::render::settings(&Settings::default());
    let recipe = super::recipe(&format!("name = \"x\"\n{text}"));
    assert_eq!(recipe.base, Settings::default());
}
