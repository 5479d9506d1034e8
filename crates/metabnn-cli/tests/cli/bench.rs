//! `metabnn bench`: what it prints, as a table and as JSON. How long anything takes is for no test to say.

use serde_json::Value;

use crate::support::Workplace;

/// As little as can be measured.
const LITTLE: [&str; 7] = ["bench", "--width", "33", "--batch", "7", "--steps", "2"];

fn bench(place: &Workplace, more: &[&str]) -> String {
    place.output(&[&LITTLE[..], more].concat())
}

fn json(place: &Workplace, more: &[&str]) -> Value {
    place.json(&[&LITTLE[..], more, &["--json"]].concat())
}

fn number(value: &Value, pointer: &str) -> f64 {
    value.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("no number {pointer} in {value}"))
}

#[test]
fn json_has_every_time_and_ceiling() {
    let place = Workplace::new();
    let before = place.tree();
    let report = json(&place, &["--threads", "2", "--kernels", "portable"]);
    assert_eq!(
        [number(&report, "/width"), number(&report, "/batch"), number(&report, "/threads")],
        [33.0, 7.0, 2.0]
    );
    assert_eq!((&report["platform"], &report["images"]), (&"portable".into(), &"mnist".into()));
    let (median, least) = (number(&report, "/median_ms"), number(&report, "/min_ms"));
    assert!(least > 0.0 && median >= least, "{report}");
    assert!(number(&report, "/evaluate_10k_ms") > 0.0);
    let ceilings = report["ceilings"].as_object().unwrap();
    for rate in ["memory_gb_per_s", "popcount_tmac_per_s", "multiply_add_gmac_per_s", "lookup_gmac_per_s"] {
        assert!(ceilings[rate].as_f64().unwrap() > 0.0, "{rate} in {report}");
    }
    let parts = report["parts_ms"].as_object().unwrap();
    for part in [
        "forward 1",
        "forward 2",
        "forward 3",
        "loss",
        "update 3, gradient below",
        "update 2, gradient below",
        "update 1",
        "batch norms",
    ] {
        assert!(parts[part].as_f64().unwrap() >= 0.0, "{part} in {report}");
    }
    assert_eq!((parts.len(), ceilings.len()), (8, 4), "{report}");
    // Of two steps, the median is the slower one. The parts lie within the steps, whatever these take; 1e-9 for roundings.
    let whole: f64 = parts.values().filter_map(Value::as_f64).sum();
    assert!(whole > 0.0 && whole <= (median + least) / 2.0 * (1.0 + 1e-9), "{whole} of {report}");
    if cfg!(target_os = "linux") {
        assert!(number(&report, "/peak_bytes") > 1e6, "{report}");
    }
    assert!(place.tree() == before, "it left something behind");
}

#[test]
fn the_table_has_a_line_for_each() {
    let place = Workplace::new();
    let table = bench(&place, &["--threads", "1"]);
    assert!(table.starts_with("784-33-33-10, batch 7 of mnist, 1 threads, "), "{table}");
    for line in [
        "training step",
        "  the fastest one",
        "  forward 1",
        "  loss",
        "  update 2, gradient below",
        "  batch norms",
        "test of 10,000 images",
        "  memory",
        "  xor and popcount",
        "  lookup",
        "  multiply and add",
    ] {
        let found = table.lines().filter(|found| found.starts_with(line)).collect::<Vec<_>>();
        assert_eq!(found.len(), 1, "{line:?} in\n{table}");
        assert!(found[0].contains(|c: char| c.is_ascii_digit()), "{}", found[0]);
    }
    assert!(table.contains("median of 2 steps"), "{table}");
}

#[test]
fn the_control_short_moments_and_built_in_images_are_measured_too() {
    let place = Workplace::new();
    let report = json(&place, &["--full-precision", "--bf16"]);
    assert!(number(&report, "/median_ms") > 0.0);
    // Without MNIST, the built-in glyphs.
    let report = json(&place, &["--bf16", "--data", "nowhere"]);
    assert_eq!(report["images"], "glyphs");
}

#[test]
fn wrong_arguments_are_refused() {
    let place = Workplace::new();
    for (arguments, says) in [
        (["--width", "0"], "invalid value '0' for '--width <N>'"),
        (["--width", "65537"], "invalid value '65537' for '--width <N>'"),
        (["--width", "wide"], "invalid value 'wide' for '--width <N>'"),
        (["--batch", "1"], "invalid value '1' for '--batch <N>'"),
        (["--steps", "0"], "invalid value '0' for '--steps <N>'"),
        (["--threads", "0"], "invalid value '0' for '--threads <N>'"),
        (["--kernels", "mmx"], "--kernels mmx: this machine has portable"),
        (["--seed", "1"], "unexpected argument '--seed'"),
    ] {
        place.refuses(&[&["bench"][..], &arguments].concat(), 2, &[says]);
    }
}
