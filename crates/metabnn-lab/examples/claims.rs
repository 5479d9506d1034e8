//! What the paper claims, checked on the results of the recipes:
//!
//! ```sh
//! .ci/quick OUT                                                # every recipe in its quick form, then this
//! cargo run --release -p metabnn-lab --example claims -- OUT       # OUT/fig2, OUT/table1, ...
//! ```
//!
//! Margins are those of the quick forms at seed 0, set below what was seen there.
//! Fails if a claim does not hold, or a recipe was not run.

use std::error::Error;
use std::path::{Path, PathBuf};

use metabnn_lab::report::folder::read_summary;
use metabnn_lab::report::summary::{MeanStd, RunSummary, Summary};
use serde_json::Value;

/// Recipe, what it shows, and by how much it does: above 0 it holds.
type Claim = (&'static str, &'static str, fn(&Summary) -> Option<f64>);

const CLAIMS: &[Claim] = &[
    ("fig1a", "MNIST is lost to Fashion-MNIST", |s| Some(0.5 - end(s.runs.first()?, 0)?)),
    ("fig2", "m = 1.35 keeps more than m = 0", |s| Some(average(m(s, 1.35)?)? - average(m(s, 0.0)?)? - 0.15)),
    ("fig2", "m = 0 forgets the first task", |s| Some(0.4 - end(m(s, 0.0)?, 0)?)),
    ("fig2gh", "the rule spreads hidden weights and keeps more", |s| {
        Some(average(m(s, 1.35)?)? - average(m(s, 0.0)?)? - 0.08)
    }),
    ("table1", "EWC keeps more than none", |s| {
        Some(average(arm(s, "ewc")?)? - average(arm(s, "plain")?)? - 0.08)
    }),
    ("table1", "metaplasticity keeps more than none", |s| {
        Some(average(arm(s, "metaplastic")?)? - average(arm(s, "plain")?)? - 0.3)
    }),
    ("table1", "random consolidation forgets what EWC keeps", |s| {
        Some(average(arm(s, "ewc")?)? - average(arm(s, "random-consolidation")?)? - 0.2)
    }),
    ("table1", "random consolidation forgets what metaplasticity keeps", |s| {
        Some(average(arm(s, "metaplastic")?)? - average(arm(s, "random-consolidation")?)? - 0.2)
    }),
    ("fig2f", "in full precision the first task is lost, metaplastic or not", |s| {
        Some(0.3 - f64::max(end(m(s, 1.35)?, 0)?, end(m(s, 0.0)?, 0)?))
    }),
    ("fig3cd", "tasks learned together are all known", |s| Some(worst(s)? - 0.85)),
    ("fig4ab", "the metaplastic network keeps more of MNIST", |s| {
        Some(end(arm(s, "metaplastic")?, 0)? - end(arm(s, "plain")?, 0)? - 0.1)
    }),
    ("s6cd", "the metaplastic network keeps more of Fashion-MNIST", |s| {
        Some(end(arm(s, "metaplastic")?, 0)? - end(arm(s, "plain")?, 0)? - 0.08)
    }),
    ("fig4cd", "the metaplastic network forgets less of MNIST", |s| {
        Some(arm(s, "plain")?.forgetting? - arm(s, "metaplastic")?.forgetting? - 0.02)
    }),
    ("fig4ef", "the metaplastic network keeps more of the vehicles", |s| {
        Some(end(arm(s, "metaplastic")?, 0)? - end(arm(s, "plain")?, 0)? - 0.2)
    }),
    ("fig4gh", "the metaplastic network keeps more of the first fifty classes", |s| {
        Some(end(arm(s, "metaplastic")?, 0)? - end(arm(s, "plain")?, 0)? - 0.3)
    }),
    ("stream-fmnist", "the metaplastic network is within 3 points of all data at once", |s| {
        Some(0.03 - (average(arm(s, "at-once")?)? - average(arm(s, "metaplastic")?)?))
    }),
    ("stream-fmnist", "the plain network falls behind the metaplastic one", |s| {
        Some(average(arm(s, "metaplastic")?)? - average(arm(s, "plain")?)?)
    }),
    ("retention", "a scale from uniform(0, 1) keeps more than ones", |s| {
        const SCALE: &str = "norm.gamma_init";
        Some(mean_where(s, SCALE, &"uniform".into())? - mean_where(s, SCALE, &"ones".into())? - 0.03)
    }),
    ("retention", "in short runs one optimizer throughout keeps more", |s| {
        const RESET: &str = "optimizer.reset_per_task";
        Some(mean_where(s, RESET, &false.into())? - mean_where(s, RESET, &true.into())? - 0.1)
    }),
    ("boundary-free", "fixed scales keep more than learned ones where nothing is told", |s| {
        Some(average(arm(s, "fixed")?)? - average(arm(s, "learned")?)?)
    }),
    ("boundary-free", "a network that is told nothing and normalises by the sample keeps most", |s| {
        Some(average(arm(s, "instance")?)? - 0.8)
    }),
    ("boundary-free", "it is the rule that keeps it", |s| {
        Some(average(arm(s, "instance")?)? - average(arm(s, "instance-plain")?)? - 0.15)
    }),
    ("stream-cifar10", "the convolutional network learns", |s| Some(worst(s)? - 0.8)),
    ("fig5a", "one hidden weight drifts, the other one stays", |s| {
        let last = s.runs.first()?.findings.trajectory.as_ref()?.hidden_weights.last()?;
        Some(f64::min(last[0].abs() - 5.0, 1.0 - last[1].abs()))
    }),
    ("fig5b", "the four published points within 15 %", |s| {
        const PUBLISHED: [(usize, f64); 4] = [(0, 22.0), (1, 55.0), (7, 116.0), (14, 190.0)];
        let off = PUBLISHED.map(|(bin, published)| (increase(s, 1, bin) / published - 1.0).abs());
        Some(0.15 - off.into_iter().fold(0.0, f64::max))
    }),
    ("fig5cde", "layer 1: large hidden weights are worth more", |s| Some(trend(s, 1) - 0.7)),
    ("fig5cde", "layer 2: large hidden weights are worth more", |s| Some(trend(s, 2) - 0.7)),
];

