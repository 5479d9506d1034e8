//! Every settings key with what it takes: the one table that files, arms, grids and `--set` are checked against.

use std::borrow::Cow;
use std::sync::LazyLock;

use metabnn::config::{ANY, DECAY, Interval, MAX_SAMPLES, NOT_NEGATIVE, POSITIVE, Parameter, SHARE, Takes};
use metabnn::optim::OptimizerConfig;
use metabnn::rule::Rule;
use metabnn::stream::StreamKind;
use metabnn::train::Schedule;
use serde_json::Value as Json;
use toml::de::DeValue;

use super::spread;
use crate::analysis;

/// A settings key.
#[derive(Clone)]
pub(super) struct Key {
    /// Section and name: `optimizer.lr`.
    pub(super) path: &'static str,
    /// What it takes.
    pub(super) kind: Kind,
    /// The rules, or kinds of analysis, it belongs to; empty: it belongs to all.
    pub(super) rules: Cow<'static, [&'static str]>,
}

/// A key of an analysis, as the file of the analysis lists it.
pub(crate) struct AnalysisKey {
    /// Section and name: `analysis.bins`.
    pub(crate) path: &'static str,
    /// What it takes.
    pub(crate) kind: Kind,
    /// What it is.
    pub(crate) help: &'static str,
}

impl AnalysisKey {
    /// A key that analyses may share; it takes the same for all of them.
    pub(crate) const fn new(path: &'static str, kind: Kind, help: &'static str) -> Self {
        Self { path, kind, help }
    }
}

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// What a parameter of the library takes.
    Plain(Takes),
    /// Widths of layers, possibly none.
    Widths,
    /// Some of the convolutions, counted from 1, possibly none.
    Convolutions,
    /// Names of data sets, at least one; a single name stands for a list of one.
    Names,
    /// Whole numbers, one per layer, or in the form of [`spread`].
    Counts,
    /// A range of numbers: the least and the greatest.
    Range(Interval),
    /// A number to draw within, or a list of numbers.
    Vector,
    /// A square matrix, row by row; none at all: drawn.
    Matrix,
    /// Groups of classes, possibly none.
    Groups,
}

/// Widest layer: beyond it a single layer no longer fits the memory of a workstation.
const MAX_WIDTH: u64 = 1 << 20;
/// Most hidden layers.
const MAX_LAYERS: usize = 64;
/// Longest side of a convolution's kernel, stride and padding: that of a small image.
const MAX_KERNEL: u64 = 64;
/// Longest side of a pooled square: its places are counted in 8 bits.
const MAX_POOL: u64 = 16;
/// Most tasks.
const MAX_TASKS: u64 = 1 << 16;
/// Most images in a set or a batch, and most epochs: beyond any data set of this field.
pub(crate) const MAX_IMAGES: u64 = MAX_SAMPLES;
/// Largest class: labels are bytes.
const MAX_CLASS: u64 = u8::MAX as u64;
/// Largest seed: TOML promises no more than signed 64-bit integers.
const MAX_SEED: u64 = i64::MAX as u64;

const fn key(path: &'static str, kind: Kind) -> Key {
    Key { path, kind, rules: Cow::Borrowed(&[]) }
}

/// A section whose keys depend on a word in it.
pub(super) struct Choice {
    pub(super) section: &'static str,
    /// The key of the word.
    pub(super) key: [&'static str; 1],
    /// What the word chooses.
    pub(super) noun: &'static str,
}

pub(super) static CHOICES: [Choice; 2] = [
    Choice { section: "rule", key: ["rule.name"], noun: "a rule" },
    Choice { section: "analysis", key: ["analysis.kind"], noun: "an analysis" },
];

/// All keys, in the order of `Settings`, which is the order recipes are written in. Rules, streams, optimizer and
/// schedule bring their own tables; analyses list theirs in their own files.
pub(super) static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let mut keys = BEFORE_RULES.to_vec();
    keys.push(key("rule.name", Kind::Plain(Takes::Word(Rule::NAMES))));
    keys.extend(rule_keys());
    keys.extend(section_keys("optimizer", OptimizerConfig::PARAMETERS));
    keys.extend(section_keys("schedule", Schedule::PARAMETERS));
    keys.push(key("analysis.kind", Kind::Plain(Takes::Word(analysis::NAMES))));
    for &(analysis, own) in analysis::KEYS {
        for AnalysisKey { path, kind, .. } in own {
            match keys.iter_mut().find(|key| key.path == *path) {
                Some(shared) => shared.rules.to_mut().push(analysis),
                None => keys.push(Key { path, kind: *kind, rules: Cow::Owned(vec![analysis]) }),
            }
        }
    }
    keys
});

