//! Compares a folder of results with `fixtures/pmnist-512.json`, the same experiment in PyTorch:
//!
//! ```sh
//! metabnn run pmnist --data DIR --out OUT --set norm.gamma_init=ones --set 'vary.rule.m=[0,1.35]' --set 'vary.seed=[0,1,2]'
//! cargo run --release -p metabnn-lab --example agreement -- OUT
//! ```
//!
//! The other settings are the recipe's. Seeds draw other weights and permutations than PyTorch's, so that only means
//! can agree: the average accuracy within 4 points (PyTorch's own seeds differ by up to 3), the last task's within 0.7.

use std::error::Error;
use std::path::PathBuf;

use metabnn_lab::report::folder::read_summary;
use serde_json::Value;

const AVERAGE: f64 = 4.0;
const LAST: f64 = 0.7;

/// Last rows of accuracy matrices, in percent.
type Rows = Vec<Vec<f64>>;

fn main() -> Result<(), Box<dyn Error>> {
    let out = std::env::args_os().nth(1).map(PathBuf::from).ok_or("takes a folder of results")?;
    let summary = read_summary(&out)?;
    let fixture: Value = serde_json::from_str(include_str!("../../../fixtures/pmnist-512.json"))?;
    let runs = fixture["runs"].as_array().ok_or("the fixture has no runs")?;
    println!("   m            average           last task   seeds");
    let (mut compared, mut apart) = (0, 0);
    for group in &summary.groups {
        let m = group.settings.get("rule.m").and_then(Value::as_f64).ok_or("rule.m is not varied")?;
        let ours: Rows = (summary.runs.iter())
            .filter(|run| run.settings == group.settings)
            .filter_map(|run| Some(run.accuracy_matrix.last()?.iter().map(|a| 100.0 * a).collect()))
            .collect();
        let theirs: Rows = (runs.iter())
            .filter(|run| run["m"].as_f64() == Some(m))
            .filter_map(|run| serde_json::from_value(run["matrix"].as_array()?.last()?.clone()).ok())
            .collect();
        if theirs.is_empty() {
            println!("{m:4}   not in the fixture");
            continue;
        }
        let (average, last) =
            ([mean(&ours, average), mean(&theirs, average)], [mean(&ours, last), mean(&theirs, last)]);
        let agrees = (average[0] - average[1]).abs() <= AVERAGE && (last[0] - last[1]).abs() <= LAST;
        let verdict = if agrees { "agrees" } else { "APART" };
        println!(
            "{m:4}   {:.2} against {:.2}   {:.2} against {:.2}   {} against {}   {verdict}",
            average[0],
            average[1],
            last[0],
            last[1],
            ours.len(),
            theirs.len(),
        );
        compared += 1;
        apart += usize::from(!agrees);
    }
    match (compared, apart) {
        (0, _) => Err("nothing to compare".into()),
        (_, 0) => Ok(()),
        _ => Err(format!("{apart} of {compared} settings do not agree").into()),
    }
}

fn mean(rows: &Rows, of: fn(&[f64]) -> f64) -> f64 {
    rows.iter().map(|row| of(row)).sum::<f64>() / rows.len() as f64
}

fn average(row: &[f64]) -> f64 {
    row.iter().sum::<f64>() / row.len() as f64
}

fn last(row: &[f64]) -> f64 {
    row.last().copied().unwrap_or(f64::NAN)
}
