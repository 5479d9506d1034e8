//! What configs take: one table of parameters with their ranges serves validation, recipes and documentation.

use serde::Serialize;
use serde_json::Value;

/// A range of real numbers, in words and as a test.
#[derive(Clone, Copy, Debug)]
pub struct Interval {
    /// "a finite number > 0".
    pub words: &'static str,
    /// Whether a number lies in it.
    pub contains: fn(f32) -> bool,
}

/// Numbers above zero.
pub const POSITIVE: Interval = Interval { words: "a finite number > 0", contains: |v| v > 0.0 };
/// Numbers from zero on.
pub const NOT_NEGATIVE: Interval = Interval { words: "a finite number >= 0", contains: |v| v >= 0.0 };
/// Numbers from one on.
pub const AT_LEAST_ONE: Interval = Interval { words: "a finite number >= 1", contains: |v| v >= 1.0 };
/// All finite numbers.
pub const ANY: Interval = Interval { words: "a finite number", contains: |_| true };
/// Decays of averages, dropout rates.
pub const DECAY: Interval = Interval { words: "a number in [0, 1)", contains: |v| (0.0..1.0).contains(&v) };
/// Weights of averages.
pub const SHARE: Interval = Interval { words: "a number in (0, 1]", contains: |v| v > 0.0 && v <= 1.0 };

/// Most samples in a set or a batch, and most epochs: beyond any data set of this field.
pub const MAX_SAMPLES: u64 = 1 << 30;

/// What a parameter takes.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Takes {
    /// A whole number, both ends included.
    Whole(u64, u64),
    /// A number.
    Real(Interval),
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A number, or one per layer: see [`PerLayer`](crate::rule::PerLayer).
    PerLayer(Interval),
    /// A list of numbers; from so many to so many.
    Reals(Interval, usize, usize),
}

/// A parameter of a config struct.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Name of the field.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
}

/// A field of a config that has a value it does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: takes {takes}, got {got}")]
pub struct ConfigError {
    /// Name of the field.
    pub field: String,
    /// What it has.
    pub got: String,
    /// What it takes.
    pub takes: String,
}

impl ConfigError {
    /// An error about `field`.
    pub fn new(field: &str, got: impl ToString, takes: impl ToString) -> Self {
        Self { field: field.into(), got: got.to_string(), takes: takes.to_string() }
    }
}

impl Takes {
    /// What the parameter takes, in words.
    pub fn words(&self) -> String {
        match self {
            Self::Whole(low, high) => format!("a whole number from {low} to {high}"),
            Self::Real(interval) => interval.words.into(),
            Self::Flag => "true or false".into(),
            Self::Word(words) => {
                words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" or ")
            }
            Self::PerLayer(interval) => format!("{}, or a list of one per layer", interval.words),
            Self::Reals(interval, least, most) => {
                format!("a list of {least} to {most} numbers, each {}", interval.words)
            }
        }
    }

    /// Whether the parameter takes `value`, in a network of `layers`.
    fn accepts(&self, value: &Value, layers: usize) -> bool {
        // Numbers that are not finite are null in JSON.
        let in_range = |interval: &Interval, value: &Value| {
            value.as_f64().is_some_and(|number| (interval.contains)(number as f32))
        };
        match self {
            Self::Whole(low, high) => value.as_u64().is_some_and(|number| (*low..=*high).contains(&number)),
            Self::Real(interval) => in_range(interval, value),
            Self::Flag => value.is_boolean(),
            Self::Word(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            Self::PerLayer(interval) => match value.as_array() {
                Some(values) => {
                    values.len() == layers && values.iter().all(|value| in_range(interval, value))
                }
                None => in_range(interval, value),
            },
            Self::Reals(interval, least, most) => value.as_array().is_some_and(|values| {
                (*least..=*most).contains(&values.len())
                    && values.iter().all(|value| in_range(interval, value))
            }),
        }
    }
}

/// Checks the fields of `config`, of a network of `layers`, against their table.
///
/// # Errors
/// [`ConfigError`] names the first field that has a value it does not take.
pub fn check(config: &impl Serialize, parameters: &[Parameter], layers: usize) -> Result<(), ConfigError> {
    let fields =
        serde_json::to_value(config).map_err(|error| ConfigError::new("config", error, "plain data"))?;
    for Parameter { name, takes } in parameters {
        let value = fields.get(name).unwrap_or(&Value::Null);
        if takes.accepts(value, layers) {
            continue;
        }
        let got = match value {
            Value::Null => "NaN or an infinite number".into(),
            Value::Array(values) if matches!(takes, Takes::PerLayer(_)) && values.len() != layers => {
                format!("{} values for {layers} layers", values.len())
            }
            value => value.to_string(),
        };
        return Err(ConfigError::new(name, got, takes.words()));
    }
    Ok(())
}
