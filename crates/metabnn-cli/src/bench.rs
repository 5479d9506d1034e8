//! `metabnn bench`

use metabnn_lab::bench::{Options, Report, measure};
use metabnn_lab::recipe::settings::{Precision, State};

use crate::arguments::{Bench, Output};
use crate::output;

pub fn bench(arguments: &Bench, output: Output) -> anyhow::Result<()> {
    let machine = arguments.machine.prepare()?;
    let options = Options {
        width: arguments.width as usize,
        batch: arguments.batch as usize,
        steps: arguments.steps as usize,
        precision: if arguments.full_precision { Precision::FullPrecision } else { Precision::Binary },
        epoch: arguments.epoch,
        state: if arguments.bf16 { State::Bf16 } else { State::F32 },
    };
    let report = measure(&options, machine, arguments.data.folder.as_deref())?;
    if output.json {
        return output::json(&serde_json::to_value(&report)?);
    }
    show(&report, &options)
}

fn show(report: &Report, options: &Options) -> anyhow::Result<()> {
    let Report { width, batch, threads, platform, images, .. } = report;
    output::line(&format!(
        "784-{width}-{width}-10, batch {batch} of {images}, {threads} threads, {platform}\n"
    ))?;
    output::line(&format!(
        "{:<28} {:>9.3} ms   median of {} steps",
        "training step", report.median_ms, options.steps
    ))?;
    output::line(&format!("{:<28} {:>9.3} ms", "  the fastest one", report.min_ms))?;
    for (part, time) in &report.parts_ms {
        output::line(&format!("  {part:<26} {time:>9.3} ms"))?;
    }
    output::line(&format!("{:<28} {:>9.1} ms", "test of 10,000 images", report.evaluate_10k_ms))?;
    if let Some(epoch) = report.epoch {
        let parts = epoch.steps as f64 * epoch.step_ms + epoch.tests_ms;
        output::line(&format!(
            "{:<28} {:>9.1} ms   {:.3} times its {} steps and its tests by themselves",
            "an epoch with its tests",
            epoch.wall_ms,
            epoch.wall_ms / parts,
            epoch.steps
        ))?;
    }
    if let Some(bytes) = report.peak_bytes {
        output::line(&format!("{:<28} {:>9.1} MB", "most memory used", bytes as f64 / 1e6))?;
    }
    let ceilings = &report.ceilings;
    output::line("\nthis machine at most")?;
    output::line(&format!("  {:<26} {:>9.1} GB/s read and written", "memory", ceilings.memory_gb_per_s))?;
    let tera = ceilings.popcount_tmac_per_s;
    output::line(&format!("  {:<26} {tera:>9.2} T multiply-adds/s of signs", "xor and popcount"))?;
    let giga = ceilings.lookup_gmac_per_s;
    output::line(&format!("  {:<26} {giga:>9.1} G multiply-adds/s of signs and reals", "lookup"))?;
    let giga = ceilings.multiply_add_gmac_per_s;
    output::line(&format!("  {:<26} {giga:>9.1} G multiply-adds/s of reals", "multiply and add"))
}
