//! The layers of a network before they have weights.

use super::{NetworkConfig, NetworkError, NetworkMemory};
use crate::data::Shape;
use crate::layer::{Between, LayerConfig, NormConfig, Plan};
use crate::memory;

/// Most weights of a network, and most numbers of one sample in a layer: 16 GiB in single precision.
const MAX_NUMBERS: u64 = 1 << 32;

/// The layers of a network for samples of shape `sample` in `classes` classes.
pub(crate) fn plan(
    config: &NetworkConfig,
    norm: &NormConfig,
    sample: Shape,
    classes: usize,
) -> Result<Vec<Plan>, NetworkError> {
    config.validate()?;
    norm.validate(config.depth())?;
    if sample.width() == 0 {
        let Shape { channels, rows, columns } = sample;
        return Err(NetworkError::EmptySample { channels, rows, columns });
    }
    let (mut input, mut plans) = (Between::Maps(sample), Vec::new());
    for config in config.hidden_layers().chain([LayerConfig::dense(classes)]) {
        let layer = plans.len() + 1;
        let of_layer = |error| NetworkError::Layer { layer, error };
        let plan = config.plan(input).map_err(of_layer)?;
        plan.check_norm(norm.kind).map_err(of_layer)?;
        input = plan.output;
        plans.push(plan);
    }
    Ok(plans)
}

/// Gives the plans back if this process can take a network of them: its parameters and, of one sample, what a layer makes of
/// it. Sizes that are each in their range may have products that are not.
pub(crate) fn check_memory(
    plans: Vec<Plan>,
    config: &NetworkConfig,
    norm: &NormConfig,
    sample: Shape,
) -> Result<Vec<Plan>, NetworkError> {
    let needed = NetworkMemory::of_plans(plans, config, norm, sample);
    memory::check(needed.parameters(), || "the network".into())?;
    memory::check(needed.inference(1, 1), || "one sample in the network".into())?;
    let plans = needed.into_plans();
    check_numbers(sample, &plans)?;
    Ok(plans)
}

/// Refuses what no machine takes, where nobody knows what this one does.
fn check_numbers(sample: Shape, plans: &[Plan]) -> Result<(), NetworkError> {
    let product = |factors: &[usize]| factors.iter().fold(1u64, |all, &n| all.saturating_mul(n as u64));
    let sample = product(&[sample.channels, sample.rows, sample.columns]);
    let mut weights = 0u64;
    for (index, plan) in plans.iter().enumerate() {
        let too_large = |what, got| {
            let (layer, most) = (index + 1, MAX_NUMBERS);
            if got > most { Err(NetworkError::TooLarge { layer, what, got, most }) } else { Ok(()) }
        };
        weights = weights.saturating_add(product(&[plan.inputs, plan.outputs]));
        too_large("weights, with those below", weights)?;
        too_large("numbers per sample", sample.max(plan.numbers()))?;
    }
    Ok(())
}
