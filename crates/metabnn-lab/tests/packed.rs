//! Networks that are packed for devices: the same class for every image, in Rust and in C, and files of the size that
//! their parts have.

// Helpers outside of test functions may unwrap, too: a panic is how a test fails.
#![allow(clippy::unwrap_used)]

#[path = "support/exported.rs"]
mod exported;
#[path = "../../metabnn-data/tests/support/mod.rs"]
mod support;

use exported::{float_classes, images, learned_experience, network, settings, trained, unsettled};
use metabnn::data::{Images, Shape};
use metabnn::export::{ExportError, Packed, noise_images};
use metabnn::model::Model;
use metabnn::network::{Inputs, predicted_class};
use metabnn_infer::kernels::Pixels;
use metabnn_infer::packed;
use metabnn_lab::recipe::settings::{Input, NormKind, Precision, Scenario, Settings, Statistics, Stream};

/// Every test image of MNIST, or of the glyphs, in every state: the same class.
#[test]
fn a_trained_network_says_the_same_packed() {
    let mut with_signs = settings(&[40, 33]);
    with_signs.network.input = Input::Sign;
    let mut running = settings(&[50]);
    running.norm.statistics = Statistics::Running;
    let mut domain = settings(&[30]);
    domain.tasks.scenario = Scenario::Domain;
    for (settings, states) in
        [(settings(&[64, 48]), 3), (settings(&[]), 3), (with_signs, 3), (running, 3), (domain, 2)]
    {
        let (model, set) = trained(&settings);
        let packed = Packed::new(&model).unwrap();
        assert_eq!(packed.states.len(), states, "{:?}", packed.states);
        let test = set.test.images().unwrap();
        packed.check(&model, test).unwrap();
        let of = packed::Model::parse(&packed.bytes).unwrap();
        let right = |state: usize| {
            let mut scratch = vec![0; of.scratch_len()];
            let class = |image: usize| of.classify(test.image(image), state, &mut scratch).unwrap();
            let classes = (0..test.len()).map(class);
            classes.zip(test.labels()).filter(|(class, label)| *class == usize::from(**label)).count()
        };
        // The network knows something: more than twice what guessing is, with the label of the task that it is shown.
        let accuracy = right(1) as f64 / test.len() as f64;
        assert!(accuracy > 0.2, "{accuracy} of {settings:?}");
    }
}

/// Batch norms that turn the order around, or forget their input, or have no variance; sums that are exactly at the
/// edge.
#[test]
fn any_batch_norm_says_the_same_packed() {
    for (seed, hidden) in [&[65, 40][..], &[31, 64, 20], &[]].into_iter().enumerate() {
        for input in [Input::Real, Input::Sign] {
            let mut settings = settings(hidden);
            settings.network.input = input;
            let model = unsettled(&settings, Shape::grey(28, 28), 10, seed as u32);
            let packed = Packed::new(&model).unwrap();
            packed.check(&model, &images(10_000)).unwrap();
            packed.check(&model, &noise_images(&model, 500)).unwrap();
            let classes = float_classes(&model, &images(2000));
            let kinds = |classes: &[usize]| (0..10).filter(|class| classes.contains(class)).count();
            assert!(classes.iter().any(|classes| kinds(classes) > 2), "always one class");
        }
    }
}

/// Not the classes alone: the scores are the same to the last bit.
#[test]
fn scores_are_the_network_s_to_the_last_bit() {
    let model = unsettled(&settings(&[100, 50]), Shape::grey(28, 28), 10, 9);
    let (images, bytes) = (images(100), Packed::new(&model).unwrap().bytes);
    let packed = packed::Model::parse(&bytes).unwrap();
    let present = (0..packed.states()).find(|state| packed.state(*state).unwrap() == (2, Some(0))).unwrap();
    let order = model.permutations[0].as_ref().unwrap();
    let mut pixels = Pixels::new(784, images.len());
    let stride = pixels.stride();
    for image in 0..images.len() {
        for (i, place) in order.iter().enumerate() {
            pixels.values_mut()[i * stride + image] = images.image(image)[*place as usize];
        }
    }
    let network = &model.trained.network;
    let logits = network.logits(&Inputs::Pixels(pixels), &network.norm_states(), Statistics::Recalibrated);
    let (mut scratch, mut scores) = (vec![0; packed.scratch_len()], [0.0_f32; 10]);
    for (image, logits) in logits.chunks_exact(10).enumerate() {
        packed.scores(images.image(image), present, &mut scratch, &mut scores).unwrap();
        assert_eq!(scores.map(f32::to_bits).to_vec(), logits.iter().map(|z| z.to_bits()).collect::<Vec<_>>());
        assert_eq!(packed.classify(images.image(image), present, &mut scratch), Ok(predicted_class(logits)));
    }
}

