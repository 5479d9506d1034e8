//! How much memory this process may still take, and what is said where that is not enough.
//!
//! A vector that does not fit ends the process, without an error that anybody could handle. So whatever follows from sizes
//! that a caller chose is added up first, and [`check`]ed before the first of it is allocated.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// Bytes, in words: "21 GB".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
        let (mut value, mut unit) = (self.0 as f64, 0);
        // What would be rounded to 1000 belongs to the next unit.
        while value >= 999.5 && unit + 1 < UNITS.len() {
            (value, unit) = (value / 1000.0, unit + 1);
        }
        let decimals = usize::from(unit > 0 && value < 9.95);
        write!(f, "{value:.decimals$} {}", UNITS[unit])
    }
}

/// Something takes more memory than there is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} takes {}, this process may take {}", Bytes(*takes), Bytes(*available))]
pub struct Shortage {
    /// What does not fit.
    pub what: String,
    /// Bytes that it takes, or as many as can be counted.
    pub takes: u64,
    /// Bytes that this process may still take.
    pub available: u64,
}

/// Whether this process may take so many bytes more. Where nobody knows what it may take, it may.
///
/// # Errors
/// [`Shortage`] with both numbers; `what` is the thing that takes them, as "a training step of 100 samples".
pub fn check(takes: u64, what: impl FnOnce() -> String) -> Result<(), Shortage> {
    match available() {
        Some(available) if takes > available => Err(Shortage { what: what(), takes, available }),
        _ => Ok(()),
    }
}

/// Bytes that this process may still take: the least of what the machine has left, what control groups (of a container, or
/// a cluster's job) leave, and the limits of the process. `None` where the system does not say so in files, as anywhere
/// but on Linux.
pub fn available() -> Option<u64> {
    available_under(Path::new("/"))
}

/// [`available`] of the system whose files are in `root`.
fn available_under(root: &Path) -> Option<u64> {
    let process = root.join("proc/self");
    let machine = machine(&text(&root.join("proc/meminfo"))?);
    let [cgroup, limits, status] =
        ["cgroup", "limits", "status"].map(|name| text(&process.join(name)).unwrap_or_default());
    let groups = groups(&cgroup);
    let groups = groups.iter().flat_map(|group| group.left(&root.join("sys/fs/cgroup")));
    let limits = self::limits(&limits, &status);
    machine.into_iter().chain(groups).chain(limits).min()
}

fn text(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// What the machine has left: free memory, what it would give up, and swap.
fn machine(meminfo: &str) -> Option<u64> {
    let free = kibibytes(meminfo, "MemAvailable:")?;
    Some(free.saturating_add(kibibytes(meminfo, "SwapFree:").unwrap_or(0)))
}

/// The number of a line "NAME: NUMBER kB", in bytes.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The soft limits on address space and data, less what there is of both.
fn limits(limits: &str, status: &str) -> impl Iterator<Item = u64> {
    let left = |(limit, used): (&str, &str)| {
        let line = limits.lines().find_map(|line| line.strip_prefix(limit))?;
        let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(limit.saturating_sub(kibibytes(status, used)?))
    };
    let both = [("Max address space", "VmSize:"), ("Max data size", "VmData:")].map(left);
    both.into_iter().flatten()
}

/// A control group that limits memory.
#[derive(Debug, PartialEq)]
struct Group<'a> {
    /// Folder of the hierarchy, below that of all groups.
    hierarchy: &'static str,
    /// Its place in the hierarchy.
    path: &'a str,
    /// The files with the limit, with what is used, and the lines of `memory.stat` with what can be given up.
    limit: &'static str,
    used: &'static str,
    caches: [&'static str; 2],
}

/// The groups that a process is in, of /proc/self/cgroup: lines "NUMBER:CONTROLLERS:PATH".
fn groups(cgroup: &str) -> Vec<Group<'_>> {
    let group = |line| {
        let (controllers, path) = str::split_once(line, ':')?.1.split_once(':')?;
        if controllers.is_empty() {
            let (limit, used) = ("memory.max", "memory.current");
            return Some(Group {
                hierarchy: "",
                path,
                limit,
                used,
                caches: ["active_file ", "inactive_file "],
            });
        }
        let is_memory = controllers.split(',').any(|controller| controller == "memory");
        let (limit, used) = ("memory.limit_in_bytes", "memory.usage_in_bytes");
        let caches = ["total_active_file ", "total_inactive_file "];
        is_memory.then_some(Group { hierarchy: "memory", path, limit, used, caches })
    };
    cgroup.lines().filter_map(group).collect()
}

