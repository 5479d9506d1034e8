//! Where a convolution looks, and the size of what it gives.

use super::{ConvConfig, Pool};
use crate::data::Shape;
use crate::layer::LayerError;

/// Where a convolution looks: position (r, c) of its sums has under it the inputs at rows `stride r - padding` to `stride r
/// - padding + kernel - 1` of all channels, columns likewise; zeros beyond the edges. Then squares of sums are pooled.
///
/// Its synapses are a [`Linear`](crate::layer::Linear) over the inputs under the kernel, in the order (kernel row, kernel
/// column, channel).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Convolution {
    /// Shape of its input maps.
    pub input: Shape,
    /// Rows and columns of the kernel.
    pub kernel: usize,
    /// Rows and columns from one position of the kernel to the next.
    pub stride: usize,
    /// Zero padding around the maps, on each side.
    pub padding: usize,
    /// Kind of the pooling.
    pub pool: Pool,
    /// Rows and columns that are pooled into one; 1 without pooling.
    pub pool_size: usize,
    /// Rows and columns of the sums, before pooling.
    pub sums: (usize, usize),
    /// Shape of its output, after pooling.
    pub output: Shape,
}

impl Convolution {
    /// Most rows and columns of a kernel, and the most of `stride` and `padding`.
    pub const MAX_KERNEL: usize = 64;
    /// Most rows and columns that are pooled into one.
    pub const MAX_POOL_SIZE: usize = 16;

    /// The convolution of `config` on maps of shape `input`.
    ///
    /// # Errors
    /// [`LayerError`] if a size is out of its range or the output would be empty.
    pub fn new(input: Shape, config: &ConvConfig) -> Result<Self, LayerError> {
        config.validate()?;
        let &ConvConfig { channels, kernel, stride, padding, pool, .. } = config;
        let pool_size = if pool == Pool::None { 1 } else { config.pool_size };
        let places = |side: usize| {
            side.saturating_add(2 * padding).checked_sub(kernel).map_or(0, |left| left / stride + 1)
        };
        let (rows, columns) = (places(input.rows), places(input.columns));
        if rows == 0 || columns == 0 {
            let Shape { rows, columns, .. } = input;
            return Err(LayerError::Kernel { kernel, rows, columns, padding });
        }
        let output = Shape { channels, rows: rows / pool_size, columns: columns / pool_size };
        if output.positions() == 0 {
            return Err(LayerError::Pool { size: pool_size, rows, columns, kernel });
        }
        Ok(Self { input, kernel, stride, padding, pool, pool_size, sums: (rows, columns), output })
    }

    /// Places of the kernel.
    pub fn taps(&self) -> usize {
        self.kernel.saturating_mul(self.kernel)
    }

    /// Inputs of each unit: channels times places of the kernel.
    pub fn inputs(&self) -> usize {
        self.input.channels.saturating_mul(self.taps())
    }

    /// Positions of the sums, before pooling.
    pub fn positions(&self) -> usize {
        self.sums.0.saturating_mul(self.sums.1)
    }

    /// Weights (outputs, kernel row, kernel column, channel), as they are kept, in the usual order of files (outputs,
    /// channel, kernel row, kernel column).
    pub fn to_channels_first(&self, weights: &[f32]) -> Vec<f32> {
        let (taps, channels) = (self.taps(), self.input.channels);
        let outputs = weights.chunks_exact(self.inputs());
        outputs.flat_map(|row| (0..taps * channels).map(|i| row[i % taps * channels + i / taps])).collect()
    }

    /// The opposite of [`Convolution::to_channels_first`].
    pub fn from_channels_first(&self, weights: &[f32]) -> Vec<f32> {
        let (taps, channels) = (self.taps(), self.input.channels);
        let outputs = weights.chunks_exact(self.inputs());
        outputs
            .flat_map(|row| (0..taps * channels).map(|i| row[i % channels * taps + i / channels]))
            .collect()
    }
}
