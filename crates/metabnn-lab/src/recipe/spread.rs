//! Lists with a value for each layer that do not depend on the number of layers: `[2, "..", 0.5]`.
//!
//! The value before `".."` is that of as many layers as there are; those behind it are the last layers'. So
//! `[2, "..", 0.5]` is 2 in all hidden layers and 0.5 in the output layer, `[1, 2, "..", 0.5]` has a first layer of its own,
//! and `[1, 2, ".."]` is 2 in all but the first. Where there are fewer layers than values, those at the end go first:
//! without a hidden layer, `[2, "..", 0.5]` is 0.5.
//!
//! Settings, and so hashes, recipes of single runs and models, have the values layer by layer.

use serde_json::Value as Json;
use toml::de::DeValue;

use super::Arm;
use super::Axis;
use super::flat::Layer;
use super::keys::{self, Kind};
use super::settings::Network;
use metabnn::config::Takes;

/// What stands for the layers between.
pub(super) const DOTS: &str = "..";
/// The settings that say how many layers there are.
const DEPTH: [&str; 2] = ["network.channels", "network.hidden"];

/// A list with [`DOTS`] in it once, behind a value at least, with its other values as `read` has them.
pub(super) fn read(value: &DeValue<'_>, read: impl Fn(&DeValue<'_>) -> Option<Json>) -> Option<Json> {
    let given = value.as_array()?;
    let is_dots = |value: &DeValue<'_>| value.as_str() == Some(DOTS);
    let place = given.iter().position(|value| is_dots(value.get_ref())).filter(|place| *place > 0)?;
    let one = |(index, value): (usize, &toml::Spanned<DeValue<'_>>)| {
        if index == place { Some(Json::from(DOTS)) } else { read(value.get_ref()) }
    };
    given.iter().enumerate().map(one).collect()
}

/// The value layer by layer, of a network of so many; as it is, if it has no [`DOTS`].
pub(super) fn over(value: &Json, layers: usize) -> Json {
    let Some((values, place)) = value.as_array().and_then(|all| Some((all, place(value)?))) else {
        return value.clone();
    };
    let (before, after) = (&values[..place], &values[place + 1..]);
    let behind = after.len().min(layers);
    let fill = before.iter().chain(std::iter::repeat(&before[place - 1]));
    fill.take(layers - behind).chain(&after[after.len() - behind..]).cloned().collect()
}

/// Where a list has [`DOTS`].
fn place(value: &Json) -> Option<usize> {
    value.as_array()?.iter().position(|value| value.as_str() == Some(DOTS)).filter(|place| *place > 0)
}

/// Whether a value is a list of this form: names of data sets may look like it.
fn is_spread((key, value): (&String, &Json)) -> bool {
    let by_layer = || {
        let kind = keys::find(key).map(|key| key.kind);
        matches!(kind, Some(Kind::Plain(Takes::PerLayer(_)) | Kind::Counts))
    };
    place(value).is_some() && by_layer()
}

/// Number of layers of the network of these settings, the output layer included.
fn layers(settings: &Layer) -> usize {
    let usual = Network::default();
    let [channels, hidden] = DEPTH.map(|key| settings.get(key).and_then(Json::as_array).map(Vec::len));
    channels.unwrap_or(usual.channels.len()) + hidden.unwrap_or(usual.hidden.len()) + 1
}

/// Puts the values layer by layer in place of all lists of this form; gives these.
pub(super) fn spread(settings: &mut Layer) -> Layer {
    let layers = layers(settings);
    let mut lists = Layer::new();
    for (key, value) in settings.iter_mut() {
        if is_spread((key, value)) {
            let each = over(value, layers);
            lists.insert(key.clone(), std::mem::replace(value, each));
        }
    }
    lists
}

/// Where all runs have as many layers as `base`, puts the values layer by layer in place of the lists of arms and axes,
/// and gives whether it did: a recipe as it is written then has them so.
pub(super) fn spread_all(base: &Layer, arms: &mut [Arm], axes: &mut [Axis]) -> bool {
    let is_depth = |key: &str| DEPTH.contains(&key);
    if arms
        .iter()
        .flat_map(|arm| arm.set.keys())
        .chain(axes.iter().map(|axis| &axis.key))
        .any(|k| is_depth(k))
    {
        return false;
    }
    let layers = layers(base);
    let lists = arms.iter_mut().flat_map(|arm| arm.set.iter_mut());
    lists.filter(|(key, value)| is_spread((key, value))).for_each(|(_, value)| *value = over(value, layers));
    for Axis { key, values } in axes {
        values
            .iter_mut()
            .filter(|value| is_spread((key, value)))
            .for_each(|value| *value = over(value, layers));
    }
    true
}
