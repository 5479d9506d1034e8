//! Networks with convolutions learn, and tests that look at no batch look at none.

use metabnn::network::{
    Encoding, GammaInit, HiddenActivation, Inputs, NetworkConfig, NormConfig, NormKind, Pool, Precision,
    Rows, Statistics,
};
use metabnn::stream::sequence;
use metabnn::train::Outcome;
use metabnn::train::SavedSettings;
use metabnn_data::glyphs::glyphs;

use super::{assert_step, case, cases, inputs, network, train};

fn learned(change: impl Fn(&mut SavedSettings)) -> Outcome {
    let mut settings = SavedSettings {
        network: NetworkConfig {
            channels: vec![8, 12],
            kernel: 4,
            padding: 1,
            pool: Pool::Average,
            hidden: vec![],
            ..Default::default()
        },
        norm: NormConfig { gamma_init: GammaInit::Ones, ..Default::default() },
        schedule: metabnn::train::Schedule { epochs: 6, batch: 20, test_batch: 100, ..Default::default() },
        ..SavedSettings::default()
    };
    change(&mut settings);
    train(&settings, &sequence(&[glyphs(1000, 300)]).build().unwrap()).unwrap()
}

/// Ten classes: chance is 10 %.
#[test]
fn small_networks_learn_the_glyphs() {
    for (what, least, change) in [
        ("binary", 0.85, (|_| {}) as fn(&mut SavedSettings)),
        // Faint ink counts as much as any.
        ("signs of pixels", 0.5, |settings| settings.network.input = Encoding::Sign),
        ("recalibrated", 0.8, |settings| settings.norm.statistics = Statistics::Recalibrated),
        ("no affine", 0.8, |settings| settings.norm.affine = false),
        ("dropout", 0.8, |settings| {
            settings.network.hidden = vec![100];
            settings.network.dropout = 0.2;
            settings.network.pool = Pool::Max;
        }),
        ("full precision, hardtanh", 0.8, |settings| {
            settings.network.precision = Precision::FullPrecision;
            settings.network.activation = HiddenActivation::Hardtanh;
        }),
        ("dense, instance norm", 0.7, |settings| {
            settings.network.channels = vec![];
            settings.network.hidden = vec![100, 100];
            settings.norm.kind = NormKind::Instance;
            settings.norm.affine = false;
        }),
    ] {
        let accuracy = learned(change).matrix.rows[0][0];
        println!("{what}: {accuracy}");
        assert!(accuracy > least, "{what}: {accuracy}");
    }
}

/// With instance norm, and with running statistics, what a sample gives does not depend on who it is tested with.
#[test]
fn no_sample_depends_on_the_others_of_its_test_batch() {
    for kind in [NormKind::Instance, NormKind::Batch] {
        let mut case = case((1, 13, 12), 9, (&[12, 5], 4, 1, 1), (Pool::Max, 2, &[]), &[7]);
        case.settings.norm.kind = kind;
        let network = network(&case);
        let (all, _) = inputs(&case, 1);
        let samples = all.to_real().to_samples(|_, value| value);
        let few = Inputs::Real(Rows::from_samples(&samples[..2 * 13 * 12], 13 * 12));
        let norms = network.norm_states();
        for statistics in [Statistics::Running, Statistics::Batch] {
            let [all, few] = [&all, &few].map(|inputs| network.logits(inputs, &norms, statistics));
            let looks = kind == NormKind::Batch && statistics == Statistics::Batch;
            assert_eq!(all[..few.len()] == few, !looks, "{kind:?}, {statistics:?}");
        }
    }
}

/// Exact statistics over all images, gathered some at a time, are those of all images as one batch.
#[test]
fn recalibration_counts_every_position() {
    let mut case = case((1, 13, 12), 9, (&[12, 5], 4, 1, 1), (Pool::Average, 2, &[]), &[7]);
    case.settings.network.precision = Precision::FullPrecision;
    let mut network = network(&case);
    let (all, _) = inputs(&case, 1);
    let expected = network.logits(&all, &network.norm_states(), Statistics::Batch);
    let samples = all.to_real().to_samples(|_, value| value);
    let parts = [&samples[..2 * 156], &samples[2 * 156..]];
    network.recalibrate(2, |part| Inputs::Real(Rows::from_samples(parts[part], 156)));
    let logits = network.logits(&all, &network.norm_states(), Statistics::Recalibrated);
    // Outputs of a few units: a hundred roundings of them.
    let off = logits.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(off < 1e-5, "{off}");
}

/// Norms whose statistics are each sample's own need no second one.
#[test]
fn a_step_on_one_sample_is_that_of_plain_loops() {
    for precision in [Precision::Binary, Precision::FullPrecision] {
        for kind in [NormKind::Instance, NormKind::Layer] {
            for mut case in cases() {
                case.settings.network.precision = precision;
                case.settings.norm.kind = kind;
                case.batch = 1;
                (0..3).for_each(|inputs| assert_step(case.clone(), inputs));
            }
        }
    }
}
