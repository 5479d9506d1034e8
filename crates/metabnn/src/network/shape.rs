//! What a layer's inputs are: all of them, or those under a kernel; and whether there are any.

use crate::data::Shape;
use crate::recipe::settings::{self, NormKind, Pool, Settings};

/// How a layer looks at its input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LayerShape {
    /// Every output sees every input.
    Dense,
    /// Every output sees the same places of the input, moved about.
    Convolution(Convolution),
}

/// Where a convolution looks: position (r, c) of its sums has under it the inputs at rows `stride r - padding` to `stride r
/// - padding + kernel - 1` of all channels, columns likewise; zeros beyond the edges. Then squares of sums are pooled.
///
/// Its synapses are a [`super::Linear`] over the inputs under the kernel, in the order (kernel row, kernel column,
/// channel).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Convolution {
    /// What it sees.
    pub input: Shape,
    /// Rows and columns of the kernel.
    pub kernel: usize,
    /// Steps between the places that the kernel looks at.
    pub stride: usize,
    /// Zeros around the maps, on each side.
    pub padding: usize,
    /// Kind and size of the pooling.
    pub pool: Pool,
    /// Rows and columns that are pooled into one.
    pub pool_size: usize,
    /// Rows and columns of the sums, before pooling.
    pub sums: (usize, usize),
    /// What it hands on, after pooling.
    pub output: Shape,
}

/// Why settings make no network for these images.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// The kernel is larger than what it looks at.
    #[error(
        "layer {layer}: a kernel of {kernel}x{kernel} on maps of {rows}x{columns} with padding {padding} gives no \
         output; a smaller network.kernel, a larger network.padding, or fewer network.channels would"
    )]
    Kernel {
        /// The layer, counted from 1.
        layer: usize,
        /// Rows and columns of the kernel.
        kernel: usize,
        /// Rows that it sees.
        rows: usize,
        /// Columns that it sees.
        columns: usize,
        /// Zeros on each side.
        padding: usize,
    },
    /// The pooled squares are larger than what there is to pool.
    #[error(
        "layer {layer}: pooling {size}x{size} of the {rows}x{columns} sums of a kernel of {kernel}x{kernel} leaves \
         nothing; a smaller network.pool_size, fewer network.pool_after, or a larger network.padding would"
    )]
    Pool {
        /// The layer, counted from 1.
        layer: usize,
        /// Rows and columns pooled into one.
        size: usize,
        /// Rows of the sums.
        rows: usize,
        /// Columns of the sums.
        columns: usize,
        /// Rows and columns of the kernel.
        kernel: usize,
    },
    /// Instance norm over one number.
    #[error(
        "layer {layer}: norm.kind = \"instance\" over a single {of} of each sample gives 0 whatever it is; \
         at least 2 are needed"
    )]
    OneValue {
        /// The layer, counted from 1.
        layer: usize,
        /// "position" or "unit".
        of: &'static str,
    },
}

/// A layer before it has weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Plan {
    pub shape: LayerShape,
    /// Inputs of each unit.
    pub inputs: usize,
    pub outputs: usize,
}

/// The layers of `settings` for images of size `image` in `classes` classes: the convolutions, then the dense ones.
pub(crate) fn plan(settings: &Settings, image: Shape, classes: usize) -> Result<Vec<Plan>, ShapeError> {
    let (network, mut size, mut plans) = (&settings.network, image, Vec::new());
    let by_itself = settings.norm.kind == NormKind::Instance;
    for (index, &channels) in network.channels.iter().enumerate() {
        let convolution = Convolution::new(network, index, size, channels)?;
        size = convolution.output;
        if by_itself && size.positions() == 1 {
            return Err(ShapeError::OneValue { layer: index + 1, of: "position" });
        }
        let shape = LayerShape::Convolution(convolution);
        plans.push(Plan { shape, inputs: convolution.inputs(), outputs: channels });
    }
    let mut inputs = size.width();
    for &outputs in network.hidden.iter().chain([&classes]) {
        plans.push(Plan { shape: LayerShape::Dense, inputs, outputs });
        if by_itself && outputs == 1 {
            return Err(ShapeError::OneValue { layer: plans.len(), of: "unit" });
        }
        inputs = outputs;
    }
    Ok(plans)
}

impl LayerShape {
    /// Dimensions of the hidden weights of so many `inputs` of each of the `outputs` units, as they are in files.
    pub fn dimensions(&self, inputs: usize, outputs: usize) -> Vec<usize> {
        match self {
            Self::Dense => vec![outputs, inputs],
            Self::Convolution(Convolution { input, kernel, .. }) => {
                vec![outputs, input.channels, *kernel, *kernel]
            }
        }
    }
}

impl Convolution {
    /// Convolution `index` of `network`, counted from 0, on maps of size `input`.
    ///
    /// # Errors
    /// If its output would be empty.
    pub fn new(
        network: &settings::Network,
        index: usize,
        input: Shape,
        channels: usize,
    ) -> Result<Self, ShapeError> {
        let &settings::Network { kernel, stride, padding, pool_size, .. } = network;
        let layer = index + 1;
        let places = |side: usize| {
            side.saturating_add(2 * padding).checked_sub(kernel).map_or(0, |left| left / stride + 1)
        };
        let sums = (places(input.rows), places(input.columns));
        if sums.0 == 0 || sums.1 == 0 {
            let (rows, columns) = (input.rows, input.columns);
            return Err(ShapeError::Kernel { layer, kernel, rows, columns, padding });
        }
        let is_pooled = network.pool_after.is_empty() || network.pool_after.contains(&layer);
        let pool = if is_pooled { network.pool } else { Pool::None };
        let size = if pool == Pool::None { 1 } else { pool_size };
        let output = Shape { channels, rows: sums.0 / size, columns: sums.1 / size };
        if output.positions() == 0 {
            return Err(ShapeError::Pool { layer, size, rows: sums.0, columns: sums.1, kernel });
        }
        Ok(Self { input, kernel, stride, padding, pool, pool_size: size, sums, output })
    }

    /// Places of the kernel.
    pub fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    /// Inputs of each unit: channels times places of the kernel.
    pub fn inputs(&self) -> usize {
        self.input.channels.saturating_mul(self.taps())
    }

    /// Positions of the sums, before pooling.
    pub fn positions(&self) -> usize {
        self.sums.0 * self.sums.1
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
