//! Sizes of layers, and what is refused; the ways into a file and back; what is dropped.

use metabnn::data::Shape;
use metabnn::model::Model;
use metabnn::network::{
    Activation as InUse, Dropout, HiddenActivation, Init, LayerError, LayerShape, Network, NetworkConfig,
    NetworkError, NormConfig, NormKind, Pool, Precision, Statistics,
};
use metabnn::stream::permuted;
use metabnn::train::SavedSettings;
use metabnn::train::TrainError;
use metabnn_data::glyphs::glyphs;

use super::train;

fn with(network: NetworkConfig) -> SavedSettings {
    SavedSettings { network, ..SavedSettings::default() }
}

/// The network of MNIST and then USPS: 28 -> 27 -> 13 -> 12 -> 6 -> 5 -> 2.
fn fig4cd() -> NetworkConfig {
    NetworkConfig {
        channels: vec![12, 20, 30],
        kernel: 4,
        padding: 1,
        pool: Pool::Average,
        hidden: vec![],
        ..Default::default()
    }
}

/// That of CIFAR-10.
fn cifar() -> NetworkConfig {
    NetworkConfig {
        channels: vec![128, 128, 256, 256, 512, 512],
        padding: 1,
        pool: Pool::Max,
        pool_after: vec![2, 4, 6],
        hidden: vec![2048, 2048],
        ..Default::default()
    }
}

fn sizes(network: &Network) -> Vec<(usize, usize, usize)> {
    let size = |layer: &metabnn::network::Layer| match &layer.shape {
        LayerShape::Dense => (layer.linear.outputs(), 1, 1),
        LayerShape::Convolution(c) => (c.output.channels, c.output.rows, c.output.columns),
    };
    network.layers.iter().map(size).collect()
}

fn of(settings: &SavedSettings, image: Shape) -> Result<Network, NetworkError> {
    Network::new(&settings.network, &settings.norm, image, 10, settings.seed)
}

#[test]
fn the_networks_of_the_paper_have_their_sizes() {
    let network = of(&with(fig4cd()), Shape::grey(28, 28)).unwrap();
    assert_eq!(sizes(&network), [(12, 13, 13), (20, 6, 6), (30, 2, 2), (10, 1, 1)]);
    let inputs: Vec<usize> = network.layers.iter().map(|layer| layer.linear.inputs()).collect();
    assert_eq!(inputs, [16, 12 * 16, 20 * 16, 30 * 4]);
    let image = Shape { channels: 3, rows: 32, columns: 32 };
    let network = of(&with(cifar()), image).unwrap();
    let maps = [(128, 32, 32), (128, 16, 16), (256, 16, 16), (256, 8, 8), (512, 8, 8), (512, 4, 4)];
    assert_eq!(sizes(&network)[..6], maps);
    assert_eq!(sizes(&network)[6..], [(2048, 1, 1), (2048, 1, 1), (10, 1, 1)]);
    assert_eq!(network.layers[6].linear.inputs(), 8192);
}

fn refused(network: NetworkConfig, kind: NormKind, (rows, columns): (usize, usize)) -> NetworkError {
    let norm = NormConfig { kind, ..Default::default() };
    of(&SavedSettings { network, norm, ..SavedSettings::default() }, Shape::grey(rows, columns)).unwrap_err()
}

#[test]
fn an_empty_output_is_refused_with_its_layer() {
    let network = |channels: &[usize], kernel, pool| NetworkConfig {
        channels: channels.to_vec(),
        kernel,
        pool,
        ..Default::default()
    };
    let error = refused(network(&[4, 4], 5, Pool::Max), NormKind::Batch, (12, 9));
    assert_eq!(
        error,
        NetworkError::Layer {
            layer: 2,
            error: LayerError::Kernel { kernel: 5, rows: 4, columns: 2, padding: 0 }
        }
    );
    assert_eq!(error.to_string(), "layer 2: a kernel of 5x5 on maps of 4x2 with padding 0 gives no output");
    let error = refused(network(&[4], 5, Pool::Average), NormKind::Batch, (5, 9));
    assert_eq!(
        error,
        NetworkError::Layer { layer: 1, error: LayerError::Pool { size: 2, rows: 1, columns: 5, kernel: 5 } }
    );
    let says = "layer 1: pooling 2x2 of the 1x5 sums of a kernel of 5x5 leaves nothing";
    assert!(error.to_string().starts_with(says), "{error}");
    let error = refused(network(&[4], 5, Pool::None), NormKind::Instance, (5, 5));
    assert_eq!(
        error,
        NetworkError::Layer {
            layer: 1,
            error: LayerError::OneValue { kind: NormKind::Instance, of: "position" }
        }
    );
    let hidden = NetworkConfig { hidden: vec![1], ..Default::default() };
    let error = refused(hidden, NormKind::Instance, (5, 5));
    assert_eq!(
        error.to_string(),
        "layer 1: instance norm over a single unit of each sample gives 0 whatever it is; at least 2 are needed"
    );
}

#[test]
fn training_refuses_what_has_no_output() {
    let settings = with(NetworkConfig { channels: vec![3], kernel: 29, ..Default::default() });
    let stream = permuted(&glyphs(20, 10), 2).build().unwrap();
    let error = train(&settings, &stream).unwrap_err();
    assert!(
        matches!(
            error,
            TrainError::Network(NetworkError::Layer {
                layer: 1,
                error: LayerError::Kernel { kernel: 29, .. }
            })
        ),
        "{error}"
    );
}

