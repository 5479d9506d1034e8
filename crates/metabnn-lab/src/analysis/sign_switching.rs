//! Sign switching: what depends on the binary weights of hidden weights of one magnitude.
//!
//! The hidden weights of a layer of a trained network are put into bins of |W^h|, from zero to the largest. Some binary
//! weights of one bin, drawn at random, are switched, and the loss on training images is measured; the increase,
//! divided by the number of weights switched, is averaged over many draws. Where it grows with |W^h|, the hidden weights
//! say how much their binary weights matter, which is what metaplasticity relies on.
//!
//! Batch norm works as in a test: with the network's present state and the statistics of `norm.statistics`. The network
//! itself is left as it is. A bin with fewer weights than are to be switched has all of them switched, once: there is
//! but one draw of all.
//!
//! Source: Laborieux et al. 2021, Fig. 5c to e.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::{Analyze, BINS, Context, Findings, LossIncrease, MagnitudeBins};
use crate::recipe::Fault;
use crate::recipe::keys::{AnalysisKey, Kind, MAX_IMAGES};
use crate::recipe::settings::{Precision, Settings};
use metabnn::config::Takes;
use metabnn::evaluate::TrainedNetwork;
use metabnn::random::{Purpose, Stream};
use metabnn::stream::Subset;

/// Most draws in a bin: all of them in all layers are counted in 32 bits.
const MAX_DRAWS: u64 = 1 << 14;

pub(super) const KEYS: &[AnalysisKey] = &[
    BINS,
    AnalysisKey::new("analysis.switched", Kind::Counts, "binary weights switched at once, layer by layer"),
    AnalysisKey::new(
        "analysis.draws",
        Kind::Plain(Takes::Whole(1, MAX_DRAWS)),
        "draws of these in every bin",
    ),
    AnalysisKey::new(
        "analysis.images",
        Kind::Plain(Takes::Whole(0, MAX_IMAGES)),
        "training images that the loss is measured on, the first ones; 0: all",
    ),
];

/// Settings of sign switching, see [the module](self).
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

impl Default for SignSwitching {
    fn default() -> Self {
        Self { bins: 15, switched: vec![1000, 2000, 100], draws: 100, images: 1000 }
    }
}

impl Analyze for SignSwitching {
    fn check(&self, settings: &Settings, shown: &dyn Fn(&str) -> String) -> Vec<Fault> {
        let (layers, mut faults) = (settings.network.depth(), Vec::new());
        let mut fault = |key: &str, got: String, takes: String, with| {
            faults.push(Fault { key: key.into(), got, takes, with });
        };
        if self.switched.len() != layers {
            let takes = format!(
                "{layers} whole numbers, one per layer (the output layer is the last), or a list such as \
                 [1000, \"..\", 100], which goes with any number of layers"
            );
            fault(
                "analysis.switched",
                format!("{} of them", self.switched.len()),
                takes,
                &["network.hidden"],
            );
        }
        if self.images == 1 {
            let takes = "0 (all) or at least 2: batch norm needs two images";
            fault("analysis.images", "1".into(), takes.into(), &[]);
        }
        if settings.network.precision != Precision::Binary {
            let takes = "\"none\" with network.precision = \"full-precision\": it has no binary weights";
            fault("analysis.kind", shown("analysis.kind"), takes.into(), &["network.precision"]);
        }
        faults
    }

    /// One per bin.
    fn steps(&self, settings: &Settings) -> u64 {
        bins(self, settings.network.depth()) as u64
    }

    fn run(&self, context: &mut Context<'_>) -> Findings {
        let Some(trained) = context.trained else { return Findings::default() };
        let observe = |row: Option<&LossIncrease>| (context.observe)(row.map(line));
        let loss_increase = switch_signs(trained.network, trained.samples, context.settings, self, observe);
        Findings { loss_increase, ..Findings::default() }
    }
}

