//! Analyses of recipes, `[analysis] kind = "..."`: what the hidden weights of a network say of their binary weights.
//!
//! An analysis is a file here: its settings with their defaults, its keys, and `Analyze`, which says what it asks of
//! other settings, how long it takes and what it finds. How a report shows a finding is a `Renderer` beside it. All of
//! them are listed in this file and nowhere else.

mod loss_increase;
pub mod quadratic;
pub mod sign_switching;

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

pub use loss_increase::{LossIncrease, MagnitudeBins, correlation};
pub use quadratic::{Quadratic, Vector};
pub use sign_switching::SignSwitching;

use crate::recipe::Fault;
use crate::recipe::keys::{AnalysisKey, Kind};
use crate::recipe::settings::Settings;
use crate::report::analyzed::Renderer;
use metabnn::config::Takes;
use metabnn::evaluate::TrainedNetwork;
use metabnn::machine::Machine;
use metabnn::stream::Subset;

/// The enum of all analyses, their names and their keys.
macro_rules! analyses {
    ($($(#[$doc:meta])* $settings:ident = $name:literal in $module:ident),+ $(,)?) => {
        /// The analysis of a recipe: `[analysis] kind = "..."`, with its own settings beside the kind.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", deny_unknown_fields)]
        #[non_exhaustive]
        pub enum Analysis {
            /// None: a network is trained, and that is all.
            #[default]
            #[serde(rename = "none")]
            None,
            $($(#[$doc])* #[serde(rename = $name)] $settings($module::$settings),)+
        }

        /// What `analysis.kind` takes.
        pub(crate) const NAMES: &[&str] = &["none", $($name),+];

        /// The keys of every analysis, by its name.
        pub(crate) const KEYS: &[(&str, &[AnalysisKey])] = &[$(($name, $module::KEYS)),+];

        impl Analysis {
            /// Its name and what it does; `None` if there is none.
            pub(crate) fn get(&self) -> Option<(&'static str, &dyn Analyze)> {
                match self {
                    Self::None => None,
                    $(Self::$settings(analysis) => Some(($name, analysis)),)+
                }
            }
        }
    };
}

analyses! {
    /// The quadratic binary task, instead of a network.
    Quadratic = "quadratic" in quadratic,
    /// A network is trained; then binary weights are switched, to see what depends on them.
    SignSwitching = "sign-switching" in sign_switching,
}

/// What analyses find, in `summary.json`: of each run, what its analysis gives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// What switching binary weights costs, where the recipe asks for it; also in `loss_increase.csv`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loss_increase: Vec<LossIncrease>,
    /// Correlation over single weights of that cost with |W^h|, in [-1, 1], in the quadratic binary task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<f64>,
    /// The path of two weights, in the quadratic binary task; also in `trajectory.csv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trajectory: Option<quadratic::Trajectory>,
}

/// How reports show what was found; a group of runs is shown by the first one that has something of it.
pub(crate) static RENDERERS: [&dyn Renderer; 2] = [&quadratic::TRAJECTORY, &loss_increase::LOSS_INCREASE];

/// Bins of magnitude, of every analysis that has some.
const BINS: AnalysisKey = AnalysisKey::new(
    "analysis.bins",
    Kind::Plain(Takes::Whole(1, MagnitudeBins::MOST as u64)),
    "bins of |W^h|",
);

/// What an analysis does; implemented by its settings.
pub(crate) trait Analyze: Sync {
    /// Whether a network is trained first. If not, the analysis is the whole run.
    fn trains(&self) -> bool {
        true
    }

    /// Of an analysis without training: whether a setting outside of `[analysis]` has an effect on it.
    fn uses(&self, _path: &str) -> bool {
        false
    }

    /// What is at odds in its settings, and with the others; `shown` is a setting as the recipe has it.
    fn check(&self, settings: &Settings, shown: &dyn Fn(&str) -> String) -> Vec<Fault>;

    /// Its steps, beside those of training: how often it calls `observe`.
    fn steps(&self, settings: &Settings) -> u64;

    /// Does it.
    fn run(&self, context: &mut Context<'_>) -> Findings;
}

/// What an analysis works with.
pub(crate) struct Context<'a> {
    /// All settings of the run.
    pub settings: &'a Settings,
    /// Threads and kernels; asked to stop, an analysis may give anything.
    pub machine: &'a Machine,
    /// The network; `None` where none was trained.
    pub trained: Option<Trained<'a>>,
    /// To be called after every step, with what it found, if there is something to say; says whether to go on.
    pub observe: &'a mut dyn FnMut(Option<String>) -> ControlFlow<()>,
}

/// A network at the end of its training.
#[derive(Clone, Copy)]
pub(crate) struct Trained<'a> {
    /// What it learned.
    pub network: &'a TrainedNetwork,
    /// The samples that it was trained on last.
    pub samples: &'a Subset,
}

/// A setting of analyses, for references.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingHelp {
    /// Its key.
    pub key: &'static str,
    /// The analysis that has it.
    pub analysis: &'static str,
    /// What it is.
    pub help: &'static str,
    /// What it takes, in words.
    pub takes: String,
}

impl Analysis {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Whether a network is trained.
    pub fn trains(&self) -> bool {
        self.get().is_none_or(|(_, analysis)| analysis.trains())
    }

    /// The settings of every analysis, in the order in which recipes are written.
    pub fn settings_help() -> Vec<SettingHelp> {
        let of_one = |(analysis, keys): &(&'static str, &[AnalysisKey])| {
            let help = |key: &AnalysisKey| SettingHelp {
                key: key.path,
                analysis,
                help: key.help,
                takes: key.kind.takes(),
            };
            keys.iter().map(help).collect::<Vec<_>>()
        };
        KEYS.iter().flat_map(of_one).collect()
    }
}
