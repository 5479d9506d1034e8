//! Every settings key with what it takes: the one table that files, arms, grids and `--set` are checked against.

use serde_json::Value as Json;
use toml::de::DeValue;

/// A settings key.
pub(super) struct Key {
    /// Section and name: `optimizer.lr`.
    pub(super) path: &'static str,
    /// What it takes.
    pub(super) kind: Kind,
    /// The rules it belongs to; empty: it belongs to no rule.
    pub(super) rules: &'static [&'static str],
}

/// What a key takes.
pub(super) enum Kind {
    /// A whole number, both ends included.
    Whole(u64, u64),
    /// A number.
    Real(Interval),
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Widths of layers, possibly none.
    Widths,
    /// Some of the convolutions, counted from 1, possibly none.
    Convolutions,
    /// Names of data sets, at least one; a single name stands for a list of one.
    Names,
    /// A number, or one per layer.
    PerLayer(Interval),
}

/// The numbers a key takes, in words and as a test.
pub(super) struct Interval {
    words: &'static str,
    contains: fn(f32) -> bool,
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
const MAX_IMAGES: u64 = 1 << 30;
/// Largest seed: TOML promises no more than signed 64-bit integers.
const MAX_SEED: u64 = i64::MAX as u64;

const POSITIVE: Interval = Interval { words: "a finite number > 0", contains: |v| v > 0.0 };
const NOT_NEGATIVE: Interval = Interval { words: "a finite number >= 0", contains: |v| v >= 0.0 };
const DECAY: Interval = Interval { words: "a number in [0, 1)", contains: |v| (0.0..1.0).contains(&v) };
const SHARE: Interval = Interval { words: "a number in (0, 1]", contains: |v| v > 0.0 && v <= 1.0 };

const fn key(path: &'static str, kind: Kind) -> Key {
    Key { path, kind, rules: &[] }
}

const fn rule_key(path: &'static str, rules: &'static [&'static str], kind: Kind) -> Key {
    Key { path, kind, rules }
}

/// All keys, in the order of `Settings`, which is the order recipes are written in. A new rule adds its name to
/// `rule.name` and its own keys below it.
pub(super) static KEYS: &[Key] = &[
    key("seed", Kind::Whole(0, MAX_SEED)),
    key("data.sets", Kind::Names),
    key("data.train_images", Kind::Whole(0, MAX_IMAGES)),
    key("data.test_images", Kind::Whole(0, MAX_IMAGES)),
    key("tasks.stream", Kind::Word(&["permuted", "sequence", "subsets", "interleaved"])),
    key("tasks.count", Kind::Whole(0, MAX_TASKS)),
    key("tasks.scenario", Kind::Word(&["task", "domain"])),
    key("network.channels", Kind::Widths),
    key("network.kernel", Kind::Whole(1, MAX_KERNEL)),
    key("network.stride", Kind::Whole(1, MAX_KERNEL)),
    key("network.padding", Kind::Whole(0, MAX_KERNEL)),
    key("network.pool", Kind::Word(&["none", "average", "max"])),
    key("network.pool_size", Kind::Whole(1, MAX_POOL)),
    key("network.pool_after", Kind::Convolutions),
    key("network.hidden", Kind::Widths),
    key("network.precision", Kind::Word(&["binary", "full-precision"])),
    key("network.activation", Kind::Word(&["by-precision", "hardtanh"])),
    key("network.dropout", Kind::Real(DECAY)),
    key("network.input", Kind::Word(&["real", "sign"])),
    key("network.init", Kind::Word(&["uniform", "gaussian", "xavier-normal"])),
    key("network.init_width", Kind::Real(POSITIVE)),
    key("norm.kind", Kind::Word(&["batch", "instance"])),
    key("norm.affine", Kind::Flag),
    key("norm.gamma_init", Kind::Word(&["ones", "uniform"])),
    key("norm.statistics", Kind::Word(&["running", "batch", "recalibrated"])),
    key("norm.eps", Kind::Real(POSITIVE)),
    key("norm.momentum", Kind::Real(SHARE)),
    key("rule.name", Kind::Word(&["metaplastic"])),
    rule_key("rule.m", &["metaplastic"], Kind::PerLayer(NOT_NEGATIVE)),
    key("optimizer.lr", Kind::Real(POSITIVE)),
    key("optimizer.beta1", Kind::Real(DECAY)),
    key("optimizer.beta2", Kind::Real(DECAY)),
    key("optimizer.eps", Kind::Real(POSITIVE)),
    key("optimizer.weight_decay", Kind::Real(NOT_NEGATIVE)),
    key("optimizer.reset_per_task", Kind::Flag),
    key("optimizer.state", Kind::Word(&["f32", "bf16"])),
    key("schedule.epochs", Kind::Whole(1, MAX_IMAGES)),
    // Training normalises with the statistics of its batch: one image alone has none.
    key("schedule.batch", Kind::Whole(2, MAX_IMAGES)),
    key("schedule.test_batch", Kind::Whole(1, MAX_IMAGES)),
];

/// The key of this path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
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

/// Whether a key under `rule.` is one of this rule's settings.
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
    pub(super) fn takes(&self) -> String {
        match self {
            Self::Whole(low, high) => format!("a whole number from {low} to {high}"),
            Self::Real(interval) => interval.words.into(),
            Self::Flag => "true or false".into(),
            Self::Word(words) => {
                words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" or ")
            }
            Self::Widths => {
                format!(
                    "a list of at most {MAX_LAYERS} widths such as [512, 512], each from 1 to {MAX_WIDTH}"
                )
            }
            Self::Convolutions => "a list of convolutions, counted from 1, such as [2, 4, 6]".into(),
            Self::Names => "the name of a data set, or a list of names such as [\"mnist\"]".into(),
            Self::PerLayer(interval) => format!("{}, or a list of one per layer", interval.words),
        }
    }

    /// The value in the one form that settings are kept in; `None` if the key does not take it.
    pub(super) fn read(&self, value: &DeValue<'_>) -> Option<Json> {
        match self {
            Self::Whole(low, high) => whole(value, *low, *high),
            Self::Real(interval) => real(value, interval),
            Self::Flag => value.as_bool().map(Json::from),
            Self::Word(words) => value.as_str().filter(|word| words.contains(word)).map(Json::from),
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
            Self::PerLayer(interval) => match value.as_array() {
                Some(values) => values.iter().map(|value| real(value.get_ref(), interval)).collect(),
                None => real(value, interval),
            },
        }
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

/// Whether a set of this name exists is for the catalogue to say; here it has to look like a name.
fn set_name(value: &DeValue<'_>) -> Option<Json> {
    value.as_str().filter(|name| !name.trim().is_empty() && !name.contains(char::is_control)).map(Json::from)
}