static BEFORE_RULES: &[Key] = &[
    key("seed", Kind::Plain(Takes::Whole(0, MAX_SEED))),
    key("data.sets", Kind::Names),
    key("data.train_images", Kind::Plain(Takes::Whole(0, MAX_IMAGES))),
    key("data.test_images", Kind::Plain(Takes::Whole(0, MAX_IMAGES))),
    key("data.normalise", Kind::Plain(Takes::Word(&["none", "sample"]))),
    key("data.augment", Kind::Plain(Takes::Word(&["none", "flip-rotate-crop", "flip-rotate-or-crop"]))),
    key("tasks.stream", Kind::Plain(Takes::Word(StreamKind::NAMES))),
    key("tasks.count", Kind::Plain(Takes::Whole(0, MAX_TASKS))),
    key("tasks.classes", Kind::Groups),
    key("tasks.scenario", Kind::Plain(Takes::Word(&["task", "domain"]))),
    key("network.channels", Kind::Widths),
    key("network.kernel", Kind::Plain(Takes::Whole(1, MAX_KERNEL))),
    key("network.stride", Kind::Plain(Takes::Whole(1, MAX_KERNEL))),
    key("network.padding", Kind::Plain(Takes::Whole(0, MAX_KERNEL))),
    key("network.pool", Kind::Plain(Takes::Word(&["none", "average", "max"]))),
    key("network.pool_size", Kind::Plain(Takes::Whole(1, MAX_POOL))),
    key("network.pool_after", Kind::Convolutions),
    key("network.hidden", Kind::Widths),
    key("network.precision", Kind::Plain(Takes::Word(&["binary", "full-precision"]))),
    key("network.activation", Kind::Plain(Takes::Word(&["by-precision", "hardtanh"]))),
    key("network.dropout", Kind::Plain(Takes::Real(DECAY))),
    key("network.input", Kind::Plain(Takes::Word(&["real", "sign"]))),
    key("network.init", Kind::Plain(Takes::Word(&["uniform", "gaussian", "xavier-normal"]))),
    key("network.init_width", Kind::Plain(Takes::Real(POSITIVE))),
    key("norm.kind", Kind::Plain(Takes::Word(&["batch", "layer", "instance"]))),
    key("norm.affine", Kind::Plain(Takes::Flag)),
    key("norm.gamma_init", Kind::Plain(Takes::Word(&["ones", "uniform"]))),
    key("norm.gamma_scale", Kind::Plain(Takes::PerLayer(POSITIVE))),
    key("norm.statistics", Kind::Plain(Takes::Word(&["running", "batch", "recalibrated"]))),
    key("norm.eps", Kind::Plain(Takes::Real(POSITIVE))),
    key("norm.momentum", Kind::Plain(Takes::Real(SHARE))),
];

/// The keys of a section whose config has a table of its own.
fn section_keys(section: &str, parameters: &[Parameter]) -> impl Iterator<Item = Key> {
    parameters.iter().map(move |parameter| key(path(section, parameter), Kind::Plain(parameter.takes)))
}

/// The keys of all rules, those of each rule in its own order; rules may share a key.
fn rule_keys() -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for &rule in Rule::NAMES {
        let own: Vec<(&str, Kind)> = Rule::parameters(rule)
            .iter()
            .map(|parameter| (path("rule", parameter), Kind::Plain(parameter.takes)))
            .collect();
        for (index, &(path, kind)) in own.iter().enumerate() {
            if let Some(shared) = keys.iter_mut().find(|key| key.path == path) {
                shared.rules.to_mut().push(rule);
                continue;
            }
            let follows = |key: &Key| own[index..].iter().any(|(path, _)| key.path == *path);
            let place = keys.iter().position(follows).unwrap_or(keys.len());
            keys.insert(place, Key { path, kind, rules: Cow::Owned(vec![rule]) });
        }
    }
    keys
}

