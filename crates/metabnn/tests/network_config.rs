//! Configs of networks: every number that is out of its range is refused with its field, and a builder gives what
//! `Network::new` does.

#![allow(clippy::unwrap_used)]

use metabnn::data::Shape;
use metabnn::model::Model;
use metabnn::network::{
    ConvConfig, LayerConfig, LayerError, Network, NetworkBuilder, NetworkConfig, NetworkError, NormConfig,
    NormError, NormKind, Pool, Precision, SizeError,
};
use metabnn::rule::{Metaplastic, PerLayer};
use metabnn::stream::permuted;
use metabnn::train::Trainer;
use metabnn_data::glyphs::glyphs;

const SAMPLE: Shape = Shape::grey(12, 12);

fn small() -> NetworkConfig {
    NetworkConfig { channels: vec![3, 4], hidden: vec![8], padding: 1, ..NetworkConfig::default() }
}

fn with(change: impl FnOnce(&mut NetworkConfig)) -> Result<Network, NetworkError> {
    let mut config = small();
    change(&mut config);
    Network::new(&config, &NormConfig::default(), SAMPLE, 5, 0)
}

fn with_norm(change: impl FnOnce(&mut NormConfig)) -> Result<Network, NetworkError> {
    let mut norm = NormConfig::default();
    change(&mut norm);
    Network::new(&small(), &norm, SAMPLE, 5, 0)
}

#[track_caller]
fn refuses_size(network: Result<Network, NetworkError>, name: &str, value: usize) {
    match network.unwrap_err() {
        NetworkError::Size(SizeError { field, got, .. }) => assert_eq!((field, got), (name, value)),
        other => panic!("{other}"),
    }
}

#[test]
fn whole_numbers_out_of_range_are_refused() {
    assert!(with(|_| {}).is_ok());
    for width in [0, NetworkConfig::MAX_WIDTH + 1, usize::MAX] {
        refuses_size(with(|config| config.hidden = vec![8, width]), "hidden", width);
        refuses_size(with(|config| config.channels = vec![width]), "channels", width);
    }
    for value in [0, 65, usize::MAX] {
        refuses_size(with(|config| config.kernel = value), "kernel", value);
        refuses_size(with(|config| config.stride = value), "stride", value);
    }
    for value in [65, usize::MAX / 2 + 1, usize::MAX] {
        refuses_size(with(|config| config.padding = value), "padding", value);
    }
    for value in [0, 17, 256, usize::MAX] {
        refuses_size(with(|config| config.pool_size = value), "pool_size", value);
    }
    refuses_size(with(|config| config.hidden = vec![8; 65]), "hidden", 65);
    refuses_size(with(|config| config.channels = vec![8; 65]), "channels", 65);
    for classes in [0, 257, usize::MAX] {
        refuses_size(Network::new(&small(), &NormConfig::default(), SAMPLE, classes, 0), "classes", classes);
    }
    let error = with(|config| config.kernel = 0).unwrap_err();
    assert_eq!(error.to_string(), "kernel is 0; it has to be 1 to 64");
}

#[test]
fn convolutions_that_are_pooled_are_there_and_named_once() {
    for (pool_after, wrong) in
        [(vec![0], 0), (vec![3], 3), (vec![1, 2, 1], 1), (vec![usize::MAX], usize::MAX)]
    {
        let error = with(|config| (config.pool, config.pool_after) = (Pool::Max, pool_after)).unwrap_err();
        assert_eq!(error, NetworkError::PoolAfter { got: wrong, convolutions: 2 });
    }
    assert!(with(|config| (config.pool, config.pool_after) = (Pool::Max, vec![2, 1])).is_ok());
}

