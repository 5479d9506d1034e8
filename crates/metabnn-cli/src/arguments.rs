//! What the command line takes.

use std::path::PathBuf;
use std::sync::LazyLock;

use anyhow::Context;
use clap::builder::PossibleValue;
use clap::{Args, Parser, Subcommand, ValueEnum};
use metabnn::export::{MODEL_FORMATS, ModelFormat};
use metabnn::kernels::Platform;
use metabnn::machine::Machine as Worker;
use metabnn_lab::recipe::{Recipe, RecipeErrors, builtin};
use metabnn_lab::report::export::{EVALUATION_FORMATS, EvaluationFormat};

use crate::slurm;

/// Train metaplastic binarized neural networks on a stream of tasks and see what they keep.
#[derive(Debug, Parser)]
#[command(name = "metabnn", version, propagate_version = true, max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    pub output: Output,
    #[command(subcommand)]
    pub command: Command,
}

/// How results are shown.
#[derive(Args, Clone, Copy, Debug)]
pub struct Output {
    /// Show results alone, no progress
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Print results as one JSON document
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a recipe: train, evaluate, report
    Run(Run),
    /// Recipes and data sets, with what each shows and what it costs; or the results in a folder
    List(List),
    /// A recipe as TOML, every default filled in, and the runs it expands to
    Show(Chosen),
    /// The catalogue of data sets
    Data(Data),
    /// Test a trained model
    Eval(Eval),
    /// How long a training step takes on this machine, part by part
    Bench(Bench),
    /// Make the report of a folder of results anew; of several, side by side; of a folder of such folders, a list
    Report(Report),
    /// Write results in the format of another program, or a trained model for a device
    Export(Export),
}

/// What is to be listed.
#[derive(Args, Debug)]
pub struct List {
    /// Instead of recipes and data sets: the results that lie in a folder
    pub what: Option<Listed>,
    /// Folder of folders of results [default: results]
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

/// What can be listed beside what the program brings along.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Listed {
    /// Folders of results: recipe, what was set, runs done, average accuracy
    Results,
}

/// A recipe, with some of its settings changed.
#[derive(Args, Debug)]
pub struct Chosen {
    /// A name from `metabnn list`, or the path of a TOML file
    pub recipe: String,
    /// Change a setting, e.g. --set rule.m=1.35, --set network.hidden=256,256 or, for several values,
    /// --set vary.seed=0,1,2; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,
    /// Seed of every random stream
    #[arg(long, value_name = "N", value_parser = seed, allow_negative_numbers = true)]
    pub seed: Option<u64>,
}

#[derive(Args, Debug)]
pub struct Run {
    #[command(flatten)]
    pub chosen: Chosen,
    /// Folder of the results; runs already done there are not repeated [default: results/RECIPE, and behind that what was
    /// set, such as results/quickstart-rule.m=2-seed=1]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Run again from the start what is already done or begun there, also if the recipe of this name was changed since
    #[arg(long, conflicts_with = "resume")]
    pub fresh: bool,
    /// Go on with what was begun there, and refuse if nothing was
    #[arg(long)]
    pub resume: bool,
    /// Runs at work at the same time; they share the threads
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: u16,
    /// Do run I alone, counted from 0 as `metabnn show` lists them; no report is made
    #[arg(long, value_name = "I")]
    pub index: Option<usize>,
    /// Let a file of events for TensorBoard grow in each run's folder
    #[arg(long)]
    pub tensorboard: bool,
    /// Seconds between two checkpoints of a run
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub checkpoint: u32,
    #[command(flatten)]
    pub data: DataFolder,
    #[command(flatten)]
    pub machine: Machine,
    #[command(flatten)]
    pub engine: slurm::Engine,
}

/// Where data sets are.
#[derive(Args, Debug)]
pub struct DataFolder {
    /// Folder of the data sets [default: $METABNN_DATA, then the user's cache]
    #[arg(long = "data", value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

/// What the work is done with; none of it changes a result.
#[derive(Args, Debug)]
pub struct Machine {
    /// Threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// Instruction set: portable, avx2 or avx512 [default: the widest there is]
    #[arg(long, value_name = "NAME")]
    pub kernels: Option<String>,
}

#[derive(Args, Debug)]
pub struct Data {
    #[command(subcommand)]
    pub command: DataCommand,
}

#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// The data sets and where their files are
    List(DataFolder),
    /// Download data sets, continuing what was interrupted
    Fetch(Fetch),
    /// Compare the files of data sets with their checksums
    Verify(Verify),
}

#[derive(Args, Debug)]
pub struct Fetch {
    /// Data sets [default: all that can be downloaded]
    pub sets: Vec<String>,
    #[command(flatten)]
    pub data: DataFolder,
    /// Ask this address first: it holds SET/FILE.gz for each set [also: $METABNN_MIRROR]
    #[arg(long, value_name = "URL")]
    pub mirror: Vec<String>,
}

#[derive(Args, Debug)]
pub struct Verify {
    /// Data sets [default: all]
    pub sets: Vec<String>,
    #[command(flatten)]
    pub data: DataFolder,
}

#[derive(Args, Debug)]
pub struct Eval {
    /// A model.safetensors that a run left, or the folder of the run
    pub model: PathBuf,
    /// Data set to test on [default: the ones it was trained on]
    #[arg(long, value_name = "NAME")]
    pub data_set: Option<String>,
    /// Statistics of batch norm: of the test batch, or those that training kept [default: as it was trained]
    #[arg(long, value_name = "WHICH")]
    pub statistics: Option<TestStatistics>,
    /// Images in a test batch [default: as it was trained]
    #[arg(long, value_name = "N", value_parser = count(1, 1 << 30))]
    pub test_batch: Option<u32>,
    /// Test every task with the batch-norm state that the network has now, not with the one it had after that task
    #[arg(long)]
    pub last_state: bool,
    #[command(flatten)]
    pub data: DataFolder,
    #[command(flatten)]
    pub machine: Machine,
}

