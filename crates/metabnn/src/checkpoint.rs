//! The file `checkpoint.safetensors`: a run in progress, from which it goes on to the same bits as if it had never
//! stopped.
//!
//! It holds every tensor of a [`model`](crate::model) but the permutations, which are drawn from the seed, and beside them
//!
//! | tensor | dtype, shape | what |
//! |---|---|---|
//! | `layerL.memory` | F32 (out, in, numbers) | what the rule keeps of each synapse, if anything |
//! | `layerL.first_moment`, `.second_moment` | F32 (out, in) | Adam's moments of the hidden weights |
//! | `layerL.gamma_first_moment`, `layerL.beta_second_moment`, … | F32 (out) | Adam's moments of batch norm |
//! | `layerL.signs` | U64 (out, in / 64) | binary weights at the beginning of the epoch, bit i % 64 of word i / 64; set: +1 |
//!
//! Moments and memory of a convolution have their inputs in the order (kernel row, kernel column, channel).
//!
//! The description says what the run is (settings, shape and digest of its data), how far it is, and all that was
//! measured so far. Random streams are not in it: they are drawn from the seed again, up to the place where the run is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::analysis::Signs;
use crate::container::{ContainerError, Kind, Reader, Writer};
use crate::data::Shape;
use crate::machine::Machine;
use crate::model::knowledge;
use crate::network::{Layer, NormMoments, Tiled};
use crate::optim::{Adam, PlainMoments};
use crate::plasticity::SynapticRule;
use crate::recipe::{difference, settings::Scenario, settings::Settings};
use crate::tasks::{TaskStream, batches};
use crate::train::{Learner, Place, Record, State, TrainError, Training, check_finite};
use metabnn_infer::{BitMatrix, WORD};

/// Version of the file's layout.
const FORMAT: u32 = 1;

/// Digests of data sets by their names: see [`Dataset::digest`](crate::data::Dataset::digest).
pub type Digests = BTreeMap<String, String>;

/// A run in progress, read back from its file.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    description: Description,
    state: State,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Description {
    format: u32,
    version: String,
    settings: Settings,
    data: Digests,
    image: Shape,
    place: Place,
    record: Record,
    /// Tasks whose batch-norm states are kept.
    remembered: usize,
    network_steps: u64,
    adam_steps: i32,
    /// Updates of the moments, layer by layer.
    updates: Vec<u32>,
}

/// Why a run does not go on from a checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file is not one, or not whole.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// It is the checkpoint of another run.
    #[error("the checkpoint is of another run: {what} is {there} there, {here} here")]
    OtherRun {
        /// What differs: a settings key, "the version", "the data set mnist".
        what: String,
        /// Its value in the checkpoint.
        there: String,
        /// Its value in the run that was to go on.
        here: String,
    },
}

impl Checkpoint {
    /// The file's bytes for a run as it is now, on data sets with these `digests`.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] if a hidden weight or batch norm is no longer a finite number: there is no way on.
    pub fn of(training: &Training<'_>, digests: &Digests) -> Result<Vec<u8>, TrainError> {
        let (settings, stream) = training.given();
        write(training.state(), settings, stream.image, digests, training.seconds())
    }

    /// Reads a checkpoint back from the bytes of its file.
    ///
    /// # Errors
    /// [`ContainerError`] says what is missing, of the wrong shape, or not a finite number.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ContainerError> {
        let (file, mut description): (_, Description) = Reader::open(Kind::Checkpoint, bytes)?;
        let Description { format, settings, image, place, remembered, updates, .. } = &description;
        if *format != FORMAT {
            return Err(file.problem(format!("its layout is version {format}, this program reads {FORMAT}")));
        }
        settings.check().map_err(|error| file.problem(error))?;
        let mut knowledge = knowledge::read(&file, settings, *image, *remembered)?;
        let layers = std::mem::take(&mut knowledge.network.layers);
        if updates.len() != layers.len() {
            let problem = format!("it counts updates of {} layers, not of {}", updates.len(), layers.len());
            return Err(file.problem(problem));
        }
        let mut adam = Adam::new(&settings.optimizer, &layers).after(description.adam_steps);
        let mut signs = Signs(Vec::with_capacity(layers.len()));
        for (index, layer) in layers.into_iter().enumerate() {
            read_moments(&file, index, &layer, &mut adam, updates[index])?;
            signs.0.push(read_signs(&file, index, &layer)?);
            knowledge.network.layers.push(with_memory(&file, index, layer, settings)?);
        }
        knowledge.network = knowledge.network.after(description.network_steps);
        let (place, record) = (*place, std::mem::take(&mut description.record));
        Ok(Self { state: State { knowledge, adam, signs, place, record }, description })
    }

    /// The run goes on, if this is its checkpoint: of these settings, on data sets with these `digests`.
    ///
    /// # Errors
    /// [`CheckpointError::OtherRun`] names what differs.
    pub fn resume<'a>(
        self,
        machine: &Machine,
        settings: &'a Settings,
        stream: &'a TaskStream,
        digests: &Digests,
    ) -> Result<Training<'a>, CheckpointError> {
        let Self { description, mut state } = self;
        if let Some((what, there, here)) = description.difference(settings, stream, digests) {
            return Err(CheckpointError::OtherRun { what, there, here });
        }
        description.check_place(&state.record, stream)?;
        state.knowledge.network = state.knowledge.network.on(machine);
        Ok(Training::at(state, settings, stream))
    }
}

