//! `metabnn run --engine slurm`: one element of a job array per run that is not yet done.

use std::collections::BTreeSet;
use std::env;
use std::io;
use std::path::{self, Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use clap::{Args, ValueEnum};
use metabnn::kernels::Platform;
use metabnn_lab::experiment::slurm::{
    self, Job, JobNumber, Memory, Partition, Piece, Resources, Submitted, TimeLimit, quoted,
};
use metabnn_lab::recipe::Recipe;
use serde_json::json;

use crate::arguments::{Output, Run, UsageError};
use crate::output;
use crate::run::quoted as shell_path;

/// MaxArraySize of a cluster that does not say.
const MAX_ARRAY_SIZE: usize = 1001;

/// Who does the runs.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "On a cluster")]
pub struct Engine {
    /// Who does the runs: this machine, or a Slurm cluster as a job array
    #[arg(long, value_enum, default_value = "local")]
    engine: Kind,
    /// Partition to run in
    #[arg(long, value_name = "P")]
    partition: Option<Partition>,
    /// The longest that a run may take, such as 90 (minutes), 12:00:00 or 2-12 (days-hours)
    #[arg(long, value_name = "T")]
    time: Option<TimeLimit>,
    /// Memory of a run, such as 800M or 4G
    #[arg(long, value_name = "M")]
    memory: Option<Memory>,
    /// Processors of a run, and so its threads [default: 1]
    #[arg(long, value_name = "C", value_parser = clap::value_parser!(u16).range(1..))]
    cpus: Option<u16>,
    /// The most runs that go on at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    at_once: Option<u32>,
    /// Print job script and command; submit and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Kind {
    /// This machine
    Local,
    /// A job array, one element per run that is not yet done
    Slurm,
}

impl Engine {
    pub fn is_slurm(&self) -> bool {
        self.engine == Kind::Slurm
    }

    /// The options that mean something to Slurm alone, and whether they were given.
    fn own(&self) -> [(&'static str, bool); 6] {
        [
            ("--partition", self.partition.is_some()),
            ("--time", self.time.is_some()),
            ("--memory", self.memory.is_some()),
            ("--cpus", self.cpus.is_some()),
            ("--at-once", self.at_once.is_some()),
            ("--dry-run", self.dry_run),
        ]
    }
}

/// Refuses options that mean nothing together.
pub fn check(arguments: &Run) -> anyhow::Result<()> {
    let engine = &arguments.engine;
    let refuse = |message: String| Err(UsageError(message).into());
    if !engine.is_slurm() {
        return match engine.own().iter().find(|(_, given)| *given) {
            Some((option, _)) => refuse(format!("{option}: only with --engine slurm")),
            None => Ok(()),
        };
    }
    let (index, jobs, threads) =
        (arguments.index.is_some(), arguments.jobs > 1, arguments.machine.threads.is_some());
    for (option, given, instead) in [
        ("--fresh", arguments.fresh, "choose another folder for the results"),
        ("--resume", arguments.resume, "what was begun goes on in any case"),
        ("--index", index, "every run that is not yet done is submitted"),
        ("--jobs", jobs, "--at-once limits how many runs go on at once"),
        ("--threads", threads, "--cpus says how many a run has"),
    ] {
        if given {
            return refuse(format!("{option}: not with --engine slurm; {instead}"));
        }
    }
    Ok(())
}

/// Submits the runs of `recipe` that are neither done in `out` nor in the queue.
pub fn run(arguments: &Run, recipe: &Recipe, out: &Path, output: Output) -> anyhow::Result<()> {
    let job = job(arguments, recipe, out)?;
    let mut runs = slurm::unfinished(recipe, &job.out, job.data.as_deref())?;
    if runs.is_empty() {
        return nothing_to_do("every run is done already", out, output);
    }
    let waiting = waiting(&job.out);
    let missing = runs.len();
    runs.retain(|(index, _)| !waiting.contains(index));
    if runs.is_empty() {
        return nothing_to_do("every run is done or in the queue already", out, output);
    }
    if runs.len() < missing && !output.quiet && !output.json {
        output::line(&format!("in the queue already: {}", some_runs(missing - runs.len())))?;
    }
    let size = max_array_size();
    if arguments.engine.dry_run {
        let indices: Vec<usize> = runs.iter().map(|(index, _)| *index).collect();
        return dry_run(&job, &slurm::pieces(&indices, size), output);
    }
    let at_once = arguments.engine.at_once.is_some();
    let submitted = slurm::submit(recipe, &job, &runs, size, |script, before| {
        let after = match before.last().filter(|_| at_once) {
            Some(Submitted { job: Some(job), .. }) => Some(job.to_string()),
            Some(_) => return Err("it has to wait for the job before, whose number is not known".into()),
            None => None,
        };
        sbatch(&arguments_of_sbatch(script, after))
    })?;
    tell(&submitted, out, output)
}

/// Runs of the results in `out` that wait or are at work. None if Slurm does not say: what is submitted twice is done
/// once all the same.
fn waiting(out: &Path) -> BTreeSet<usize> {
    let earlier = slurm::earlier_jobs(out);
    let clusters: BTreeSet<Option<&str>> = earlier.iter().map(|one| one.job.cluster.as_deref()).collect();
    let mut waiting = BTreeSet::new();
    for cluster in clusters {
        let here = || earlier.iter().filter(|one| one.job.cluster.as_deref() == cluster);
        let numbers: Vec<String> = here().map(|one| one.job.to_string()).collect();
        let mut squeue = Command::new("squeue");
        squeue.args(["--noheader", "--array", "--states=PENDING,RUNNING,SUSPENDED", "--format=%F %K"]);
        squeue
            .args(cluster.map(|name| format!("--clusters={name}")))
            .arg(format!("--jobs={}", numbers.join(",")));
        let said = squeue.output().map(|output| output.stdout).unwrap_or_default();
        for line in String::from_utf8_lossy(&said).lines() {
            let Some((job, element)) = line.trim().split_once(' ') else { continue };
            let first = here().find(|one| one.job.to_string() == job).map(|one| one.first);
            waiting.extend(
                first.zip(element.trim().parse::<usize>().ok()).map(|(first, element)| first + element),
            );
        }
    }
    waiting
}

/// What every element does. Elements may start in another folder than this one, so all paths are absolute.
fn job(arguments: &Run, recipe: &Recipe, out: &Path) -> anyhow::Result<Job> {
    let engine = &arguments.engine;
    let absolute = |path: &Path| path::absolute(path).with_context(|| path.display().to_string());
    Ok(Job {
        recipe: recipe.name.clone(),
        program: env::current_exe().context("cannot find out where this program is")?,
        out: absolute(out)?,
        data: data_folder(arguments).map(|folder| absolute(&folder)).transpose()?,
        checkpoint: arguments.checkpoint,
        tensorboard: arguments.tensorboard,
        kernels: arguments.machine.kernels.as_deref().map(platform).transpose()?,
        resources: Resources {
            partition: engine.partition.clone(),
            time: engine.time.clone(),
            memory: engine.memory.clone(),
            cpus: engine.cpus.unwrap_or(1),
            at_once: engine.at_once,
        },
    })
}

/// The folder of the data sets: what is meant here, machines of the cluster may understand otherwise.
fn data_folder(arguments: &Run) -> Option<PathBuf> {
    let usual = || metabnn_data::default_folder(None).ok().filter(|folder| folder.is_dir());
    arguments.data.folder.clone().or_else(usual)
}

/// The instruction set called `name`; the cluster's machines may have others than this one.
fn platform(name: &str) -> Result<Platform, UsageError> {
    let names = || Platform::ALL.map(Platform::name).join(", ");
    let found = Platform::ALL.into_iter().find(|platform| platform.name() == name);
    found.ok_or_else(|| UsageError(format!("--kernels {name}: expected one of {}", names())))
}

/// MaxArraySize of the cluster: the indices of an array's elements are below it.
fn max_array_size() -> usize {
    let output = Command::new("scontrol").args(["show", "config"]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let entry =
        text.lines().filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == "MaxArraySize");
    entry.and_then(|(_, size)| size.trim().parse().ok()).unwrap_or(MAX_ARRAY_SIZE)
}

/// Several arrays with a limit to what goes on at once go one after the other: each has a limit of its own.
fn arguments_of_sbatch(script: &Path, after: Option<String>) -> Vec<String> {
    let after = after.map(|job| format!("--dependency=afterany:{job}"));
    let script = script.display().to_string();
    ["--parsable".into()].into_iter().chain(after).chain([script]).collect()
}

/// Submits a script; gives the job, or what went wrong. What sbatch says it has taken is in the queue, whatever it printed
/// beside the number.
fn sbatch(arguments: &[String]) -> Result<Option<JobNumber>, String> {
    let output = Command::new("sbatch").args(arguments).output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            "there is no `sbatch` here; this has to be a machine of a Slurm cluster".to_string()
        }
        _ => format!("sbatch: {error}"),
    })?;
    let [said, complaint] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    let complaints: Vec<&str> =
        complaint.trim().lines().map(|line| line.trim_start_matches("sbatch: error: ")).collect();
    match output.status.success() {
        true => Ok(JobNumber::find(&said)),
        false if complaints.is_empty() => Err(format!("sbatch failed ({})", output.status)),
        false => Err(complaints.join("; ")),
    }
}

