//! Curves that were measured: lists that have to fit each other before they can be settings.

use super::properties::assert_round_trip;
use super::{of, recipe};
use crate::recipe::Run;
use crate::recipe::settings::Settings;
use metabnn::rule::{Curve, Rule};

fn curve(rule: &Rule) -> &Curve {
    let Rule::Curve(curve) = rule else { panic!("{rule:?}") };
    curve
}

fn runs_of(text: &str) -> Vec<Run> {
    recipe(text).runs().unwrap()
}

#[test]
fn the_name_alone_makes_a_curve() {
    let recipe = super::with("name = 'x'", &[("rule.name", "curve")]);
    assert_eq!(recipe.base.rule, Rule::Curve(Curve::default()));
    assert_round_trip(&recipe);
}

#[test]
fn points_are_kept_as_they_were_measured() {
    let text = "name = 'x'\nrule = { name = 'curve', hidden = [-0.7, 0.1, 2], up = [0, 1, 1.5], down = [1, 0.3, 1e-9] }";
    let recipe = recipe(text);
    let curve = curve(&recipe.base.rule);
    assert_eq!(curve.hidden(), [-0.7, 0.1, 2.0]);
    assert_eq!((curve.up(), curve.down()), (&[0.0, 1.0, 1.5][..], &[1.0, 0.3, 1e-9][..]));
    assert!(
        recipe
            .to_toml()
            .contains("\nhidden = [-0.7, 0.1, 2.0]\nup = [0.0, 1.0, 1.5]\ndown = [1.0, 0.3, 1e-9]\n")
    );
    assert_round_trip(&recipe);
}

/// As many points as there may be, with all the digits that a number can have.
#[test]
fn four_thousand_points_fit_into_a_recipe() {
    let count = Curve::MOST_POINTS;
    let list = |value: &dyn Fn(usize) -> f32| {
        (0..count).map(|place| value(place).to_string()).collect::<Vec<_>>().join(", ")
    };
    let hidden = list(&|place| place as f32 * 1.234_567_8e-3 - 1.5);
    let up = list(&|place| 1.0 / (place as f32 + 0.123));
    let text = format!(
        "name = 'x'\n[rule]\nname = 'curve'\nhidden = [{hidden}]\nup = [{up}]\ndown = [{up}]\n[vary]\nseed = [0, 1]"
    );
    let recipe = recipe(&text);
    assert_eq!(curve(&recipe.base.rule).up().len(), count);
    assert_round_trip(&recipe);
    let more = text.replace("hidden = [", "hidden = [-2, ");
    let message = super::errors(&more);
    let start =
        "x.toml:4: rule.hidden: takes a list of 2 to 4097 numbers, each a finite number, got [-2, -1.5, ";
    assert!(message.starts_with(start) && message.lines().count() == 1, "{message}");
}

