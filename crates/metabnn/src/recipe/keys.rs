//! Every settings key with what it takes: the one table that files, arms, grids and `--set` are checked against.

use serde_json::Value as Json;
use toml::de::DeValue;

use crate::analysis::MagnitudeBins;
use crate::plasticity::{Beakers, Curve};

/// A settings key.
pub(super) struct Key {
    /// Section and name: `optimizer.lr`.
    pub(super) path: &'static str,
    /// What it takes.
    pub(super) kind: Kind,
    /// The rules, or kinds of analysis, it belongs to; empty: it belongs to all.
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
    /// A list of numbers; from so many to so many.
    Reals(Interval, usize, usize),
    /// Whole numbers, one per layer.
    Counts,
    /// A range of numbers: the least and the greatest.
    Range(Interval),
    /// A number to draw within, or a list of numbers.
    Given,
    /// A square matrix, row by row; none at all: drawn.
    Matrix,
    /// Groups of classes, possibly none.
    Groups,
}

/// The numbers a key takes, in words and as a test.
pub(super) struct Interval {
    words: &'static str,
    pub(super) contains: fn(f32) -> bool,
}

/// Widest layer: beyond it a single layer no longer fits the memory of a workstation.
const MAX_WIDTH: u64 = 1 << 20;
/// Most hidden layers.
const MAX_LAYERS: usize = 64;
/// Most beakers of a chain.
const MAX_BEAKERS: usize = Beakers::MOST;
/// Most points of a curve.
const MAX_POINTS: usize = Curve::MOST_POINTS;
/// Longest side of a convolution's kernel, stride and padding: that of a small image.
const MAX_KERNEL: u64 = 64;
/// Longest side of a pooled square: its places are counted in 8 bits.
const MAX_POOL: u64 = 16;
/// Most tasks.
const MAX_TASKS: u64 = 1 << 16;
/// Most images in a set or a batch, and most epochs: beyond any data set of this field.
const MAX_IMAGES: u64 = 1 << 30;
/// Largest class: labels are bytes.
const MAX_CLASS: u64 = u8::MAX as u64;
/// Largest seed: TOML promises no more than signed 64-bit integers.
const MAX_SEED: u64 = i64::MAX as u64;

const POSITIVE: Interval = Interval { words: "a finite number > 0", contains: |v| v > 0.0 };
const NOT_NEGATIVE: Interval = Interval { words: "a finite number >= 0", contains: |v| v >= 0.0 };
const AT_LEAST_ONE: Interval = Interval { words: "a finite number >= 1", contains: |v| v >= 1.0 };
const ANY: Interval = Interval { words: "a finite number", contains: |_| true };
const DECAY: Interval = Interval { words: "a number in [0, 1)", contains: |v| (0.0..1.0).contains(&v) };
const SHARE: Interval = Interval { words: "a number in (0, 1]", contains: |v| v > 0.0 && v <= 1.0 };

/// Most weights of the quadratic task: its matrix then takes 128 MiB.
const MAX_DIMENSIONS: u64 = 1 << 12;
/// Most bins, and most draws in each: all of them in all layers are counted in 32 bits.
const MAX_BINS: u64 = MagnitudeBins::MOST as u64;
const MAX_DRAWS: u64 = 1 << 14;

const fn key(path: &'static str, kind: Kind) -> Key {
    Key { path, kind, rules: &[] }
}

