//! A network with convolutions, its loss and its gradients, in plain loops and double precision: what the library is
//! compared with. Everything is (sample, channel, row, column), weights are (output, channel, kernel row, kernel column).

use metabnn::network::{Convolution, Layer, LayerShape, NormKind, Pool, Precision};
use metabnn::train::SavedSettings;

/// What a step computes.
pub struct Step {
    pub loss: f64,
    /// (samples, classes).
    pub logits: Vec<f64>,
    /// Gradient of each layer's weights.
    pub weights: Vec<Vec<f64>>,
    /// Gradients of scale and shift.
    pub norms: Vec<(Vec<f64>, Vec<f64>)>,
    /// How near a hidden unit came to a corner of its activation, or a sum to the largest of its square: below the
    /// roundings of single precision the library may rightly decide otherwise.
    pub margin: f64,
}

/// Parameters of a layer.
#[derive(Clone)]
pub struct Parameters {
    shape: LayerShape,
    /// In use: signs, or real weights.
    pub weights: Vec<f64>,
    pub gamma: Vec<f64>,
    pub beta: Vec<f64>,
    /// Mean and variance of each feature, where they do not come from the samples.
    kept: Option<(Vec<f64>, Vec<f64>)>,
}

/// What a layer passed.
struct Passed {
    input: Vec<f64>,
    winners: Vec<usize>,
    /// How near other sums came to the largest; equal ones are as equal in single precision.
    margin: f64,
    normed: Vec<f64>,
    inverse: Vec<f64>,
    z: Vec<f64>,
}

impl Parameters {
    pub fn of(layer: &Layer) -> Self {
        let rows = layer.linear.hidden().to_rows();
        let rows = match &layer.shape {
            LayerShape::Dense => rows,
            LayerShape::Convolution(convolution) => convolution.to_channels_first(&rows),
        };
        let used =
            |w: f32| if layer.linear.binary().is_none() { f64::from(w) } else { f64::from(w.signum()) };
        let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect();
        let (gamma, beta) = (wide(&layer.norm.state.gamma), wide(&layer.norm.state.beta));
        let weights = rows.into_iter().map(used).collect();
        Self { shape: layer.shape, weights, gamma, beta, kept: None }
    }

    /// The same, normalizing with the statistics that the layer has kept.
    pub fn with_kept_statistics(layer: &Layer) -> Self {
        let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect();
        let state = &layer.norm.state;
        Self { kept: Some((wide(&state.mean), wide(&state.variance))), ..Self::of(layer) }
    }

    fn outputs(&self) -> usize {
        self.gamma.len()
    }
}

/// Calls `each` with (output sum, input, weight) of every product of one sample, as places within the sample.
fn products(convolution: &Convolution, mut each: impl FnMut(usize, usize, usize)) {
    let Convolution { input, kernel, stride, padding, sums, output, .. } = *convolution;
    for o in 0..output.channels {
        for r in 0..sums.0 {
            for c in 0..sums.1 {
                for i in 0..input.channels {
                    for down in 0..kernel {
                        for right in 0..kernel {
                            let (row, column) = (r * stride + down, c * stride + right);
                            if row < padding || column < padding {
                                continue;
                            }
                            let (row, column) = (row - padding, column - padding);
                            if row >= input.rows || column >= input.columns {
                                continue;
                            }
                            each(
                                (o * sums.0 + r) * sums.1 + c,
                                (i * input.rows + row) * input.columns + column,
                                ((o * input.channels + i) * kernel + down) * kernel + right,
                            );
                        }
                    }
                }
            }
        }
    }
}

/// The same for any layer.
fn products_of(layer: &Parameters, inputs: usize, each: impl FnMut(usize, usize, usize)) {
    let mut each = each;
    match &layer.shape {
        LayerShape::Convolution(convolution) => products(convolution, each),
        LayerShape::Dense => {
            for o in 0..layer.outputs() {
                (0..inputs).for_each(|i| each(o, i, o * inputs + i));
            }
        }
    }
}

/// The places of the sums that each place of the output is pooled from, row by row.
fn squares(convolution: &Convolution) -> Vec<Vec<usize>> {
    let Convolution { sums, output, pool_size: size, .. } = *convolution;
    let mut squares = Vec::new();
    for channel in 0..output.channels {
        for row in 0..output.rows {
            for column in 0..output.columns {
                let mut square = Vec::new();
                for r in 0..size {
                    for c in 0..size {
                        square.push((channel * sums.0 + row * size + r) * sums.1 + column * size + c);
                    }
                }
                squares.push(square);
            }
        }
    }
    squares
}