/// The path of a parameter; there is one table of keys, for as long as the program runs.
fn path(section: &str, parameter: &Parameter) -> &'static str {
    format!("{section}.{}", parameter.name).leak()
}

/// The key of this path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The keys that `name` is the whole or the end of, such as `rule.m` of `m`; case and the kind of dash do not matter.
pub fn keys_called(name: &str) -> Vec<&'static str> {
    let name = name.to_ascii_lowercase().replace('-', "_");
    let paths = KEYS.iter().map(|key| key.path);
    paths.filter(|path| *path == name || path.rsplit('.').next() == Some(&*name)).collect()
}

/// The section of a path, empty at the top.
pub(super) fn section(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(section, _)| section)
}

/// Whether some key lies in this section.
pub(super) fn is_section(name: &str) -> bool {
    !name.is_empty() && KEYS.iter().any(|key| section(key.path) == name)
}

/// The sections, in order.
pub(super) fn sections() -> Vec<&'static str> {
    let mut sections: Vec<_> = KEYS.iter().map(|key| section(key.path)).collect();
    sections.dedup();
    sections.retain(|name| !name.is_empty());
    sections
}

/// Whether a key under `rule.` is one of this rule's settings; likewise of a kind of analysis.
pub(super) fn is_of_rule(path: &str, rule: &str) -> bool {
    find(path).is_some_and(|key| key.rules.is_empty() || key.rules.contains(&rule))
}

/// The shortest decimal that is this `f32`, as the `f64` of a TOML or JSON number: 0.1, not 0.10000000149.
pub(super) fn shortest(value: f32) -> f64 {
    // Adding zero makes -0 the same setting as 0.
    let value = value + 0.0;
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}

impl Kind {
    /// What the key takes, in words.
    pub(crate) fn takes(&self) -> String {
        match self {
            Self::Plain(takes) => takes.words(),
            Self::Widths => {
                format!(
                    "a list of at most {MAX_LAYERS} widths such as [512, 512], each from 1 to {MAX_WIDTH}"
                )
            }
            Self::Convolutions => "a list of convolutions, counted from 1, such as [2, 4, 6]".into(),
            Self::Names => "the name of a data set, or a list of names such as [\"mnist\"]".into(),
            Self::Counts => {
                "a list of whole numbers such as [1000, 2000, 100], each from 1 to 1073741824".into()
            }
            Self::Range(interval) => {
                format!(
                    "two numbers such as [10.5, 29.5], the least and the greatest, each {}",
                    interval.words
                )
            }
            Self::Vector => "a finite number >= 0 to draw within, or a list of finite numbers".into(),
            Self::Matrix => {
                "a symmetric matrix, row by row, such as [[2, 1], [1, 3]], or [] to have it drawn".into()
            }
            Self::Groups => {
                format!("groups of classes such as [[0, 1], [2, 3]], each class from 0 to {MAX_CLASS}")
            }
        }
    }

