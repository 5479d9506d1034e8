//! What each rule keeps of a first task while a second one is learned, on the built-in glyphs.

#![allow(clippy::unwrap_used)]

use metabnn::kernels::Platform;
use metabnn::machine::Machine;
use metabnn::rule::{Beakers, Ewc, Metaplastic, PerLayer, RandomConsolidation, Rule, Si};
use metabnn::train::TrainError;
use metabnn_data::glyphs::glyphs;
use metabnn_lab::recipe::settings::{self, Precision, Settings, Statistics};
use metabnn_lab::setup::{train, train_on};

/// Test accuracies on both tasks, two orders of the glyphs' pixels, after both were learned.
fn learn_two(rule: Rule, precision: Precision) -> [f64; 2] {
    let hidden = match precision {
        Precision::Binary => vec![512, 512],
        Precision::FullPrecision => vec![128, 128],
    };
    let settings = Settings {
        tasks: settings::Tasks { count: 2, ..Default::default() },
        network: settings::Network { hidden, precision, ..Default::default() },
        norm: settings::Norm { statistics: Statistics::Running, ..Default::default() },
        rule,
        schedule: settings::Schedule { epochs: 5, ..Default::default() },
        ..Settings::default()
    };
    let stream = settings.stream(&[glyphs(2000, 500)]).unwrap();
    // Other tests run beside this one.
    let machine = Machine::new(1, Platform::detect()).unwrap();
    let outcome = train_on(&machine, &settings, &stream, |_| {}).unwrap();
    let last = &outcome.matrix.rows[1];
    println!("{precision:?}, {:?}: {last:?}", settings.rule);
    [last[0], last[1]]
}

/// The first task falls from above 0.9 to 0.2 (full precision: 0.4) without consolidation. Random consolidation holds the
/// same values in other places: it keeps what it keeps by holding everything a little. The margins are about two thirds
/// of the least that seeds 0, 1 and 2 gave.
#[test]
fn consolidation_keeps_a_task_where_it_holds_the_weights_that_matter() {
    for (precision, lambda, least, margin, margin_at_random) in
        [(Precision::Binary, 1000.0, 0.75, 0.4, 0.15), (Precision::FullPrecision, 100.0, 0.9, 0.35, 0.1)]
    {
        let ewc = Ewc { lambda, samples: 2000, ..Ewc::default() };
        let plain = learn_two(Rule::Metaplastic(Metaplastic { m: PerLayer::Same(0.0) }), precision);
        let held = learn_two(Rule::Ewc(ewc.clone()), precision);
        let at_random = learn_two(Rule::RandomConsolidation(RandomConsolidation(ewc)), precision);
        assert!(held[0] > least && held[0] > plain[0] + margin, "{precision:?}: {held:?}, plain {plain:?}");
        assert!(held[0] > at_random[0] + margin_at_random, "{precision:?}: {held:?}, random {at_random:?}");
        assert!(held[1] > 0.8, "{precision:?}: the second task was learned, too: {held:?}");
        if precision == Precision::FullPrecision {
            let by_path = learn_two(Rule::Si(Si { lambda: 10.0, ..Si::default() }), precision);
            assert!(by_path[0] > plain[0] + margin && by_path[1] > 0.85, "{by_path:?}, plain {plain:?}");
        }
    }
}

/// The last beaker leaks so fast that it swings out of range in the second step, which is the last: the hidden weights
/// never hear of it.
#[test]
fn a_memory_that_is_no_longer_finite_stops_the_run() {
    let beakers = Beakers { ratios: vec![0.0, 0.0, 0.0, 1e30], feedback: 0.0, ..Beakers::default() };
    let settings = Settings {
        tasks: settings::Tasks { count: 1, ..Default::default() },
        network: settings::Network { hidden: vec![8], ..Default::default() },
        rule: Rule::Beakers(beakers),
        schedule: settings::Schedule { epochs: 1, batch: 10, ..Default::default() },
        ..Settings::default()
    };
    let stream = settings.stream(&[glyphs(20, 10)]).unwrap();
    let error = train(&settings, &stream, |_| {}).unwrap_err();
    let TrainError::NotFinite { what, task, epoch, step, .. } = error else { panic!("{error}") };
    assert_eq!((what, task, epoch, step), ("the rule's state of a synapse", 1, 1, 2));
}
