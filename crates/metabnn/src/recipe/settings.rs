//! The settings of one run, section by section of its TOML. Defaults are those of the paper's permuted MNIST,
//! at a width and length that a laptop trains in minutes.

mod defaults;

use serde::{Deserialize, Serialize};

use crate::analysis::Analysis;
use crate::plasticity::{PerLayer, Rule};

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
    /// `[analysis]`; left out where there is none.
    #[serde(skip_serializing_if = "Analysis::is_none")]
    pub analysis: Analysis,
}

/// `[data]`: which images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// Data sets by name, or paths of features (an `.npz` file, or a folder of `.npy` files). A `sequence` learns them
    /// one after the other; every other stream takes exactly one.
    pub sets: Vec<String>,
    /// Training images used of each set, the first ones; 0: all.
    pub train_images: usize,
    /// Test images used of each set, the first ones; 0: all.
    pub test_images: usize,
    /// What is done with features before the network sees them.
    pub normalise: Normalise,
    /// How training images are changed each time they are shown.
    pub augment: Augment,
}

/// What is done with features before the network sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalise {
    /// Nothing.
    None,
    /// Each sample by itself: minus its mean over the features, divided by its standard deviation.
    Sample,
}

/// How training images are changed each time they are shown; images are never changed for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Augment {
    /// Not at all.
    None,
    /// Mirrored left to right or not, turned by up to 10 degrees, and shifted by up to 4 pixels.
    FlipRotateCrop,
    /// Mirrored or not, then either turned or shifted, at even odds: what the authors' code does.
    FlipRotateOrCrop,
}

/// `[tasks]`: how the images become a stream of tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tasks {
    /// Kind of stream.
    pub stream: Stream,
    /// Number of permutations, subsets or groups of classes; for a `sequence`, the number of data sets, and with groups
    /// of `classes` given, their number (0 stands for it).
    pub count: usize,
    /// For a stream of `classes`: the groups, learned one after the other. Empty: `count` groups of consecutive
    /// classes, equal but for one class at most.
    pub classes: Vec<Vec<u8>>,
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
    /// One data set, its classes in groups that are learned one after the other; each group is tested by itself.
    Classes,
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
    /// Whether pixels enter as real numbers in [0, 1] or as signs, features as they are or as signs.
    pub input: Input,
    /// Distribution of the initial hidden weights.
    pub init: Init,
    /// Uniform: the whole width of the interval, W ~ U(-width/2, width/2). Gaussian: the standard deviation. Xavier:
    /// a factor (gain) of the standard deviation, 1 for the usual one.
    pub init_width: f32,
}

impl Network {
    /// Number of layers: convolutions, dense hidden layers and the output layer.
    pub fn layers(&self) -> usize {
        self.channels.len() + self.hidden.len() + 1
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

/// What the first layer sees of a pixel p in 0..=255, or of a feature x.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Input {
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

/// `[norm]`: z = gamma (x - mean) / sqrt(variance + eps) + beta.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Norm {
    /// What is normalised together.
    pub kind: NormKind,
    /// Whether scale gamma and shift beta are learned; if not they stay `gamma_scale` and 0, whatever `gamma_init` says.
    pub affine: bool,
    /// Initial scale gamma.
    pub gamma_init: GammaInit,
    /// What the initial scale is multiplied with, > 0.
    pub gamma_scale: PerLayer,
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
    /// Learning rate, in the first task.
    pub lr: f32,
    /// What the learning rate is divided by from one task to the next: lr * decay^-(task - 1), tasks counted from 1. It
    /// needs to know where a task ends, whether or not moments are reset there.
    pub lr_decay_per_task: f32,
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
    /// When the network is evaluated.
    pub evaluate: Evaluate,
    /// Training images that it is evaluated on, beside the tests.
    pub evaluate_train: EvaluateTrain,
}

/// When the network is evaluated, besides before any training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Evaluate {
    /// After every epoch.
    Epoch,
    /// After the last epoch of each task.
    Task,
}

/// Training images that a network is evaluated on, beside the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EvaluateTrain {
    /// Those of the task in training.
    Task,
    /// Those of the task in training, those of the first task, and those of all tasks of the stream together, the ones
    /// still to come included.
    Stream,
}
