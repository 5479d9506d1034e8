//! A trained network as the parts of a packed model: batch norms become thresholds.

use metabnn_infer::BitMatrix;
use metabnn_infer::packed::{ClassNorm, Content, Kind, Norm, Threshold};

use super::{Costs, DeviceReport, ExportError, Exported, ModelFormat, Unpackable};
use crate::layer::{Layer, LayerShape, NormKind, NormState, Statistics};
use crate::model::Model;
use crate::network::{Encoding, Precision};

/// The format on the command line and in Python.
pub(super) static FORMAT: ModelFormat = ModelFormat {
    name: "packed",
    extension: "packed",
    help: "packed bits, for the Rust crate metabnn-infer on a device",
    takes_any_network: false,
    takes_statistics: true,
    encode: |model, _| {
        let packed = Packed::checked(model)?;
        let device = DeviceReport::new(&packed, packed.costs);
        Ok(Exported { bytes: packed.bytes, device: Some(device) })
    },
};

/// A network as a packed model.
#[derive(Clone, Debug, PartialEq)]
pub struct Packed {
    /// The bytes of the file.
    pub bytes: Vec<u8>,
    /// What each state is for: the tests of its run in order, then, where it is another one, each of them without a
    /// label, that is, with the batch norm that the network had in the end.
    pub states: Vec<String>,
    /// What an inference takes.
    pub costs: Costs,
}

/// A state before it is packed.
pub(super) struct State {
    pub name: String,
    /// Batch norms, one per layer.
    pub norms: Vec<NormState>,
    /// Test whose pixel order it has.
    order: Option<usize>,
}

impl State {
    /// Its pixel order.
    pub fn order<'a>(&self, model: &'a Model) -> Option<&'a [u32]> {
        self.order.and_then(|test| model.permutations[test].as_deref())
    }
}

impl Packed {
    /// Packs `model`, with the statistics of its settings.
    ///
    /// # Errors
    /// [`ExportError::Unpackable`] and [`ExportError::BatchStatistics`] for what cannot be packed; [`ExportError::Norm`] if a
    /// batch norm gives no finite number.
    pub fn new(model: &Model) -> Result<Self, ExportError> {
        let (network, image) = (&model.trained.network, &model.description.image);
        let (layers, norm) = (&network.layers, network.norm_config());
        let refuse = |has| Err(ExportError::Unpackable { has });
        if network.config().precision != Precision::Binary {
            return refuse(Unpackable::RealWeights);
        }
        if layers.iter().any(|layer| layer.shape != LayerShape::Dense) {
            return refuse(Unpackable::Convolutions);
        }
        match norm.kind {
            NormKind::Batch => {}
            NormKind::Layer => return refuse(Unpackable::LayerNorm),
            NormKind::Instance => return refuse(Unpackable::InstanceNorm),
        }
        let is_image = (image.channels, image.rows) != (1, 1);
        let kind = match network.config().input {
            Encoding::Sign => Kind::Signs,
            Encoding::Real if is_image => Kind::Pixels,
            Encoding::Real => return refuse(Unpackable::RealInputs),
        };
        if norm.statistics == Statistics::Batch {
            return Err(ExportError::BatchStatistics);
        }
        let Some(weights) = layers.iter().map(|layer| layer.linear.binary().cloned()).collect() else {
            return refuse(Unpackable::RealWeights);
        };
        let states = states(model);
        let content = content(kind, weights, &states, model)?;
        let bytes = content.to_bytes()?;
        let costs = Costs::new(&metabnn_infer::packed::Model::parse(&bytes)?, content.norms.len());
        Ok(Self { bytes, states: states.into_iter().map(|state| state.name).collect(), costs })
    }
}

/// The states of a model: one per test, then those without a label that are not among them.
pub(super) fn states(model: &Model) -> Vec<State> {
    let Model { description, permutations, trained } = model;
    let order = |test: usize| permutations[test].as_ref().map(|_| test);
    let tests = description.tests.iter().enumerate();
    let mut states: Vec<State> = tests
        .map(|(index, test)| State {
            name: test.name.clone(),
            norms: trained.norms(test.experience.as_ref()),
            order: order(index),
        })
        .collect();
    let present = trained.norms(None);
    for (index, test) in description.tests.iter().enumerate() {
        let order = order(index);
        let same = |order: Option<usize>| order.map(|test| &permutations[test]);
        if !states.iter().any(|state| same(state.order) == same(order) && state.norms == present) {
            let name = if order.is_some() { format!("{}, no label", test.name) } else { "no label".into() };
            states.push(State { name, norms: present.clone(), order });
        }
    }
    states
}

/// The parts of the packed model; equal norms and equal orders are there once.
fn content(
    kind: Kind,
    weights: Vec<BitMatrix>,
    states: &[State],
    model: &Model,
) -> Result<Content, ExportError> {
    let mut norms: Vec<(&[NormState], Norm)> = Vec::new();
    let mut orders: Vec<Vec<u32>> = Vec::new();
    let mut numbers = Vec::new();
    for state in states {
        let known = norms.iter().position(|(norms, _)| *norms == state.norms);
        let norm = known.unwrap_or(norms.len());
        if known.is_none() {
            norms.push((&state.norms, fold(kind, state, &model.trained.network.layers)?));
        }
        let order = state.order(model).map(|order| {
            let known = orders.iter().position(|known| known == order);
            known.unwrap_or_else(|| {
                orders.push(order.to_vec());
                orders.len() - 1
            })
        });
        numbers.push((norm, order));
    }
    let norms = norms.into_iter().map(|(_, norm)| norm).collect();
    Ok(Content { kind, weights, norms, orders, states: numbers })
}

/// The batch norms of a state: thresholds of the hidden layers, and what stands behind the sums of the classes.
fn fold(kind: Kind, state: &State, layers: &[Layer]) -> Result<Norm, ExportError> {
    let (mut thresholds, mut classes) = (Vec::new(), Vec::new());
    for (index, (layer, norm)) in layers.iter().zip(&state.norms).enumerate() {
        let kind = if index == 0 { kind } else { Kind::Signs };
        let inputs = layer.linear.inputs();
        let bound = match kind {
            Kind::Pixels => inputs.saturating_mul(255),
            Kind::Signs => inputs,
        };
        // More than the format holds is refused when it is written.
        let bound = i32::try_from(bound).unwrap_or(i32::MAX).min(Threshold::MOST - 1);
        let units = (0..layer.linear.outputs()).map(|unit| {
            let of_unit = ClassNorm {
                mean: norm.mean[unit],
                inverse: layer.norm.inv_std(norm.variance[unit]),
                gamma: norm.gamma[unit],
                beta: norm.beta[unit],
            };
            // Whatever is not a number anywhere is none at an end: a normalised sum that is infinite, times a gamma of 0.
            let is_number = [-bound, bound].iter().all(|s| !of_unit.score(kind, *s).is_nan());
            let right = of_unit.inverse.is_finite() && is_number;
            let wrong = || ExportError::Norm { state: state.name.clone(), layer: index + 1, unit: unit + 1 };
            right.then_some(of_unit).ok_or_else(wrong)
        });
        let units: Vec<ClassNorm> = units.collect::<Result<_, _>>()?;
        if index + 1 == layers.len() {
            classes = units;
        } else {
            let fires = |unit: &ClassNorm| Threshold::of(bound, |s| unit.score(kind, s) >= 0.0);
            thresholds.push(units.iter().map(fires).collect());
        }
    }
    Ok(Norm { thresholds, classes })
}
