//! The settings of one run, section by section of its TOML. Defaults are those of the paper's permuted MNIST,
//! at a width and length that a laptop trains in minutes.

use serde::{Deserialize, Serialize};

use crate::plasticity::Rule;

/// Everything that determines a run's result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Seed of every random stream.
    pub seed: u64,
    /// `[data]`
    pub data: Data,
    /// `[tasks]`
    pub tasks: Tasks,
    /// `[network]`
    pub network: Network,
    /// `[norm]`
    pub norm: Norm,
    /// `[rule]`
    pub rule: Rule,
    /// `[optimizer]`
    pub optimizer: Optimizer,
    /// `[schedule]`
    pub schedule: Schedule,
}

/// `[data]`: which images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// Data sets by name. A `sequence` learns them one after the other; every other stream takes exactly one.
    pub sets: Vec<String>,
    /// Training images used of each set, the first ones; 0: all.
    pub train_images: usize,
    /// Test images used of each set, the first ones; 0: all.
    pub test_images: usize,
}

/// `[tasks]`: how the images become a stream of tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tasks {
    /// Kind of stream.
    pub stream: Stream,
    /// Number of permutations or subsets; for a `sequence`, the number of data sets (0 stands for it).
    pub count: usize,
    /// Whether the batch-norm state of each task is kept and used when that task is tested.
    pub scenario: Scenario,
}

/// Kind of task stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// The same images, their pixels in one fixed random order per task.
    Permuted,
    /// One data set after the other.
    Sequence,
    /// One data set, split at random into equal subsets that are seen one after the other.
    Subsets,
    /// All permuted tasks at once, concatenated and shuffled: the upper bound.
    Interleaved,
}

/// What is known at test time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scenario {
    /// The task: it is tested with its own batch-norm state, saved when its training ended.
    Task,
    /// Nothing: one batch-norm state serves all tasks.
    Domain,
}

/// `[network]`: convolutions first, where there are any (convolution -> pooling -> norm -> activation), then dense layers
/// (linear -> norm -> activation -> dropout); the output layer ends with its norm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Output channels of each convolution, in order; empty: none. They come before the dense layers.
    pub channels: Vec<usize>,
    /// Rows and columns of a convolution's kernel.
    pub kernel: usize,
    /// Steps between the places that a kernel looks at.
    pub stride: usize,
    /// Zeros around the maps, on each side.
    pub padding: usize,
    /// Pooling of a convolution's sums, before their norm.
    pub pool: Pool,
    /// Rows and columns that are pooled into one; what is left over at the far edges is dropped.
    pub pool_size: usize,
    /// Convolutions that are pooled, counted from 1; empty: all.
    pub pool_after: Vec<usize>,
    /// Units of each dense hidden layer; input and output widths come from the data.
    pub hidden: Vec<usize>,
    /// Binary weights and signs, or real weights and ReLU.
    pub precision: Precision,
    /// What stands behind a norm.
    pub activation: Activation,
    /// Share p of the activations of dense hidden layers that are dropped (0) in a training step; those kept are
    /// multiplied by 1 / (1 - p). Nothing is dropped at test time.
    pub dropout: f32,
    /// Whether pixels enter as real numbers in [0, 1] or as signs.
    pub input: Input,
    /// Distribution of the initial hidden weights.
    pub init: Init,
    /// Uniform: the whole width of the interval, W ~ U(-width/2, width/2). Gaussian: the standard deviation. Xavier:
    /// a factor (gain) of the standard deviation, 1 for the usual one.
    pub init_width: f32,
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

/// Pooling of a convolution's sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pool {
    /// None.
    None,
    /// The mean of each square.
    Average,
    /// The largest of each square; among equals the first, row by row, receives the gradient.
    Max,
}

