//! Batch norm at test time: whose statistics, and that they are exact.

use metabnn::network::{Inputs, Layer, LayerShape, Linear, Network, Norm, Rows};
use metabnn::random::{Purpose, Stream};
use metabnn_lab::recipe::settings::{self, Precision, Statistics};

const IMAGES: usize = 61;
const PIXELS: usize = 12;

fn random(n: usize, index: u32) -> Vec<f32> {
    let mut stream = Stream::new(21, Purpose::Init, index);
    (0..n).map(|_| stream.uniform(-1.0, 1.0)).collect()
}

fn network(precision: Precision) -> Network {
    let binarized = precision == Precision::Binary;
    let layer = |(index, (inputs, outputs)): (usize, (usize, usize))| Layer {
        shape: LayerShape::Dense,
        linear: Linear::new(inputs, &random(inputs * outputs, index as u32), binarized),
        norm: Norm::new(random(outputs, 10 + index as u32), &settings::Norm::default()),
    };
    let layers = [(PIXELS, 9), (9, 7), (7, 4)].into_iter().enumerate().map(layer);
    Network::from_layers(layers.collect(), precision)
}

fn inputs(images: &[f32]) -> Inputs {
    Inputs::Real(Rows::from_samples(images, PIXELS))
}

/// Exact statistics over all images, gathered batch by batch, are those of all images as one batch: layer after layer,
/// or the outputs would differ. In full precision, where no sign can tip over.
#[test]
fn recalibration_is_one_batch_of_all_images() {
    let images = random(IMAGES * PIXELS, 3);
    let all = inputs(&images);
    let mut network = network(Precision::FullPrecision);
    let expected = network.logits(&all, &network.norm_states(), Statistics::Batch);
    let before = network.logits(&all, &network.norm_states(), Statistics::Recalibrated);
    for size in [1, 7, IMAGES] {
        let batches: Vec<&[f32]> = images.chunks(size * PIXELS).collect();
        network.recalibrate(batches.len(), |batch| inputs(batches[batch]));
        let logits = network.logits(&all, &network.norm_states(), Statistics::Recalibrated);
        let off = logits.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // Outputs of a few units: a hundred roundings of them.
        assert!(off < 1e-5, "batches of {size}: {off}");
    }
    assert!(before.iter().zip(&expected).any(|(a, b)| (a - b).abs() > 0.1), "statistics do matter");
}

/// With recalibrated or running statistics an image's outputs do not depend on the rest of the test batch; with
/// statistics of the batch they do.
#[test]
fn only_batch_statistics_look_at_the_test_batch() {
    let images = random(IMAGES * PIXELS, 4);
    let (all, few) = (inputs(&images), inputs(&images[..5 * PIXELS]));
    let mut network = network(Precision::Binary);
    network.recalibrate(1, |_| all.clone());
    let norms = network.norm_states();
    for statistics in [Statistics::Running, Statistics::Recalibrated] {
        let (all, few) = (network.logits(&all, &norms, statistics), network.logits(&few, &norms, statistics));
        assert_eq!(all[..few.len()], few, "{statistics:?}");
    }
    let (all, few) =
        (network.logits(&all, &norms, Statistics::Batch), network.logits(&few, &norms, Statistics::Batch));
    assert_ne!(all[..few.len()], few);
}
