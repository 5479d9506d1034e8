//! Initial weights and scales, signs of inputs, and a model's way into its file and back.

#![allow(clippy::unwrap_used)]

use metabnn::data::{Dataset, Images, Samples, Shape};
use metabnn::model::Model;
use metabnn::network::{Inputs, Network, Rows};
use metabnn::rule::PerLayer;
use metabnn::train::TrainError;
use metabnn_infer::BitMatrix;
use metabnn_infer::kernels::Pixels;
use metabnn_lab::recipe::settings::{self, GammaInit, Init, Settings};
use metabnn_lab::saved::SavedRun;
use metabnn_lab::setup::train;

fn settings(init: Init, gamma_init: GammaInit) -> Settings {
    Settings {
        tasks: settings::Tasks { count: 2, ..Default::default() },
        network: settings::Network { hidden: vec![100, 50], init, init_width: 0.2, ..Default::default() },
        norm: settings::Norm { gamma_init, ..Default::default() },
        schedule: settings::Schedule { epochs: 1, batch: 10, test_batch: 20, ..Default::default() },
        ..Settings::default()
    }
}

fn network(settings: &Settings) -> Network {
    Network::new(&settings.network, &settings.norm, Shape::features(300), 10, settings.seed).unwrap()
}

fn moments(values: &[f32]) -> (f64, f64) {
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / values.len() as f64;
    (mean, variance.sqrt())
}

#[test]
fn initial_weights_and_scales_have_their_distributions() {
    let uniform = network(&settings(Init::Uniform, GammaInit::Ones));
    let gaussian = network(&settings(Init::Gaussian, GammaInit::Uniform));
    assert_eq!(uniform.layers.iter().map(|l| l.linear.outputs()).collect::<Vec<_>>(), [100, 50, 10]);
    let weights = uniform.layers[0].linear.hidden().to_rows();
    let (mean, deviation) = moments(&weights);
    assert!(weights.iter().all(|w| (-0.1..0.1).contains(w)), "uniform in (-width/2, width/2)");
    assert!(mean.abs() < 1e-3 && (deviation - 0.2 / 12f64.sqrt()).abs() < 1e-3, "{mean} {deviation}");
    let (mean, deviation) = moments(&gaussian.layers[0].linear.hidden().to_rows());
    assert!(mean.abs() < 4e-3 && (deviation - 0.2).abs() < 4e-3, "{mean} {deviation}");
    assert!(uniform.layers.iter().all(|layer| layer.norm.state.gamma.iter().all(|&gamma| gamma == 1.0)));
    let gamma = &gaussian.layers[0].norm.state.gamma;
    assert!(gamma.iter().all(|gamma| (0.0..1.0).contains(gamma)) && (moments(gamma).0 - 0.5).abs() < 0.1);
}

#[test]
fn a_factor_scales_the_initial_scales_layer_by_layer() {
    for gamma_init in [GammaInit::Ones, GammaInit::Uniform] {
        let once = settings(Init::Uniform, gamma_init);
        let mut scaled = once.clone();
        scaled.norm.gamma_scale = PerLayer::Each(vec![0.5, 1.0, 0.25]);
        let [once, scaled] = [once, scaled].map(|settings| {
            Network::new(&settings.network, &settings.norm, Shape::features(300), 10, settings.seed).unwrap()
        });
        for ((once, scaled), factor) in once.layers.iter().zip(&scaled.layers).zip([0.5, 1.0, 0.25]) {
            assert_eq!(once.linear, scaled.linear);
            let expected: Vec<f32> = once.norm.state.gamma.iter().map(|gamma| factor * gamma).collect();
            assert_eq!(scaled.norm.state.gamma, expected);
        }
    }
}

/// Every layer has its own stream, and is the same whatever the widths of the others.
#[test]
fn the_weights_of_a_layer_depend_on_no_other() {
    let narrow = settings(Init::Uniform, GammaInit::Ones);
    let mut wide = narrow.clone();
    wide.network.hidden = vec![100, 50, 130];
    let [narrow, wide] = [narrow, wide].map(|settings| {
        Network::new(&settings.network, &settings.norm, Shape::features(300), 10, settings.seed).unwrap()
    });
    for layer in 0..2 {
        assert_eq!(narrow.layers[layer].linear, wide.layers[layer].linear);
    }
    let hidden = |layer: usize| narrow.layers[layer].linear.hidden().to_rows();
    assert_ne!(hidden(0)[..500], hidden(2));
}

#[test]
fn inputs_of_every_kind_are_the_same_numbers() {
    let signs = BitMatrix::from_signs(2, 3, &[0.5, -1.0, 0.0, -0.25, -0.0, 7.0]); // (width, batch)
    let inputs = Inputs::Signs(signs);
    assert_eq!((inputs.batch(), inputs.to_real().batch(), inputs.to_real().features()), (3, 3, 2));
    assert_eq!(inputs.to_real().row(0), [1.0, -1.0, 1.0]);
    assert_eq!(inputs.to_real().row(1), [-1.0, 1.0, 1.0]);
    let mut pixels = Pixels::new(2, 3);
    let stride = pixels.stride();
    pixels.values_mut()[..3].copy_from_slice(&[0, 51, 255]);
    pixels.values_mut()[stride] = 1;
    let inputs = Inputs::Pixels(pixels);
    let real = Rows::from_samples(&[0.0, 1.0 / 255.0, 51.0 / 255.0, 0.0, 1.0, 0.0], 2);
    assert_eq!((inputs.batch(), inputs.to_real()), (3, real.clone()));
    assert_eq!((Inputs::Real(real.clone()).batch(), Inputs::Real(real.clone()).to_real()), (3, real));
}

fn bars() -> Dataset {
    let images = |count: usize| {
        let labels: Vec<u8> = (0..count).map(|i| (i % 5) as u8).collect();
        let pixel = |label: u8, i: usize| if i / 6 == usize::from(label) { 200 + (i % 50) as u8 } else { 0 };
        let pixels = labels.iter().flat_map(|&label| (0..36).map(move |i| pixel(label, i))).collect();
        Samples::from(Images::new(6, 6, 5, pixels, labels).unwrap())
    };
    Dataset { name: "bars".into(), train: images(100), test: images(50) }
}

#[test]
fn a_model_read_back_is_the_one_written_and_knows_the_same() {
    let settings = settings(Init::Uniform, GammaInit::Ones);
    let stream = settings.stream(&[bars()]).unwrap();
    let outcome = train(&settings, &stream, |_| {}).unwrap();
    let bytes = Model::new(outcome.trained, settings.to_json(), &stream).to_bytes().unwrap();
    let model = Model::from_bytes(&bytes).unwrap();
    assert!(model.to_bytes().unwrap() == bytes, "written, read and written again");
    let saved = SavedRun::new(model).unwrap();
    assert_eq!(saved.settings, settings);
    let tests = saved.tests_on(&bars()).unwrap();
    let scores = tests.iter().map(|test| saved.evaluate(test).accuracy);
    assert_eq!(scores.collect::<Vec<_>>(), outcome.matrix.rows[1]);
    assert!(Model::from_bytes(&bytes[..bytes.len() / 2]).is_err());
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_and_says_where() {
    let mut settings = settings(Init::Uniform, GammaInit::Ones);
    settings.optimizer.lr = 1e38;
    let stream = settings.stream(&[bars()]).unwrap();
    let TrainError::NotFinite { task, epoch, step, .. } = train(&settings, &stream, |_| {}).unwrap_err()
    else {
        panic!("another error");
    };
    assert_eq!((task, epoch), (1, 1));
    assert!((2..=10).contains(&step), "{step}");
}
