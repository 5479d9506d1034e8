//! What a rule asks of its own settings, of the stream and of the network.

use serde_json::{Value as Json, json};

use super::Axis;
use super::check::{Fault, shown};
use super::flat::Layer;
use super::keys::shortest;
use super::render;
use super::settings::{Precision, Settings};
use metabnn::config::ConfigError;
use metabnn::rule::{Curve, CurveError, Path, Points, Rule, SynapticRule};

/// The rule against the stream and the network.
pub(super) fn across(settings: &Settings, layer: &Layer) -> Option<Fault> {
    let word = |key: &str| shown(layer, key);
    let Settings { rule, tasks, network, .. } = settings;
    if rule.needs_boundaries() && !tasks.stream.traits().has_boundaries {
        return Some(Fault {
            key: "rule.name".into(),
            got: word("rule.name"),
            takes: format!(
                "{} with tasks.stream = {}: that stream has no boundaries between tasks, and this rule consolidates at \
                 the end of a task",
                without_boundaries(),
                word("tasks.stream")
            ),
            with: &["tasks.stream"],
        });
    }
    match rule {
        Rule::Si(si) if network.precision == Precision::FullPrecision && si.path != Path::Hidden => {
            Some(Fault {
                key: "rule.path".into(),
                got: word("rule.path"),
                takes: "\"hidden\" with network.precision = \"full-precision\": there are no binary weights"
                    .into(),
                with: &["network.precision"],
            })
        }
        Rule::Beakers(beakers) if beakers.areas.len() != beakers.ratios.len() => Some(Fault {
            key: "rule.areas".into(),
            got: format!("{} values", beakers.areas.len()),
            takes: format!("{} numbers, as many as rule.ratios", beakers.ratios.len()),
            with: &["rule.ratios"],
        }),
        rule => rule.check_together().err().map(|ConfigError { field, got, takes }| Fault {
            key: format!("rule.{field}"),
            got,
            takes,
            with: &["rule.name"],
        }),
    }
}

/// The rules that need no boundaries, in words.
fn without_boundaries() -> String {
    let is_free = |name: &&&str| {
        let rule: Result<Rule, _> = serde_json::from_value(json!({ "name": name }));
        rule.is_ok_and(|rule| !rule.needs_boundaries())
    };
    Rule::NAMES.iter().filter(is_free).map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" or ")
}

/// The settings of a curve: they are right or wrong together.
const CURVE: [&str; 3] = ["rule.hidden", "rule.up", "rule.down"];

/// What is wrong with the curve of a layer, if its rule is one. It cannot be part of settings before it is right.
pub(super) fn curve(layer: &Layer) -> Option<Fault> {
    if layer.get("rule.name").and_then(Json::as_str) != Some("curve") {
        return None;
    }
    let given = CURVE
        .iter()
        .filter_map(|key| Some((key.strip_prefix("rule.")?.to_owned(), layer.get(*key)?.clone())));
    // Each list by itself is what its key takes.
    let points: Points = serde_json::from_value(Json::Object(given.collect())).ok()?;
    let error = Curve::try_from(points).err()?;
    let default = |key: &str| if layer.contains_key(key) { "" } else { ", the default" };
    let number = |value: f32| render::number(shortest(value));
    let (key, got, takes) = match error {
        CurveError::Length { which, count, expected } => {
            let (key, of) = (format!("rule.{which}"), default("rule.hidden"));
            let got = format!("{count} values{}", default(&key));
            (key, got, format!("{expected} numbers, as many as rule.hidden{of}"))
        }
        CurveError::Hidden { place, value, before: Some(before) } => {
            let got = format!("{} after {} as number {place}", number(value), number(before));
            ("rule.hidden".into(), got, "numbers that increase from one to the next".into())
        }
        CurveError::Range { first, last } => {
            let takes = "a last number that is 1e-30 to 1e30 above the first".into();
            ("rule.hidden".into(), format!("{} after {}", number(last), number(first)), takes)
        }
        other => ("rule.hidden".into(), other.to_string(), "the points of a curve".into()),
    };
    Some(Fault { key, got, takes, with: &CURVE })
}

/// Where the grid gives a list of a curve that the recipe does not, its first value stands for it in the settings that all
/// runs have in common: lists of one length make a curve, and the default may have another one.
pub(super) fn complete(layer: &mut Layer, axes: &[Axis]) {
    if layer.get("rule.name").and_then(Json::as_str) != Some("curve") {
        return;
    }
    for axis in axes.iter().filter(|axis| CURVE.contains(&axis.key.as_str())) {
        if let Some(first) = axis.values.first() {
            layer.entry(axis.key.clone()).or_insert_with(|| first.clone());
        }
    }
}

/// Takes the settings of a fault out of the layer, where they belong to a curve; says which.
pub(super) fn at_odds(layer: &mut Layer, fault: &Fault) -> &'static [&'static str] {
    let curve = fault.with == CURVE;
    layer.retain(|key, _| !(curve && CURVE.contains(&key.as_str())));
    if curve { &CURVE } else { &[] }
}
