//! The file `checkpoint.safetensors`: a run in progress, from which it goes on to the same bits as if it had never
//! stopped.
//!
//! It holds every tensor of a [`model`](super) but the pixel orders of tests, which are drawn from the seed, and beside them
//!
//! | tensor | dtype, shape | what |
//! |---|---|---|
//! | `layerL.memory` | F32 (out, in, numbers) | what the rule keeps of each synapse, if anything |
//! | `layerL.first_moment`, `.second_moment` | F32 (out, in) | Adam's moments of the hidden weights |
//! | `layerL.gamma_first_moment`, `layerL.beta_second_moment`, … | F32 (out) | Adam's moments of batch norm |
//! | `layerL.signs` | U64 (out, in / 64) | binary weights at the beginning of the epoch, bit i % 64 of word i / 64; set: +1 |
//! | `checksum` | U32 (1) | CRC-32C of the whole file, these four bytes taken as 0 |
//!
//! Moments and memory of a convolution have their inputs in the order (kernel row, kernel column, channel).
//!
//! The description says what the run is (settings, shape and digest of its data), how far it is, and all that was
//! measured so far. Random streams are not in it: they are drawn from the seed again, up to the place where the run is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::container::{ContainerError, Kind, Reader, Writer};
use super::tensors::{self, order_name};
use super::{ExperienceDescription, read_settings};
use crate::data::Shape;
use crate::engine::{Cpu, Engine};
use crate::evaluate::TrainedNetwork;
use crate::history::SignSnapshot;
use crate::layer::Layer;
use crate::machine::Machine;
use crate::optim::{Adam, NormMoments, PlainMoments};
use crate::rule::SynapticRule;
use crate::tensor::Tiled;
use crate::train::{History, Misplaced, Position, SavedSettings, TrainError, Trainer, Training};
use metabnn_infer::{BitMatrix, WORD};

/// Version of the file's layout.
const FORMAT: u32 = 3;

/// Digests of data sets by their names: see [`Dataset::digest`](crate::data::Dataset::digest).
pub type Digests = BTreeMap<String, String>;

/// A training in progress, read back from its file.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    description: Description,
    settings: SavedSettings,
    trained: TrainedNetwork,
    optimizer: Adam,
    signs: SignSnapshot,
    history: History,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Description {
    format: u32,
    version: String,
    settings: Box<RawValue>,
    data: Digests,
    image: Shape,
    #[serde(rename = "place")]
    position: Position,
    #[serde(rename = "record")]
    history: History,
    experiences: Vec<ExperienceDescription>,
    network_steps: u64,
    adam_steps: i32,
    /// Updates of the moments, layer by layer.
    updates: Vec<u32>,
}

/// Why a training does not go on from a checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file is not one, or not whole.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// It is the checkpoint of another training.
    #[error("the checkpoint is of another run: {what} is {there} there, {here} here")]
    OtherRun {
        /// What differs: a setting, "the version", "the data set mnist".
        what: String,
        /// Its value in the checkpoint.
        there: String,
        /// Its value in the training that was to go on.
        here: String,
    },
}

impl From<Misplaced> for CheckpointError {
    fn from(misplaced: Misplaced) -> Self {
        Kind::Checkpoint.problem(misplaced).into()
    }
}

impl Checkpoint {
    /// The file's bytes for a training as it is now, on data sets with these `digests`.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] if a hidden weight or norm is no longer a finite number: there is no way on.
    pub fn write<R: SynapticRule, E: Engine>(
        training: &Training<'_, R, E>,
        digests: &Digests,
    ) -> Result<Vec<u8>, TrainError> {
        write(training.trainer(), digests, training.seconds())
    }