/// What was found in a bin of hidden weights, in a line.
fn line(row: &LossIncrease) -> String {
    let LossIncrease { layer, low, high, switched, mean, .. } = row;
    format!("layer {layer}, |W^h| from {low:.3} to {high:.3}: {switched} switched, loss {mean:+.2e} for each")
}

/// Number of bins over all `layers`: how often [`switch_signs`] calls its observer.
pub fn bins(choice: &SignSwitching, layers: usize) -> usize {
    choice.bins * layers
}

/// Switches signs as `choice` says, and measures the loss on the first of `images`; empty bins are left out. `observe`
/// is called after every bin, with what was found in it, and says whether to go on; if not, the rows are those found so
/// far.
///
/// The draws are shared out over the threads of the network's machine; their number changes no result.
pub fn switch_signs(
    trained: &TrainedNetwork,
    images: &Subset,
    settings: &Settings,
    choice: &SignSwitching,
    mut observe: impl FnMut(Option<&LossIncrease>) -> ControlFlow<()>,
) -> Vec<LossIncrease> {
    let images = if choice.images == 0 { images.clone() } else { images.first(choice.images) };
    let loss = |trained: &TrainedNetwork| trained.evaluate(&images, None, settings.schedule.test_batch).loss;
    let before = loss(trained);
    let mut rows = Vec::new();
    for (layer, switched) in choice.switched.iter().enumerate().take(trained.network.layers.len()) {
        let hidden = trained.network.layers[layer].linear.hidden().to_rows();
        let bins = MagnitudeBins::new(hidden.iter().map(|weight| f64::from(*weight)), choice.bins);
        let mut synapses = vec![Vec::new(); choice.bins];
        for (synapse, weight) in hidden.iter().enumerate() {
            synapses[bins.bin(f64::from(*weight))].push(synapse);
        }
        for (bin, synapses) in synapses.iter().enumerate() {
            let switched = (*switched).min(synapses.len());
            let draws = if switched == synapses.len() { switched.min(1) } else { choice.draws };
            let increases = trained.network.machine().pool.map(0..draws, |draw| {
                let index = (layer * choice.bins + bin) * choice.draws + draw;
                let mut stream = Stream::new(settings.seed, Purpose::SignSwitching, index as u32);
                let mut other = trained.clone();
                other.network.layers[layer].linear.switch(&some(synapses, switched, &mut stream));
                (loss(&other) - before) / switched as f64
            });
            let row = LossIncrease::new(layer + 1, bins.edges(bin), synapses.len(), switched, &increases);
            let next = observe(row.as_ref());
            rows.extend(row);
            if next.is_break() {
                return rows;
            }
        }
    }
    rows
}

