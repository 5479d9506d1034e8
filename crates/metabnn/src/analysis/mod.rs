//! Looking into a network: what its hidden weights say.

mod flips;
mod histogram;
mod loss_increase;
pub mod quadratic;
pub mod sign_switching;

pub use flips::{Flips, Signs};
pub use histogram::WeightHistogram;
pub use loss_increase::{LossIncrease, MagnitudeBins, correlation};

use serde::{Deserialize, Serialize};

/// The analysis of a recipe: `[analysis] kind = "..."`, with its own settings beside the kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Analysis {
    /// None: a network is trained, and that is all.
    #[default]
    None,
    /// The quadratic binary task, instead of a network.
    Quadratic(Quadratic),
    /// A network is trained; then binary weights are switched, to see what depends on them.
    SignSwitching(SignSwitching),
}

impl Analysis {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Whether a network is trained.
    pub fn trains(&self) -> bool {
        !matches!(self, Self::Quadratic(_))
    }
}

/// Settings of the quadratic binary task, see [`quadratic`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quadratic {
    /// Number of weights n.
    pub dimensions: usize,
    /// H, row by row; empty: drawn at random.
    pub hessian: Vec<Vec<f64>>,
    /// Least and greatest eigenvalue of a drawn H.
    pub eigenvalues: [f64; 2],
    /// W*.
    pub optimum: Given,
    /// Hidden weights to start from.
    pub start: Given,
    /// Number of steps; their size is `optimizer.lr`.
    pub steps: u64,
    /// Bins of |W^h| that loss increases are averaged in.
    pub bins: usize,
}

/// Settings of sign switching, see [`sign_switching`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignSwitching {
    /// Bins of |W^h|, from zero to the largest of a layer.
    pub bins: usize,
    /// Binary weights switched at once, layer by layer.
    pub switched: Vec<usize>,
    /// Draws of these in every bin.
    pub draws: usize,
    /// Training images that the loss is measured on, the first ones; 0: all.
    pub images: usize,
}

/// Numbers that are given, or drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Given {
    /// Drawn, uniform between minus this and this.
    Within(f64),
    /// One by one.
    Each(Vec<f64>),
}

impl Default for Quadratic {
    fn default() -> Self {
        Self {
            dimensions: 500,
            hessian: Vec::new(),
            eigenvalues: [10.5, 29.5],
            optimum: Given::Within(4.0),
            start: Given::Within(0.05),
            steps: 1000,
            bins: 15,
        }
    }
}

impl Default for SignSwitching {
    fn default() -> Self {
        Self { bins: 15, switched: vec![1000, 2000, 100], draws: 100, images: 1000 }
    }
}