const fn rule_key(path: &'static str, rules: &'static [&'static str], kind: Kind) -> Key {
    Key { path, kind, rules }
}

const fn analysis_key(path: &'static str, kinds: &'static [&'static str], kind: Kind) -> Key {
    rule_key(path, kinds, kind)
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

/// All keys, in the order of `Settings`, which is the order recipes are written in. A new rule adds its name to
/// `rule.name` and its own keys below it.
pub(super) static KEYS: &[Key] = &[
    key("seed", Kind::Whole(0, MAX_SEED)),
    key("data.sets", Kind::Names),
    key("data.train_images", Kind::Whole(0, MAX_IMAGES)),
    key("data.test_images", Kind::Whole(0, MAX_IMAGES)),
    key("data.normalise", Kind::Word(&["none", "sample"])),
    key("data.augment", Kind::Word(&["none", "flip-rotate-crop", "flip-rotate-or-crop"])),
    key("tasks.stream", Kind::Word(&["permuted", "sequence", "subsets", "interleaved", "classes"])),
    key("tasks.count", Kind::Whole(0, MAX_TASKS)),
    key("tasks.classes", Kind::Groups),
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
    key("norm.gamma_scale", Kind::PerLayer(POSITIVE)),
    key("norm.statistics", Kind::Word(&["running", "batch", "recalibrated"])),
    key("norm.eps", Kind::Real(POSITIVE)),
    key("norm.momentum", Kind::Real(SHARE)),
    key("rule.name", Kind::Word(&["metaplastic", "ewc", "random-consolidation", "si", "beakers", "curve"])),
    rule_key("rule.lambda", &["ewc", "random-consolidation", "si"], Kind::Real(NOT_NEGATIVE)),
    rule_key("rule.samples", &["ewc", "random-consolidation"], Kind::Whole(1, MAX_IMAGES)),
    rule_key("rule.epsilon", &["si"], Kind::Real(POSITIVE)),
    rule_key("rule.path", &["si"], Kind::Word(&["hidden", "binary", "published"])),
    rule_key("rule.ratios", &["beakers"], Kind::Reals(NOT_NEGATIVE, 2, MAX_BEAKERS)),
    rule_key("rule.areas", &["beakers"], Kind::Reals(POSITIVE, 2, MAX_BEAKERS)),
    rule_key("rule.feedback", &["beakers"], Kind::Real(NOT_NEGATIVE)),
    rule_key("rule.hidden", &["curve"], Kind::Reals(ANY, 2, MAX_POINTS)),
    rule_key("rule.up", &["curve"], Kind::Reals(NOT_NEGATIVE, 2, MAX_POINTS)),
    rule_key("rule.down", &["curve"], Kind::Reals(NOT_NEGATIVE, 2, MAX_POINTS)),
    rule_key(
        "rule.m",
        &["metaplastic", "ewc", "random-consolidation", "beakers"],
        Kind::PerLayer(NOT_NEGATIVE),
    ),
    key("optimizer.lr", Kind::Real(POSITIVE)),
    key("optimizer.lr_decay_per_task", Kind::Real(AT_LEAST_ONE)),
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
    key("schedule.evaluate", Kind::Word(&["epoch", "task"])),
    key("schedule.evaluate_train", Kind::Word(&["task", "stream"])),
    key("analysis.kind", Kind::Word(&["none", "quadratic", "sign-switching"])),
    analysis_key("analysis.dimensions", &["quadratic"], Kind::Whole(2, MAX_DIMENSIONS)),
    analysis_key("analysis.hessian", &["quadratic"], Kind::Matrix),
    analysis_key("analysis.eigenvalues", &["quadratic"], Kind::Range(POSITIVE)),
    analysis_key("analysis.optimum", &["quadratic"], Kind::Given),
    analysis_key("analysis.start", &["quadratic"], Kind::Given),
    analysis_key("analysis.steps", &["quadratic"], Kind::Whole(1, MAX_IMAGES)),
    analysis_key("analysis.bins", &["quadratic", "sign-switching"], Kind::Whole(1, MAX_BINS)),
    analysis_key("analysis.switched", &["sign-switching"], Kind::Counts),
    analysis_key("analysis.draws", &["sign-switching"], Kind::Whole(1, MAX_DRAWS)),
    analysis_key("analysis.images", &["sign-switching"], Kind::Whole(0, MAX_IMAGES)),
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
            Self::Reals(interval, least, most) => {
                format!("a list of {least} to {most} numbers, each {}", interval.words)
            }
            Self::Counts => {
                "a list of whole numbers such as [1000, 2000, 100], each from 1 to 1073741824".into()
            }
            Self::Range(interval) => {
                format!(
                    "two numbers such as [10.5, 29.5], the least and the greatest, each {}",
                    interval.words
                )
            }
            Self::Given => "a finite number >= 0 to draw within, or a list of finite numbers".into(),
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
            Self::Reals(interval, least, most) => {
                let values = value.as_array().filter(|values| (*least..=*most).contains(&values.len()))?;
                values.iter().map(|value| real(value.get_ref(), interval)).collect()
            }
            Self::Counts => {
                let counts =
                    value.as_array().filter(|counts| (1..=MAX_LAYERS + 1).contains(&counts.len()))?;
                counts.iter().map(|count| whole(count.get_ref(), 1, MAX_IMAGES)).collect()
            }
            Self::Range(interval) => {
                let ends = reals(value, interval).filter(|ends| ends.len() == 2)?;
                (ends[0].as_f64() <= ends[1].as_f64()).then_some(Json::Array(ends))
            }
            Self::Given if value.is_array() => {
                reals(value, &ANY).filter(|all| !all.is_empty()).map(Json::Array)
            }
            Self::Given => real(value, &NOT_NEGATIVE),
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
