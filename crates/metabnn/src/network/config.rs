//! What a network is made of, before it has weights.

use serde::{Deserialize, Serialize};

use super::NetworkError;
use crate::layer::{Activation, ConvConfig, Convolution, DenseConfig, Layer, LayerConfig, Pool, SizeError};

/// The layers of a network: convolutions first, where there are any (convolution -> pooling -> norm -> activation), then dense layers
/// (linear -> norm -> activation -> dropout); the output layer ends with its norm. Hidden layers that `channels` and
/// `hidden` cannot say, such as convolutions with kernels of their own, stand one by one in `layers`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConfig {
    /// Output channels of each convolution, in order; empty: none. They come before the dense layers.
    pub channels: Vec<usize>,
    /// Rows and columns of a convolution's kernel.
    pub kernel: usize,
    /// Rows and columns from one position of a kernel to the next.
    pub stride: usize,
    /// Zero padding around the maps, on each side.
    pub padding: usize,
    /// Pooling of a convolution's sums, before their norm.
    pub pool: Pool,
    /// Rows and columns that are pooled into one; what is left over at the far edges is dropped.
    pub pool_size: usize,
    /// Convolutions that are pooled, counted from 1; empty: all.
    pub pool_after: Vec<usize>,
    /// Hidden layers one by one, between the convolutions of `channels` and the dense layers of `hidden`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerConfig>,
    /// Units of each dense hidden layer; input and output widths come from the data.
    pub hidden: Vec<usize>,
    /// Binary weights and signs, or real weights and ReLU.
    pub precision: Precision,
    /// What stands behind a norm.
    pub activation: HiddenActivation,
    /// Dropout rate p in [0, 1): the share of the activations of dense hidden layers that become 0 in a training step; those
    /// kept are multiplied by 1 / (1 - p). Nothing is dropped at test time.
    pub dropout: f32,
    /// Whether pixels enter as real numbers in [0, 1] or as signs, features as they are or as signs.
    pub input: Encoding,
    /// Distribution of the initial hidden weights.
    pub init: Init,
    /// Uniform: the whole width of the interval, W ~ U(-width/2, width/2). Gaussian: the standard deviation. Xavier:
    /// a factor (gain) of the standard deviation, 1 for the usual one.
    pub init_width: f32,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            channels: Vec::new(),
            kernel: 3,
            stride: 1,
            padding: 0,
            pool: Pool::None,
            pool_size: 2,
            pool_after: Vec::new(),
            layers: Vec::new(),
            hidden: vec![512, 512],
            precision: Precision::Binary,
            activation: HiddenActivation::ByPrecision,
            dropout: 0.0,
            input: Encoding::Real,
            init: Init::Uniform,
            init_width: 0.1,
        }
    }
}

impl NetworkConfig {
    /// Most units of a layer, and most channels of a convolution.
    pub const MAX_WIDTH: usize = LayerConfig::MAX_WIDTH;
    /// Most layers in each of `channels`, `layers` and `hidden`.
    pub const MAX_LAYERS: usize = 64;
    /// Most rows and columns of a kernel, and the most of `stride` and `padding`.
    pub const MAX_KERNEL: usize = Convolution::MAX_KERNEL;
    /// Most rows and columns that are pooled into one.
    pub const MAX_POOL_SIZE: usize = Convolution::MAX_POOL_SIZE;

    /// Number of layers: all hidden ones and the output layer.
    pub fn depth(&self) -> usize {
        self.channels.len() + self.layers.len() + self.hidden.len() + 1
    }

    /// All hidden layers, in order.
    pub fn hidden_layers(&self) -> impl Iterator<Item = LayerConfig> {
        let convolutions = (0..self.channels.len()).map(|index| self.convolution(index));
        let dense = self.hidden.iter().map(|&units| LayerConfig::dense(units));
        convolutions.map(LayerConfig::Convolution).chain(self.layers.iter().cloned()).chain(dense)
    }

    /// The convolution of `channels` at this index.
    fn convolution(&self, index: usize) -> ConvConfig {
        let &Self { kernel, stride, padding, pool_size, .. } = self;
        let is_pooled = self.pool_after.is_empty() || self.pool_after.contains(&(index + 1));
        let pool = if is_pooled { self.pool } else { Pool::None };
        ConvConfig { channels: self.channels[index], kernel, stride, padding, pool, pool_size }
    }

