//! Average accuracy against bits, a panel for every stream and batch.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use metabnn_lab::report::curves::{Curve, Panel, draw};

use super::{FLOATS, mean};

/// Accuracies over seeds, by line, metaplastic or not, then by bits.
type Lines = BTreeMap<bool, BTreeMap<u32, Vec<f64>>>;
/// The same by panel, that is, stream and batch.
type Found = BTreeMap<(String, u32), Lines>;

/// Draws `tables` as `to`.svg and `to`.png.
pub fn plot(to: &Path, tables: &[String]) -> Result<(), Box<dyn Error>> {
    let mut found = Found::new();
    for table in tables {
        for row in csv::Reader::from_path(table)?.deserialize() {
            let (stream, batch, bits, is_metaplastic, _m, _lr, _seed, average, _first, _last): (
                String,
                u32,
                u32,
                bool,
                f32,
                f32,
                u64,
                f64,
                f64,
                f64,
            ) = row?;
            let panel = found.entry((stream, batch)).or_default();
            panel.entry(is_metaplastic).or_default().entry(bits).or_default().push(average);
        }
    }
    // Permuted tasks first.
    let panels: Vec<Panel> = found.into_iter().rev().map(panel).collect();
    let drawing = draw(&panels, "bits of a hidden weight", "average test accuracy at the end (%)");
    std::fs::write(to.with_extension("svg"), drawing.svg())?;
    std::fs::write(to.with_extension("png"), drawing.png()?)?;
    Ok(())
}

fn panel(((stream, batch), lines): ((String, u32), Lines)) -> Panel {
    let name = if stream == "permuted" { "5 permuted MNIST" } else { "Fashion-MNIST, 20 subsets" };
    let curve = |(is_metaplastic, bits): (bool, BTreeMap<u32, Vec<f64>>)| Curve {
        name: if is_metaplastic { "metaplastic" } else { "m = 0" }.into(),
        points: bits
            .into_iter()
            .map(|(bits, values)| {
                let place = if bits == FLOATS { "f32, Adam".into() } else { bits.to_string() };
                (place, 100.0 * mean(&values))
            })
            .collect(),
    };
    Panel { title: format!("{name}, batch {batch}"), curves: lines.into_iter().rev().map(curve).collect() }
}
