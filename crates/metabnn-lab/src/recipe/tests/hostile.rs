//! Recipes without end are refused at once, with little more than a page of errors.

use super::{errors, of};

#[test]
fn a_text_that_is_too_long_is_not_read() {
    let text = format!("name = 'x'\n#{}", "-".repeat(1 << 20));
    assert_eq!(errors(&text), "x.toml: a recipe has at most 1048576 bytes, got 1048588");
}

#[test]
fn a_list_of_more_values_than_runs_is_not_walked() {
    let values: Vec<String> = (0..65_537).map(|value| value.to_string()).collect();
    let message = of(&format!("vary.seed = [{}]", values.join(",")));
    assert_eq!(message, "x.toml:2: vary.seed: takes a list of at most 65536 values, got 65537 values");
}

#[test]
fn the_first_hundred_errors_are_told() {
    let keys: String = (0..5000).map(|key| format!("key{key} = 1\n")).collect();
    assert_eq!(of(&keys).lines().count(), 100);
    let values = "0.1,".repeat(5000);
    assert_eq!(of(&format!("vary.seed = [{values}]")).lines().count(), 100);
    assert!(of(&"= 1\n".repeat(5000)).lines().count() <= 100);
    // Of runs as well: each of these has another number of tasks than data sets.
    let counts: Vec<String> = (2..5000).map(|count| count.to_string()).collect();
    let grid = format!("tasks.stream = 'sequence'\nvary.tasks.count = [{}]", counts.join(","));
    assert_eq!(of(&grid).lines().count(), 100);
}

#[test]
fn a_giant_key_is_like_no_other() {
    let message = of(&format!("rule.{} = 1", "m".repeat(100_000)));
    assert!(
        message.ends_with(
            "no such key; takes rule.name, rule.lambda, rule.samples, rule.ratios, rule.areas, rule.feedback, \
             rule.m, rule.epsilon, rule.path, rule.hidden, rule.up, rule.down"
        ),
        "{}",
        &message[100_000..]
    );
}
