//! How hard the drawn features are.

// Helpers of tests may fail the test.
#![allow(clippy::unwrap_used)]

use metabnn::rule::{Metaplastic, PerLayer, Rule};
use metabnn_data::load;
use metabnn_lab::recipe::settings::{
    Data, GammaInit, Network, Norm, Optimizer, Precision, Schedule, Settings, Statistics, Stream, Tasks,
};
use metabnn_lab::setup::train;

/// Test accuracy of multinomial logistic regression after four epochs of plain Adam: longer training overfits.
fn linear(set: &str) -> f64 {
    let settings = Settings {
        data: Data { sets: vec![set.into()], ..Data::default() },
        tasks: Tasks { stream: Stream::Sequence, count: 1, ..Tasks::default() },
        network: Network { hidden: Vec::new(), precision: Precision::FullPrecision, ..Network::default() },
        norm: Norm { gamma_init: GammaInit::Ones, statistics: Statistics::Running, ..Norm::default() },
        rule: Rule::Metaplastic(Metaplastic { m: PerLayer::Same(0.0) }),
        optimizer: Optimizer { lr: 0.002, ..Optimizer::default() },
        schedule: Schedule { epochs: 4, ..Schedule::default() },
        ..Settings::default()
    };
    let stream = settings.stream(&[load(set, None).unwrap()]).unwrap();
    train(&settings, &stream, |_| ()).unwrap().matrix.rows[0][0]
}

#[test]
fn a_linear_classifier_gets_most_of_them_and_far_from_all() {
    for set in ["features-10", "features-100"] {
        let accuracy = linear(set);
        println!("{set}: {accuracy}");
        assert!((0.80..0.92).contains(&accuracy), "{set}: {accuracy}");
    }
}
