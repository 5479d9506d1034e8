//! No text makes a recipe panic, and every valid recipe survives being written and read.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::recipe::flat::{Layer, flatten, unflatten};
use crate::recipe::keys::{self, KEYS, Kind};
use crate::recipe::render;
use crate::recipe::settings::Settings;
use crate::recipe::{Recipe, Run, builtin};
use metabnn::config::Takes;

/// Writing and reading gives the same recipe, and each run alone the same settings and hash.
pub(super) fn assert_round_trip(recipe: &Recipe) {
    let text = recipe.to_toml();
    let again = read(&text);
    let runs = recipe.runs().unwrap();
    assert_eq!(again.runs().unwrap(), runs);
    assert_eq!((&again.base, &again.arms, &again.vary), (&recipe.base, &recipe.arms, &recipe.vary));
    assert_eq!(again.to_toml(), text);
    for run in runs {
        let alone: Vec<Run> = read(&run.to_toml()).runs().unwrap();
        assert_eq!(alone.len(), 1);
        assert_eq!((&alone[0].settings, &alone[0].hash), (&run.settings, &run.hash));
    }
}

fn read(text: &str) -> Recipe {
    match Recipe::from_toml(text, "resolved.toml", &[], None) {
        Ok(recipe) => recipe,
        Err(errors) => panic!("{errors}\nin\n{text}"),
    }
}

/// A positive number of any size an `f32` has, inside what nearly every real key takes.
fn real() -> impl Strategy<Value = f32> {
    prop_oneof![0.001f32..0.999, (1u32..0x3f7f_ffff).prop_map(f32::from_bits)]
}

/// A value that `kind` takes.
fn value(kind: &Kind, layers: usize) -> BoxedStrategy<Json> {
    match kind {
        Kind::Plain(Takes::Whole(low, high)) => (low.max(&2).to_owned()..=*high).prop_map(Json::from).boxed(),
        Kind::Plain(Takes::Real(interval)) => {
            let contains = interval.contains;
            real().prop_map(move |v| json!(if contains(v) { v } else { v + 1.0 })).boxed()
        }
        // Lists that have to be of one length.
        Kind::Plain(Takes::Reals(..)) => vec(real(), 3).prop_map(|values| json!(values)).boxed(),
        Kind::Plain(Takes::Flag) => any::<bool>().prop_map(Json::from).boxed(),
        Kind::Plain(Takes::Word(words)) => prop::sample::select(*words).prop_map(Json::from).boxed(),
        Kind::Widths => vec(1u64..=1 << 20, layers).prop_map(|widths| json!(widths)).boxed(),
        Kind::Convolutions => {
            let all: Vec<usize> = (1..=layers).collect();
            prop::sample::subsequence(all, 0..=layers).prop_map(|some| json!(some)).boxed()
        }
        Kind::Names => "[ -~é\u{7f}]{0,8}x"
            .prop_filter("control", |s| !s.contains(char::is_control))
            .prop_map(|name| json!([name]))
            .boxed(),
        Kind::Plain(Takes::PerLayer(_)) => {
            // Convolutions, dense hidden layers, the output layer.
            let each = vec(real(), 2 * layers + 1).prop_map(|values| json!(values));
            prop_oneof![real().prop_map(|v| json!(v)), each].boxed()
        }
        Kind::Plain(takes) => unreachable!("no values for {takes:?}"),
        Kind::Counts => vec(1u64..=1 << 30, 2 * layers + 1).prop_map(|counts| json!(counts)).boxed(),
        Kind::Range(_) => (real(), real()).prop_map(|(a, b)| json!([a.min(b), a.max(b)])).boxed(),
        Kind::Vector => prop_oneof![real().prop_map(|v| json!(v)), Just(json!([0.5, -1.5]))].boxed(),
        Kind::Matrix => prop_oneof![Just(json!([])), Just(json!([[2.5, -0.1], [-0.1, 1.0]]))].boxed(),
        // No class twice: the classes 0 to 8 in groups of three.
        Kind::Groups => (0usize..4)
            .prop_map(|groups| json!((0..groups).map(|group| [3 * group, 3 * group + 2]).collect::<Vec<_>>()))
            .boxed(),
    }
}