#[test]
fn real_numbers_out_of_range_are_refused() {
    for value in [0.0, -0.1, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let error = with(|config| config.init_width = value).unwrap_err();
        assert!(matches!(error, NetworkError::Real { field: "init_width", .. }), "{error}");
        for error in [
            with_norm(|norm| norm.eps = value).unwrap_err(),
            with_norm(|norm| norm.momentum = value).unwrap_err(),
            with_norm(|norm| norm.gamma_scale = PerLayer::Same(value)).unwrap_err(),
            with_norm(|norm| norm.gamma_scale = PerLayer::Each(vec![1.0, 1.0, value, 1.0])).unwrap_err(),
        ] {
            assert!(matches!(error, NetworkError::Norm(NormError::Real { .. })), "{error}");
        }
    }
    for value in [1.0, -0.1, 1.5, f32::NAN, f32::INFINITY] {
        let error = with(|config| config.dropout = value).unwrap_err();
        assert!(matches!(error, NetworkError::Real { field: "dropout", .. }), "{error}");
    }
    assert!(with_norm(|norm| norm.momentum = 1.1).is_err() && with_norm(|norm| norm.momentum = 1.0).is_ok());
    assert_eq!(
        with_norm(|norm| norm.momentum = 1.5).unwrap_err().to_string(),
        "momentum is 1.5; it has to be > 0 and at most 1"
    );
}

#[test]
fn scales_are_given_for_each_layer() {
    for count in [0, 3, 5] {
        let error = with_norm(|norm| norm.gamma_scale = PerLayer::Each(vec![1.0; count])).unwrap_err();
        assert_eq!(error, NormError::Layers { got: count, layers: 4 }.into());
    }
    assert!(with_norm(|norm| norm.gamma_scale = PerLayer::Each(vec![1.0; 4])).is_ok());
}

#[test]
fn products_of_sizes_that_no_memory_holds_are_refused() {
    let (most, norm) = (NetworkConfig::MAX_WIDTH, NormConfig::default());
    let wide = NetworkConfig { hidden: vec![most, most], ..NetworkConfig::default() };
    let error = Network::new(&wide, &norm, SAMPLE, 5, 0).unwrap_err();
    // Where nobody knows what there is, there is a bound for all machines.
    let is_known = metabnn::memory::available().is_some();
    match error {
        NetworkError::Memory(shortage) => assert!(is_known && shortage.takes > 4 << 40, "{shortage}"),
        NetworkError::TooLarge { layer: 2, got, .. } => assert!(!is_known && got > 1 << 40),
        other => panic!("{other}"),
    }
    for side in [1 << 20, usize::MAX] {
        let sample = Shape { channels: side, rows: side, columns: side };
        for channels in [vec![], vec![4]] {
            let config = NetworkConfig { channels, hidden: vec![], ..NetworkConfig::default() };
            let error = Network::new(&config, &norm, sample, 5, 0).unwrap_err();
            let is_too_large =
                matches!(error, NetworkError::Memory(_) | NetworkError::TooLarge { layer: 1, .. });
            assert!(is_too_large, "{error}");
        }
    }
    for sample in [Shape::grey(0, 5), Shape::features(0), Shape { channels: 0, rows: 4, columns: 4 }] {
        let error = Network::new(&NetworkConfig::default(), &norm, sample, 5, 0).unwrap_err();
        assert!(matches!(error, NetworkError::EmptySample { .. }), "{error}");
    }
}

#[test]
fn a_norm_over_one_value_is_refused() {
    let one = |kind, channels: &[usize], hidden: &[usize], classes| {
        let config = NetworkConfig {
            channels: channels.to_vec(),
            kernel: 12,
            hidden: hidden.to_vec(),
            ..NetworkConfig::default()
        };
        Network::new(&config, &NormConfig { kind, ..NormConfig::default() }, SAMPLE, classes, 0)
    };
    for kind in [NormKind::Layer, NormKind::Instance] {
        assert_eq!(
            one(kind, &[], &[4, 1], 5).unwrap_err(),
            NetworkError::Layer { layer: 2, error: LayerError::OneValue { kind, of: "unit" } }
        );
        assert_eq!(
            one(kind, &[], &[], 1).unwrap_err(),
            NetworkError::Layer { layer: 1, error: LayerError::OneValue { kind, of: "unit" } }
        );
    }
    let error = one(NormKind::Instance, &[3], &[], 5).unwrap_err();
    assert_eq!(
        error,
        NetworkError::Layer {
            layer: 1,
            error: LayerError::OneValue { kind: NormKind::Instance, of: "position" }
        }
    );
    // Three channels of one position: three values.
    assert!(one(NormKind::Layer, &[3], &[], 5).is_ok());
    let error = one(NormKind::Layer, &[1], &[], 5).unwrap_err();
    assert_eq!(
        error,
        NetworkError::Layer { layer: 1, error: LayerError::OneValue { kind: NormKind::Layer, of: "value" } }
    );
}

