//! A convolution before it has weights.

use serde::{Deserialize, Serialize};

use super::{Convolution, Pool};
use crate::layer::{Between, LayerConfig, LayerError, LayerShape, NormKind, Plan, SizeError};

/// A convolution, then pooling of its sums.
///
/// ```
/// use metabnn::layer::{ConvConfig, Pool};
///
/// let config = ConvConfig { kernel: 5, pool: Pool::Max, ..ConvConfig::new(32) };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvConfig {
    /// Output channels: 1 to [`LayerConfig::MAX_WIDTH`].
    pub channels: usize,
    /// Rows and columns of the kernel: 1 to [`Convolution::MAX_KERNEL`].
    pub kernel: usize,
    /// Rows and columns from one position of the kernel to the next: 1 to [`Convolution::MAX_KERNEL`].
    pub stride: usize,
    /// Zero padding around the maps, on each side: up to [`Convolution::MAX_KERNEL`].
    pub padding: usize,
    /// Pooling of the sums, before the norm.
    pub pool: Pool,
    /// Rows and columns that are pooled into one, where there is pooling: 1 to [`Convolution::MAX_POOL_SIZE`].
    pub pool_size: usize,
}

impl ConvConfig {
    /// A convolution with kernels of 3 x 3 and stride 1, without padding and pooling.
    pub const fn new(channels: usize) -> Self {
        Self { channels, kernel: 3, stride: 1, padding: 0, pool: Pool::None, pool_size: 2 }
    }

    /// Checks every field by itself.
    ///
    /// # Errors
    /// [`SizeError`] for the first one that is out of its range.
    pub fn validate(&self) -> Result<(), SizeError> {
        const MAX_KERNEL: usize = Convolution::MAX_KERNEL;
        SizeError::check("channels", self.channels, 1, LayerConfig::MAX_WIDTH)?;
        SizeError::check("kernel", self.kernel, 1, MAX_KERNEL)?;
        SizeError::check("stride", self.stride, 1, MAX_KERNEL)?;
        SizeError::check("padding", self.padding, 0, MAX_KERNEL)?;
        SizeError::check("pool_size", self.pool_size, 1, Convolution::MAX_POOL_SIZE)
    }

    /// What it becomes on such inputs, which have to be maps.
    pub(crate) fn plan(&self, input: Between) -> Result<Plan, LayerError> {
        let Between::Maps(input) = input else { return Err(LayerError::NoMaps) };
        let convolution = Convolution::new(input, self)?;
        let (inputs, outputs, output) =
            (convolution.inputs(), self.channels, Between::Maps(convolution.output));
        Ok(Plan { shape: LayerShape::Convolution(convolution), inputs, outputs, output })
    }
}

impl Convolution {
    /// What it was made from.
    pub(crate) fn config(&self) -> ConvConfig {
        let &Self { kernel, stride, padding, pool, pool_size, output, .. } = self;
        let pool_size = if pool == Pool::None { ConvConfig::new(1).pool_size } else { pool_size };
        ConvConfig { channels: output.channels, kernel, stride, padding, pool, pool_size }
    }

    /// Most numbers of one sample: what lies under the kernel at every position, or the sums.
    pub(crate) fn numbers(&self) -> u64 {
        let widest = self.inputs().max(self.output.channels) as u64;
        widest.saturating_mul(self.positions() as u64)
    }

    /// How many values a norm of this kind normalizes together in one sample, and what they are.
    pub(crate) fn normed_values(&self, kind: NormKind) -> Option<(usize, &'static str)> {
        match kind {
            NormKind::Batch => None,
            NormKind::Instance => Some((self.output.positions(), "position")),
            NormKind::Layer => Some((self.output.width(), "value")),
        }
    }
}