    /// Reads a checkpoint back from the bytes of its file.
    ///
    /// # Errors
    /// [`ContainerError`] says what is missing, of the wrong shape, or not a finite number.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ContainerError> {
        let (file, mut description, is_sealed): (_, Description, _) =
            Reader::open_sealed(Kind::Checkpoint, bytes)?;
        let Description { format, image, experiences, updates, .. } = &description;
        if *format != FORMAT {
            return Err(file.problem(format!("its layout is version {format}, this program reads {FORMAT}")));
        }
        if !is_sealed {
            return Err(file.problem("it has no checksum"));
        }
        let settings = read_settings(&file, description.settings.get())?;
        let mut trained = tensors::read(&file, &settings, *image, experiences)?;
        let widths = trained.network.widths();
        let layers = std::mem::take(&mut trained.network.layers);
        if updates.len() != layers.len() {
            let problem = format!("it counts updates of {} layers, not of {}", updates.len(), layers.len());
            return Err(file.problem(problem));
        }
        let mut optimizer = Adam::new(&settings.optimizer, &widths).after(description.adam_steps);
        let mut signs = SignSnapshot(Vec::with_capacity(layers.len()));
        for (index, layer) in layers.into_iter().enumerate() {
            read_moments(&file, index, &layer, &mut optimizer, updates[index])?;
            signs.0.push(read_signs(&file, index, &layer)?);
            trained.network.layers.push(with_state(&file, index, layer)?);
        }
        trained.network = trained.network.after(description.network_steps);
        let history = std::mem::take(&mut description.history);
        Ok(Self { description, settings, trained, optimizer, signs, history })
    }

    /// The settings of its training, in JSON: at least [`SavedSettings`].
    pub fn settings(&self) -> &str {
        self.description.settings.get()
    }

    /// Whether it is the checkpoint of this training: of these settings, in JSON, on samples of this shape of data sets
    /// with these `digests`.
    ///
    /// # Errors
    /// [`CheckpointError::OtherRun`] names what differs.
    pub fn check(&self, settings: &str, shape: Shape, digests: &Digests) -> Result<(), CheckpointError> {
        match self.description.difference(settings, shape, digests) {
            Some([what, there, here]) => Err(CheckpointError::OtherRun { what, there, here }),
            None => Ok(()),
        }
    }

    /// A trainer that goes on from here by `rule`, which has to be the rule of the checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError::OtherRun`] if it is another rule, or has other parameters;
    /// [`CheckpointError::Container`] if the rule keeps another number of numbers of each synapse.
    pub fn into_trainer<R: SynapticRule>(
        self,
        machine: &Machine,
        rule: R,
    ) -> Result<Trainer<R>, CheckpointError> {
        let Self { description, settings, trained, optimizer, signs, history } = self;
        let here: Value = serde_json::from_str(&rule.to_json()).unwrap_or_default();
        if let Some([key, there, here]) = first_difference(&settings.rule, &here) {
            let what = if key == "name" { "the rule".into() } else { format!("{key} of the rule") };
            return Err(CheckpointError::OtherRun { what, there, here });
        }
        let TrainedNetwork { network, learned } = trained;
        let keeps =
            |layer: &Layer| layer.linear.memory().inputs() == layer.linear.inputs() * rule.state().len();
        if history.steps > 0 && !network.layers.iter().all(keeps) {
            let problem = format!("it does not keep {} numbers of each synapse", rule.state().len());
            return Err(Kind::Checkpoint.problem(problem).into());
        }
        let config = settings.train_config();
        let mut engine = Cpu::new(network.on(machine), &config.optimizer);
        let network = engine.network().clone();
        engine.load(network, optimizer);
        let settings = description.settings.get().to_owned();
        let position = description.position;
        let has_diverged = false;
        Ok(Trainer { engine, rule, config, settings, learned, has_diverged, signs, position, history })
    }
}