impl Learner {
    /// The bytes of a file from which it goes on, its optimizer included; of the layout of a checkpoint.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] if a hidden weight or batch norm is no longer a finite number.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TrainError> {
        write(self.state(), self.settings(), self.image(), &Digests::new(), 0.0)
    }

    /// Reads a learner back from the bytes that [`Learner::to_bytes`] gave, or from the checkpoint of a run.
    ///
    /// # Errors
    /// [`ContainerError`] says what is missing, of the wrong shape, or not a finite number.
    pub fn from_bytes(machine: &Machine, bytes: &[u8]) -> Result<Self, ContainerError> {
        let Checkpoint { description, mut state } = Checkpoint::from_bytes(bytes)?;
        // A lesson is begun from its beginning.
        state.place = Place { task: state.place.task, ..Place::default() };
        let mut learner = Self::at(state, description.settings, description.image);
        learner.set_machine(machine);
        Ok(learner)
    }
}

/// The file's bytes for what a run has come to.
fn write(
    state: &State,
    settings: &Settings,
    image: Shape,
    digests: &Digests,
    seconds: f64,
) -> Result<Vec<u8>, TrainError> {
    let State { knowledge, adam, signs, place, record } = state;
    let at = (place.task + 1, place.epoch + 1, record.steps);
    check_finite("a hidden weight", knowledge.network.hidden_weights(), at, settings)?;
    check_finite("what the rule keeps of a synapse", knowledge.network.memory(), at, settings)?;
    let norms = knowledge.network.norm_states();
    let norms = norms.iter().flat_map(|norm| [&norm.gamma, &norm.beta, &norm.mean, &norm.variance]);
    check_finite("a number of batch norm", norms.flatten().copied(), at, settings)?;
    let mut writer = Writer::default();
    knowledge::write(&mut writer, knowledge);
    for (index, layer) in knowledge.network.layers.iter().enumerate() {
        write_layer(&mut writer, index, layer, adam, signs);
    }
    let description = Description {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        settings: settings.clone(),
        data: digests.clone(),
        image,
        place: *place,
        record: Record { seconds, ..record.clone() },
        remembered: knowledge.remembered.len(),
        network_steps: knowledge.network.steps(),
        adam_steps: adam.steps(),
        updates: adam.weights.iter().map(|moments| moments.updates()).collect(),
    };
    writer.finish(Kind::Checkpoint, &description).map_err(TrainError::Checkpoint)
}

impl Description {
    /// What differs between this run and the one that is to go on, with the values of both.
    fn difference(
        &self,
        settings: &Settings,
        stream: &TaskStream,
        digests: &Digests,
    ) -> Option<(String, String, String)> {
        let version = env!("CARGO_PKG_VERSION");
        if self.version != version {
            return Some(("the version".into(), self.version.clone(), version.into()));
        }
        if let Some(difference) = difference(&self.settings, settings) {
            return Some(difference);
        }
        let changed = digests.iter().find(|(name, digest)| self.data.get(*name) != Some(digest));
        if let Some((name, digest)) = changed {
            let there = self.data.get(name).map_or("unknown", |digest| digest);
            return Some((format!("the data set {name}"), there.into(), digest.clone()));
        }
        let (there, here) = (self.image.to_string(), stream.image.to_string());
        (there != here).then(|| ("the shape of a sample".into(), there, here))
    }

    /// A place that this run can be at, and what it has seen by then.
    fn check_place(&self, record: &Record, stream: &TaskStream) -> Result<(), ContainerError> {
        let Self { place, settings, remembered, .. } = self;
        let schedule = &settings.schedule;
        let possible = match stream.phases.get(place.task) {
            Some(phase) => {
                place.epoch < schedule.epochs && place.batch < batches(phase.len(), schedule.batch).len()
            }
            None => place.task == stream.phases.len() && place.is_start_of_task(),
        };
        let problem = |problem: &str| Err(Kind::Checkpoint.problem(problem));
        if !possible {
            return problem("it is at a place where its run never is");
        }
        let kept = if settings.tasks.scenario == Scenario::Task { place.task } else { 0 };
        let (rows, tests) = (&record.matrix.rows, stream.tests.len());
        let of_tests = |row: &Vec<f64>| row.len() == tests;
        if rows.len() != place.task
            || *remembered != kept
            || !rows.iter().chain([&record.matrix.untrained]).all(of_tests)
        {
            return problem("what it has seen is not what its run sees up to there");
        }
        Ok(())
    }
}

fn name(layer: usize, what: &str) -> String {
    format!("layer{}.{what}", layer + 1)
}

/// What a checkpoint keeps of a layer and a model does not.
fn write_layer(writer: &mut Writer, index: usize, layer: &Layer, adam: &Adam, signs: &Signs) {
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

/// The layer with what the rule keeps of its synapses.
fn with_memory(
    file: &Reader<'_>,
    index: usize,
    layer: Layer,
    settings: &Settings,
) -> Result<Layer, ContainerError> {
    let numbers = settings.rule.memory().len();
    let (outputs, inputs) = (layer.linear.outputs(), layer.linear.inputs());
    if numbers == 0 {
        return Ok(layer);
    }
    let rows = file.floats(&name(index, "memory"), &[outputs, inputs, numbers])?;
    let width = inputs * numbers;
    let memory = Tiled::from_fn(width, outputs, |output, place| rows[output * width + place]);
    Ok(Layer { linear: layer.linear.with_memory(memory), ..layer })
}
