//! The same seed gives the same bits: at any number of threads, with the kernels of any platform, and twice in a row.

#![allow(clippy::unwrap_used)]

#[path = "support/stripes.rs"]
mod stripes;

use metabnn::kernels::Platform;
use metabnn::machine::Machine;
use metabnn::model::Model;
use metabnn::rule::{Beakers, Ewc, Metaplastic, Path, PerLayer, RandomConsolidation, Rule, Si};
use metabnn::train::Outcome;
use metabnn_lab::recipe::settings::{self, Input, Precision, Settings, State, Statistics};
use metabnn_lab::setup::train_on;
use stripes::{dataset, settings};

fn with_input(input: Input, settings: Settings) -> Settings {
    Settings { network: settings::Network { input, ..settings.network }, ..settings }
}

fn with_state(state: State, settings: Settings) -> Settings {
    Settings { optimizer: settings::Optimizer { state, ..settings.optimizer }, ..settings }
}

/// The outcome and the bytes of its model.
fn run(settings: &Settings, threads: usize, platform: Platform) -> (Outcome, Vec<u8>) {
    let machine = Machine::new(threads, platform).unwrap();
    let stream = settings.stream(&[dataset()]).unwrap();
    let outcome = train_on(&machine, settings, &stream, |_| {}).unwrap();
    assert_eq!(outcome.trained.network.machine().kernels.platform, platform);
    let bytes = Model::new(outcome.trained.clone(), settings.to_json(), &stream).to_bytes().unwrap();
    (outcome, bytes)
}

/// At one, two and three threads, then with the kernels of every platform that this machine has.
fn assert_one_result(settings: &Settings) -> Outcome {
    let widest = Platform::detect();
    let (first, bytes) = run(settings, 1, widest);
    let threads = [1, 2, 3].map(|threads| (threads, widest));
    let platforms = Platform::ALL.into_iter().filter(|platform| platform.is_available());
    for (threads, platform) in threads.into_iter().chain(platforms.map(|platform| (2, platform))) {
        let (again, same) = run(settings, threads, platform);
        assert!(bytes == same, "{settings:?}: the model differs at {threads} threads, {platform:?}");
        assert_eq!(first.evaluations, again.evaluations, "{threads} threads, {platform:?}");
        assert_eq!(first.histograms, again.histograms, "{threads} threads, {platform:?}");
    }
    assert!(first.matrix.rows[0][0] > 0.7, "it learned: {settings:?} {:?}", first.matrix);
    first
}

#[test]
fn one_seed_one_result_with_any_threads_and_kernels() {
    for (precision, statistics) in [
        (Precision::Binary, Statistics::Batch),
        (Precision::Binary, Statistics::Recalibrated),
        (Precision::FullPrecision, Statistics::Running),
    ] {
        assert_one_result(&settings(precision, statistics));
    }
}

/// So wide that threads share the gradient below the second layer, and the layers' outputs unevenly.
#[test]
fn one_seed_one_result_with_wide_layers() {
    for precision in [Precision::Binary, Precision::FullPrecision] {
        let mut settings = settings(precision, Statistics::Batch);
        settings.network.hidden = vec![600, 200];
        settings.schedule.epochs = 1;
        assert_one_result(&settings);
    }
}

#[test]
fn one_seed_one_result_with_signs_as_input() {
    for precision in [Precision::Binary, Precision::FullPrecision] {
        assert_one_result(&with_input(Input::Sign, settings(precision, Statistics::Batch)));
    }
}

#[test]
fn one_seed_one_result_with_moments_in_sixteen_bits() {
    for precision in [Precision::Binary, Precision::FullPrecision] {
        let settings = settings(precision, Statistics::Batch);
        let rounded = assert_one_result(&with_state(State::Bf16, settings.clone()));
        let (exact, _) = run(&settings, 2, Platform::detect());
        assert_ne!(rounded.histograms, exact.histograms, "{precision:?}: the rounding shows");
    }
}

/// The first task's end and the second task go through all that a rule keeps.
#[test]
fn one_seed_one_result_with_rules_that_keep_numbers_of_their_own() {
    let strong = Ewc { samples: 280, m: PerLayer::Same(0.5), ..Ewc::default() };
    let si = |path| Rule::Si(Si { lambda: 10.0, path, ..Si::default() });
    let beakers = Beakers { m: PerLayer::Same(1.35), ..Beakers::default() };
    let plain = Rule::Metaplastic(Metaplastic { m: PerLayer::Same(0.0) });
    for (precision, rule) in [
        (Precision::Binary, Rule::Ewc(strong.clone())),
        (Precision::FullPrecision, Rule::Ewc(strong.clone())),
        (Precision::Binary, Rule::RandomConsolidation(RandomConsolidation(strong.clone()))),
        (Precision::FullPrecision, Rule::RandomConsolidation(RandomConsolidation(strong))),
        (Precision::Binary, si(Path::Hidden)),
        (Precision::Binary, si(Path::Binary)),
        (Precision::Binary, si(Path::Published)),
        (Precision::FullPrecision, si(Path::Hidden)),
        (Precision::Binary, Rule::Beakers(beakers.clone())),
        (Precision::FullPrecision, Rule::Beakers(beakers)),
    ] {
        let statistics = Statistics::Recalibrated;
        let with = |rule: &Rule| Settings { rule: rule.clone(), ..settings(precision, statistics) };
        let outcome = assert_one_result(&with(&rule));
        assert!(outcome.trained.network.memory().any(|number| number != 0.0), "{rule:?} keeps something");
        let (without, _) = run(&with(&plain), 2, Platform::detect());
        let last = |outcome: &Outcome| outcome.histograms[outcome.histograms.len() - 1].clone();
        assert_ne!(last(&outcome), last(&without), "{rule:?} shows");
    }
}

#[test]
fn one_seed_one_result_with_augmented_images_and_all_evaluations() {
    let mut settings = settings(Precision::Binary, Statistics::Recalibrated);
    settings.tasks = settings::Tasks { stream: settings::Stream::Subsets, count: 2, ..Default::default() };
    settings.schedule.epochs = 3;
    settings.schedule.evaluate_train = settings::EvaluateTrain::Stream;
    let plain = assert_one_result(&settings);
    settings.data.augment = settings::Augment::FlipRotateOrCrop;
    let augmented = assert_one_result(&settings);
    assert_ne!(plain.histograms, augmented.histograms, "other images, another result");
}

#[test]
fn another_seed_gives_another_result() {
    let settings = settings(Precision::Binary, Statistics::Batch);
    let other = Settings { seed: 4, ..settings.clone() };
    let platform = Platform::detect();
    assert_ne!(run(&settings, 1, platform).1, run(&other, 1, platform).1);
}