#[test]
fn a_builder_gives_the_network_of_its_config() {
    let norm = NormConfig { kind: NormKind::Layer, ..NormConfig::default() };
    let built = Network::binary(SAMPLE)
        .conv(3)
        .conv(4)
        .dense(8)
        .classes(5)
        .config(NetworkConfig { padding: 1, hidden: vec![99], ..NetworkConfig::default() })
        .norm(norm.clone())
        .seed(7)
        .build()
        .unwrap();
    let expected = Network::new(&small(), &norm, SAMPLE, 5, 7).unwrap();
    assert_eq!(built.layers, expected.layers);
    assert_eq!((built.config(), built.norm_config()), (&small(), &norm));
    let real = Network::full_precision(SAMPLE).dense(8).classes(5).build().unwrap();
    assert!(real.layers.iter().all(|layer| layer.linear.binary().is_none()));
    refuses_size(Network::binary(SAMPLE).dense(8).build(), "classes", 0);
}

#[test]
fn the_config_of_layers_says_what_they_are() {
    let pooled = ConvConfig { kernel: 2, pool: Pool::Max, ..ConvConfig::new(4) };
    let wide = ConvConfig { kernel: 4, padding: 2, ..ConvConfig::new(3) };
    let strided = ConvConfig { kernel: 2, stride: 2, ..ConvConfig::new(6) };
    let [pooled, wide, strided] = [pooled, wide, strided].map(LayerConfig::Convolution);
    let unpooled = LayerConfig::Convolution(ConvConfig { kernel: 2, ..ConvConfig::new(5) });
    let dense = LayerConfig::dense(9);
    for layers in [
        vec![],
        vec![dense.clone(), LayerConfig::dense(8)],
        vec![unpooled.clone(), pooled.clone(), unpooled.clone(), dense.clone()],
        vec![pooled.clone(), wide, dense.clone(), LayerConfig::dense(7)],
        vec![unpooled.clone(), strided, dense.clone(), dense.clone()],
    ] {
        let builder = layers.iter().cloned().fold(Network::binary(SAMPLE), NetworkBuilder::layer);
        let built = builder.classes(5).build().unwrap();
        assert_eq!(built.config().layers, layers);
        let again = Network::from_layers(built.layers.clone(), Precision::Binary);
        assert_eq!(again.config().hidden_layers().collect::<Vec<_>>(), layers);
        let says_all = again.config().layers.is_empty();
        assert_eq!(says_all, layers.len() < 4 || layers[0] == unpooled && layers[1] == pooled, "{layers:?}");
    }
    let error = Network::binary(SAMPLE).layer(LayerConfig::dense(0)).classes(5).build().unwrap_err();
    assert_eq!(error.to_string(), "layer 1: units is 0; it has to be 1 to 1048576");
    let behind = Network::binary(SAMPLE).dense(4).layer(pooled).classes(5).build().unwrap_err();
    assert_eq!(behind, NetworkError::Layer { layer: 2, error: LayerError::NoMaps });
    let long = ConvConfig { stride: usize::MAX, ..ConvConfig::new(3) };
    let error = Network::binary(SAMPLE).conv(4).layer(LayerConfig::Convolution(long)).classes(5).build();
    assert!(
        error.unwrap_err().to_string().starts_with("layer 2: stride is 18446744073709551615; it has to be")
    );
    refuses_size(with(|config| config.layers = vec![LayerConfig::dense(3); 65]), "layers", 65);
}

#[test]
fn a_model_keeps_layers_of_every_kind() {
    let convolution = |kernel| LayerConfig::Convolution(ConvConfig { kernel, ..ConvConfig::new(4) });
    let builder = Network::binary(Shape::grey(28, 28)).layer(convolution(9)).layer(convolution(5)).dense(6);
    let network = builder.classes(10).seed(3).build().unwrap();
    let trainer = Trainer::builder(network.clone(), Metaplastic::default()).build().unwrap();
    let stream = permuted(&glyphs(20, 10), 2).build().unwrap();
    let bytes = trainer.model(&stream).to_bytes().unwrap();
    let read = Model::from_bytes(&bytes).unwrap();
    assert_eq!(read.trained.network.config(), network.config());
    assert_eq!(read.trained.network.layers, network.layers);
}