/// Forward and back through `layers`; `x` is (samples, inputs); `kept[layer]` multiplies what hidden layer `layer` hands
/// on (dropout), where there is one.
pub fn step(
    settings: &SavedSettings,
    layers: &[Parameters],
    x: &[f64],
    labels: &[u8],
    kept: &[Option<Vec<f64>>],
) -> Step {
    let batch = labels.len();
    let (mut input, mut all, mut margin) = (x.to_vec(), Vec::new(), f64::INFINITY);
    for (index, layer) in layers.iter().enumerate() {
        let passed = forward(settings, layer, input, batch);
        margin = margin.min(passed.margin);
        if index + 1 < layers.len() {
            input = passed.z.iter().map(|&z| activation(settings, z).0).collect();
            // Exactly 0 is a sum that is the mean of sums of whole numbers: exact in single precision as well.
            let corner = |z: f64| if z == 0.0 { 1.0 } else { z.abs().min((z.abs() - 1.0).abs()) };
            margin = passed.z.iter().fold(margin, |least, &z| least.min(corner(z)));
            if let Some(kept) = &kept[index] {
                input.iter_mut().zip(kept).for_each(|(value, kept)| *value *= kept);
            }
        } else {
            input = Vec::new();
        }
        all.push(passed);
    }
    let logits = all[layers.len() - 1].z.clone();
    let (loss, mut d) = cross_entropy(&logits, labels);
    let (mut weights, mut norms) = (Vec::new(), Vec::new());
    for (index, layer) in layers.iter().enumerate().rev() {
        if index + 1 < layers.len() {
            let z = &all[index].z;
            d.iter_mut().zip(z).for_each(|(d, &z)| *d *= activation(settings, z).1);
            if let Some(kept) = &kept[index] {
                d.iter_mut().zip(kept).for_each(|(d, kept)| *d *= kept);
            }
        }
        let (of_weights, of_norm, below) = backward(settings, layer, &all[index], d, batch);
        weights.insert(0, of_weights);
        norms.insert(0, of_norm);
        d = below;
    }
    Step { loss, logits, weights, norms, margin }
}

/// Value and slope of the activation.
fn activation(settings: &SavedSettings, z: f64) -> (f64, f64) {
    let hard = settings.network.activation == metabnn::network::HiddenActivation::Hardtanh;
    let inside = if z.abs() <= 1.0 { 1.0 } else { 0.0 };
    match (settings.network.precision, hard) {
        (Precision::Binary, _) => (if z >= 0.0 { 1.0 } else { -1.0 }, inside),
        (Precision::FullPrecision, true) => (z.clamp(-1.0, 1.0), inside),
        (Precision::FullPrecision, false) => (z.max(0.0), if z > 0.0 { 1.0 } else { 0.0 }),
    }
}

/// Which values are normalised together: a number for each place of (samples, features, positions).
fn groups(settings: &SavedSettings, layer: &Parameters, batch: usize, positions: usize) -> Vec<usize> {
    let features = layer.outputs();
    let group = |place: usize| {
        let (sample, feature) = (place / positions / features, place / positions % features);
        match (settings.norm.kind, &layer.shape) {
            (NormKind::Batch, _) => feature,
            (NormKind::Instance, LayerShape::Convolution(_)) => sample * features + feature,
            (NormKind::Instance, LayerShape::Dense) | (NormKind::Layer, _) => sample,
        }
    };
    (0..batch * features * positions).map(group).collect()
}

/// Mean over each group, at every place.
fn means(values: &[f64], groups: &[usize]) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); groups.iter().max().map_or(0, |most| most + 1)];
    for (value, &group) in values.iter().zip(groups) {
        sums[group] = (sums[group].0 + value, sums[group].1 + 1.0);
    }
    groups.iter().map(|&group| sums[group].0 / sums[group].1).collect()
}