fn nothing_to_do(why: &str, out: &Path, output: Output) -> anyhow::Result<()> {
    if output.json {
        return output::json(&json!({"jobs": [], "folder": out}));
    }
    output::line(&format!("{why}: nothing to submit"))?;
    output::line(&format!("report: metabnn report {}", shell_path(out)))
}

fn some_runs(count: usize) -> String {
    format!("{count} {}", if count == 1 { "run" } else { "runs" })
}

fn dry_run(job: &Job, pieces: &[Piece], output: Output) -> anyhow::Result<()> {
    let mut shown = Vec::new();
    for (position, piece) in pieces.iter().enumerate() {
        let path = slurm::script_path(&job.out, position);
        let waits = position > 0 && job.resources.at_once.is_some();
        let command = arguments_of_sbatch(&path, waits.then(|| "BEFORE".into()));
        let words = ["sbatch".to_string()].into_iter().chain(command);
        let command = words.map(|word| quoted(&word)).collect::<Vec<_>>().join(" ");
        shown.push((path, job.script(piece)?, command));
    }
    if output.json {
        let entry = |(path, script, command): &(PathBuf, String, String)| json!({"path": path, "script": script, "command": command});
        return output::json(&shown.iter().map(entry).collect());
    }
    for (path, script, command) in &shown {
        output::line(&format!("# {}\n{script}", path.display()))?;
        output::line(&format!("# submitted with\n{command}"))?;
    }
    Ok(())
}

