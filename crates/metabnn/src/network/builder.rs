//! Building a network layer by layer.

use super::{Network, NetworkConfig, NetworkError, Precision};
use crate::data::Shape;
use crate::layer::{LayerConfig, NormConfig};

/// A network in the making: [`Network::binary`] and [`Network::full_precision`] start one.
///
/// ```
/// use metabnn::data::Shape;
/// use metabnn::network::Network;
///
/// let network = Network::binary(Shape::grey(28, 28)).dense(256).dense(256).classes(10).seed(1).build()?;
/// assert_eq!(network.layers.len(), 3);
/// # Ok::<(), metabnn::network::NetworkError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkBuilder {
    sample: Shape,
    config: NetworkConfig,
    norm: NormConfig,
    classes: usize,
    seed: u64,
}

impl Network {
    /// A binarized network for samples of this shape: binary weights and signs. [`NetworkBuilder::classes`] has to follow.
    pub fn binary(sample: Shape) -> NetworkBuilder {
        NetworkBuilder::new(sample, Precision::Binary)
    }

    /// A full-precision network for samples of this shape: real weights and ReLU. [`NetworkBuilder::classes`] has to
    /// follow.
    pub fn full_precision(sample: Shape) -> NetworkBuilder {
        NetworkBuilder::new(sample, Precision::FullPrecision)
    }
}

impl NetworkBuilder {
    fn new(sample: Shape, precision: Precision) -> Self {
        let config = NetworkConfig { hidden: Vec::new(), precision, ..NetworkConfig::default() };
        Self { sample, config, norm: NormConfig::default(), classes: 0, seed: 0 }
    }

    /// One more convolution, with so many output channels; its kernel and pooling are those of the
    /// [`config`](NetworkBuilder::config). It stands before all layers of other kinds.
    #[must_use]
    pub fn conv(mut self, channels: usize) -> Self {
        self.config.channels.push(channels);
        self
    }

    /// One more dense hidden layer, of so many units.
    #[must_use]
    pub fn dense(mut self, units: usize) -> Self {
        self.config.hidden.push(units);
        self
    }

    /// One more hidden layer, of any kind.
    ///
    /// ```
    /// use metabnn::data::Shape;
    /// use metabnn::network::{ConvConfig, LayerConfig, Network, Pool};
    ///
    /// let convolution = |channels, kernel| {
    ///     let config = ConvConfig { kernel, pool: Pool::Max, ..ConvConfig::new(channels) };
    ///     LayerConfig::Convolution(config)
    /// };
    /// let network = Network::binary(Shape::grey(28, 28));
    /// let network = network.layer(convolution(32, 5)).layer(convolution(64, 3)).dense(256).classes(10).build()?;
    /// assert_eq!(network.widths(), [(25, 32), (32 * 9, 64), (64 * 25, 256), (256, 10)]);
    /// # Ok::<(), metabnn::network::NetworkError>(())
    /// ```
    #[must_use]
    pub fn layer(mut self, layer: LayerConfig) -> Self {
        self.config.push_layer(layer);
        self
    }

    /// The output layer, of so many classes: 1 to 256.
    #[must_use]
    pub fn classes(mut self, classes: usize) -> Self {
        self.classes = classes;
        self
    }

    /// How all layers are normalized.
    #[must_use]
    pub fn norm(mut self, norm: NormConfig) -> Self {
        self.norm = norm;
        self
    }

    /// All of `config` but its precision and layers (`precision`, `channels`, `layers`, `hidden`), which the builder itself says:
    /// kernels, pooling, activation, dropout, input and initial weights.
    #[must_use]
    pub fn config(mut self, config: NetworkConfig) -> Self {
        let NetworkConfig { channels, layers, hidden, precision, .. } = self.config;
        self.config = NetworkConfig { channels, layers, hidden, precision, ..config };
        self
    }

    /// What initial weights and dropout are drawn from.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The network.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn build(self) -> Result<Network, NetworkError> {
        Network::new(&self.config, &self.norm, self.sample, self.classes, self.seed)
    }
}
