//! Initial hidden weights and batch-norm scales.

use super::{BatchNorm, Layer, Linear, Network, Tiled};
use crate::random::{Purpose, Stream};
use crate::recipe::settings::{GammaInit, Init, Precision, Settings};

impl Network {
    /// A network for `inputs` pixels and `classes` classes, drawn from the settings' seed.
    ///
    /// Hidden weights are uniform in (-width/2, width/2), or normal with standard deviation `width`; each layer
    /// has its own random stream, so a layer's weights do not depend on the widths of the others.
    pub fn from_settings(settings: &Settings, inputs: usize, classes: usize) -> Self {
        let widths: Vec<usize> =
            [inputs].into_iter().chain(settings.network.hidden.iter().copied()).chain([classes]).collect();
        let layers =
            widths.windows(2).enumerate().map(|(index, pair)| layer(settings, index, pair[0], pair[1]));
        Self::new(layers.collect(), settings.network.precision)
    }
}

fn layer(settings: &Settings, index: usize, inputs: usize, outputs: usize) -> Layer {
    let network = &settings.network;
    let width = network.init_width;
    let mut stream = Stream::new(settings.seed, Purpose::Init, index as u32);
    let mut weight = || match network.init {
        Init::Uniform => stream.uniform(-0.5 * width, 0.5 * width),
        Init::Gaussian => width * stream.normal(),
    };
    let hidden = Tiled::from_fn(inputs, outputs, |_, _| weight());
    let mut scales = Stream::new(settings.seed, Purpose::NormScale, index as u32);
    let scale = settings.norm.gamma_scale.layer(index);
    let mut gamma = || match settings.norm.gamma_init {
        GammaInit::Ones => scale,
        GammaInit::Uniform => scale * scales.unit(),
    };
    let gamma = (0..outputs).map(|_| gamma()).collect();
    let binarized = network.precision == Precision::Binary;
    Layer { linear: Linear::from_tiled(hidden, binarized), norm: BatchNorm::new(gamma, &settings.norm) }
}
