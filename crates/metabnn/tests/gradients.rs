//! Every smooth part against finite differences of its own forward pass, in the full-precision network where the
//! whole of it is smooth but for the ReLU's corner; the sign's estimator against its formula; binary weights and ragged
//! shapes against plain sums.

use metabnn::kernels::{Gate, Kernels, NormRow, SparseRows};
use metabnn::machine::Machine;
use metabnn::network::{
    BatchStatistics, GradientInput, Input, Linear, Norm, NormConfig, NormGradient, NormKind, Rows,
    cross_entropy,
};
use metabnn::optim::{MomentFormat, Moments};
use metabnn::random::{Purpose, Stream};
use metabnn::rule::Tile;
use metabnn_infer::BitMatrix;
use metabnn_infer::kernels::{Pixels, Samples};
use metabnn_reference as reference;

const STEP: f32 = 1e-2;

fn random(n: usize, index: u32) -> Vec<f32> {
    let mut stream = Stream::new(11, Purpose::Init, index);
    (0..n).map(|_| stream.uniform(-1.0, 1.0)).collect()
}

fn kernels() -> Kernels {
    Machine::get().kernels
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

/// Allowed are 2e-3: a third derivative of up to ten times STEP^2 / 6, and roundings of about 1e-6 over 2 STEP.
fn assert_slopes(what: &str, gradient: &[f32], at: &[f32], f: impl Fn(&[f32]) -> f32) {
    assert_eq!(gradient.len(), at.len());
    for (i, &gradient) in gradient.iter().enumerate() {
        let expected = slope(&f, at, i);
        let off = (gradient - expected).abs();
        assert!(off < 2e-3 * (1.0 + expected.abs()), "{what}[{i}]: {gradient}, difference {expected}");
    }
}

/// A matrix in rows as samples: `x`, (batch, width), as features by batch.
fn rows(x: &[f32], width: usize) -> Rows {
    Rows::from_samples(x, width)
}

fn samples(rows: &Rows) -> Vec<f32> {
    rows.to_samples(|_, value| value)
}

/// Output of `layer` for `x` of a batch, outputs in `lots` at a time: (batch, out).
fn forward(layer: &Linear, x: Input<'_>, batch: usize, lots: usize) -> Vec<f32> {
    let mut y = Rows::new(layer.outputs(), batch);
    let columns = y.columns();
    for (lot, y) in y.flat_mut().chunks_mut(lots * columns.stride).enumerate() {
        layer.forward(kernels(), x, lot * lots, y, columns);
    }
    samples(&y)
}

/// Gradient of the weights, (out, in), which the update puts in place of the weights; and what the way back below then
/// still gives with the binary weights of before, (batch, in).
fn weight_gradient(layer: &mut Linear, dy: &Rows, x: GradientInput<'_>) -> (Vec<f32>, Vec<f32>) {
    let mut moments = Moments::new(layer.inputs(), layer.outputs(), MomentFormat::F32);
    let (inputs, is_binary) = (layer.inputs(), layer.binary().is_some());
    let (below, tiles) = layer.split(kernels(), &mut moments);
    Machine::get().pool.share(tiles, |tiles| {
        tiles.update(kernels(), dy, x, &|tile: Tile<'_>| tile.hidden.copy_from_slice(tile.gradient));
    });
    let mut dx = Rows::new(inputs, dy.batch());
    if is_binary {
        let stride = dx.columns().stride;
        for (lot, dx) in dx.flat_mut().chunks_mut(64 * stride).enumerate() {
            below.rows(kernels(), dy, 64 * lot, dx);
        }
    }
    layer.finish();
    (layer.hidden().to_rows(), samples(&dx))
}

fn sparse(x: &Rows) -> SparseRows {
    let mut sparse = SparseRows::default();
    sparse.refill((0..x.features()).map(|feature| x.row(feature)));
    sparse
}

#[test]
fn linear() {
    let (inputs, outputs, batch) = (5, 3, 4);
    let (w, x, dy) = (random(inputs * outputs, 0), random(batch * inputs, 1), random(batch * outputs, 2));
    let loss = |w: &[f32], x: &[f32]| {
        weighted(&forward(&Linear::new(inputs, w, false), Input::Real(&rows(x, inputs)), batch, 16), &dy)
    };
    let (x_rows, dy_rows) = (rows(&x, inputs), rows(&dy, outputs));
    let layer = || Linear::new(inputs, &w, false);
    let mut dx = Rows::new(inputs, batch);
    layer().real_input_gradient(kernels(), &dy_rows, 0, dx.flat_mut());
    assert_slopes("dx", &samples(&dx), &x, |x| loss(&w, x));
    for source in [GradientInput::Real(&x_rows), GradientInput::Sparse(&sparse(&x_rows))] {
        let (gradient, _) = weight_gradient(&mut layer(), &dy_rows, source);
        assert_slopes("dw", &gradient, &w, |w| loss(w, &x));
    }
}

/// (inputs, outputs, batch) around the sizes of tiles, words, and the blocks of products.
const SHAPES: [(usize, usize, usize); 8] = [
    (1, 1, 2),
    (7, 17, 3),
    (16, 16, 16),
    (65, 33, 17),
    (64, 64, 64),
    (130, 67, 33),
    (200, 130, 100),
    (2100, 20, 70), // more inputs than gradients are computed at once for
];

/// `ours` and `theirs` are sums of as many `terms` of at most 1 and of either sign, each in its own order: every addition
/// is off by up to 2^-24 of a partial sum, which stays within a few roots of their number.
fn assert_sums(what: &str, ours: &[f32], theirs: &[f32], terms: usize) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let allowed = 2.0 * terms as f32 * (terms as f32).sqrt() * f32::EPSILON;
    for (i, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert!((ours - theirs).abs() <= allowed, "{what}[{i}]: {ours}, not {theirs} by {allowed:e}");
    }
}

#[test]
fn real_weights_at_ragged_shapes() {
    for (inputs, outputs, batch) in SHAPES {
        let what = format!("{inputs}-{outputs}, batch {batch}");
        let w = random(inputs * outputs, 0);
        let x: Vec<f32> = random(batch * inputs, 1).iter().map(|x| x.max(0.0)).collect();
        let dy = random(batch * outputs, 2);
        let (x_rows, dy_rows) = (rows(&x, inputs), rows(&dy, outputs));
        let layer = || Linear::new(inputs, &w, false);
        let y = reference::linear(&x, &w, inputs);
        for lots in [16, 64, 192] {
            assert_sums(&what, &forward(&layer(), Input::Real(&x_rows), batch, lots), &y, inputs);
        }
        let expected = reference::linear_backward_input(&dy, &w, inputs);
        for lots in [64, 128, inputs] {
            let mut dx = Rows::new(inputs, batch);
            let stride = dx.columns().stride;
            for (lot, dx) in dx.flat_mut().chunks_mut(lots * stride).enumerate() {
                layer().real_input_gradient(kernels(), &dy_rows, lots * lot, dx);
            }
            assert_sums(&what, &samples(&dx), &expected, outputs);
        }
        let expected = reference::linear_backward_weight(&dy, &x, inputs, outputs);
        for source in [GradientInput::Real(&x_rows), GradientInput::Sparse(&sparse(&x_rows))] {
            let (gradient, _) = weight_gradient(&mut layer(), &dy_rows, source);
            assert_sums(&what, &gradient, &expected, batch);
        }
    }
}

/// The three forms of a layer's input, forward and in the gradient; the way back keeps to the signs before the update.
#[test]
fn binary_weights_at_ragged_shapes() {
    for (inputs, outputs, batch) in SHAPES {
        let what = format!("{inputs}-{outputs}, batch {batch}");
        let (w, dy) = (random(inputs * outputs, 0), random(batch * outputs, 2));
        let (binary, dy_rows) = (reference::sign_activation(&w), rows(&dy, outputs));
        let layer = || Linear::new(inputs, &w, true);
        assert_eq!(layer().binary(), Some(&BitMatrix::from_signs(outputs, inputs, &w)));
        let signs = reference::sign_activation(&random(batch * inputs, 3));
        let features = BitMatrix::from_signs(batch, inputs, &signs).transposed();
        let in_words = Samples::from_features(&features);
        let real: Vec<f32> = random(batch * inputs, 1).iter().map(|x| x.max(0.0)).collect();
        let real_rows = rows(&real, inputs);
        let mut pixels = Pixels::new(inputs, batch);
        let stride = pixels.stride();
        for (i, x) in real.iter().enumerate() {
            pixels.values_mut()[i % inputs * stride + i / inputs] = (x * 255.0) as u8;
        }
        let shares: Vec<f32> = real.iter().map(|x| f32::from((x * 255.0) as u8) / 255.0).collect();
        let mut sparse_pixels = SparseRows::default();
        sparse_pixels.refill_pixels(&pixels);
        let sparse_rows = sparse(&real_rows);
        let expected_dx = reference::linear_backward_input(&dy, &binary, inputs);
        for (form, x, input, source) in [
            ("signs", &signs, Input::Signs(&in_words), GradientInput::Signs(&features)),
            ("reals", &real, Input::Real(&real_rows), GradientInput::Sparse(&sparse_rows)),
            ("dense reals", &real, Input::Real(&real_rows), GradientInput::Real(&real_rows)),
            ("pixels", &shares, Input::Pixels(&pixels), GradientInput::Sparse(&sparse_pixels)),
        ] {
            let what = format!("{form}, {what}");
            let y = reference::linear(x, &binary, inputs);
            for lots in [16, 64, 192] {
                assert_sums(&what, &forward(&layer(), input, batch, lots), &y, inputs);
            }
            let mut updated = layer();
            let (gradient, dx) = weight_gradient(&mut updated, &dy_rows, source);
            let expected = reference::linear_backward_weight(&dy, x, inputs, outputs);
            assert_sums(&what, &gradient, &expected, batch);
            assert_sums(&what, &dx, &expected_dx, outputs);
            // The weights have become the gradient: so have the signs, those of both directions.
            assert_eq!(updated.binary(), Some(&BitMatrix::from_signs(outputs, inputs, &gradient)), "{what}");
            let (_, dx) = weight_gradient(&mut updated, &dy_rows, source);
            let signs = reference::sign_activation(&gradient);
            assert_sums(&what, &dx, &reference::linear_backward_input(&dy, &signs, inputs), outputs);
        }
    }
}

/// `norm` over `y`, (batch, features): z, the normalised rows, and what was seen.
fn normalise(norm: &Norm, y: &[f32]) -> (Vec<f32>, Rows, Vec<BatchStatistics>) {
    let mut y = rows(y, norm.state.gamma.len());
    let seen = (0..y.features()).map(|feature| norm.batch_forward(kernels(), y.row_mut(feature))).collect();
    let z = y.to_samples(|feature, normed| norm.state.scale_and_shift(feature, normed));
    (z, y, seen)
}

#[test]
fn batch_norm() {
    for (features, batch) in [(3, 6), (18, 7), (2, 21)] {
        let (y, dz) = (random(batch * features, 3), random(batch * features, 4));
        let (gamma, beta) = (random(features, 5), random(features, 6));
        let norm = |gamma: &[f32], beta: &[f32]| {
            let mut norm = Norm::new(gamma.to_vec(), &NormConfig::default());
            norm.state.beta = beta.to_vec();
            norm
        };
        let loss =
            |y: &[f32], gamma: &[f32], beta: &[f32]| weighted(&normalise(&norm(gamma, beta), y).0, &dz);
        let layer = norm(&gamma, &beta);
        let (_, normed, seen) = normalise(&layer, &y);
        let mut dy = rows(&dz, features);
        let stride = dy.columns().stride;
        let (mut of_gamma, mut of_beta) = (vec![0.0; features], vec![0.0; features]);
        // The first feature, then the others, as several threads do it.
        for (first, last) in [(0, 1), (1, features)] {
            let d = &mut dy.flat_mut()[first * stride..last * stride];
            let gradient = (&mut of_gamma[first..last], &mut of_beta[first..last]);
            layer.batch_backward(kernels(), Gate::Open, (&normed, &seen), first, d, gradient);
        }
        assert_slopes("dy", &samples(&dy), &y, |y| loss(y, &gamma, &beta));
        assert_slopes("dgamma", &of_gamma, &gamma, |gamma| loss(&y, gamma, &beta));
        assert_slopes("dbeta", &of_beta, &beta, |beta| loss(&y, &gamma, beta));
    }
}

/// In dense layers, of one position, and in convolutions.
#[test]
fn layer_norm() {
    for (features, samples, positions) in [(3, 6, 1), (18, 7, 1), (4, 3, 5)] {
        let columns = samples * positions;
        let (y, dz) = (random(columns * features, 3), random(columns * features, 4));
        let (gamma, beta) = (random(features, 5), random(features, 6));
        let norm = |gamma: &[f32], beta: &[f32]| {
            let config = NormConfig { kind: NormKind::Layer, ..Default::default() };
            let mut norm = Norm::new(gamma.to_vec(), &config);
            norm.state.beta = beta.to_vec();
            norm
        };
        let forward = |norm: &Norm, y: &[f32]| {
            let (mut y, mut seen) = (rows(y, features), vec![BatchStatistics::default(); samples]);
            norm.layer_forward(&mut y, &mut seen);
            (y.to_samples(|feature, normed| norm.state.scale_and_shift(feature, normed)), y, seen)
        };
        let loss = |y: &[f32], gamma: &[f32], beta: &[f32]| weighted(&forward(&norm(gamma, beta), y).0, &dz);
        let layer = norm(&gamma, &beta);
        let (_, normed, seen) = forward(&layer, &y);
        let mut dy = rows(&dz, features);
        let mut gradient = NormGradient { gamma: vec![0.0; features], beta: vec![0.0; features] };
        layer.layer_backward(Gate::Open, (&normed, &seen), &mut dy, &mut gradient);
        assert_slopes("dy", &self::samples(&dy), &y, |y| loss(y, &gamma, &beta));
        assert_slopes("dgamma", &gradient.gamma, &gamma, |gamma| loss(&y, gamma, &beta));
        assert_slopes("dbeta", &gradient.beta, &beta, |beta| loss(&y, &gamma, beta));
    }
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

/// Powers of two as gradients: dL/dbeta, their sum, tells which of them a gate let through.
#[test]
fn estimators_pass_the_gradient_where_their_formula_says() {
    let z = [-1.5, -1.0, -0.3, -0.0, 0.0, 0.7, 1.0, 1.0001, f32::NAN];
    let row = NormRow { gamma: 1.0, beta: 0.0, inverse: 1.0 };
    for (gate, passes) in [
        (Gate::Open, [1, 1, 1, 1, 1, 1, 1, 1, 1]),
        (Gate::Sign, [0, 1, 1, 1, 1, 1, 1, 0, 0]),
        (Gate::Relu, [0, 0, 0, 0, 0, 1, 1, 1, 0]),
    ] {
        let mut d: Vec<f32> = (0..9).map(|i| (1 << i) as f32).collect();
        let (_, of_beta) = (kernels().norm_backward)(gate, row, &z, &mut d);
        let passed: Vec<i32> = (0..9).map(|i| of_beta as i32 >> i & 1).collect();
        assert_eq!(passed, passes, "{gate:?}");
    }
    let mut signs = [0];
    (kernels().norm_signs)(&z, 1.0, 0.0, &mut signs);
    assert_eq!(signs, [0b0_1111_1000], "sign(0) is +1, that of no number -1");
}
