//! Lists with a value for each layer that go with any number of layers.

use super::{names, of, recipe, with};
use crate::recipe::spread::over;
use crate::recipe::{Recipe, builtin};
use metabnn::rule::PerLayer;
use serde_json::json;

#[test]
fn the_value_before_the_dots_is_that_of_the_layers_between() {
    let cases = [
        (json!([2, "..", 0.5]), [json!([0.5]), json!([2, 0.5]), json!([2, 2, 0.5]), json!([2, 2, 2, 0.5])]),
        (json!([1, 2, "..", 3]), [json!([3]), json!([1, 3]), json!([1, 2, 3]), json!([1, 2, 2, 3])]),
        (json!([1, 2, ".."]), [json!([1]), json!([1, 2]), json!([1, 2, 2]), json!([1, 2, 2, 2])]),
        (json!([1, "..", 2, 3]), [json!([3]), json!([2, 3]), json!([1, 2, 3]), json!([1, 1, 2, 3])]),
        (json!(7), [json!(7), json!(7), json!(7), json!(7)]),
    ];
    for (list, expected) in cases {
        for (layers, expected) in (1..).zip(expected) {
            assert_eq!(over(&list, layers), expected, "{list} over {layers} layers");
        }
    }
}

#[test]
fn they_go_with_every_depth_of_a_recipe() {
    let text = "name = 'x'\nrule.m = [1, '..', 2]\n[[arm]]\nname = 'a'\nset = { norm.gamma_scale = [3, '..', 4] }\n\
                [vary]\nnetwork.hidden = [[], [8], [8, 8, 8]]";
    let first = recipe(text);
    let found: Vec<_> =
        first.runs().unwrap().into_iter().map(|run| (run.settings.rule, run.settings.norm)).collect();
    let gammas: Vec<_> = found.iter().map(|(_, norm)| norm.gamma_scale.clone()).collect();
    let each = |values: &[f32]| PerLayer::Each(values.to_vec());
    assert_eq!(gammas, [each(&[4.0]), each(&[3.0, 4.0]), each(&[3.0, 3.0, 3.0, 4.0])]);
    super::properties::assert_round_trip(&first);
    // On the command line too, and as one of several values of a grid.
    let set = [("vary.rule.m", "[[0, '..', 1], 1]")];
    let grid = with("name = 'x'\nnetwork.hidden = [8]", &set).runs().unwrap();
    assert_eq!(names(&grid), ["m=0-1_seed=0", "m=1_seed=0"]);
}

#[test]
fn lists_that_are_none_are_refused() {
    for list in ["['..', 1]", "[1, '..', '..', 2]", "['..']", "[1, '...', 2]", "[1, '..', 'a']"] {
        let error = of(&format!("rule.m = {list}"));
        assert!(error.contains("rule.m: takes a finite number >= 0, or a list of one per layer"), "{error}");
        let error = of(&format!("analysis.kind = 'sign-switching'\nanalysis.switched = {list}"));
        assert!(error.contains("analysis.switched: takes a list of whole numbers"), "{error}");
    }
    // The name of a folder of features, perhaps.
    assert_eq!(recipe("name = 'x'\ndata.sets = '..'").base.data.sets, [".."]);
    let sets = recipe("name = 'x'\ndata.sets = ['a', '..', 'b']\ntasks.stream = 'sequence'").base.data.sets;
    assert_eq!(sets, ["a", "..", "b"]);
}

#[test]
fn built_in_recipes_have_the_values_they_had() {
    let before = [
        ("boundary-free", "[2.0, \"..\", 1.0]", "[2.0, 2.0, 1.0]"),
        ("boundary-free", "[2.0, \"..\", 0.5]", "[2.0, 2.0, 0.5]"),
        ("fig5cde", "[1000, 2000, \"..\", 100]", "[1000, 2000, 100]"),
    ];
    for (name, now, then) in before {
        let (text, origin) = builtin::find(name).unwrap();
        assert!(text.contains(now), "{name}");
        let read = |text: &str| Recipe::from_toml(text, &origin, &[], None).unwrap();
        let (now, then) = (read(&text), read(&text.replace(now, then)));
        assert_eq!((now.to_toml(), now.hash()), (then.to_toml(), then.hash()), "{name}");
        assert_eq!(now.runs(), then.runs(), "{name}");
    }
}

#[test]
fn built_in_recipes_take_networks_of_any_depth() {
    for (name, text) in builtin::builtin() {
        let base = Recipe::from_toml(text, name, &[], None).unwrap();
        if base.runs().unwrap().iter().any(|run| !run.settings.analysis.trains()) {
            continue;
        }
        let arms: Vec<Option<String>> = match base.arms.as_slice() {
            [] => vec![None],
            arms => arms.iter().map(|arm| Some(arm.name.clone())).chain([None]).collect(),
        };
        for (arm, hidden) in
            arms.iter().flat_map(|arm| ["[100]", "[9, 8, 7]", "[]"].map(|hidden| (arm, hidden)))
        {
            let mut set = vec![("network.hidden".to_owned(), hidden.to_owned())];
            set.extend(arm.iter().map(|arm| ("arm".to_owned(), arm.clone())));
            let recipe = Recipe::from_toml(text, name, &set, None);
            let recipe = recipe.unwrap_or_else(|errors| panic!("{name} {set:?}: {errors}"));
            super::properties::assert_round_trip(&recipe);
        }
    }
}
