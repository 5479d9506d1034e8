//! The jobs submitted so far, in the file `slurm/jobs.txt` of the folder of results: a line each.

use std::fs;
use std::path::Path;

use crate::report::ReportError;
use crate::report::folder::write_atomically;

pub(super) const FILE: &str = "slurm/jobs.txt";

/// A job as Slurm names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobNumber {
    /// Its number.
    pub number: u64,
    /// The cluster that has it, where there are several.
    pub cluster: Option<String>,
}

/// A job submitted for a folder of results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// The job.
    pub job: JobNumber,
    /// The run of its element 0.
    pub first: usize,
}

impl JobNumber {
    /// Reads what `sbatch --parsable` prints: `7`, or `7;cluster`.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, cluster) = match text.split_once(';') {
            Some((number, cluster)) => (number, Some(cluster.to_string())),
            None => (text, None),
        };
        let is_name =
            |name: &String| !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == ';');
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let has_name = cluster.as_ref().is_none_or(is_name);
        (is_number && has_name).then_some(Self { number: number.parse().ok()?, cluster })
    }

    /// The last line that [`JobNumber::parse`] reads, in all that `sbatch --parsable` and what clusters wrap around it
    /// print: welcomes before it, advice after it. Some wrappers print what sbatch says without that option.
    pub fn find(printed: &str) -> Option<Self> {
        let lines = || printed.lines().rev().map(str::trim);
        lines().find_map(Self::parse).or_else(|| lines().find_map(Self::parse_sentence))
    }

    /// "Submitted batch job 7", "Submitted batch job 7 on cluster big".
    fn parse_sentence(line: &str) -> Option<Self> {
        let rest = line.strip_prefix("Submitted batch job ")?;
        match rest.split_once(" on cluster ") {
            Some((number, cluster)) => Self::parse(&format!("{number};{cluster}")),
            None => Self::parse(rest),
        }
    }
}

impl std::fmt::Display for JobNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.number.fmt(f)
    }
}

/// The jobs submitted for the results in `out`, the oldest first. What cannot be read is left out: the list only saves
/// submitting runs that wait already, which would be done once all the same.
pub fn earlier_jobs(out: &Path) -> Vec<Earlier> {
    let text = fs::read_to_string(out.join(FILE)).unwrap_or_default();
    let entry = |line: &str| {
        let (first, job) = line.split_once('\t')?;
        Some(Earlier { job: JobNumber::parse(job)?, first: first.parse().ok()? })
    };
    text.lines().filter_map(entry).collect()
}

/// Adds a job to the list.
pub(super) fn remember(out: &Path, job: &JobNumber, first: usize) -> Result<(), ReportError> {
    let mut jobs = earlier_jobs(out);
    jobs.push(Earlier { job: job.clone(), first });
    let line = |Earlier { job: JobNumber { number, cluster }, first }: &Earlier| {
        let cluster = cluster.as_ref().map(|name| format!(";{name}")).unwrap_or_default();
        format!("{first}\t{number}{cluster}\n")
    };
    let text: String = jobs.iter().map(line).collect();
    write_atomically(&out.join(FILE), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_jobs() {
        assert_eq!(JobNumber::parse("7"), Some(JobNumber { number: 7, cluster: None }));
        let big = JobNumber { number: 7, cluster: Some("big".into()) };
        assert_eq!(JobNumber::parse("7;big"), Some(big));
        for text in ["", "x", "-1", "+7", "7 8", "Submitted batch job 7", ";big", "7;", "7;a b", "7;a;b"] {
            assert_eq!(JobNumber::parse(text), None, "{text}");
        }
    }

    /// Whatever is printed around it, in any number of lines.
    #[test]
    fn the_number_is_found_among_all_that_is_printed() {
        let noise = [
            "",
            "Welcome to the cluster!",
            "*** 12 nodes are down until 2026-12-01 ***",
            "sbatch: lua: 4 hours of your 1000 are left; see https://example.org",
            "-7",
            "7 jobs are waiting",
            "quota: 81%",
            "Grüße;",
        ];
        let said = |number: &str, cluster: Option<&str>| {
            let cluster = cluster.map(String::from);
            (
                format!("{number}{}", cluster.iter().map(|name| format!(";{name}")).collect::<String>()),
                cluster,
            )
        };
        for (line, cluster) in [said("4711", None), said("4711", Some("big"))] {
            let expected = Some(JobNumber { number: 4711, cluster });
            for before in 0..noise.len() {
                for after in 0..noise.len() {
                    for end in ["\n", "\r\n", " \n"] {
                        let lines =
                            [&noise[..before], &[line.as_str()], &noise[noise.len() - after..]].concat();
                        assert_eq!(JobNumber::find(&lines.join(end)), expected, "{lines:?}");
                    }
                }
            }
        }
        assert_eq!(JobNumber::find("3\nhello\n4\nbye"), JobNumber::parse("4"), "the last one");
        assert_eq!(JobNumber::find(&noise.join("\n")), None);
        assert_eq!(JobNumber::find("hello\nSubmitted batch job 7\nbye"), JobNumber::parse("7"));
        let big = "Submitted batch job 7 on cluster big";
        assert_eq!(JobNumber::find(big), JobNumber::parse("7;big"));
        for text in ["", "\n\n", "99999999999999999999999", "Submitted batch job", "Submitted batch job x"] {
            assert_eq!(JobNumber::find(text), None, "{text:?}");
        }
    }

    #[test]
    fn jobs_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(earlier_jobs(folder.path()), []);
        let jobs = [("7", 0), ("8;big", 1001)].map(|(job, first)| (JobNumber::parse(job).unwrap(), first));
        jobs.iter().for_each(|(job, first)| remember(folder.path(), job, *first).unwrap());
        let expected: Vec<_> = jobs.into_iter().map(|(job, first)| Earlier { job, first }).collect();
        assert_eq!(earlier_jobs(folder.path()), expected);
    }
}
