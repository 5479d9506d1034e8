//! The Fisher information of every kind of layer and norm against the squared gradients of one sample after the other,
//! which the plain loops give.

use metabnn::kernels::Platform;
use metabnn::machine::Machine;
use metabnn::network::{Batch, Inputs, Network, Rows};
use metabnn::network::{NormKind, Precision};

use super::plain::{self, Parameters};
use super::{Case, cases, inputs, labels, network};

/// Mean over the samples of the squared gradients of every layer's weights, and how near a corner they came.
fn plain_fisher(case: &Case, network: &Network, x: &[f64], labels: &[u8]) -> (Vec<Vec<f64>>, f64) {
    let parameters: Vec<_> = network
        .layers
        .iter()
        .map(|layer| match case.settings.norm.kind {
            NormKind::Batch => Parameters::with_kept_statistics(layer),
            NormKind::Layer | NormKind::Instance => Parameters::of(layer),
        })
        .collect();
    let (nothing_dropped, mut margin) = (vec![None; network.layers.len()], f64::INFINITY);
    let mut fisher: Vec<Vec<f64>> = Vec::new();
    for (x, label) in x.chunks(x.len() / labels.len()).zip(labels) {
        let step = plain::step(&case.settings, &parameters, x, &[*label], &nothing_dropped);
        margin = margin.min(step.margin);
        fisher.resize(step.weights.len(), Vec::new());
        for (fisher, gradient) in fisher.iter_mut().zip(step.weights) {
            fisher.resize(gradient.len(), 0.0);
            fisher.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += g * g / labels.len() as f64);
        }
    }
    (fisher, margin)
}

/// Ours, of samples in batches of these ends, weights in the order of the plain loops.
fn fisher(network: &Network, x: &[f64], labels: &[u8], ends: &[usize]) -> Vec<Vec<f32>> {
    let width = x.len() / labels.len();
    let batch = |part: usize| {
        let (from, to) = (ends[part], ends[part + 1]);
        let x: Vec<f32> = x[from * width..to * width].iter().map(|&x| x as f32).collect();
        Batch { inputs: Inputs::Real(Rows::from_samples(&x, width)), labels: labels[from..to].to_vec() }
    };
    let fisher = network.fisher(ends.len() - 1, batch);
    let layers = network.layers.iter().zip(&fisher);
    let in_order = layers.map(|(layer, fisher)| match &layer.shape {
        metabnn::network::LayerShape::Dense => fisher.to_rows(),
        metabnn::network::LayerShape::Convolution(shape) => shape.to_channels_first(&fisher.to_rows()),
    });
    in_order.collect()
}

fn assert_fisher(mut case: Case, kind: usize) {
    let what = format!("{:?} {:?} {:?}", case.image, case.settings.network, case.settings.norm);
    let (batch, x) = inputs(&case, kind);
    let labels = labels(case.batch);
    let clear = (0..200).find_map(|seed| {
        case.settings.seed = seed;
        let mut network = network(&case);
        network.recalibrate(1, |_| batch.clone());
        let (expected, margin) = plain_fisher(&case, &network, &x, &labels);
        (margin > 1e-6).then_some((network, expected))
    });
    let (network, expected) = clear.unwrap_or_else(|| panic!("{what}: no seed keeps clear of corners"));
    let ours = fisher(&network, &x, &labels, &[0, 1, case.batch]);
    for (layer, (ours, expected)) in ours.iter().zip(&expected).enumerate() {
        assert_eq!(ours.len(), expected.len());
        let most = expected.iter().fold(0.0f64, |most, value| most.max(*value));
        assert!(most > 0.0, "layer {layer} matters: {what}");
        for (i, (&ours, expected)) in ours.iter().zip(expected).enumerate() {
            // Squares of gradients that are off by 3e-5 of the largest, as in a step.
            let off = (f64::from(ours) - expected).abs();
            assert!(off <= 1e-4 * most, "layer {layer}, {i}: {ours}, not {expected}, {most}: {what}");
        }
    }
    for (threads, platform) in [(1, Platform::Portable), (3, Platform::detect())] {
        let elsewhere = network.clone().on(&Machine::new(threads, platform).unwrap());
        assert!(fisher(&elsewhere, &x, &labels, &[0, 1, case.batch]) == ours, "{threads} {platform:?}");
    }
}

#[test]
fn it_is_the_mean_square_of_each_samples_gradient_in_every_layer() {
    for norm in [NormKind::Batch, NormKind::Layer, NormKind::Instance] {
        for precision in [Precision::Binary, Precision::FullPrecision] {
            for mut case in cases().into_iter().filter(|case| case.batch < 30) {
                case.settings.network.precision = precision;
                case.settings.norm.kind = norm;
                assert_fisher(case, 1);
            }
        }
    }
}