/// What stands behind a norm, in hidden layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// The sign in the binary network, ReLU in the full-precision control.
    ByPrecision,
    /// Hardtanh, clip(z, -1, 1). In the binary network the sign is taken of it, which is the sign of z, and its
    /// gradient is that of the sign's straight-through estimator (it passes where |z| <= 1): the sign itself.
    Hardtanh,
}

/// What the first layer sees of a pixel p in 0..=255.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    /// p / 255.
    Real,
    /// +1 where p > 0, else -1.
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

/// `[norm]`: z = gamma (x - mean) / sqrt(variance + eps) + beta.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Norm {
    /// What is normalised together.
    pub kind: NormKind,
    /// Whether scale gamma and shift beta are learned; if not they stay 1 and 0, whatever `gamma_init` says.
    pub affine: bool,
    /// Initial scale gamma.
    pub gamma_init: GammaInit,
    /// Statistics used at test time. Instance norm has no choice: each sample's own, in training and at test.
    pub statistics: Statistics,
    /// Added to the variance.
    pub eps: f32,
    /// Weight of the newest batch in the running statistics.
    pub momentum: f32,
}

/// What is normalised together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NormKind {
    /// A unit over the batch; a channel of a convolution over the batch and all positions.
    Batch,
    /// Each sample by itself: all units of a dense layer together, a channel of a convolution over its positions.
    Instance,
}

/// Initial scale gamma of batch norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GammaInit {
    /// 1, as PyTorch does since 1.2.
    Ones,
    /// Uniform in [0, 1), as PyTorch 1.1 did when the paper was made.
    Uniform,
}

/// Means and variances that batch norm uses at test time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Statistics {
    /// Exponential averages over training batches.
    Running,
    /// Of the test batch itself: the accuracy then depends on `schedule.test_batch`.
    Batch,
    /// Exact, over the task's training images, taken whenever the task in training is evaluated.
    Recalibrated,
}

/// `[optimizer]`: Adam.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Optimizer {
    /// Learning rate.
    pub lr: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub eps: f32,
    /// L2 penalty, added to the gradient: g + weight_decay * W.
    pub weight_decay: f32,
    /// Whether each task starts with fresh moments; this needs to know where a task ends.
    pub reset_per_task: bool,
    /// Numbers that the moments of the synapses are kept in.
    pub state: State,
}

/// Numbers that the optimizer keeps its moments in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// 32 bits.
    F32,
    /// 16 bits (bfloat16), rounded up or down at random: half the memory of the moments, another result.
    Bf16,
}

/// `[schedule]`: how long, in what portions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// Passes over each task's training images.
    pub epochs: usize,
    /// Images in a training batch.
    pub batch: usize,
    /// Images in a test batch; part of the result with `norm.statistics = "batch"`.
    pub test_batch: usize,
}

impl Default for Data {
    fn default() -> Self {
        Self { sets: vec!["mnist".into()], train_images: 0, test_images: 0 }
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Self { stream: Stream::Permuted, count: 6, scenario: Scenario::Task }
    }
}

impl Default for Network {
    fn default() -> Self {
        Self {
            channels: Vec::new(),
            kernel: 3,
            stride: 1,
            padding: 0,
            pool: Pool::None,
            pool_size: 2,
            pool_after: Vec::new(),
            hidden: vec![512, 512],
            precision: Precision::Binary,
            activation: Activation::ByPrecision,
            dropout: 0.0,
            input: Input::Real,
            init: Init::Uniform,
            init_width: 0.1,
        }
    }
}

impl Default for Norm {
    fn default() -> Self {
        Self {
            kind: NormKind::Batch,
            affine: true,
            gamma_init: GammaInit::Uniform,
            statistics: Statistics::Batch,
            eps: 1e-5,
            momentum: 0.1,
        }
    }
}

impl Default for Optimizer {
    fn default() -> Self {
        Self {
            lr: 0.005,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 1e-7,
            reset_per_task: true,
            state: State::F32,
        }
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self { epochs: 5, batch: 100, test_batch: 1000 }
    }
}