fn forward(settings: &SavedSettings, layer: &Parameters, input: Vec<f64>, batch: usize) -> Passed {
    let inputs = input.len() / batch;
    let places = match &layer.shape {
        LayerShape::Dense => layer.outputs(),
        LayerShape::Convolution(c) => layer.outputs() * c.sums.0 * c.sums.1,
    };
    let mut sums = vec![0.0; batch * places];
    for sample in 0..batch {
        let (x, y) = (&input[sample * inputs..], &mut sums[sample * places..]);
        products_of(layer, inputs, |o, i, w| y[o] += x[i] * layer.weights[w]);
    }
    let (mut winners, mut pooled, mut margin) = (Vec::new(), Vec::new(), f64::INFINITY);
    match &layer.shape {
        LayerShape::Convolution(convolution) if convolution.pool != Pool::None => {
            for sums in sums.chunks(places) {
                for square in squares(convolution) {
                    let mut winner = square[0];
                    for &at in &square {
                        winner = if sums[at] > sums[winner] { at } else { winner };
                    }
                    if convolution.pool == Pool::Max {
                        let behind = square.iter().map(|&at| sums[winner] - sums[at]);
                        margin = behind.filter(|&behind| behind > 0.0).fold(margin, f64::min);
                    }
                    let sum: f64 = square.iter().map(|&at| sums[at]).sum();
                    let mean = sum / square.len() as f64;
                    pooled.push(if convolution.pool == Pool::Max { sums[winner] } else { mean });
                    winners.push(winner);
                }
            }
        }
        _ => pooled = sums,
    }
    let positions = pooled.len() / batch / layer.outputs();
    let groups = groups(settings, layer, batch, positions);
    let feature = |place: usize| place / positions % layer.outputs();
    let kept = |of: &[f64]| (0..pooled.len()).map(|place| of[feature(place)]).collect::<Vec<f64>>();
    let mean = layer.kept.as_ref().map_or_else(|| means(&pooled, &groups), |(mean, _)| kept(mean));
    let off: Vec<f64> = pooled.iter().zip(&mean).map(|(y, mean)| y - mean).collect();
    let own = || means(&off.iter().map(|y| y * y).collect::<Vec<_>>(), &groups);
    let variance = layer.kept.as_ref().map_or_else(own, |(_, variance)| kept(variance));
    let inverse: Vec<f64> =
        variance.iter().map(|v| 1.0 / (v + f64::from(settings.norm.eps)).sqrt()).collect();
    let normed: Vec<f64> = off.iter().zip(&inverse).map(|(off, inverse)| off * inverse).collect();
    let z = normed.iter().enumerate().map(|(p, n)| layer.gamma[feature(p)] * n + layer.beta[feature(p)]);
    Passed { z: z.collect(), input, winners, margin, normed, inverse }
}

type Gradients = (Vec<f64>, (Vec<f64>, Vec<f64>), Vec<f64>);

/// `d` is the gradient of z.
fn backward(
    settings: &SavedSettings,
    layer: &Parameters,
    passed: &Passed,
    d: Vec<f64>,
    batch: usize,
) -> Gradients {
    let positions = d.len() / batch / layer.outputs();
    let feature = |place: usize| place / positions % layer.outputs();
    let (mut gamma, mut beta) = (vec![0.0; layer.outputs()], vec![0.0; layer.outputs()]);
    for (place, d) in d.iter().enumerate() {
        gamma[feature(place)] += d * passed.normed[place];
        beta[feature(place)] += d;
    }
    let groups = groups(settings, layer, batch, positions);
    let dn: Vec<f64> = d.iter().enumerate().map(|(place, d)| d * layer.gamma[feature(place)]).collect();
    let mean = means(&dn, &groups);
    let slope = means(&dn.iter().zip(&passed.normed).map(|(d, n)| d * n).collect::<Vec<_>>(), &groups);
    let pooled = (0..d.len()).map(|p| match layer.kept {
        Some(_) => passed.inverse[p] * dn[p],
        None => passed.inverse[p] * (dn[p] - mean[p] - passed.normed[p] * slope[p]),
    });
    let pooled: Vec<f64> = pooled.collect();
    let dy = match &layer.shape {
        LayerShape::Convolution(convolution) if convolution.pool != Pool::None => {
            let places = layer.outputs() * convolution.sums.0 * convolution.sums.1;
            let mut dy = vec![0.0; batch * places];
            let squares = squares(convolution);
            for (place, d) in pooled.iter().enumerate() {
                let (sample, square) = (place / squares.len(), &squares[place % squares.len()]);
                let dy = &mut dy[sample * places..][..places];
                if convolution.pool == Pool::Max {
                    dy[passed.winners[place]] += d;
                } else {
                    square.iter().for_each(|&at| dy[at] += d / square.len() as f64);
                }
            }
            dy
        }
        _ => pooled,
    };
    let (inputs, places) = (passed.input.len() / batch, dy.len() / batch);
    let (mut weights, mut below) = (vec![0.0; layer.weights.len()], vec![0.0; passed.input.len()]);
    for sample in 0..batch {
        let (x, dy) = (&passed.input[sample * inputs..], &dy[sample * places..]);
        let dx = &mut below[sample * inputs..];
        products_of(layer, inputs, |o, i, w| {
            weights[w] += dy[o] * x[i];
            dx[i] += dy[o] * layer.weights[w];
        });
    }
    (weights, (gamma, beta), below)
}

/// Mean loss, and its gradient.
fn cross_entropy(logits: &[f64], labels: &[u8]) -> (f64, Vec<f64>) {
    let classes = logits.len() / labels.len();
    let (mut loss, mut gradient) = (0.0, Vec::new());
    for (z, &label) in logits.chunks(classes).zip(labels) {
        let sum: f64 = z.iter().map(|z| z.exp()).sum();
        loss += (sum.ln() - z[usize::from(label)]) / labels.len() as f64;
        for (class, z) in z.iter().enumerate() {
            let target = if class == usize::from(label) { 1.0 } else { 0.0 };
            gradient.push((z.exp() / sum - target) / labels.len() as f64);
        }
    }
    (loss, gradient)
}