#[test]
fn weights_go_to_files_channels_first() {
    let settings = with(NetworkConfig { channels: vec![2, 3], kernel: 2, ..Default::default() });
    let network =
        Network::new(&settings.network, &settings.norm, Shape::grey(6, 6), 10, settings.seed).unwrap();
    let LayerShape::Convolution(convolution) = network.layers[1].shape else { panic!("a convolution") };
    // (out, kernel row, kernel column, channel) numbered, (out, channel, kernel row, kernel column) in files.
    let kept: Vec<f32> = (0..3 * 8).map(|i| i as f32).collect();
    let filed = convolution.to_channels_first(&kept);
    assert_eq!(filed[..8], [0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 5.0, 7.0]);
    assert_eq!(filed[8], 8.0);
    assert_eq!(convolution.from_channels_first(&filed), kept);
}

/// All of it in one: written, read back, and judged the same.
#[test]
fn a_model_read_back_is_the_one_written() {
    let mut settings = with(NetworkConfig { dropout: 0.25, hidden: vec![20], ..fig4cd() });
    settings.network.activation = HiddenActivation::Hardtanh;
    for (precision, kind, statistics) in [
        (Precision::Binary, NormKind::Batch, Statistics::Recalibrated),
        (Precision::FullPrecision, NormKind::Batch, Statistics::Running),
        (Precision::Binary, NormKind::Instance, Statistics::Batch),
    ] {
        settings.network.precision = precision;
        settings.norm = NormConfig { kind, statistics, ..Default::default() };
        settings.schedule =
            metabnn::train::Schedule { epochs: 1, batch: 10, test_batch: 15, ..Default::default() };
        let set = glyphs(60, 30);
        let stream = permuted(&set, 1).build().unwrap();
        let outcome = train(&settings, &stream).unwrap();
        let written = Model::new(outcome.trained, settings.to_json(), &stream);
        let bytes = written.to_bytes().unwrap();
        let model = Model::from_bytes(&bytes).unwrap();
        assert!(model.to_bytes().unwrap() == bytes, "written, read and written again");
        let score = model.trained.evaluate(&stream.tests[0].samples, stream.tests[0].experience.as_ref(), 15);
        assert_eq!(score.accuracy, outcome.matrix.rows[0][0]);
        assert_eq!(
            model.trained.network.layers[1].shape,
            Network::new(&settings.network, &settings.norm, Shape::grey(28, 28), 10, settings.seed)
                .unwrap()
                .layers[1]
                .shape
        );
        // A convolution's tensor must have the kernel's shape.
        let mut bytes = bytes.clone();
        let at = bytes.windows(12).position(|at| at == b"[20,12,4,4],").expect("the shape of layer 2");
        bytes[at..at + 11].copy_from_slice(b"[20,12,2,8]");
        let error = Model::from_bytes(&bytes).unwrap_err().to_string();
        assert_eq!(
            error,
            "the tensor \"layer2.hidden_weight\" is F32 [20, 12, 2, 8], not F32 [20, 12, 4, 4]"
        );
    }
}

#[test]
fn xavier_weights_have_the_deviation_of_both_fans() {
    let settings = with(NetworkConfig { init: Init::XavierNormal, init_width: 1.0, ..cifar() });
    let network = Network::new(
        &settings.network,
        &settings.norm,
        Shape { channels: 3, rows: 32, columns: 32 },
        10,
        settings.seed,
    )
    .unwrap();
    let fans =
        [(27, 1152), (1152, 1152), (1152, 2304), (2304, 2304), (2304, 4608), (4608, 4608), (8192, 2048)];
    for (layer, (fan_in, fan_out)) in network.layers.iter().zip(fans) {
        let weights: Vec<f64> = layer.linear.hidden().values().map(f64::from).collect();
        let deviation = (weights.iter().map(|w| w * w).sum::<f64>() / weights.len() as f64).sqrt();
        let expected = (2.0 / f64::from(fan_in + fan_out)).sqrt();
        // Of 3,456 weights at least: six standard errors of a deviation, 1 / sqrt(2 n) of it each.
        let allowed = 6.0 / (2.0 * weights.len() as f64).sqrt();
        assert!((deviation / expected - 1.0).abs() < allowed, "{deviation}, not {expected}");
    }
}

#[test]
fn as_much_is_dropped_as_asked_for_and_other_things_each_time() {
    let dropout = Dropout { rate: 0.3, seed: 1 };
    let row = |step, layer, unit| {
        let mut values = vec![2.0; 5000];
        dropout.drop(step, layer, unit, &mut values);
        values
    };
    let first = row(0, 0, 0);
    let kept = first.iter().filter(|&&value| value != 0.0).count();
    // 3,500 of 5,000, standard deviation 32.
    assert!((3300..3700).contains(&kept), "{kept}");
    assert!(first.iter().all(|&value| value == 0.0 || value == 2.0 * (1.0 / (1.0 - 0.3f32))));
    assert_eq!(first, row(0, 0, 0));
    for other in [row(1, 0, 0), row(0, 1, 0), row(0, 0, 1)] {
        let same = first.iter().zip(&other).filter(|(a, b)| a == b).count();
        // Alike by chance: 0.7^2 + 0.3^2 = 58 %.
        assert!((2700..3100).contains(&same), "{same}");
    }
    let mut values = [1.0; 3];
    Dropout { rate: 0.0, seed: 1 }.drop(0, 0, 0, &mut values);
    assert_eq!(values, [1.0; 3]);
}

#[test]
fn activations_have_their_values() {
    let values = |activation: InUse| [-2.0, -0.5, 0.0, 0.5, 2.0].map(|z| activation.value(z));
    assert_eq!(values(InUse::Sign), [-1.0, -1.0, 1.0, 1.0, 1.0]);
    assert_eq!(values(InUse::Relu), [0.0, 0.0, 0.0, 0.5, 2.0]);
    assert_eq!(values(InUse::Hardtanh), [-1.0, -0.5, 0.0, 0.5, 1.0]);
}
