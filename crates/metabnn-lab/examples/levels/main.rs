//! How few levels of a hidden weight still remember: the learner for devices from 2 to 16 bits, with metaplasticity and
//! without, beside the workstation's algorithm at the same shape and number of epochs. Nothing is told of tasks.
//!
//! ```sh
//! cargo run --release -p metabnn-lab --example levels -- permuted 10 permuted-10.csv
//! cargo run --release -p metabnn-lab --example levels -- fashion 10 fashion-10.csv
//! cargo run --release -p metabnn-lab --example levels -- plot docs/levels permuted-10.csv fashion-10.csv
//! ```
//!
//! The arguments are the stream, the batch, and the table that is written. `METABNN_DATA` names the folder of the data.
//! Learning rate and m are searched for every precision on tasks of their own (seed 100); the table has what the best of
//! them give on others (seeds 0 and 1), all of them told.

mod plot;
mod stream;

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use metabnn::data::Dataset;
use metabnn::rule::{Metaplastic, PerLayer, Rule};
use metabnn::stream::TaskStream;
use metabnn_data::load;
use metabnn_infer::learn::Settings;
use metabnn_lab::recipe::settings;
use metabnn_lab::setup::train;
use stream::{Tasks, mean};

const HIDDEN: usize = 128;
const EPOCHS: usize = 2;
const BITS: [u32; 6] = [2, 3, 4, 6, 8, 16];
const SEARCHED: u64 = 100;
const SEEDS: [u64; 2] = [0, 1];
/// Bits in the table of the workstation's 32-bit floats.
const FLOATS: u32 = 32;

/// The head of a table.
const HEAD: &str = "stream,batch,bits,metaplastic,m,lr,seed,average_accuracy,first_task,last_task";

/// What is tried.
#[derive(Clone, Copy)]
struct Setting {
    bits: u32,
    m: f32,
    lr: f32,
}

/// A stream of tasks and how much is learned at once.
struct Experiment {
    name: String,
    batch: usize,
    set: Dataset,
}

impl Experiment {
    fn settings(&self, seed: u64) -> settings::Settings {
        let (stream, count, train_images) = match self.name.as_str() {
            "permuted" => (settings::Stream::Permuted, 5, 5000),
            _ => (settings::Stream::Subsets, 20, 20_000),
        };
        settings::Settings {
            seed,
            data: settings::Data {
                sets: vec![self.set.name.clone()],
                train_images,
                test_images: 2000,
                ..Default::default()
            },
            tasks: settings::Tasks {
                stream,
                count,
                scenario: settings::Scenario::Domain,
                ..Default::default()
            },
            ..Default::default()
        }
    }

    /// Accuracy on each test after all was learned, fractions.
    fn accuracies(&self, setting: Setting, seed: u64) -> Result<Vec<f64>, Box<dyn Error>> {
        let settings = self.settings(seed);
        let stream = settings.stream(std::slice::from_ref(&self.set))?;
        let Setting { bits, m, lr } = setting;
        if bits == FLOATS {
            return workstation(settings, &stream, (self.batch, m, lr));
        }
        let (tasks, widths) = (Tasks::of(&stream), [stream.shape.width(), HIDDEN, stream.classes]);
        let (schedule, settings) = ((EPOCHS, self.batch), Settings::new(bits, m, lr));
        Ok(if bits > 8 {
            tasks.learn::<i16>(&widths, schedule, seed, settings)?
        } else {
            tasks.learn::<i8>(&widths, schedule, seed, settings)?
        })
    }

    /// The setting of these bits that gives most on the tasks of the search, with m = 0 or with others.
    fn best(&self, bits: u32, is_metaplastic: bool) -> Result<Setting, Box<dyn Error>> {
        let (rates, strengths): (&[f32], &[f32]) = match (bits, self.batch) {
            (FLOATS, _) => (&[0.015, 0.005, 0.0015], &[1.0, 2.0, 3.0, 4.0, 8.0]),
            (_, 1) => (&[0.01, 0.003], &[3.0]),
            _ => (&[0.08, 0.03], &[3.0, 4.0]),
        };
        let strengths = if is_metaplastic { strengths } else { &[0.0] };
        let mut best = (f64::NEG_INFINITY, Setting { bits, m: 0.0, lr: 0.0 });
        for &lr in rates {
            for &m in strengths {
                let setting = Setting { bits, m, lr };
                let average = mean(&self.accuracies(setting, SEARCHED)?);
                println!("{} batch {}: {bits} bits, m {m}, lr {lr}: {average:.3}", self.name, self.batch);
                if average > best.0 {
                    best = (average, setting);
                }
            }
        }
        Ok(best.1)
    }

    fn table(&self, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
        writeln!(out, "{HEAD}")?;
        for bits in BITS.into_iter().chain([FLOATS]) {
            for is_metaplastic in [false, true] {
                let setting = self.best(bits, is_metaplastic)?;
                for seed in SEEDS {
                    let known = self.accuracies(setting, seed)?;
                    let (average, first) = (mean(&known), known.first().copied().unwrap_or(f64::NAN));
                    let last = known.last().copied().unwrap_or(f64::NAN);
                    let (name, batch, Setting { m, lr, .. }) = (&self.name, self.batch, setting);
                    let found = format!("{average:.4},{first:.4},{last:.4}");
                    writeln!(out, "{name},{batch},{bits},{is_metaplastic},{m},{lr},{seed},{found}")?;
                }
                out.flush()?;
            }
        }
        Ok(())
    }
}

/// The same tasks with real hidden weights and Adam, one throughout, and instance norm with the same fixed scales.
fn workstation(
    settings: settings::Settings,
    stream: &TaskStream,
    (batch, m, lr): (usize, f32, f32),
) -> Result<Vec<f64>, Box<dyn Error>> {
    let settings = settings::Settings {
        network: settings::Network { hidden: vec![HIDDEN], ..Default::default() },
        norm: settings::Norm {
            kind: settings::NormKind::Instance,
            statistics: settings::Statistics::Batch,
            affine: false,
            gamma_scale: PerLayer::Each(vec![2.0, 0.5]),
            ..Default::default()
        },
        rule: Rule::Metaplastic(Metaplastic { m: PerLayer::Same(m) }),
        optimizer: settings::Optimizer { lr, reset_per_task: false, ..Default::default() },
        schedule: settings::Schedule {
            epochs: EPOCHS,
            batch,
            evaluate: settings::Evaluate::Task,
            ..Default::default()
        },
        ..settings
    };
    let outcome = train(&settings, stream, |_| {})?;
    Ok(outcome.matrix.rows.last().cloned().unwrap_or_default())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage = "takes permuted or fashion, a batch and a table to write; or plot, a name and tables to read";
    match &arguments[..] {
        [plot, to, tables @ ..] if plot == "plot" && !tables.is_empty() => plot::plot(Path::new(to), tables),
        [name, batch, table] if name == "permuted" || name == "fashion" => {
            let folder = std::env::var_os("METABNN_DATA");
            let set = if name == "permuted" { "mnist" } else { "fashion-mnist" };
            let set = load(set, folder.as_deref().map(Path::new))?;
            Experiment { name: name.clone(), batch: batch.parse()?, set }.table(&mut File::create(table)?)
        }
        _ => Err(usage.into()),
    }
}