/// Means and variances to test with.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum TestStatistics {
    /// Of the test batch itself
    Batch,
    /// Those that training kept, running averages or recalibrated ones
    Kept,
}

impl From<TestStatistics> for metabnn_lab::saved::TestStatistics {
    fn from(statistics: TestStatistics) -> Self {
        match statistics {
            TestStatistics::Batch => Self::Batch,
            TestStatistics::Kept => Self::Kept,
        }
    }
}

/// A training step of the network 784-WIDTH-WIDTH-10, on MNIST where it is there, else on glyphs.
#[derive(Args, Debug)]
pub struct Bench {
    /// Units of each hidden layer
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = count(1, 65_536))]
    pub width: u32,
    /// Images in a batch
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = count(2, 10_000))]
    pub batch: u32,
    /// Steps that are timed
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = count(1, 1_000_000))]
    pub steps: u32,
    /// Real weights and ReLU instead of binary ones: the control
    #[arg(long)]
    pub full_precision: bool,
    /// Adam's moments in 16 bits instead of 32, as with optimizer.state = "bf16"
    #[arg(long)]
    pub bf16: bool,
    /// Time a whole epoch as well, with the tests at its end
    #[arg(long)]
    pub epoch: bool,
    #[command(flatten)]
    pub data: DataFolder,
    #[command(flatten)]
    pub machine: Machine,
}

#[derive(Args, Debug)]
pub struct Report {
    /// Folders of results
    #[arg(required = true, value_name = "DIR")]
    pub folders: Vec<PathBuf>,
    /// Folder of the report [default: the folder itself; of several, `comparison`]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print the ranking of all settings, to be pasted into a text
    #[arg(long, value_name = "FORMAT")]
    pub table: Option<TableFormat>,
    /// Read every file of every run, large models too, and compare it with what the run wrote
    #[arg(long)]
    pub verify: bool,
}

/// Languages that tables are written in.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum TableFormat {
    /// A table of Markdown
    Markdown,
    /// A tabular of LaTeX; needs the package booktabs
    Latex,
}

#[derive(Args, Debug)]
pub struct Export {
    /// Folder of results; or, for a device, a model.safetensors that a run left, or the folder of the run
    #[arg(value_name = "RESULTS|MODEL")]
    pub from: PathBuf,
    /// Format
    #[arg(long, value_name = "FORMAT")]
    pub to: ExportFormat,
    /// Of results: folder, one per run in it [default: RESULTS/FORMAT]; of a model: file [default: beside it]
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,
    /// Of a model: statistics of batch norm; packed, they are those that training kept [default: as it was trained]
    #[arg(long, value_name = "WHICH")]
    pub statistics: Option<TestStatistics>,
}

/// A format of another program: the tables of the library say which there are.
#[derive(Clone, Copy, Debug)]
pub enum ExportFormat {
    /// Of a folder of results.
    Results(&'static EvaluationFormat),
    /// Of a trained model.
    Model(&'static ModelFormat),
}

impl ValueEnum for ExportFormat {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: LazyLock<Vec<ExportFormat>> = LazyLock::new(|| {
            let results = EVALUATION_FORMATS.into_iter().map(ExportFormat::Results);
            results.chain(MODEL_FORMATS.into_iter().map(ExportFormat::Model)).collect()
        });
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Results(format) => {
                PossibleValue::new(format.name).help(format!("Results: {}", format.help))
            }
            Self::Model(format) => PossibleValue::new(format.name).help(format!("Model: {}", format.help)),
        })
    }
}

/// An argument that clap cannot judge is wrong: exit status 2.
#[derive(Debug)]
pub struct UsageError(pub String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

fn count(least: i64, most: i64) -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(least..=most)
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().into(), value.trim().into())),
        _ => Err("takes KEY=VALUE, such as rule.m=1.35".into()),
    }
}

fn seed(text: &str) -> Result<u64, String> {
    // TOML, which recipes are written in, promises no larger whole numbers.
    let fits = |seed: &u64| i64::try_from(*seed).is_ok();
    text.parse().ok().filter(fits).ok_or_else(|| format!("takes a whole number from 0 to {}", i64::MAX))
}

impl Chosen {
    /// The recipe with its changes.
    pub fn recipe(&self) -> Result<Recipe, RecipeErrors> {
        let (text, origin) = builtin::find(&self.recipe)?;
        Recipe::from_toml(&text, &origin, &self.set, self.seed)
    }
}

impl Machine {
    /// Sets threads and kernels for the rest of the process; gives them.
    pub fn prepare(&self) -> anyhow::Result<&'static Worker> {
        let available = || Platform::ALL.into_iter().filter(|platform| platform.is_available());
        let platform = match &self.kernels {
            None => Platform::detect(),
            Some(name) => {
                let chosen = available().find(|platform| platform.name() == name);
                let names: Vec<_> = available().map(Platform::name).collect();
                let unknown =
                    || UsageError(format!("--kernels {name}: this machine has {}", names.join(", ")));
                chosen.ok_or_else(unknown)?
            }
        };
        let threads = self.threads.map_or_else(Worker::cores, usize::from);
        let machine =
            Worker::new(threads, platform).with_context(|| format!("cannot start {threads} threads"))?;
        machine.make_default();
        Ok(Worker::get())
    }
}
