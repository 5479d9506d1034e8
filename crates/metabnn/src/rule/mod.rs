//! Synaptic rules: what a synapse makes of an update, knowing only its own state. One file a rule; its
//! `mod` and one line in the registry, at the end, in this one: from it come the enum [`Rule`], the names of all rules, their parameters and checks.

/// The methods by which a built-in rule is known in files and checked; they stand in its [`SynapticRule`].
macro_rules! built_in {
    () => {
        fn name(&self) -> &str {
            $crate::rule::Rule::from(self.clone()).registered_name()
        }

        fn to_json(&self) -> String {
            $crate::rule::SynapticRule::to_json(&$crate::rule::Rule::from(self.clone()))
        }

        fn validate(&self, layers: usize) -> Result<(), $crate::config::ConfigError> {
            $crate::config::check(self, <Self as $crate::rule::BuiltIn>::PARAMETERS, layers)?;
            $crate::rule::BuiltIn::check_together(self)
        }
    };
}

mod beakers;
mod curve;
mod ewc;
mod experience;
mod macros;
mod metaplastic;
mod per_layer;
mod random_consolidation;
mod si;

pub use crate::optim::Tile;
pub use beakers::Beakers;
pub use curve::{Curve, CurveError, Points};
pub use ewc::Ewc;
pub use experience::{Consolidation, EndOfExperience, Synapses};
pub use metaplastic::Metaplastic;
pub use per_layer::PerLayer;
pub use random_consolidation::RandomConsolidation;
pub use si::{Path, Si};

use crate::config::{ConfigError, Parameter};
use crate::optim::OptimizerStep;

/// What a synapse makes of an update. It is local: it sees the gradient, the hidden weight and the optimizer's moments of
/// each synapse and what the rule itself keeps of it, nothing else; what it writes into them is kept.
///
/// Most rules are their [`scale`](SynapticRule::scale) alone:
///
/// ```
/// use metabnn::rule::SynapticRule;
///
/// /// A weight is pulled back the less, the closer it is to its bound.
/// struct SoftBounds {
///     bound: f32,
/// }
///
/// impl SynapticRule for SoftBounds {
///     fn scale(&self, _layer: usize, hidden: f32, update: f32) -> f32 {
///         if hidden * update < 0.0 { 1.0 - (hidden.abs() / self.bound).min(1.0) } else { 1.0 }
///     }
/// }
/// ```
///
/// A training step takes any rule, the built-in ones ([`Rule`]) and one's own.
pub trait SynapticRule: Sync {
    /// The factor of the change `update` that the optimizer is about to add to the weight `hidden` of a synapse in
    /// `layer` (counted from 0): W <- W + scale U. 1 is the optimizer alone, 0 keeps the weight as it is.
    fn scale(&self, _layer: usize, _hidden: f32, _update: f32) -> f32 {
        1.0
    }

    /// What the rule keeps of every synapse beside the hidden weight: how many numbers, and what each starts as in a
    /// network's first step. They come in [`Tile::state`], and stay when an experience starts with fresh moments.
    fn state(&self) -> &[Start] {
        &[]
    }

    /// Updates some synapses of `layer` (counted from 0), right after their gradient was computed: the step of the
    /// optimizer, each change multiplied by [`scale`](SynapticRule::scale). Rules that need more than that, or are in a
    /// hurry, have an update of their own.
    fn update(&self, step: &OptimizerStep, layer: usize, tile: Tile<'_>) {
        step.scaled(tile, |hidden, update| self.scale(layer, hidden, update));
    }

    /// Called where an experience ends, if anybody says so.
    fn end_of_experience(&self, _end: &mut EndOfExperience<'_>) {}

    /// Whether the rule does something at the end of an experience, and so has to be told where experiences end.
    fn needs_boundaries(&self) -> bool {
        false
    }

    /// Checks the rule's own parameters, for a network of `layers`.
    ///
    /// # Errors
    /// [`ConfigError`] names the parameter.
    fn validate(&self, _layers: usize) -> Result<(), ConfigError> {
        Ok(())
    }

    /// The rule's name in files; by default that of its type.
    fn name(&self) -> &str {
        let path = std::any::type_name::<Self>();
        path.rsplit("::").next().unwrap_or(path)
    }

    /// The rule with its parameters, as a JSON object with the key `name`: how files tell it from others.
    fn to_json(&self) -> String {
        serde_json::json!({ "name": self.name() }).to_string()
    }
}

/// A built-in rule: a config that knows what its parameters take.
pub trait BuiltIn {
    /// The parameters, in the order in which they are written.
    const PARAMETERS: &'static [Parameter];

    /// Checks what no parameter alone can tell.
    ///
    /// # Errors
    /// [`ConfigError`] names a parameter that does not fit the others.
    fn check_together(&self) -> Result<(), ConfigError> {
        Ok(())
    }
}

/// What a number of a rule's state starts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// 0.
    Zero,
    /// The synapse's hidden weight.
    HiddenWeight,
}

/// The weight in use: the sign of the hidden one (of 0: +1), or itself.
fn weight_in_use(binarized: bool, hidden: f32) -> f32 {
    match binarized {
        true if hidden >= 0.0 => 1.0,
        true => -1.0,
        false => hidden,
    }
}

// The registry.
macros::rules! {
    /// Updates that would shrink a hidden weight are attenuated the more, the larger it is; m = 0: an ordinary BNN.
    "metaplastic" => Metaplastic(Metaplastic),
    /// Elastic weight consolidation: weights that mattered to past experiences are held where they were.
    "ewc" => Ewc(Ewc),
    /// The control of [`Rule::Ewc`]: as many weights held as firmly, but at random.
    "random-consolidation" => RandomConsolidation(RandomConsolidation),
    /// Synaptic intelligence: weights are held by what they contributed to the fall of the loss.
    "si" => Si(Si),
    /// A chain of beakers behind every hidden weight, the slower the further back.
    "beakers" => Beakers(Beakers),
    /// Plasticity as a measured function of the hidden weight, apart for updates that raise and that lower it.
    "curve" => Curve(Curve),
}

impl Default for Rule {
    fn default() -> Self {
        Self::Metaplastic(Metaplastic::default())
    }
}
