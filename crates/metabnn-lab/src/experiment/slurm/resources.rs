//! What an element of a job array may use. Each value becomes part of a shell script, so nothing else gets through.

use std::fmt;
use std::str::FromStr;

use super::SlurmError;

/// What each run gets of the cluster. What is not given is left to Slurm, but for the processors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Where to run: `--partition`.
    pub partition: Option<Partition>,
    /// How long a run may take: `--time`.
    pub time: Option<TimeLimit>,
    /// Memory of a run: `--mem`.
    pub memory: Option<Memory>,
    /// Processors of a run, and so its threads: `--cpus-per-task`, at least 1.
    pub cpus: u16,
    /// How many runs may go on at once, at least 1.
    pub at_once: Option<u32>,
}

impl Default for Resources {
    /// One processor.
    fn default() -> Self {
        Self { partition: None, time: None, memory: None, cpus: 1, at_once: None }
    }
}

/// A partition of the cluster, or several with commas between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition(String);

/// The longest that a run may take, at least [`TimeLimit::LEAST`] minutes: as Slurm writes it, minutes,
/// minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes, days-hours:minutes:seconds or UNLIMITED.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeLimit(String);

/// Memory, as Slurm writes it: a whole number of megabytes, or one with K, M, G or T after it. 0 is all of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory(String);

impl TimeLimit {
    /// Minutes. A run hears a minute before the end that it has to stop, Slurm may be a minute early in that, and
    /// something should have been learned by then.
    pub const LEAST: u64 = 3;
}

impl FromStr for Partition {
    type Err = SlurmError;

    fn from_str(text: &str) -> Result<Self, SlurmError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let name = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') && name.chars().all(plain)
        };
        if text.split(',').all(name) {
            return Ok(Self(text.into()));
        }
        Err(SlurmError::value(
            "a partition",
            "letters, digits, `_`, `-` and `.`, such as long or cpu,long",
            text,
        ))
    }
}

impl FromStr for TimeLimit {
    type Err = SlurmError;

    fn from_str(text: &str) -> Result<Self, SlurmError> {
        if text.eq_ignore_ascii_case("unlimited") || seconds(text).is_some_and(|all| all >= Self::LEAST * 60)
        {
            return Ok(Self(text.into()));
        }
        let expected = format!(
            "at least {} minutes as Slurm writes them, such as 90, 12:00:00, 2-12 or UNLIMITED",
            Self::LEAST
        );
        Err(SlurmError::value("a time limit", expected, text))
    }
}

impl FromStr for Memory {
    type Err = SlurmError;

    fn from_str(text: &str) -> Result<Self, SlurmError> {
        let amount = text.strip_suffix(['K', 'M', 'G', 'T', 'k', 'm', 'g', 't']).unwrap_or(text);
        if number(amount).is_some() {
            return Ok(Self(text.into()));
        }
        Err(SlurmError::value(
            "memory",
            "a whole number with K, M, G or T after it, such as 800M or 4G",
            text,
        ))
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for TimeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A time in one of Slurm's formats, but for its word for none.
fn seconds(text: &str) -> Option<u64> {
    let (days, rest) = match text.split_once('-') {
        Some((days, rest)) => (Some(number(days)?), rest),
        None => (None, text),
    };
    let parts = rest.split(':').map(number).collect::<Option<Vec<u64>>>()?;
    let (hours, minutes, seconds) = match (days, parts.as_slice()) {
        (None, &[minutes]) => (0, minutes, 0),
        (None, &[minutes, seconds]) => (0, minutes, seconds),
        (_, &[hours, minutes, seconds]) => (hours, minutes, seconds),
        (Some(_), &[hours, minutes]) => (hours, minutes, 0),
        (Some(_), &[hours]) => (hours, 0, 0),
        _ => return None,
    };
    Some(((days.unwrap_or(0) * 24 + hours) * 60 + minutes) * 60 + seconds)
}

/// Digits alone, and few enough that no arithmetic on them overflows.
fn number(digits: &str) -> Option<u64> {
    let plain = (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What no value may hold, since it goes into a script.
    const HOSTILE: &[&str] = &[
        "",
        " ",
        "x y",
        "1 2",
        "1\n#SBATCH --uid=0",
        "1;reboot",
        "$(reboot)",
        "`reboot`",
        "1&",
        "'",
        "\"",
        "\\",
        "1#",
        "-1",
        "--wrap=reboot",
        "1\0",
        "4G\n",
        "٣",
    ];

    fn refused<T: FromStr<Err = SlurmError> + fmt::Debug>(values: &[&str], says: &[&str]) {
        for value in values.iter().chain(HOSTILE) {
            let error = value.parse::<T>().unwrap_err().to_string();
            for part in says.iter().chain([&format!("{value:?}").as_str()]) {
                assert!(error.contains(part), "no {part:?} in: {error}");
            }
        }
    }

    #[test]
    fn partitions() {
        for name in ["long", "cpu,long", "gpu_2.big-memory", "_x"] {
            assert_eq!(name.parse::<Partition>().unwrap().to_string(), name);
        }
        refused::<Partition>(
            &["a,", ",a", "a,,b", "-a", "a,-b", "a/b", "ä"],
            &["a partition: expected letters"],
        );
    }

    #[test]
    fn time_limits_in_all_of_slurms_formats() {
        for time in [
            "3",
            "90",
            "3:00",
            "2:60",
            "0:03:00",
            "12:00:00",
            "0-1",
            "2-12",
            "1-0:30",
            "0-0:3:0",
            "UNLIMITED",
        ] {
            assert_eq!(time.parse::<TimeLimit>().unwrap().to_string(), time);
        }
        let wrong = [
            "0",
            "2",
            "2:59",
            "0:02:59",
            "1:2:3:4",
            "1-",
            "-2",
            "1-2-3",
            "3m",
            "3.5",
            "+3",
            "9999999999",
            "1-1:1:1:1",
        ];
        refused::<TimeLimit>(&wrong, &["a time limit: expected at least 3 minutes"]);
    }

    #[test]
    fn memory() {
        for amount in ["0", "800", "800M", "4G", "4g", "1T", "512K"] {
            assert_eq!(amount.parse::<Memory>().unwrap().to_string(), amount);
        }
        refused::<Memory>(&["4GB", "G", "1.5G", "4P", "4 G"], &["memory: expected a whole number"]);
    }
}