    /// The value in the one form that settings are kept in; `None` if the key does not take it.
    pub(super) fn read(&self, value: &DeValue<'_>) -> Option<Json> {
        match self {
            Self::Plain(takes) => plain(value, takes),
            Self::Widths => {
                let widths = value.as_array().filter(|widths| widths.len() <= MAX_LAYERS)?;
                widths.iter().map(|width| whole(width.get_ref(), 1, MAX_WIDTH)).collect()
            }
            Self::Convolutions => {
                let places = value.as_array().filter(|places| places.len() <= MAX_LAYERS)?;
                places.iter().map(|place| whole(place.get_ref(), 1, MAX_LAYERS as u64)).collect()
            }
            Self::Names if value.is_str() => set_name(value).map(|name| Json::Array(vec![name])),
            Self::Names => {
                let names = value.as_array().filter(|names| !names.is_empty())?;
                names.iter().map(|name| set_name(name.get_ref())).collect()
            }
            Self::Counts => {
                let counts =
                    value.as_array().filter(|counts| (1..=MAX_LAYERS + 1).contains(&counts.len()))?;
                let read = |count: &DeValue<'_>| whole(count, 1, MAX_IMAGES);
                let each: Option<Json> = counts.iter().map(|count| read(count.get_ref())).collect();
                each.or_else(|| spread::read(value, read))
            }
            Self::Range(interval) => {
                let ends = reals(value, interval).filter(|ends| ends.len() == 2)?;
                (ends[0].as_f64() <= ends[1].as_f64()).then_some(Json::Array(ends))
            }
            Self::Vector if value.is_array() => {
                reals(value, &ANY).filter(|all| !all.is_empty()).map(Json::Array)
            }
            Self::Vector => real(value, &NOT_NEGATIVE),
            Self::Matrix => {
                let rows = value.as_array()?.iter().map(|row| reals(row.get_ref(), &ANY));
                let rows = rows.collect::<Option<Vec<_>>>()?;
                let n = rows.len();
                let entry = |i: usize, j: usize| rows[i].get(j);
                let square = rows.iter().all(|row| row.len() == n);
                let symmetric = || (0..n).all(|i| (0..i).all(|j| entry(i, j) == entry(j, i)));
                (square && symmetric()).then(|| rows.into_iter().map(Json::Array).collect())
            }
            Self::Groups => {
                let group = |group: &DeValue<'_>| -> Option<Json> {
                    let classes = group.as_array().filter(|classes| !classes.is_empty())?;
                    classes.iter().map(|class| whole(class.get_ref(), 0, MAX_CLASS)).collect()
                };
                value.as_array()?.iter().map(|classes| group(classes.get_ref())).collect()
            }
        }
    }
}

/// A parameter of the library, as it stands in a recipe.
fn plain(value: &DeValue<'_>, takes: &Takes) -> Option<Json> {
    match takes {
        Takes::Whole(low, high) => whole(value, *low, *high),
        Takes::Real(interval) => real(value, interval),
        Takes::Flag => value.as_bool().map(Json::from),
        Takes::Word(words) => value.as_str().filter(|word| words.contains(word)).map(Json::from),
        Takes::PerLayer(interval) if !value.is_array() => real(value, interval),
        Takes::PerLayer(interval) => reals(value, interval)
            .map(Json::Array)
            .or_else(|| spread::read(value, |value| real(value, interval))),
        Takes::Reals(interval, least, most) => {
            reals(value, interval).filter(|all| (*least..=*most).contains(&all.len())).map(Json::Array)
        }
        _ => unreachable!("recipes read every kind of parameter"),
    }
}

fn whole(value: &DeValue<'_>, low: u64, high: u64) -> Option<Json> {
    let digits = value.as_integer()?;
    let number = u64::from_str_radix(digits.as_str(), digits.radix()).ok()?;
    (low..=high).contains(&number).then(|| Json::from(number))
}

fn real(value: &DeValue<'_>, interval: &Interval) -> Option<Json> {
    let number: f64 = match value {
        DeValue::Float(digits) => digits.as_str().parse().ok()?,
        DeValue::Integer(digits) => i128::from_str_radix(digits.as_str(), digits.radix()).ok()? as f64,
        _ => return None,
    };
    // The range is that of the number used: 1e39 is infinite and 1e-60 is zero as an f32.
    let number = number as f32;
    (number.is_finite() && (interval.contains)(number)).then(|| Json::from(shortest(number)))
}

fn reals(value: &DeValue<'_>, interval: &Interval) -> Option<Vec<Json>> {
    value.as_array()?.iter().map(|value| real(value.get_ref(), interval)).collect()
}

/// Whether a set of this name exists is for the catalogue to say; here it has to look like a name.
fn set_name(value: &DeValue<'_>) -> Option<Json> {
    value.as_str().filter(|name| !name.trim().is_empty() && !name.contains(char::is_control)).map(Json::from)
}
