//! The text of a job script. Nothing here touches a file.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::{Resources, SlurmError};
use metabnn::kernels::Platform;

/// The most runs in one array: the list of an array's elements is one argument of a command, and those have limits.
const MOST: usize = 10_000;

/// What every element of a job array does: this program, one run of a recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Name of the recipe.
    pub recipe: String,
    /// The program `metabnn`, an absolute path.
    pub program: PathBuf,
    /// Folder of the results, an absolute path on a file system that all machines share.
    pub out: PathBuf,
    /// Folder of the data sets, an absolute path there as well; `None`: each machine's own.
    pub data: Option<PathBuf>,
    /// Seconds between two checkpoints of a run.
    pub checkpoint: u32,
    /// Whether a file of events for TensorBoard grows in each run's folder.
    pub tensorboard: bool,
    /// Instruction set; `None`: the widest that a machine has.
    pub kernels: Option<Platform>,
    /// What each run gets.
    pub resources: Resources,
}

/// Runs that are submitted as one array: element I of it is run `first` + I of the recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The run of element 0, counted from 0 like all runs.
    pub first: usize,
    /// The runs, in order; at least one.
    pub runs: Vec<usize>,
}

/// Shares out `runs`, given in order, into arrays with elements below `max_array_size`, Slurm's MaxArraySize.
pub fn pieces(runs: &[usize], max_array_size: usize) -> Vec<Piece> {
    let size = max_array_size.clamp(1, MOST);
    let together = runs.chunk_by(|a, b| a / size == b / size);
    together.map(|runs| Piece { first: runs[0] / size * size, runs: runs.to_vec() }).collect()
}

impl Job {
    /// The script that submits and does `piece`.
    ///
    /// # Errors
    /// [`SlurmError::Path`] for a path that no script can name, [`SlurmError::Value`] for a recipe's name that is no
    /// name of a recipe.
    pub fn script(&self, piece: &Piece) -> Result<String, SlurmError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if self.recipe.is_empty() || !self.recipe.chars().all(plain) {
            return Err(SlurmError::value("a recipe's name", "letters, digits, `-` and `_`", &self.recipe));
        }
        let mut text = format!(
            "#!/bin/sh\n\
             # Runs of the recipe {}, one per element of this job array, counted from 0 as `metabnn show` lists them.\n\
             # A run that is done is not repeated; one that was stopped goes on from its checkpoint.\n",
            self.recipe
        );
        for option in self.options(piece)? {
            text += &format!("#SBATCH --{option}\n");
        }
        text += "\n# The program takes the place of this shell: when its time is almost up, it hears so from Slurm itself, and\n\
                 # keeps how far it came.\n";
        text += &format!("exec {}\n", self.command(piece)?);
        Ok(text)
    }

    /// Slurm's options.
    fn options(&self, piece: &Piece) -> Result<Vec<String>, SlurmError> {
        let Resources { partition, time, memory, cpus, at_once } = &self.resources;
        // Slurm replaces words that begin with %; %% is the sign itself.
        let log = text(&self.out)?.replace('%', "%%") + "/slurm/%A_%a.log";
        let mut options = vec![
            format!("job-name=metabnn-{}", self.recipe),
            format!("array={}", array(piece, *at_once)),
            format!("output=\"{log}\""),
            "open-mode=append".into(),
            "requeue".into(),
            "signal=B:TERM@60".into(),
            "ntasks=1".into(),
            format!("cpus-per-task={}", cpus.max(&1)),
        ];
        options.extend(partition.as_ref().map(|partition| format!("partition={partition}")));
        options.extend(time.as_ref().map(|time| format!("time={time}")));
        options.extend(memory.as_ref().map(|memory| format!("mem={memory}")));
        Ok(options)
    }

    /// What an element does.
    fn command(&self, piece: &Piece) -> Result<String, SlurmError> {
        let index = match piece.first {
            0 => "\"$SLURM_ARRAY_TASK_ID\"".into(),
            first => format!("\"$((SLURM_ARRAY_TASK_ID + {first}))\""),
        };
        let path = |path: &Path| text(path).map(quoted);
        let out = path(&self.out)?;
        let recipe = path(&self.out.join("recipe.toml"))?;
        let mut command = format!("{} run {recipe} --out {out}", path(&self.program)?);
        command += &format!(" \\\n    --index {index} --threads \"$SLURM_CPUS_PER_TASK\" --quiet");
        command += &format!(" --checkpoint {}", self.checkpoint);
        if self.tensorboard {
            command += " --tensorboard";
        }
        if let Some(platform) = self.kernels {
            command += &format!(" --kernels {}", platform.name());
        }
        if let Some(data) = &self.data {
            command += &format!(" \\\n    --data {}", path(data)?);
        }
        Ok(command)
    }
}

/// The elements of `piece` as Slurm writes them, and how many may go on at once: `0-3,7%2`.
fn array(piece: &Piece, at_once: Option<u32>) -> String {
    let mut text = String::new();
    for run in piece.runs.chunk_by(|a, b| a + 1 == *b) {
        let comma = if text.is_empty() { "" } else { "," };
        let [first, last] = [run[0], run[run.len() - 1]].map(|run| run - piece.first);
        let _ = if first == last {
            write!(text, "{comma}{first}")
        } else {
            write!(text, "{comma}{first}-{last}")
        };
    }
    at_once.map_or(text.clone(), |most| format!("{text}%{}", most.max(1)))
}

/// A path that both Slurm and the shell can be told.
fn text(path: &Path) -> Result<&str, SlurmError> {
    let error = |reason| SlurmError::Path { path: path.into(), reason };
    let text = path.to_str().ok_or_else(|| error("one in UTF-8"))?;
    if !path.is_absolute() {
        return Err(error("an absolute one"));
    }
    if text.chars().any(|c| c.is_control() || "\"\\".contains(c)) {
        return Err(error("one without double quotes, backslashes and control characters"));
    }
    Ok(text)
}

/// `text` as one word of a shell's command: as it is where it is harmless, else in quotes.
pub fn quoted(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@".contains(c);
    if !text.is_empty() && text.chars().all(harmless) {
        return text.into();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