/// `count` of the `items`, each at most once.
fn some(items: &[usize], count: usize, stream: &mut Stream) -> Vec<usize> {
    let mut items = items.to_vec();
    for place in 0..count {
        let other = place + stream.below((items.len() - place) as u32) as usize;
        items.swap(place, other);
    }
    items.truncate(count);
    items
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::recipe::settings::{self, Precision};
    use metabnn::data::Images;
    use metabnn::kernels::Platform;
    use metabnn::machine::Machine;
    use metabnn::network::{Inputs, Layer, Linear, Network, Norm, cross_entropy};
    use metabnn::stream::View;

    const WIDTHS: [usize; 3] = [12, 9, 3];

    fn images() -> Subset {
        let pixels = (0..40 * WIDTHS[0]).map(|i| (i * 37 % 251) as u8).collect();
        let labels = (0..40).map(|i| (i % 3) as u8).collect();
        Subset::new(vec![View::all(Arc::new(Images::new(3, 4, 3, pixels, labels).unwrap()))])
    }

    fn hidden(layer: usize) -> Vec<f32> {
        let mut stream = Stream::new(7, Purpose::Init, layer as u32);
        (0..WIDTHS[layer] * WIDTHS[layer + 1]).map(|_| stream.normal()).collect()
    }

    fn trained(hidden: [Vec<f32>; 2], machine: &Machine) -> TrainedNetwork {
        let layer = |(index, hidden): (usize, Vec<f32>)| {
            let norm = Norm::new(vec![0.7; WIDTHS[index + 1]], &settings::Norm::default());
            Layer::dense(Linear::new(WIDTHS[index], &hidden, true), norm)
        };
        let layers = hidden.into_iter().enumerate().map(layer).collect();
        TrainedNetwork::new(Network::from_layers(layers, Precision::Binary).on(machine))
    }

    /// The oracle: the network with the signs of all hidden weights of a bin turned around, and its loss in one batch.
    #[test]
    fn a_bin_switched_as_a_whole_costs_what_the_network_without_it_does() {
        let machine = Machine::new(2, Platform::detect()).unwrap();
        let settings = Settings::default();
        let hidden = [0, 1].map(hidden);
        let loss = |hidden: [Vec<f32>; 2]| {
            let network = trained(hidden, &machine).network;
            let batch = images().gather(0..30, settings.network.input);
            let Inputs::Pixels(_) = &batch.inputs else { panic!("pixels") };
            let norms = network.norm_states();
            let mut logits = network.logits(&batch.inputs, &norms, settings.norm.statistics);
            f64::from(cross_entropy(&mut logits, &batch.labels))
        };
        let choice = SignSwitching { bins: 4, switched: vec![1000, 1000], draws: 3, images: 30 };
        let before = loss(hidden.clone());
        let mut told = 0;
        let network = trained(hidden.clone(), &machine);
        let rows = switch_signs(&network, &images(), &settings, &choice, |_| {
            told += 1;
            ControlFlow::Continue(())
        });
        assert_eq!((told, rows.len()), (bins(&choice, 2), 8), "no bin is empty");
        for row in rows {
            let mut other = hidden.clone();
            let layer = &mut other[row.layer - 1];
            let most = f64::from(layer.iter().fold(0.0f32, |most, weight| most.max(weight.abs())));
            let (mut count, last) = (0, row.high > 0.99 * most);
            for weight in layer.iter_mut() {
                let magnitude = f64::from(weight.abs());
                if magnitude >= row.low && (magnitude < row.high || last) {
                    (*weight, count) = (-*weight, count + 1);
                }
            }
            assert_eq!((row.weights, row.switched, row.draws, row.std), (count, count, 1, None));
            assert_eq!(row.mean, (loss(other) - before) / count as f64, "{row:?}");
        }
        assert_eq!(network.network.layers[0].linear.hidden().to_rows(), hidden[0], "left as it was");
    }

    #[test]
    fn draws_are_the_same_at_any_number_of_threads() {
        let of = |threads| {
            let machine = Machine::new(threads, Platform::detect()).unwrap();
            let choice = SignSwitching { bins: 3, switched: vec![2, 1], draws: 6, images: 0 };
            let network = trained([0, 1].map(hidden), &machine);
            switch_signs(&network, &images(), &Settings::default(), &choice, |_| ControlFlow::Continue(()))
        };
        let rows = of(1);
        assert_eq!(rows, of(3));
        // All but the last bin of the second layer, which has no second weight to draw.
        let rows = &rows[..5];
        assert!(rows.iter().all(|row| row.draws == 6 && row.switched == [2, 1][row.layer - 1]), "{rows:?}");
        assert!(rows.iter().all(|row| row.std.is_some_and(|std| std > 0.0)), "draws differ: {rows:?}");
    }

    #[test]
    fn some_of_the_items_are_drawn_once_each_and_evenly() {
        let mut counts = [0; 5];
        for index in 0..4000 {
            let mut drawn =
                some(&[10, 11, 12, 13, 14], 2, &mut Stream::new(1, Purpose::SignSwitching, index));
            drawn.iter().for_each(|item| counts[item - 10] += 1);
            drawn.dedup();
            assert_eq!(drawn.len(), 2);
        }
        // 1600 expected of each, with a standard deviation of 31.
        assert!(counts.iter().all(|count| (1450..1750).contains(count)), "{counts:?}");
    }
}
