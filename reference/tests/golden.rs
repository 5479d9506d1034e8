//! The reference against golden vectors of the authors' algorithm: every loss, weight, gradient and moment
//! along 25 steps.

#[path = "../../fixtures/golden.rs"]
mod golden;

use golden::{Golden, assert_close};
use metabnn_reference::{Network, Parameter, Settings};

const WIDTHS: [usize; 4] = [20, 16, 16, 4];
const BATCH: usize = 8;
const STEPS: usize = 25;

/// Float32 rounding alone moves weights by up to 7e-7 and losses by up to 2e-6 over 25 steps (float32 against
/// float64 runs of the original); a wrong rule moves them by a fraction of lr = 5e-3.
const ABSOLUTE: f32 = 1e-5;
/// Second moments: relative 1e-4, that is 5e-5 of sqrt(V); 1 - 0.999 rounded to f32 alone is 4.7e-5 off.
const ROOT_RELATIVE: f32 = 5e-5;
/// Where sums cancel, a gradient as small as its rounding error has no correct digit, and V is its square. V
/// keeps 1 - b2 of a squared gradient: gradients within ABSOLUTE leave sqrt(V) within sqrt(1e-3) * ABSOLUTE.
const ROOT_ABSOLUTE: f32 = 0.0316 * ABSOLUTE;

#[test]
fn binarized_network() {
    follow("bnn", true);
}

#[test]
fn binarized_network_with_wide_init() {
    follow("bnn_wide", true);
}

#[test]
fn full_precision_network() {
    follow("dnn", false);
}

#[test]
fn full_precision_network_with_wide_init() {
    follow("dnn_wide", false);
}

/// Runs the 25 steps and compares along the way.
fn follow(name: &str, binarized: bool) {
    let mut golden = Golden::open(name);
    let hidden = (1..=3).map(|l| golden.f32(&format!("init_fc{l}_w"))).collect();
    let settings = Settings { binarized, lr: 0.005, weight_decay: 1e-4, m: vec![1.35; 3] };
    let mut network = Network::new(&WIDTHS, hidden, settings);

    let (x, labels, losses) = (golden.f32("X"), golden.labels("Y"), golden.f64("loss"));
    assert_eq!((x.len(), labels.len(), losses.len()), (STEPS * BATCH * WIDTHS[0], STEPS * BATCH, STEPS));
    let batches = x.chunks_exact(BATCH * WIDTHS[0]).zip(labels.chunks_exact(BATCH));
    for (step, (x, labels)) in (1..).zip(batches) {
        if step == 1 {
            compare_sums(&mut golden, &network, x);
        }
        let loss = network.step(x, labels);
        assert_close(&format!("{name}: loss {step}"), &[loss], &[losses[step - 1] as f32], ABSOLUTE, 0.0);
        if [1, 5, STEPS].contains(&step) {
            compare_state(&mut golden, &network, step);
        }
    }
    // The original's binarized network has no running statistics: it is tested with those of the test batch.
    let statistics = (!binarized).then_some(network.running.as_slice());
    let logits = network.logits(&golden.f32("test_X"), statistics);
    assert_close("test_out", &logits, &golden.f32("test_out"), ABSOLUTE, ABSOLUTE);
}

/// Pre-norm sums and norm outputs of the first step.
fn compare_sums(golden: &mut Golden, network: &Network, x: &[f32]) {
    for (l, trace) in (1..).zip(network.forward(x, None)) {
        for (name, ours) in [(format!("step1_a{l}"), trace.a), (format!("step1_z{l}"), trace.z)] {
            assert_close(&name, &ours, &golden.f32(&name), ABSOLUTE, 0.0);
        }
    }
}

/// Parameters, their gradients and moments, and running statistics after `step` steps.
fn compare_state(golden: &mut Golden, network: &Network, step: usize) {
    for (l, (layer, running)) in (1..).zip(network.layers.iter().zip(&network.running)) {
        let parameters = [
            (format!("fc{l}_w"), &layer.hidden),
            (format!("bn{l}_w"), &layer.gamma),
            (format!("bn{l}_b"), &layer.beta),
        ];
        for (name, Parameter { value, gradient, first, second }) in parameters {
            let at = format!("step{step}_{name}");
            assert_close(&at, value, &golden.f32(&at), ABSOLUTE, 0.0);
            for (kind, ours) in [("grad", gradient), ("m", first)] {
                let at = format!("{at}_{kind}");
                assert_close(&at, ours, &golden.f32(&at), ABSOLUTE, 0.0);
            }
            let at = format!("{at}_v");
            assert_close(&at, &roots(second), &roots(&golden.f32(&at)), ROOT_ABSOLUTE, ROOT_RELATIVE);
        }
        let tracked = golden.has(&format!("step{step}_bn{l}_rmean"));
        assert_eq!(
            tracked, !network.settings.binarized,
            "the original tracks statistics in full precision only"
        );
        if tracked {
            for (kind, ours) in [("rmean", &running.mean), ("rvar", &running.variance)] {
                let at = format!("step{step}_bn{l}_{kind}");
                assert_close(&at, ours, &golden.f32(&at), ABSOLUTE, 0.0);
            }
        }
    }
}

/// sqrt(V): what V means to the update, and on the scale of gradients.
fn roots(second: &[f32]) -> Vec<f32> {
    second.iter().map(|v| v.sqrt()).collect()
}