/// A wrong weight, threshold or score is found.
#[test]
fn the_check_finds_what_differs() {
    let model = unsettled(&settings(&[40]), Shape::grey(28, 28), 10, 3);
    let mut other = model.clone();
    let gamma = &mut other.trained.network.layers[1].norm.state.gamma;
    gamma.iter_mut().for_each(|gamma| *gamma = -*gamma);
    let packed = Packed::new(&model).unwrap();
    let error = packed.check(&other, &noise_images(&model, 100)).unwrap_err();
    assert!(
        matches!(&error, ExportError::Differs { state, .. } if state == "permutation 1, no label"),
        "{error}"
    );
    let wide = Images::new(2, 2, 1, vec![0; 4], vec![0]).unwrap();
    let error = packed.check(&model, &wide).unwrap_err().to_string();
    assert_eq!(error, "the images have 4 pixels, the network takes 784");
}

/// Two hidden layers of 512 units: at most 2 % more than a bit per weight and four bytes per threshold.
#[test]
fn a_packed_file_is_as_large_as_its_weights_and_thresholds() {
    let mut settings = settings(&[512, 512]);
    settings.tasks.scenario = Scenario::Domain;
    settings.tasks.stream = Stream::Subsets;
    let model = unsettled(&settings, Shape::grey(28, 28), 10, 0);
    let packed = Packed::new(&model).unwrap();
    let weights = 784 * 512 + 512 * 512 + 512 * 10;
    let least = (weights / 8 + 4 * (512 + 512)) as f64;
    let share = packed.bytes.len() as f64 / least;
    assert!((1.0..1.02).contains(&share), "{} bytes are {share} of {least}", packed.bytes.len());
    assert_eq!(packed.costs.footprint, packed.bytes.len() as u64);
    assert_eq!((packed.costs.operations.pixels, packed.costs.operations.binary), (784 * 512, 512 * 522));
    assert_eq!(packed.costs.parameters, weights as u64 + 4 * 1034);
    // Tasks and orders bring what they are, and nothing else: two more norms, two orders, two more states.
    let tasks =
        Packed::new(&unsettled(&exported::settings(&[512, 512]), Shape::grey(28, 28), 10, 0)).unwrap();
    let more = 2 * (4 * 1024 + 16 * 10) + 2 * 2 * 784 + 4 * (tasks.states.len() - packed.states.len());
    assert_eq!(tasks.bytes.len(), packed.bytes.len() + more);
}

#[test]
fn equal_norms_are_packed_once() {
    let (mut model, stream) = network(&settings(&[9]), Shape::grey(28, 28), 10);
    let norms = model.trained.network.norm_states();
    let learned = (1..).zip(&stream.experiences);
    model.trained.learned = learned
        .map(|(training, experience)| learned_experience(training, experience, norms.clone()))
        .collect();
    let packed = Packed::new(&model).unwrap();
    assert_eq!(packed.states, ["permutation 1", "permutation 2"]);
    let model = packed::Model::parse(&packed.bytes).unwrap();
    assert_eq!(
        [model.state(0), model.state(1), model.state(2)],
        [Some((0, Some(0))), Some((0, Some(1))), None]
    );
}

#[test]
fn features_as_signs_are_given_as_pixels() {
    let mut settings = settings(&[20]);
    settings.network.input = Input::Sign;
    let model = unsettled(&settings, Shape { channels: 1, rows: 1, columns: 70 }, 5, 2);
    let packed = Packed::new(&model).unwrap();
    packed.check(&model, &noise_images(&model, 300)).unwrap();
    assert_eq!(packed.costs.operations.pixels, 0);
}

fn refusal(change: impl Fn(&mut Settings), image: Shape) -> String {
    let mut settings = settings(&[8]);
    change(&mut settings);
    let (model, _): (Model, _) = network(&settings, image, 3);
    Packed::new(&model).unwrap_err().to_string()
}

#[test]
fn what_cannot_be_packed_is_said() {
    let grey = Shape::grey(8, 8);
    let error = refusal(|settings| settings.network.precision = Precision::FullPrecision, grey);
    assert!(error.starts_with("it has real weights, which"), "{error}");
    assert!(
        error.contains("what can be is a binary network of dense layers that sees pixels or signs"),
        "{error}"
    );
    let convolution =
        |settings: &mut Settings| (settings.network.channels, settings.network.kernel) = (vec![2], 3);
    let error = refusal(convolution, grey);
    assert!(error.starts_with("it has convolutions, which cannot be packed"), "{error}");
    let error = refusal(|settings| settings.norm.kind = NormKind::Instance, grey);
    assert!(error.starts_with("it has instance norm, which"), "{error}");
    let error = refusal(|_| (), Shape { channels: 1, rows: 1, columns: 9 });
    assert!(error.starts_with("it sees features, real numbers, which"), "{error}");
    let error = refusal(|settings| settings.norm.statistics = Statistics::Batch, grey);
    assert!(error.ends_with("and no threshold is right"), "{error}");
}

#[test]
fn a_batch_norm_without_a_number_is_refused() {
    let (mut model, _) = network(&settings(&[8]), Shape::grey(8, 8), 3);
    let state = &mut model.trained.network.layers[0].norm.state;
    (state.gamma[4], state.mean[4], state.variance[4]) = (0.0, f32::MAX, 0.0);
    let error = Packed::new(&model).unwrap_err().to_string();
    assert_eq!(error, "permutation 1: the batch norm of unit 5 in layer 1 gives no finite number");
}