#[test]
fn lists_that_make_no_curve_are_refused() {
    let cases = [
        (
            "hidden = [-1, 0, 1]\nup = [1, 1]\ndown = [1, 1, 1]",
            "x.toml:5: rule.up: takes 3 numbers, as many as rule.hidden, got 2 values",
        ),
        (
            "hidden = [-1, 0, 1]\nup = [1, 1, 1]\ndown = [1, 1, 1, 1]",
            "x.toml:6: rule.down: takes 3 numbers, as many as rule.hidden, got 4 values",
        ),
        (
            "hidden = [-1, 0, 1]\nup = [1, 1, 1]",
            "x.toml: rule.down: takes 3 numbers, as many as rule.hidden, got 33 values, the default",
        ),
        (
            "up = [1, 1, 1]",
            "x.toml:4: rule.up: takes 33 numbers, as many as rule.hidden, the default, got 3 values",
        ),
        (
            "hidden = [-1, 0.5, 0.5]\nup = [1, 1, 1]\ndown = [1, 1, 1]",
            "x.toml:4: rule.hidden: takes numbers that increase from one to the next, got 0.5 after 0.5 as number 3",
        ),
        (
            "hidden = [1, 0]\nup = [1, 1]\ndown = [1, 1]",
            "x.toml:4: rule.hidden: takes numbers that increase from one to the next, got 0 after 1 as number 2",
        ),
        (
            "hidden = [0, 1e-40]\nup = [1, 1]\ndown = [1, 1]",
            "x.toml:4: rule.hidden: takes a last number that is 1e-30 to 1e30 above the first, got 1e-40 after 0",
        ),
        (
            "hidden = [0]",
            "x.toml:4: rule.hidden: takes a list of 2 to 4097 numbers, each a finite number, got [0]",
        ),
        (
            "hidden = [0, nan]\nup = [1, 1]\ndown = [1, 1]",
            "x.toml:4: rule.hidden: takes a list of 2 to 4097 numbers, each a finite number, got [0, nan]",
        ),
        (
            "hidden = [0, 1]\nup = [1, -0.1]\ndown = [1, 1]",
            "x.toml:5: rule.up: takes a list of 2 to 4097 numbers, each a finite number >= 0, got [1, -0.1]",
        ),
        (
            "hidden = [0, 1]\nup = [1, inf]\ndown = [1, 1]",
            "x.toml:5: rule.up: takes a list of 2 to 4097 numbers, each a finite number >= 0, got [1, inf]",
        ),
        (
            "hidden = [0, 1]\nup = [1, 1]\ndown = [nan, 1]",
            "x.toml:6: rule.down: takes a list of 2 to 4097 numbers, each a finite number >= 0, got [nan, 1]",
        ),
        (
            "m = 1",
            "x.toml:4: rule.m: takes a rule that has this setting (metaplastic or ewc or random-consolidation or \
          beakers), got rule.name = \"curve\"",
        ),
    ];
    for (settings, message) in cases {
        assert_eq!(of(&format!("[rule]\nname = 'curve'\n{settings}")), message, "{settings}");
    }
    // What else is wrong is told as well.
    let both = of("rule = { name = 'curve', hidden = [1, 0] }\nschedule.batch = 0");
    assert_eq!(both.lines().count(), 2, "{both}");
    let both = of("rule = { name = 'curve', up = [1, 1] }\nschedule.test_batch = 1");
    assert_eq!(both.lines().count(), 2, "{both}");
}

#[test]
fn arms_and_grids_have_curves_of_their_own() {
    let arms = "name = 'x'\n[[arm]]\nname = 'a'\n[[arm]]\nname = 'b'\n\
                set.rule = { name = 'curve', hidden = [0, 1], up = [1, 2], down = [1, 0.5] }";
    let runs = runs_of(arms);
    assert_eq!(curve(&runs[1].settings.rule).down(), [1.0, 0.5]);
    assert_round_trip(&recipe(arms));
    // A list that the grid gives needs no other value.
    let grid = "name = 'x'\n[rule]\nname = 'curve'\nhidden = [0, 1]\ndown = [1, 0.5]\n[vary]\nrule.up = [[1, 2], [0, 3]]";
    let ups: Vec<_> = runs_of(grid).iter().map(|run| curve(&run.settings.rule).up().to_vec()).collect();
    assert_eq!(ups, [[1.0, 2.0], [0.0, 3.0]]);
    assert_round_trip(&recipe(grid));
    let wrong = grid.replace("[0, 3]", "[0, 3, 4]");
    let says = "x.toml:7: vary.rule.up: takes 2 numbers, as many as rule.hidden, got 3 values";
    assert_eq!(super::errors(&wrong), says);
    let wrong = arms.replace("[1, 2]", "[1, 2, 3]");
    let says = "x.toml:6: arm.b.rule.up: takes 2 numbers, as many as rule.hidden, got 3 values";
    assert_eq!(super::errors(&wrong), says);
}

/// Settings from elsewhere than recipes, such as a model's file.
#[test]
fn settings_that_hold_no_curve_are_not_read() {
    let settings = &recipe("name = 'x'\nrule.name = 'curve'").base;
    let text = serde_json::to_string(settings).unwrap();
    assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), *settings);
    let broken = text.replacen("\"hidden\":[-3.0,", "\"hidden\":[3.0,", 1);
    assert_ne!(broken, text);
    let error = serde_json::from_str::<Settings>(&broken).unwrap_err().to_string();
    assert!(
        error
            .starts_with("the hidden value 2 is -2.8125, expected a finite number above the one before, 3.0"),
        "{error}"
    );
}
