//! Initial hidden weights and norm scales.

use super::shape::Plan;
use super::{BatchNorm, Layer, LayerShape, Linear, Network, ShapeError, Tiled, plan};
use crate::data::Shape;
use crate::random::{Purpose, Stream};
use crate::recipe::settings::{GammaInit, Init, Precision, Settings};

impl Network {
    /// A network for images of size `image` (for plain numbers: their count) and `classes` classes, drawn from the
    /// settings' seed.
    ///
    /// Hidden weights are uniform in (-width/2, width/2), or normal with standard deviation `width`, or (Xavier) `width`
    /// times sqrt(2 / (fan in + fan out)); each layer has its own random stream, so a layer's weights do not depend on
    /// the widths of the others, but for Xavier's.
    ///
    /// # Errors
    /// [`ShapeError`] if a convolution or its pooling has no output for such images, or instance norm a single value.
    pub fn from_settings(settings: &Settings, image: Shape, classes: usize) -> Result<Self, ShapeError> {
        let plans = plan(settings, image, classes)?;
        let layers = plans.iter().enumerate().map(|(index, plan)| layer(settings, index, plan));
        Ok(Self::new(layers.collect(), settings.network.precision).with(settings))
    }
}

fn layer(settings: &Settings, index: usize, plan: &Plan) -> Layer {
    let (network, &Plan { shape, inputs, outputs }) = (&settings.network, plan);
    let width = network.init_width;
    let taps = if let LayerShape::Convolution(convolution) = &shape { convolution.taps() } else { 1 };
    let xavier = width * (2.0 / (inputs + outputs * taps) as f32).sqrt();
    let mut stream = Stream::new(settings.seed, Purpose::Init, index as u32);
    let mut weight = || match network.init {
        Init::Uniform => stream.uniform(-0.5 * width, 0.5 * width),
        Init::Gaussian => width * stream.normal(),
        Init::XavierNormal => xavier * stream.normal(),
    };
    let hidden = Tiled::from_fn(inputs, outputs, |_, _| weight());
    let mut scales = Stream::new(settings.seed, Purpose::NormScale, index as u32);
    let scale = settings.norm.gamma_scale.layer(index);
    let mut gamma = || match settings.norm.gamma_init {
        GammaInit::Uniform if settings.norm.affine => scale * scales.unit(),
        GammaInit::Uniform | GammaInit::Ones => scale,
    };
    let gamma = (0..outputs).map(|_| gamma()).collect();
    let binarized = network.precision == Precision::Binary;
    let linear = Linear::from_tiled(hidden, binarized);
    Layer { shape, linear, norm: BatchNorm::new(gamma, &settings.norm) }
}