impl Group<'_> {
    /// What it and every group around it leave. A container sees its own group as the topmost, whatever its path says.
    fn left(&self, all: &Path) -> Vec<u64> {
        let top = all.join(self.hierarchy);
        let mut folder = top.join(self.path.trim_start_matches('/'));
        let mut left = Vec::new();
        while folder.starts_with(&top) {
            left.extend(self.left_in(&folder));
            if !folder.pop() {
                break;
            }
        }
        left
    }

    fn left_in(&self, folder: &Path) -> Option<u64> {
        let number = |path: PathBuf| text(&path)?.trim().parse::<u64>().ok();
        // "max" is no limit.
        let (limit, used) = (number(folder.join(self.limit))?, number(folder.join(self.used))?);
        let stat = text(&folder.join("memory.stat")).unwrap_or_default();
        let cached = self.caches.iter().filter_map(|name| {
            stat.lines().find_map(|line| line.strip_prefix(name))?.trim().parse::<u64>().ok()
        });
        Some(limit.saturating_sub(used.saturating_sub(cached.sum())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A system of these files.
    fn system(name: &str, files: &[(&str, &str)]) -> Option<u64> {
        let root = std::env::temp_dir().join(format!("metabnn-memory-{name}-{}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let available = available_under(&root);
        _ = fs::remove_dir_all(root);
        available
    }

    const MEMINFO: (&str, &str) =
        ("proc/meminfo", "MemTotal: 16000000 kB\nMemAvailable:  9000 kB\nSwapFree:  1000 kB\n");

    #[test]
    fn the_machine_groups_and_limits_are_all_asked() {
        assert_eq!(system("none", &[]), None);
        assert_eq!(system("machine", &[MEMINFO]), Some(10_240_000));
        let limits = (
            "proc/self/limits",
            "Limit   Soft Limit   Hard Limit   Units\nMax data size   unlimited   unlimited   bytes\n\
             Max address space     4194304   unlimited    bytes\n",
        );
        let status = ("proc/self/status", "VmSize:\t    1024 kB\nVmData:\t   512 kB\n");
        assert_eq!(system("limits", &[MEMINFO, limits, status]), Some(3 << 20));
        let second = [
            MEMINFO,
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("sys/fs/cgroup/a/memory.max", "1000000\n"),
            ("sys/fs/cgroup/a/memory.current", "700000\n"),
            ("sys/fs/cgroup/a/memory.stat", "anon 100\nactive_file 100000\ninactive_file 200000\n"),
        ];
        assert_eq!(system("second", &second), Some(600_000));
        let first = [
            MEMINFO,
            ("proc/self/cgroup", "4:cpu,memory:/docker/1\n0::/\n"),
            // Inside a container, whose path outside is not there.
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "5000000"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "6000000"),
            ("sys/fs/cgroup/memory/memory.stat", "total_inactive_file 2000000\n"),
        ];
        assert_eq!(system("first", &first), Some(1_000_000));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_may_take_something() {
        assert!(available().is_some_and(|bytes| bytes > 1 << 20), "{:?}", available());
    }

    #[test]
    fn bytes_are_said_in_words() {
        let said = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (9_949, "9.9 kB"),
            (9_950, "10 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (21_400_000_000, "21 GB"),
            (8_900_000_000_000, "8.9 TB"),
            (u64::MAX, "18 EB"),
        ];
        for (bytes, words) in said {
            assert_eq!(Bytes(bytes).to_string(), words);
        }
    }

    #[test]
    fn what_fits_is_taken_and_what_does_not_is_refused_with_both_figures() {
        assert_eq!(check(0, || unreachable!("it fits")), Ok(()));
        if available().is_some() {
            let error = check(u64::MAX, || "the network".into()).unwrap_err();
            assert!(
                error.to_string().starts_with("the network takes 18 EB, this process may take "),
                "{error}"
            );
        }
    }
}