impl<R: SynapticRule> Trainer<R> {
    /// The bytes of a file from which it goes on, its optimizer included; of the layout of a checkpoint.
    ///
    /// # Errors
    /// [`TrainError::Diverged`]; [`TrainError::NotFinite`] if a hidden weight or norm is no longer a finite number.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TrainError> {
        self.check_usable()?;
        write(self, &Digests::new(), 0.0)
    }

    /// Reads a trainer back from the bytes that [`Trainer::to_bytes`] gave, or from a checkpoint; it goes on at the
    /// beginning of an experience.
    ///
    /// # Errors
    /// [`CheckpointError`] says what is missing, of the wrong shape, not a finite number, or of another rule.
    pub fn from_bytes(machine: &Machine, rule: R, bytes: &[u8]) -> Result<Self, CheckpointError> {
        let mut trainer = Checkpoint::from_bytes(bytes)?.into_trainer(machine, rule)?;
        trainer.position = Position { experience: trainer.position.experience, ..Position::default() };
        Ok(trainer)
    }
}

/// The file's bytes for what a training has come to.
fn write<R: SynapticRule, E: Engine>(
    trainer: &Trainer<R, E>,
    digests: &Digests,
    seconds: f64,
) -> Result<Vec<u8>, TrainError> {
    let (network, optimizer, position) = (trainer.network(), trainer.engine.optimizer(), trainer.position);
    let at = Position { experience: position.experience + 1, epoch: position.epoch + 1, ..position };
    trainer.check_network(at)?;
    let mut writer = Writer::default();
    tensors::write(&mut writer, network, &trainer.learned);
    for (index, experience) in trainer.learned.iter().enumerate() {
        if let Some(order) = &experience.order {
            writer.whole(order_name(index), order);
        }
    }
    for (index, layer) in network.layers.iter().enumerate() {
        write_layer(&mut writer, index, layer, optimizer, &trainer.signs);
    }
    let settings = RawValue::from_string(trainer.settings.clone());
    let description = Description {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        settings: settings.map_err(|error| TrainError::Checkpoint(error.into()))?,
        data: digests.clone(),
        image: network.shape(),
        position,
        history: History { seconds, ..trainer.history.clone() },
        experiences: trainer.learned.iter().map(ExperienceDescription::from).collect(),
        network_steps: network.steps(),
        adam_steps: optimizer.steps(),
        updates: optimizer.weights.iter().map(|moments| moments.updates()).collect(),
    };
    writer.finish_sealed(Kind::Checkpoint, &description).map_err(|error| TrainError::Checkpoint(error.into()))
}

impl Description {
    /// What differs between this training and the one that is to go on, with the values of both.
    fn difference(&self, settings: &str, shape: Shape, digests: &Digests) -> Option<[String; 3]> {
        let version = env!("CARGO_PKG_VERSION");
        if self.version != version {
            return Some(["the version".into(), self.version.clone(), version.into()]);
        }
        let parse = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
        if let Some(difference) = first_difference(&parse(self.settings.get()), &parse(settings)) {
            return Some(difference);
        }
        let changed = digests.iter().find(|(name, digest)| self.data.get(*name) != Some(digest));
        if let Some((name, digest)) = changed {
            let there = self.data.get(name).map_or("unknown", |digest| digest);
            return Some([format!("the data set {name}"), there.into(), digest.clone()]);
        }
        let (there, here) = (self.image.to_string(), shape.to_string());
        (there != here).then(|| ["the shape of a sample".into(), there, here])
    }
}

/// The first value in which two objects differ: its path, and both values.
fn first_difference(there: &Value, here: &Value) -> Option<[String; 3]> {
    let (Value::Object(a), Value::Object(b)) = (there, here) else {
        return (there != here).then(|| [String::new(), there.to_string(), here.to_string()]);
    };
    let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
    keys.into_iter().find_map(|key| match (a.get(key), b.get(key)) {
        (Some(there), Some(here)) => first_difference(there, here).map(|[path, there, here]| {
            [if path.is_empty() { key.clone() } else { format!("{key}.{path}") }, there, here]
        }),
        (there, here) => {
            let text = |value: Option<&Value>| value.map_or("nothing".into(), Value::to_string);
            Some([key.clone(), text(there), text(here)])
        }
    })
}

