//! Initial hidden weights and norm scales.

use super::{Init, Network, NetworkConfig, NetworkError, Precision, check_memory, plan};
use crate::data::Shape;
use crate::layer::{GammaInit, Layer, Linear, Norm, NormConfig, Plan, SizeError};
use crate::random::{Purpose, Stream};
use crate::tensor::Tiled;

/// Most classes: a label is a byte.
const MAX_CLASSES: usize = 1 << u8::BITS;

impl Network {
    /// A network for samples of shape `sample` (for plain numbers: [`Shape::features`]) and `classes` classes, drawn from
    /// `seed`.
    ///
    /// Hidden weights are uniform in (-width/2, width/2), or normal with standard deviation `width`, or (Xavier) `width`
    /// times sqrt(2 / (fan in + fan out)); each layer has its own random stream, so a layer's weights do not depend on
    /// the widths of the others, but for Xavier's.
    ///
    /// # Errors
    /// [`NetworkError`] if a number of the configs is out of its range (see [`NetworkConfig::validate`] and
    /// [`NormConfig::validate`]), `classes` is not 1 to 256, a convolution or its pooling has no output for such samples,
    /// a norm a single value, or the network takes more memory than this process may take (see [`NetworkMemory`](super::NetworkMemory)).
    pub fn new(
        config: &NetworkConfig,
        norm: &NormConfig,
        sample: Shape,
        classes: usize,
        seed: u64,
    ) -> Result<Self, NetworkError> {
        SizeError::check("classes", classes, 1, MAX_CLASSES)?;
        let plans = plan(config, norm, sample, classes)?;
        let plans = check_memory(plans, config, norm, sample)?;
        let layers = plans.iter().enumerate().map(|(index, plan)| layer(config, norm, seed, index, plan));
        Ok(Self::from_parts(layers.collect(), config.clone(), norm.clone(), seed).for_shape(sample))
    }
}

fn layer(network: &NetworkConfig, norm: &NormConfig, seed: u64, index: usize, plan: &Plan) -> Layer {
    let &Plan { shape, inputs, outputs, .. } = plan;
    let width = network.init_width;
    let xavier = width * (2.0 / (inputs + outputs * shape.taps()) as f32).sqrt();
    let mut stream = Stream::new(seed, Purpose::Init, index as u32);
    let mut weight = || match network.init {
        Init::Uniform => stream.uniform(-0.5 * width, 0.5 * width),
        Init::Gaussian => width * stream.normal(),
        Init::XavierNormal => xavier * stream.normal(),
    };
    let hidden = Tiled::from_fn(inputs, outputs, |_, _| weight());
    let mut scales = Stream::new(seed, Purpose::NormScale, index as u32);
    let scale = norm.gamma_scale.layer(index);
    let mut gamma = || match norm.gamma_init {
        GammaInit::Uniform if norm.affine => scale * scales.unit(),
        GammaInit::Uniform | GammaInit::Ones => scale,
    };
    let gamma = (0..outputs).map(|_| gamma()).collect();
    let linear = Linear::from_tiled(hidden, network.precision == Precision::Binary);
    Layer { shape, linear, norm: Norm::new(gamma, norm) }
}
