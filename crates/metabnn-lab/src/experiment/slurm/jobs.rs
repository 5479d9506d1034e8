//! The jobs submitted so far, in the file `slurm/jobs.txt` of the folder of results: a line each.

use std::fs;
use std::path::Path;

use crate::report::ReportError;
use crate::report::folder::write_atomically;

const FILE: &str = "slurm/jobs.txt";

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
        Some(Self { number: number.parse().ok()?, cluster })
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
        for text in ["", "x", "-1", "7 8", "Submitted batch job 7", ";big"] {
            assert_eq!(JobNumber::parse(text), None, "{text}");
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
