//! The same seed gives the same bits: at one and at two threads, and twice in a row.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use metabnn::data::{Dataset, Images};
use metabnn::model::Model;
use metabnn::random::{Purpose, Stream};
use metabnn::recipe::settings::{self, Precision, Settings, Statistics};
use metabnn::tasks::TaskStream;
use metabnn::train::{Outcome, train};

/// Blurred class prototypes with noise: enough to learn something, small enough for a test.
fn dataset() -> Dataset {
    let images = |count: usize, index: u32| {
        let mut stream = Stream::new(5, Purpose::Glyphs, index);
        let labels: Vec<u8> = (0..count).map(|i| (i % 4) as u8).collect();
        let pixel = |label: u8, i: usize, noise: u32| {
            let bright = (i / 3 + usize::from(label) * 2) % 8 < 3;
            (if bright { 150 } else { 0 } + noise % 100) as u8
        };
        let pixels = labels.iter().flat_map(|&label| (0..49).map(move |i| (label, i)));
        let pixels = pixels.map(|(label, i)| pixel(label, i, stream.below(100))).collect();
        Arc::new(Images::new(7, 7, 4, pixels, labels).unwrap())
    };
    Dataset { name: "stripes".into(), train: images(300, 0), test: images(120, 1) }
}

fn settings(precision: Precision, statistics: Statistics) -> Settings {
    Settings {
        seed: 3,
        tasks: settings::Tasks { count: 2, ..Default::default() },
        network: settings::Network { hidden: vec![70, 33], precision, ..Default::default() },
        norm: settings::Norm { statistics, ..Default::default() },
        schedule: settings::Schedule { epochs: 2, batch: 32, test_batch: 50 },
        ..Settings::default()
    }
}

fn run(settings: &Settings, threads: usize) -> (Outcome, Vec<u8>) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let stream = TaskStream::new(settings, &[dataset()]).unwrap();
        let outcome = train(settings, &stream, |_| {}).unwrap();
        let bytes = Model::new(outcome.knowledge.clone(), settings, &stream).to_bytes().unwrap();
        (outcome, bytes)
    })
}

#[test]
fn one_seed_one_result_at_any_number_of_threads() {
    for (precision, statistics) in [
        (Precision::Binary, Statistics::Batch),
        (Precision::Binary, Statistics::Recalibrated),
        (Precision::FullPrecision, Statistics::Running),
    ] {
        let settings = settings(precision, statistics);
        let (first, bytes) = run(&settings, 1);
        for threads in [1, 2, 3] {
            let (again, same) = run(&settings, threads);
            assert!(bytes == same, "{precision:?} {statistics:?}: the model differs at {threads} threads");
            assert_eq!(first.evaluations, again.evaluations);
            assert_eq!(first.histograms, again.histograms);
        }
        assert!(first.matrix.rows[0][0] > 0.7, "it learned: {:?}", first.matrix);
    }
}

#[test]
fn another_seed_gives_another_result() {
    let settings = settings(Precision::Binary, Statistics::Batch);
    let other = Settings { seed: 4, ..settings.clone() };
    assert_ne!(run(&settings, 1).1, run(&other, 1).1);
}