fn main() -> Result<(), Box<dyn Error>> {
    let out = std::env::args_os().nth(1).map(PathBuf::from).ok_or("takes the folder of the results")?;
    let mut broken = 0;
    for (recipe, claim, holds_by) in CLAIMS {
        let margin = read(&out, recipe).map(|summary| holds_by(&summary));
        let verdict = match margin {
            Ok(Some(margin)) if margin > 0.0 => format!("holds, with {margin:.3} to spare"),
            Ok(Some(margin)) => format!("DOES NOT HOLD, by {:.3}", -margin),
            Ok(None) => "CANNOT BE TOLD: a run or a number is missing".into(),
            Err(error) => format!("CANNOT BE TOLD: {error}"),
        };
        broken += usize::from(!verdict.starts_with("holds"));
        println!("{recipe:15} {claim}: {verdict}");
    }
    match broken {
        0 => Ok(()),
        broken => Err(format!("{broken} of {} claims are not seen to hold", CLAIMS.len()).into()),
    }
}

fn read(out: &Path, recipe: &str) -> Result<Summary, Box<dyn Error>> {
    Ok(read_summary(&out.join(recipe))?)
}

fn arm<'a>(summary: &'a Summary, name: &str) -> Option<&'a RunSummary> {
    summary.runs.iter().find(|run| run.arm.as_deref() == Some(name))
}

fn m(summary: &Summary, m: f64) -> Option<&RunSummary> {
    summary.runs.iter().find(|run| run.settings.get("rule.m").and_then(Value::as_f64) == Some(m))
}

fn average(run: &RunSummary) -> Option<f64> {
    run.average_accuracy
}

/// Accuracy on `test`, counted from 0, after all training.
fn end(run: &RunSummary, test: usize) -> Option<f64> {
    run.accuracy_matrix.last()?.get(test).copied()
}

/// Mean of the averages of the runs that have `value` for the setting `key`.
fn mean_where(summary: &Summary, key: &str, value: &Value) -> Option<f64> {
    let runs = summary.runs.iter().filter(|run| run.settings.get(key) == Some(value));
    let averages: Vec<f64> = runs.map(average).collect::<Option<_>>()?;
    MeanStd::of(&averages).map(|over_runs| over_runs.mean)
}

fn worst(summary: &Summary) -> Option<f64> {
    summary.runs.iter().map(average).collect::<Option<Vec<_>>>()?.into_iter().reduce(f64::min)
}

/// Mean over the runs of the loss increase in bin `bin`, counted from 0, of `layer`.
fn increase(summary: &Summary, layer: usize, bin: usize) -> f64 {
    let of_run = |run: &RunSummary| {
        run.findings.loss_increase.iter().filter(|one| one.layer == layer).nth(bin).map(|one| one.mean)
    };
    let values: Vec<f64> = summary.runs.iter().filter_map(of_run).collect();
    values.iter().sum::<f64>() / values.len() as f64
}

/// Rank correlation (Spearman) of loss increase with the magnitude of hidden weights in `layer`, over the bins that hold
/// more weights than are switched at once.
fn trend(summary: &Summary, layer: usize) -> f64 {
    let bins = summary.runs.iter().flat_map(|run| &run.findings.loss_increase);
    let means: Vec<f64> =
        bins.filter(|bin| bin.layer == layer && bin.weights > bin.switched).map(|bin| bin.mean).collect();
    let rank = |value: f64| means.iter().filter(|other| **other < value).count() as f64;
    let n = means.len() as f64;
    let off: f64 = means.iter().enumerate().map(|(place, mean)| (rank(*mean) - place as f64).powi(2)).sum();
    1.0 - 6.0 * off / (n * (n * n - 1.0))
}
