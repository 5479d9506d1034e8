//! What a network takes of memory, before any of it is allocated.

use super::plan::plan;
use super::{Encoding, Network, NetworkConfig, NetworkError};
use crate::data::Shape;
use crate::layer::memory::{PassMemory, PassSize, Surroundings, bits, product, rows, samples, sum};
use crate::layer::{Activation, Between, Layer, LayerShape, NormConfig, NormKind, Plan};
use crate::optim::MomentFormat;

/// Bytes that a network and its training take, from its shape alone; it follows from the plan that layers are made of.
/// What cannot be counted is `u64::MAX`.
///
/// ```
/// use metabnn::data::Shape;
/// use metabnn::network::{NetworkConfig, NetworkMemory, NormConfig};
///
/// let config = NetworkConfig { hidden: vec![4096, 4096], ..NetworkConfig::default() };
/// let memory = NetworkMemory::new(&config, &NormConfig::default(), Shape::grey(28, 28), 10)?;
/// // 20 million hidden weights in four bytes each, and their signs three times.
/// assert!((80_000_000..100_000_000).contains(&memory.parameters()));
/// // A network of any width is counted; nothing is allocated.
/// let config = NetworkConfig { hidden: vec![1 << 20; 3], ..config };
/// let memory = NetworkMemory::new(&config, &NormConfig::default(), Shape::grey(28, 28), 10)?;
/// assert!(memory.parameters() > 8 << 40);
/// # Ok::<(), metabnn::network::NetworkError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkMemory {
    plans: Vec<Plan>,
    sample: Shape,
    encoding: Encoding,
    norm: NormKind,
    is_binary: bool,
    /// Whether activations are signs, in training and at inference.
    trains_signs: bool,
    infers_signs: bool,
}

impl NetworkMemory {
    /// That of a network of these configs, for samples of shape `sample` in `classes` classes.
    ///
    /// # Errors
    /// [`NetworkError`] if they make no network whatever memory there is.
    pub fn new(
        config: &NetworkConfig,
        norm: &NormConfig,
        sample: Shape,
        classes: usize,
    ) -> Result<Self, NetworkError> {
        Ok(Self::of_plans(plan(config, norm, sample, classes)?, config, norm, sample))
    }

    pub(crate) fn of_plans(
        plans: Vec<Plan>,
        config: &NetworkConfig,
        norm: &NormConfig,
        sample: Shape,
    ) -> Self {
        let infers_signs = config.activation() == Activation::Sign;
        Self {
            plans,
            sample,
            encoding: config.input,
            norm: norm.kind,
            is_binary: config.precision == super::Precision::Binary,
            trains_signs: infers_signs && config.dropout == 0.0,
            infers_signs,
        }
    }

    pub(crate) fn into_plans(self) -> Vec<Plan> {
        self.plans
    }

    /// Hidden weights, their signs and the norms: what the network itself takes.
    pub fn parameters(&self) -> u64 {
        sum(self.plans.iter().map(|plan| plan.parameters(self.is_binary)))
    }

    /// The norm states of all layers: what is kept of an experience.
    pub fn norms(&self) -> u64 {
        sum(self.plans.iter().map(|plan| product([4, plan.outputs as u64, 4])))
    }

    /// What training keeps beside the network: both moments, the signs to compare with at the end of an epoch, and so many
    /// numbers of every synapse that the rule keeps (see [`SynapticRule::state`](crate::rule::SynapticRule::state)).
    pub fn learning(&self, moments: MomentFormat, numbers: usize) -> u64 {
        let bytes = match moments {
            MomentFormat::F32 => 4,
            MomentFormat::Bf16 => 2,
        };
        let signs = |plan: &Plan| if self.is_binary { plan.signs() } else { 0 };
        sum(self.plans.iter().map(|plan| plan.learning(bytes, numbers as u64).saturating_add(signs(plan))))
    }

