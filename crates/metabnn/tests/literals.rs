//! Whatever a caller writes as a literal is an error where it is wrong, and never a panic.

#![allow(clippy::unwrap_used)]

use metabnn::config::ConfigError;
use metabnn::data::{Images, Shape};
use metabnn::network::{Network, NetworkConfig, NetworkError, NormConfig, NormKind};
use metabnn::optim::OptimizerConfig;
use metabnn::rule::{
    Beakers, Curve, Ewc, Metaplastic, PerLayer, RandomConsolidation, Rule, Si, SynapticRule,
};
use metabnn::stream::{Subset, View};
use metabnn::train::{Schedule, TrainConfig, TrainError, Trainer};

/// Three layers.
fn network() -> Network {
    let config = NetworkConfig { hidden: vec![8, 7], ..NetworkConfig::default() };
    Network::new(&config, &NormConfig::default(), Shape::features(9), 3, 0).unwrap()
}

fn refused(rule: impl SynapticRule, config: TrainConfig) -> ConfigError {
    match Trainer::builder(network(), rule).config(config).build() {
        Err(TrainError::Config(error)) => error,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("taken"),
    }
}

#[test]
fn a_schedule_of_nothing_is_refused() {
    for (schedule, field) in [
        (Schedule { batch: 0, ..Schedule::default() }, "batch"),
        (Schedule { batch: 1, ..Schedule::default() }, "batch"),
        (Schedule { batch: usize::MAX, ..Schedule::default() }, "batch"),
        (Schedule { epochs: 0, ..Schedule::default() }, "epochs"),
        (Schedule { test_batch: 0, ..Schedule::default() }, "test_batch"),
    ] {
        let error = refused(Metaplastic::default(), TrainConfig { schedule, ..TrainConfig::default() });
        assert_eq!(error.field, field, "{error}");
    }
}

/// Batches of one and a last batch of one need norms that look at each sample by itself.
#[test]
fn one_sample_alone_is_learned_where_the_norm_is_its_own() {
    let images = |count| {
        let pixels = (0..count * 9).map(|i| (i * 37 % 251) as u8).collect();
        let labels = (0..count).map(|i| (i % 3) as u8).collect();
        Subset::new(vec![View::all(Images::new(3, 3, 3, pixels, labels).unwrap())])
    };
    for kind in [NormKind::Batch, NormKind::Layer, NormKind::Instance] {
        let norm = NormConfig { kind, ..NormConfig::default() };
        let config = NetworkConfig { hidden: vec![8, 7], ..NetworkConfig::default() };
        let trainer = |batch| {
            let network = Network::new(&config, &norm, Shape::grey(3, 3), 3, 0).unwrap();
            Trainer::builder(network, Metaplastic::default()).batch(batch).build()
        };
        let (is_own, error) = (kind != NormKind::Batch, trainer(1).err());
        assert_eq!(error.is_none(), is_own, "{kind:?}");
        for (batch, count) in [(1, 1), (1, 5), (2, 1), (2, 3), (4, 1)] {
            let Ok(mut trainer) = trainer(batch) else { continue };
            let result = trainer.fit(images(count));
            assert_eq!(result.is_ok(), is_own || count > 1, "{kind:?}, {count} in batches of {batch}");
            assert!(trainer.network().hidden_weights().all(f32::is_finite));
        }
    }
}

#[test]
fn an_optimizer_out_of_range_is_refused() {
    let with = |change: fn(&mut OptimizerConfig)| {
        let mut optimizer = OptimizerConfig::default();
        change(&mut optimizer);
        refused(Metaplastic::default(), TrainConfig { optimizer, ..TrainConfig::default() })
    };
    assert_eq!(with(|o| o.lr = 0.0).to_string(), "lr: takes a finite number > 0, got 0.0");
    assert_eq!(with(|o| o.lr = f32::NAN).got, "NaN or an infinite number");
    assert_eq!(with(|o| o.beta1 = 1.0).field, "beta1");
    assert_eq!(with(|o| o.beta2 = -0.1).field, "beta2");
    assert_eq!(with(|o| o.eps = 0.0).field, "eps");
    assert_eq!(with(|o| o.weight_decay = f32::INFINITY).field, "weight_decay");
    assert_eq!(with(|o| o.lr_decay_per_task = 0.5).field, "lr_decay_per_task");
}