fn tell(submitted: &[Submitted], out: &Path, output: Output) -> anyhow::Result<()> {
    if output.json {
        let job = |Submitted { job, piece }: &Submitted| {
            let (number, cluster) =
                (job.as_ref().map(|job| job.number), job.as_ref().map(|job| &job.cluster));
            json!({"job": number, "cluster": cluster, "runs": piece.runs})
        };
        return output::json(&json!({"jobs": submitted.iter().map(job).collect::<Vec<_>>(), "folder": out}));
    }
    for Submitted { job, piece } in submitted {
        let runs = some_runs(piece.runs.len());
        output::line(&match job {
            Some(job) => format!("job {job}: {runs}"),
            None => format!("a job whose number sbatch did not say: {runs}"),
        })?;
    }
    let known: Vec<&JobNumber> = submitted.iter().filter_map(|one| one.job.as_ref()).collect();
    let numbers = known.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let cluster = known.iter().find_map(|job| job.cluster.as_deref());
    let cluster = cluster.map(|name| format!(" -M {}", quoted(name))).unwrap_or_default();
    let which = if known.len() == submitted.len() { format!("-j {numbers}") } else { "--me".into() };
    output::line(&format!("what goes on: squeue{cluster} {which}"))?;
    output::line(&format!("results so far: metabnn report {}", shell_path(out)))?;
    output::line(&format!("what each run said: {}", shell_path(&out.join("slurm"))))
}
