//! The table of keys and the settings cannot drift apart.

use std::collections::BTreeSet;

use crate::recipe::keys::{KEYS, Kind, find, is_of_rule};
use crate::recipe::render::{Layer, flatten, unflatten};
use crate::recipe::settings::Settings;

fn words(path: &str) -> &'static [&'static str] {
    match find(path).map(|key| &key.kind) {
        Some(Kind::Word(words)) => words,
        _ => panic!("{path} takes no words"),
    }
}

#[test]
fn the_keys_are_those_of_the_settings_for_every_rule() {
    for rule in words("rule.name") {
        let layer = Layer::from([("rule.name".to_owned(), (*rule).into())]);
        let settings: BTreeSet<String> = flatten(&unflatten(&layer).unwrap()).into_keys().collect();
        let keys: BTreeSet<String> =
            KEYS.iter().map(|key| key.path.to_owned()).filter(|path| is_of_rule(path, rule)).collect();
        assert_eq!(keys, settings, "rule {rule}");
    }
}

#[test]
fn every_rule_key_names_rules_that_exist() {
    for key in KEYS {
        assert!(key.rules.iter().all(|rule| words("rule.name").contains(rule)), "{}", key.path);
        assert_eq!(
            key.path.starts_with("rule.") && key.path != "rule.name",
            !key.rules.is_empty(),
            "{}",
            key.path
        );
    }
}

#[test]
fn the_words_of_a_key_are_those_of_its_enum() {
    let mut seen = 0;
    for key in KEYS {
        let Kind::Word(words) = &key.kind else { continue };
        let bad = Layer::from([(key.path.to_owned(), "?".into())]);
        let message = unflatten(&bad).unwrap_err();
        // serde lists the variants of the enum: `a`, `b`
        let variants: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
        assert_eq!(&variants, words, "{}: {message}", key.path);
        seen += 1;
    }
    assert_eq!(seen, 12);
}

#[test]
fn defaults_are_taken_by_their_own_keys() {
    let text = crate::recipe::render::settings(&Settings::default());
    let recipe = super::recipe(&format!("name = \"x\"\n{text}"));
    assert_eq!(recipe.base, Settings::default());
}