    /// Intermediate results of a training step on `batch` samples by so many threads, and the batch after it.
    pub fn step(&self, batch: usize, threads: usize) -> u64 {
        let size = PassSize { batch: batch as u64, threads: threads as u64 };
        let layers =
            || (0..self.plans.len()).map(|layer| self.plans[layer].step(size, &self.around(layer, true)));
        let passing = layers().map(|PassMemory { passing, .. }| passing).max().unwrap_or(0);
        let classes = self.plans.last().map_or(0, |plan| plan.outputs as u64);
        let loss = product([classes, size.batch, 4]);
        let kept = layers().map(|PassMemory { kept, .. }| kept);
        sum(kept.chain([passing, loss, self.input(size.batch), self.batch(size.batch).saturating_mul(2)]))
    }

    /// Intermediate results of tests in batches of so many samples, one batch for each of so many threads.
    pub fn inference(&self, batch: usize, threads: usize) -> u64 {
        let batch = batch as u64;
        let (mut most, mut below) = (0, 0);
        for layer in 0..self.plans.len() {
            let PassMemory { kept, passing } = self.plans[layer].inference(batch, &self.around(layer, false));
            most = most.max(sum([below, kept, passing]));
            below = kept;
        }
        let of_batch = sum([most, self.maps(batch), self.batch(batch)]);
        of_batch.saturating_mul(threads as u64)
    }

    /// The batch as it is gathered.
    fn batch(&self, batch: u64) -> u64 {
        let width = self.sample.width() as u64;
        match self.encoding {
            Encoding::Sign => bits(width, batch),
            // Pixels take a quarter of it; there is nothing here that tells them from features.
            Encoding::Real => rows(width, batch),
        }
    }

    /// The batch in the forms that the first layer takes.
    fn input(&self, batch: u64) -> u64 {
        let width = self.sample.width() as u64;
        match (self.first_takes_maps(), self.encoding) {
            (true, _) => self.maps(batch),
            (_, Encoding::Sign) if self.is_binary => samples(width, batch),
            (_, Encoding::Sign) => rows(width, batch),
            // Column and value of what is not zero; real weights take pixels as real numbers beside.
            (_, Encoding::Real) => {
                let real = if self.is_binary { 0 } else { rows(width, batch) };
                product([width, batch, 8]).saturating_add(real)
            }
        }
    }

    /// Maps of the batch, and the rows that they are made from.
    fn maps(&self, batch: u64) -> u64 {
        let Shape { channels, .. } = self.sample;
        let maps = || rows(channels as u64, batch.saturating_mul(self.sample.positions() as u64));
        if self.first_takes_maps() {
            maps().saturating_add(rows(self.sample.width() as u64, batch))
        } else {
            0
        }
    }

    fn first_takes_maps(&self) -> bool {
        matches!(self.plans.first().map(|plan| &plan.shape), Some(LayerShape::Convolution(_)))
    }

    /// Whether the first layer takes bits.
    fn takes_signs(&self) -> bool {
        self.encoding == Encoding::Sign && self.is_binary && !self.first_takes_maps()
    }

    fn around(&self, layer: usize, trains: bool) -> Surroundings {
        let (is_first, is_last) = (layer == 0, layer + 1 == self.plans.len());
        let signs = if trains { self.trains_signs } else { self.infers_signs };
        let is_dense = matches!(self.plans[layer].shape, LayerShape::Dense);
        let below = layer.checked_sub(1).map(|below| self.plans[below].output);
        Surroundings {
            norm: self.norm,
            is_binary: self.is_binary,
            takes_signs: if is_first { self.takes_signs() } else { signs },
            gives_signs: signs && !is_last,
            is_first,
            flattens: is_dense && matches!(below, Some(Between::Maps(_))),
        }
    }
}

impl Network {
    /// What it takes of memory.
    pub fn memory_needed(&self) -> NetworkMemory {
        let plans = self.layers.iter().map(Layer::plan).collect();
        NetworkMemory::of_plans(plans, self.config(), self.norm_config(), self.shape())
    }
}
