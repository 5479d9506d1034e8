//! What optimizer and rule see of a step: some synapses with their gradient.

use crate::kernels::Lanes;

/// Some synapses, with the gradient just computed for them: all that a local rule sees. All (n) but the state; n is a
/// multiple of 16.
#[derive(Debug)]
pub struct Tile<'a> {
    /// Whether the weights in use are the signs of the hidden ones, or the hidden weights themselves.
    pub binarized: bool,
    /// Gradient of the loss with respect to the weights in use. The rule may write over it: nothing reads it afterwards.
    pub gradient: &'a mut [f32],
    /// Hidden weights.
    pub hidden: &'a mut [f32],
    /// The optimizer's first moment.
    pub mean: &'a mut [f32],
    /// The optimizer's second moment.
    pub square: &'a mut [f32],
    /// What the rule keeps of each synapse, (n / 16, numbers) groups of sixteen; empty for most rules. See
    /// [`SynapticRule::state`](crate::rule::SynapticRule::state).
    pub state: &'a mut [Lanes],
}