fn name(layer: usize, what: &str) -> String {
    format!("layer{}.{what}", layer + 1)
}

/// What a checkpoint keeps of a layer and a model does not.
fn write_layer(writer: &mut Writer, index: usize, layer: &Layer, adam: &Adam, signs: &SignSnapshot) {
    let linear = &layer.linear;
    let (outputs, inputs) = (linear.outputs(), linear.inputs());
    let memory = linear.memory();
    if memory.inputs() > 0 {
        let shape = [outputs, inputs, memory.inputs() / inputs];
        writer.floats(name(index, "memory"), &shape, &memory.to_rows());
    }
    let moments = &adam.weights[index];
    writer.floats(name(index, "first_moment"), &[outputs, inputs], &moments.mean());
    writer.floats(name(index, "second_moment"), &[outputs, inputs], &moments.square());
    let NormMoments { gamma, beta } = &adam.norms[index];
    for (of, PlainMoments { mean, square }) in [("gamma", gamma), ("beta", beta)] {
        writer.floats(name(index, &format!("{of}_first_moment")), &[mean.len()], mean);
        writer.floats(name(index, &format!("{of}_second_moment")), &[square.len()], square);
    }
    if let Some(signs) = &signs.0[index] {
        writer.words(name(index, "signs"), &[outputs, signs.stride()], signs.words());
    }
}

fn read_moments(
    file: &Reader<'_>,
    index: usize,
    layer: &Layer,
    adam: &mut Adam,
    updates: u32,
) -> Result<(), ContainerError> {
    let (outputs, inputs) = (layer.linear.outputs(), layer.linear.inputs());
    let floats = |what: &str, shape: &[usize]| file.floats(&name(index, what), shape);
    let first = floats("first_moment", &[outputs, inputs])?;
    let second = file.squares(&name(index, "second_moment"), &[outputs, inputs])?;
    adam.weights[index] = adam.weights[index].clone().restored(&first, &second, updates);
    let plain = |of: &str| -> Result<PlainMoments, ContainerError> {
        Ok(PlainMoments {
            mean: floats(&format!("{of}_first_moment"), &[outputs])?,
            square: file.squares(&name(index, &format!("{of}_second_moment")), &[outputs])?,
        })
    };
    adam.norms[index] = NormMoments { gamma: plain("gamma")?, beta: plain("beta")? };
    Ok(())
}

/// The binary weights at the beginning of the epoch; a layer in full precision has none.
fn read_signs(file: &Reader<'_>, index: usize, layer: &Layer) -> Result<Option<BitMatrix>, ContainerError> {
    let Some(binary) = layer.linear.binary() else { return Ok(None) };
    let mut signs = BitMatrix::new(binary.rows(), binary.columns());
    let words = file.words(&name(index, "signs"), &[signs.rows(), signs.stride()])?;
    signs.words_mut().copy_from_slice(&words);
    let padding = signs.stride() * WORD - signs.columns();
    let last = signs.stride() - 1;
    if padding > 0 && (0..signs.rows()).any(|row| signs.row(row)[last] >> (WORD - padding) != 0) {
        return Err(file.problem("signs beyond the last input"));
    }
    Ok(Some(signs))
}

/// The layer with what the rule keeps of its synapses, if anything.
fn with_state(file: &Reader<'_>, index: usize, layer: Layer) -> Result<Layer, ContainerError> {
    let name = name(index, "memory");
    let (outputs, inputs) = (layer.linear.outputs(), layer.linear.inputs());
    let Ok(tensor) = file.get(&name) else { return Ok(layer) };
    let numbers = tensor.shape().last().copied().unwrap_or(0);
    let rows = file.floats(&name, &[outputs, inputs, numbers])?;
    let width = inputs * numbers;
    let state = Tiled::from_fn(width, outputs, |output, place| rows[output * width + place]);
    Ok(Layer { linear: layer.linear.with_memory(state), ..layer })
}