    /// Checks every field by itself. [`Network::new`](super::Network::new) does it, and checks how layers fit each other.
    ///
    /// # Errors
    /// [`NetworkError`] for the first field that is out of its range.
    pub fn validate(&self) -> Result<(), NetworkError> {
        SizeError::check("layers", self.layers.len(), 0, Self::MAX_LAYERS)?;
        let lists = [("channels", &self.channels), ("hidden", &self.hidden)];
        for (field, widths) in lists {
            SizeError::check(field, widths.len(), 0, Self::MAX_LAYERS)?;
            widths.iter().try_for_each(|&width| SizeError::check(field, width, 1, Self::MAX_WIDTH))?;
        }
        let &Self { kernel, stride, padding, pool, pool_size, .. } = self;
        let convolution = ConvConfig { channels: 1, kernel, stride, padding, pool, pool_size };
        convolution.validate()?;
        let convolutions = self.channels.len();
        for (index, &got) in self.pool_after.iter().enumerate() {
            if got == 0 || got > convolutions || self.pool_after[..index].contains(&got) {
                return Err(NetworkError::PoolAfter { got, convolutions });
            }
        }
        if !(0.0..1.0).contains(&self.dropout) {
            let expected = "at least 0 and below 1";
            return Err(NetworkError::Real { field: "dropout", got: self.dropout, expected });
        }
        if !(self.init_width > 0.0 && self.init_width.is_finite()) {
            let (got, expected) = (self.init_width, "finite and > 0");
            return Err(NetworkError::Real { field: "init_width", got, expected });
        }
        Ok(())
    }

    /// The config of a network made of `layers`, as far as they tell: sizes and precision.
    pub(super) fn for_layers(layers: &[Layer], precision: Precision) -> Self {
        let mut config = Self { hidden: Vec::new(), precision, ..Self::default() };
        // The last one is the output layer.
        for layer in layers.iter().rev().skip(1).rev() {
            match layer.config() {
                LayerConfig::Convolution(convolution) if config.is_like_others(&convolution) => {
                    config.push_convolution(convolution);
                }
                LayerConfig::Dense(DenseConfig { units }) => config.hidden.push(units),
                layer => config.push_layer(layer),
            }
        }
        config
    }

    /// One more hidden layer behind the others, in `layers`.
    pub(super) fn push_layer(&mut self, layer: LayerConfig) {
        self.layers.extend(self.hidden.drain(..).map(LayerConfig::dense));
        self.layers.push(layer);
    }

    /// Whether `channels` can say this convolution: one behind convolutions that have its kernel, and its pooling if any.
    fn is_like_others(&self, convolution: &ConvConfig) -> bool {
        let &ConvConfig { kernel, stride, padding, pool, pool_size, .. } = convolution;
        let is_behind = self.layers.is_empty() && self.hidden.is_empty();
        let has_kernel = (self.kernel, self.stride, self.padding) == (kernel, stride, padding);
        let has_pool = (self.pool, self.pool_size) == (pool, pool_size);
        is_behind
            && (has_kernel || self.channels.is_empty())
            && (has_pool || pool == Pool::None || self.pool == Pool::None)
    }

    fn push_convolution(&mut self, convolution: ConvConfig) {
        let ConvConfig { channels, kernel, stride, padding, pool, pool_size } = convolution;
        (self.kernel, self.stride, self.padding) = (kernel, stride, padding);
        self.channels.push(channels);
        if pool != Pool::None {
            (self.pool, self.pool_size) = (pool, pool_size);
            self.pool_after.push(self.channels.len());
        }
    }

    /// The activation of hidden layers.
    pub fn activation(&self) -> Activation {
        match (self.precision, self.activation) {
            (Precision::Binary, _) => Activation::Sign,
            (Precision::FullPrecision, HiddenActivation::ByPrecision) => Activation::Relu,
            (Precision::FullPrecision, HiddenActivation::Hardtanh) => Activation::Hardtanh,
        }
    }
}

/// Arithmetic of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// Binary weights W^b = sign(W^h) and sign activations.
    Binary,
    /// The control: real weights and ReLU, everything else the same.
    FullPrecision,
}

/// What stands behind a norm, in hidden layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HiddenActivation {
    /// The sign in the binary network, ReLU in the full-precision control.
    ByPrecision,
    /// Hardtanh, clip(z, -1, 1). In the binary network the sign is taken of it, which is the sign of z, and its
    /// gradient is that of the sign's straight-through estimator (it passes where |z| <= 1): the sign itself.
    Hardtanh,
}

/// The first layer's input for a pixel p in 0..=255, or a feature x.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// p / 255; x.
    Real,
    /// +1 where p > 0, else -1; +1 where x >= 0, else -1.
    Sign,
}

/// Distribution of the initial hidden weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// Uniform in (-width/2, width/2).
    Uniform,
    /// Normal with mean 0 and standard deviation `width`.
    Gaussian,
    /// Normal with mean 0 and standard deviation width sqrt(2 / (fan in + fan out)) (Glorot and Bengio 2010); the
    /// fans of a convolution are input or output channels times the places of its kernel.
    XavierNormal,
}
