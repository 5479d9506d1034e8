//! Every smooth part against finite differences of its own forward pass, in the full-precision network where the
//! whole of it is smooth but for the ReLU's corner; the sign's estimator against its formula.

use metabnn::kernels::Kernels;
use metabnn::network::{Activation, Activations, BatchNorm, Linear, cross_entropy};
use metabnn::optim::Moments;
use metabnn::random::{Purpose, Stream};
use metabnn::recipe::settings;

const STEP: f32 = 1e-2;

fn random(n: usize, index: u32) -> Vec<f32> {
    let mut stream = Stream::new(11, Purpose::Init, index);
    (0..n).map(|_| stream.uniform(-1.0, 1.0)).collect()
}

/// Central difference of `f` along entry i of `at`.
fn slope(f: impl Fn(&[f32]) -> f32, at: &[f32], i: usize) -> f32 {
    let moved = |by: f32| {
        let mut x = at.to_vec();
        x[i] += by;
        f(&x)
    };
    (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
}

fn weighted(values: &[f32], weights: &[f32]) -> f32 {
    values.iter().zip(weights).map(|(a, b)| a * b).sum()
}

fn assert_slopes(what: &str, gradient: &[f32], at: &[f32], f: impl Fn(&[f32]) -> f32) {
    assert_eq!(gradient.len(), at.len());
    for (i, &gradient) in gradient.iter().enumerate() {
        let expected = slope(&f, at, i);
        let off = (gradient - expected).abs();
        assert!(off < 2e-3 * (1.0 + expected.abs()), "{what}[{i}]: {gradient}, difference {expected}");
    }
}

#[test]
fn linear() {
    let (inputs, outputs, batch) = (5, 3, 4);
    let (w, x, dy) = (random(inputs * outputs, 0), random(batch * inputs, 1), random(batch * outputs, 2));
    let kernels = Kernels::get();
    let real = |values: &[f32]| Activations::Real { batch, values: values.to_vec() };
    let loss = |w: &[f32], x: &[f32]| {
        weighted(&Linear::new(inputs, w.to_vec(), false).forward(kernels, &real(x)), &dy)
    };
    let mut layer = Linear::new(inputs, w.clone(), false);
    assert_slopes("dx", &layer.backward_input(kernels, &dy), &x, |x| loss(&w, x));
    let gradient = std::sync::Mutex::new(Vec::new());
    let mut moments = Moments::new(w.len());
    layer.backward_weights(kernels, &dy, &real(&x), &mut moments, |tile| {
        gradient.lock().unwrap().extend_from_slice(tile.gradient);
    });
    assert_slopes("dw", &gradient.into_inner().unwrap(), &w, |w| loss(w, &x));
}

#[test]
fn batch_norm() {
    let (features, batch) = (3, 6);
    let (y, dz) = (random(batch * features, 3), random(batch * features, 4));
    let (gamma, beta) = (random(features, 5), random(features, 6));
    let norm = |gamma: &[f32], beta: &[f32]| {
        let mut norm = BatchNorm::new(gamma.to_vec(), &settings::Norm::default());
        norm.state.beta = beta.to_vec();
        norm
    };
    let loss = |y: &[f32], gamma: &[f32], beta: &[f32]| {
        let mut z = y.to_vec();
        norm(gamma, beta).forward(&mut z, batch);
        weighted(&z, &dz)
    };
    let mut layer = norm(&gamma, &beta);
    let cache = layer.forward(&mut y.clone(), batch);
    let mut dy = dz.clone();
    let gradient = layer.backward(&cache, &mut dy);
    assert_slopes("dy", &dy, &y, |y| loss(y, &gamma, &beta));
    assert_slopes("dgamma", &gradient.gamma, &gamma, |gamma| loss(&y, gamma, &beta));
    assert_slopes("dbeta", &gradient.beta, &beta, |beta| loss(&y, &gamma, beta));
}

#[test]
fn cross_entropy_of_softmax() {
    let logits = random(4 * 5, 7);
    let labels = [0, 4, 2, 2];
    let mut gradient = logits.clone();
    cross_entropy(&mut gradient, &labels);
    assert_slopes("dlogits", &gradient, &logits, |logits| cross_entropy(&mut logits.to_vec(), &labels));
    // Uniform outputs: log(classes).
    let loss = cross_entropy(&mut [0.0; 10], &[3]);
    assert!((loss - 10f32.ln()).abs() < 1e-6, "{loss}");
    // Large outputs do not overflow.
    assert!(cross_entropy(&mut [1e30, -1e30], &[0]).abs() < 1e-6);
}

#[test]
fn estimators_pass_the_gradient_where_their_formula_says() {
    let z = [-1.5, -1.0, -0.3, 0.0, 0.7, 1.0, 1.0001];
    let ones = || [1.0; 7];
    let mut sign = ones();
    Activation::Sign.backward(&z, &mut sign);
    assert_eq!(sign, [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]);
    let mut relu = ones();
    Activation::Relu.backward(&z, &mut relu);
    assert_eq!(relu, [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
    assert_eq!(
        Activation::Sign.forward(Kernels::get(), &z, 1).to_real().as_ref(),
        [-1.0, -1.0, -1.0, 1.0, 1.0, 1.0, 1.0]
    );
    assert_eq!(Activation::Relu.forward(Kernels::get(), &z, 1).to_real()[2..5], [0.0, 0.0, 0.7]);
}