#[test]
fn a_rule_out_of_range_is_refused_by_itself_and_in_the_enum() {
    fn both<R: SynapticRule + Clone + Into<Rule>>(rule: R, field: &str) {
        for error in
            [refused(rule.clone(), TrainConfig::default()), refused(rule.into(), TrainConfig::default())]
        {
            assert_eq!(error.field, field, "{error}");
        }
    }
    both(Metaplastic { m: PerLayer::Each(vec![1.0, 2.0]) }, "m");
    both(Metaplastic { m: PerLayer::Each(vec![]) }, "m");
    both(Metaplastic { m: PerLayer::Same(-1.0) }, "m");
    both(Metaplastic { m: PerLayer::Each(vec![1.0, f32::NAN, 1.0]) }, "m");
    both(Ewc { samples: 0, ..Ewc::default() }, "samples");
    both(RandomConsolidation(Ewc { lambda: -1.0, ..Ewc::default() }), "lambda");
    both(Si { epsilon: 0.0, ..Si::default() }, "epsilon");
    both(Beakers { ratios: vec![], ..Beakers::default() }, "ratios");
    both(Beakers { ratios: vec![0.1; 9], ..Beakers::default() }, "ratios");
    both(Beakers { ratios: vec![0.1; 3], ..Beakers::default() }, "areas");
    both(Beakers { areas: vec![1.0, 0.0, 1.0, 1.0], ..Beakers::default() }, "areas");
    assert!(Curve::default().validate(3).is_ok(), "a curve is checked where it is made");
}

#[test]
fn a_list_of_the_wrong_length_says_how_long_it_has_to_be() {
    let error = refused(Metaplastic { m: PerLayer::Each(vec![1.0]) }, TrainConfig::default());
    let says = "m: takes a finite number >= 0, or a list of one per layer, got 1 values for 3 layers";
    assert_eq!(error.to_string(), says);
    let norm = NormConfig { gamma_scale: PerLayer::Each(vec![1.0; 2]), ..NormConfig::default() };
    let error = Network::new(&NetworkConfig::default(), &norm, Shape::features(9), 3, 0).unwrap_err();
    assert!(matches!(error, NetworkError::Norm(_)), "{error}");
}

/// What is not checked anywhere on the way, because nobody makes a trainer of it, does not panic either.
#[test]
fn an_unchecked_rule_does_not_panic_in_a_step() {
    use metabnn::network::{Batch, Inputs, Scratch};
    use metabnn::optim::Adam;
    use metabnn::tensor::Rows;
    let rules: [Rule; 3] = [
        Metaplastic { m: PerLayer::Each(vec![]) }.into(),
        Beakers { ratios: vec![], ..Beakers::default() }.into(),
        Beakers { ratios: vec![0.1; 20], areas: vec![1.0], ..Beakers::default() }.into(),
    ];
    for rule in rules {
        let mut network = network();
        let mut adam = Adam::new(&OptimizerConfig::default(), &network.widths());
        let inputs = Inputs::Real(Rows::from_samples(&[0.5; 18], 9));
        let batch = Batch { inputs, labels: vec![0, 2] };
        network.step(&batch, &mut adam, &rule, &mut Scratch::default(), &mut || {});
    }
}

#[test]
fn built_in_rules_are_named_as_in_the_registry() {
    assert_eq!(Metaplastic::default().to_json(), Rule::default().to_json());
    assert_eq!(Si::default().name(), "si");
    struct Own;
    impl SynapticRule for Own {}
    assert_eq!((Own.name(), Own.to_json()), ("Own", "{\"name\":\"Own\"}".into()));
}