/// Valid settings, every key at random, rule, streams and counts made to fit.
fn settings() -> impl Strategy<Value = Settings> {
    (0usize..4).prop_flat_map(|layers| {
        let values: Vec<_> = KEYS.iter().map(|key| value(&key.kind, layers)).collect();
        values.prop_map(|values| {
            let mut layer: Layer = KEYS.iter().map(|key| key.path.to_owned()).zip(values).collect();
            if layer["tasks.stream"] == "sequence" {
                layer.insert("tasks.count".into(), json!(1));
            }
            let groups = layer["tasks.classes"].as_array().unwrap().len();
            match layer["tasks.stream"].as_str() {
                Some("classes") if groups > 0 => layer.insert("tasks.count".into(), json!(groups)),
                Some("classes") => None,
                _ => layer.insert("tasks.classes".into(), json!([])),
            };
            if ["permuted", "interleaved"].map(Json::from).contains(&layer["tasks.stream"]) {
                layer.insert("data.augment".into(), json!("none"));
            }
            if layer["network.pool"] == "none" {
                layer.insert("network.pool_after".into(), json!([]));
            }
            if layer["norm.kind"] != "batch" {
                layer.insert("norm.statistics".into(), json!("batch"));
            }
            layer.insert("data.train_images".into(), json!(0));
            made_to_fit(&mut layer);
            // Once through the form of a file, which keeps no more digits than an `f32` has.
            unflatten(&flatten(&unflatten(&layer).unwrap())).unwrap()
        })
    })
}

/// Leaves of rule and analysis their own settings alone, of an analysis without a network nothing else, and gives a rule
/// a stream and a network that it can have.
fn made_to_fit(layer: &mut Layer) {
    let word = |layer: &Layer, key: &str| layer[key].as_str().unwrap().to_owned();
    let (rule, kind) = (word(layer, "rule.name"), word(layer, "analysis.kind"));
    layer.retain(|path, _| keys::section(path) != "rule" || keys::is_of_rule(path, &rule));
    layer.retain(|path, _| keys::section(path) != "analysis" || keys::is_of_rule(path, &kind));
    let bounded = ["permuted", "sequence", "classes"].contains(&word(layer, "tasks.stream").as_str());
    if !bounded && !["metaplastic", "beakers", "curve"].contains(&rule.as_str()) {
        let other = [
            ("tasks.stream", json!("permuted")),
            ("tasks.classes", json!([])),
            ("data.augment", json!("none")),
        ];
        layer.extend(other.map(|(key, value)| (key.to_owned(), value)));
    }
    if rule == "curve" {
        // They have to increase.
        let hidden = layer["rule.hidden"].as_array().unwrap().iter().zip(-1..);
        let hidden: Vec<f64> =
            hidden.map(|(value, place)| value.as_f64().unwrap() + f64::from(place)).collect();
        layer.insert("rule.hidden".into(), json!(hidden));
    }
    if rule == "si" && layer["network.precision"] == "full-precision" {
        layer.insert("rule.path".into(), json!("hidden"));
    }
    match kind.as_str() {
        "quadratic" => {
            layer.retain(|path, _| path == "optimizer.lr" || matches!(keys::section(path), "" | "analysis"));
            layer.insert("analysis.dimensions".into(), json!(2));
        }
        "sign-switching" => {
            layer.insert("network.precision".into(), json!("binary"));
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn valid_settings_round_trip(settings in settings()) {
        let recipe = read(&format!("name = \"x\"\n{}", render::settings(&settings)));
        prop_assert_eq!(&recipe.base, &settings);
        prop_assert_eq!(&unflatten(&flatten(&settings)).unwrap(), &settings);
        assert_round_trip(&recipe);
    }

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC*", key in "\\PC*", value in any::<String>()) {
        let _ = Recipe::from_toml(&text, "x.toml", &[(key, value)], None);
    }

    /// Cuts and overwrites of real recipes reach deeper than noise; whatever is accepted can be written and read.
    #[test]
    fn damaged_recipes_never_panic(
        which in 0..builtin::builtin().len(),
        at in any::<prop::sample::Index>(),
        length in 0usize..12,
        patch in "[-a-z0-9\\[\\]{}=\".,\n é]{0,6}",
        set in prop::option::of((prop::sample::select(vec!["vary.seed", "rule", "arm", "name", "seed"]), any::<String>())),
    ) {
        let mut text: Vec<char> = builtin::builtin()[which].1.chars().collect();
        let start = at.index(text.len());
        let end = (start + length).min(text.len());
        text.splice(start..end, patch.chars());
        let text: String = text.into_iter().collect();
        let set: Vec<_> = set.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        match Recipe::from_toml(&text, "x.toml", &set, Some(3)) {
            Ok(recipe) => assert_round_trip(&recipe),
            Err(errors) => {
                prop_assert!(!errors.0.is_empty());
                prop_assert_eq!(errors.to_string().lines().count(), errors.0.len(), "{}", errors);
            }
        }
    }
}
