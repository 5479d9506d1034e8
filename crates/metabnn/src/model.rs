//! The file `model.safetensors`: everything needed to test a trained network, readable from any language.
//!
//! | tensor | dtype, shape | what |
//! |---|---|---|
//! | `layerL.hidden_weight` | F32 (out, in) | hidden weights W^h of layer L, counted from 1; W^b = sign(W^h) |
//! | the same of a convolution | F32 (out, in, kernel, kernel) | output and input channels, rows and columns of the kernel |
//! | `layerL.gamma`, `.beta`, `.mean`, `.variance` | F32 (out) | batch norm at the end of training |
//! | `taskT.layerL.gamma`, … | F32 (out) | batch norm at the end of task T (scenario `task`) |
//! | `testT.permutation` | U32 (pixels) | pixel order of test T: input i is pixel `permutation[i]` of the image |
//!
//! What a rule keeps of synapses beside the hidden weight (importances, beakers) is not in it, nor are the optimizer's
//! moments: testing needs neither.
//!
//! The metadata has one key, `metabnn`, a JSON object with the format's version, the program's version, the image
//! size, the resolved settings (with the geometry of convolutions: `network.channels`, `kernel`, `stride`, `padding`,
//! `pool`, ...) and the tests' names. Nothing in the file is executed on reading it.

mod error;

use std::collections::HashMap;
use std::sync::Arc;

pub use error::ModelError;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::data::{self, Dataset};
use crate::evaluate::Knowledge;
use crate::network::{BatchNorm, Convolution, Layer, LayerShape, Linear, Network, NormState, Plan, plan};
use crate::recipe::settings::{Precision, Scenario, Settings, Stream};
use crate::tasks::{Split, TaskStream, Test, View, groups};

/// Version of the file's layout.
const FORMAT: u32 = 1;
const KEY: &str = "metabnn";

/// A trained network with all that testing it needs.
#[derive(Clone, Debug)]
pub struct Model {
    /// What describes it.
    pub description: Description,
    /// Pixel order of each test, where it has one; (pixels) each.
    pub permutations: Vec<Option<Vec<u32>>>,
    /// The network and its batch-norm states.
    pub knowledge: Knowledge,
}

/// The metadata of a model file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Version of the file's layout.
    pub format: u32,
    /// Version of the program that wrote it.
    pub version: String,
    /// Channels, rows and columns of the samples it takes.
    pub image: data::Shape,
    /// The settings it was trained with.
    pub settings: Settings,
    /// The tests of its run, in order.
    pub tests: Vec<TestDescription>,
    /// Number of tasks whose batch-norm states are kept.
    pub remembered: usize,
}

/// A test that a model was judged by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestDescription {
    /// Its name.
    pub name: String,
    /// The task, counted from 0, whose batch-norm state it is tested with; `None`: the last one.
    pub phase: Option<usize>,
}

impl Model {
    /// The model of a finished run on images of `image` = (rows, columns).
    pub fn new(knowledge: Knowledge, settings: &Settings, stream: &TaskStream) -> Self {
        let mut permutations = vec![None; stream.tests.len()];
        stream.permutations().for_each(|(test, order)| permutations[test] = Some(order.to_vec()));
        let tests = stream.tests.iter();
        let description = Description {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").into(),
            image: stream.image,
            settings: settings.clone(),
            tests: tests.map(|test| TestDescription { name: test.name.clone(), phase: test.phase }).collect(),
            remembered: knowledge.remembered.len(),
        };
        Self { description, permutations, knowledge }
    }

    /// The tests of its run, over the test images of `set`. In a sequence of data sets, the test of that set alone
    /// if it was one of them.
    ///
    /// # Errors
    /// [`ModelError::Images`] if the images are larger than the model takes or have more classes;
    /// [`ModelError::Classes`] if they have none of the classes that a test is of.
    pub fn tests_on(&self, set: &Dataset) -> Result<Vec<Test>, ModelError> {
        let Description { image, settings, tests, .. } = &self.description;
        let classes = self.knowledge.network.layers.last().map_or(0, |layer| layer.linear.outputs());
        let (samples, shape) = (&set.test, set.test.shape());
        let fits = match samples.images() {
            Some(_) => {
                shape.channels == image.channels && shape.rows <= image.rows && shape.columns <= image.columns
            }
            None => shape == *image,
        };
        if !fits || samples.classes() > classes {
            return Err(ModelError::Images {
                set: set.name.clone(),
                got: format!("{}, {} classes", samples.describe(), samples.classes()),
                takes: format!("{}, {classes} classes", describe(*image)),
            });
        }
        let samples = samples.fitted(settings.data.test_images, *image, settings.data.normalise);
        let groups = match settings.tasks.stream {
            Stream::Classes => groups(&settings.tasks, &set.name, samples.classes())?,
            _ => Vec::new(),
        };
        let own = tests.iter().any(|test| test.name == set.name);
        let chosen = tests.iter().zip(&self.permutations).enumerate();
        let chosen = chosen.filter(|(_, (test, _))| !own || test.name == set.name);
        let test = |(index, (test, permutation)): (usize, (&TestDescription, &Option<Vec<u32>>))| {
            let mut view = match groups.get(index) {
                Some(group) => View::of_classes(&samples, group),
                None => View::all(samples.clone()),
            };
            view.permutation = permutation.as_ref().map(|order| Arc::from(order.as_slice()));
            Test { name: test.name.clone(), images: Split::new(vec![view]), phase: test.phase }
        };
        Ok(chosen.map(test).collect())
    }

    /// The file's bytes: the same for the same model.
    ///
    /// # Errors
    /// [`ModelError::Format`] if the library that writes the container refuses.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ModelError> {
        let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
        let mut floats = |name: String, shape: &[usize], values: &[f32]| {
            tensors.push((
                name,
                Dtype::F32,
                shape.to_vec(),
                values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ));
        };
        let network = &self.knowledge.network;
        for (index, layer) in network.layers.iter().enumerate() {
            let Layer { shape, linear, .. } = layer;
            let (name, rows) = (hidden_name(index), linear.hidden().to_rows());
            let dimensions = dimensions(shape, linear.inputs(), linear.outputs());
            match shape {
                LayerShape::Dense => floats(name, &dimensions, &rows),
                LayerShape::Convolution(convolution) => {
                    floats(name, &dimensions, &convolution.to_channels_first(&rows));
                }
            }
        }
        let present = network.norm_states();
        let remembered =
            self.knowledge.remembered.iter().enumerate().map(|(task, states)| (Some(task), states));
        for (task, states) in [(None, &present)].into_iter().chain(remembered) {
            for (layer, state) in states.iter().enumerate() {
                for (part, values) in parts(state) {
                    floats(norm_name(task, layer, part), &[values.len()], values);
                }
            }
        }
        for (test, permutation) in self.permutations.iter().enumerate() {
            if let Some(order) = permutation {
                let bytes = order.iter().flat_map(|v| v.to_le_bytes()).collect();
                tensors.push((permutation_name(test), Dtype::U32, vec![order.len()], bytes));
            }
        }
        let views: Result<Vec<_>, _> = tensors
            .iter()
            .map(|(name, dtype, shape, bytes)| Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?)))
            .collect();
        // One key: several would come out of a hash map in another order each time.
        let description = serde_json::to_string(&self.description)
            .map_err(|error| ModelError::Description(error.to_string()))?;
        let metadata = HashMap::from([(KEY.to_string(), description)]);
        Ok(safetensors::serialize(views.map_err(ModelError::Format)?, Some(metadata))?)
    }

    /// Reads a model back from the bytes of its file.
    ///
    /// # Errors
    /// [`ModelError`] says what is missing, of the wrong shape, or not a finite number.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let (_, metadata) = SafeTensors::read_metadata(bytes)?;
        let text = metadata.metadata().as_ref().and_then(|map| map.get(KEY));
        let text =
            text.ok_or_else(|| ModelError::Description(format!("its metadata have no key {KEY:?}")))?;
        let description: Description =
            serde_json::from_str(text).map_err(|error| ModelError::Description(error.to_string()))?;
        if description.format != FORMAT {
            let problem =
                format!("its layout is version {}, this program reads {FORMAT}", description.format);
            return Err(ModelError::Description(problem));
        }
        description.check()?;
        let file = File(SafeTensors::deserialize(bytes)?);
        let layers = file.layers(&description)?;
        let of_task = |task| {
            let outputs = layers.iter().map(|layer| layer.linear.outputs()).enumerate();
            outputs.map(|(layer, outputs)| file.norm(Some(task), layer, outputs)).collect()
        };
        let remembered = (0..description.remembered).map(of_task).collect::<Result<_, _>>()?;
        let permutations = file.permutations(&description)?;
        let network =
            Network::new(layers, description.settings.network.precision).with(&description.settings);
        Ok(Self { permutations, knowledge: Knowledge { network, remembered }, description })
    }
}

/// What a model of this shape takes; one row is what features are.
fn describe(shape: data::Shape) -> String {
    match shape {
        data::Shape { channels: 1, rows: 1, columns } => format!("{columns} features"),
        shape => format!("{shape} pixels"),
    }
}

/// The dimensions of a layer's hidden weights in the file.
fn dimensions(shape: &LayerShape, inputs: usize, outputs: usize) -> Vec<usize> {
    match shape {
        LayerShape::Dense => vec![outputs, inputs],
        LayerShape::Convolution(Convolution { input, kernel, .. }) => {
            vec![outputs, input.channels, *kernel, *kernel]
        }
    }
}

fn hidden_name(layer: usize) -> String {
    format!("layer{}.hidden_weight", layer + 1)
}

fn norm_name(task: Option<usize>, layer: usize, part: &str) -> String {
    let task = task.map(|task| format!("task{}.", task + 1)).unwrap_or_default();
    format!("{task}layer{}.{part}", layer + 1)
}

fn permutation_name(test: usize) -> String {
    format!("test{}.permutation", test + 1)
}

fn parts(state: &NormState) -> [(&'static str, &[f32]); 4] {
    [("gamma", &state.gamma), ("beta", &state.beta), ("mean", &state.mean), ("variance", &state.variance)]
}

/// Refuses the first of `values` that is not right.
fn check_values(
    name: &str,
    values: &[f32],
    expected: &'static str,
    right: impl Fn(f32) -> bool,
) -> Result<(), ModelError> {
    match values.iter().position(|&value| !right(value)) {
        Some(index) => Err(ModelError::Value { name: name.into(), value: values[index], index, expected }),
        None => Ok(()),
    }
}

impl Description {
    /// Settings that a recipe could have given, at least one test, and its batch-norm state for each.
    fn check(&self) -> Result<(), ModelError> {
        let problem = |problem| Err(ModelError::Description(problem));
        if let Err(errors) = self.settings.check() {
            return problem(errors.to_string());
        }
        if self.tests.is_empty() {
            return problem("it names no test".into());
        }
        let states = self.remembered;
        let forgotten = |test: &&TestDescription| test.phase.is_some_and(|phase| phase >= states);
        match self.tests.iter().find(forgotten) {
            Some(TestDescription { name, .. }) if self.settings.tasks.scenario == Scenario::Task => {
                problem(format!("it keeps the batch norm of {states} tasks, not that of the test {name:?}"))
            }
            _ => Ok(()),
        }
    }
}

/// An opened container, with checks on what comes out of it.
struct File<'a>(SafeTensors<'a>);

impl File<'_> {
    fn get(&self, name: &str) -> Result<TensorView<'_>, ModelError> {
        self.0.tensor(name).map_err(|_| ModelError::Missing(name.into()))
    }

    /// The little-endian words of a tensor of the given type and shape.
    fn words(&self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<Vec<[u8; 4]>, ModelError> {
        let tensor = self.get(name)?;
        if (tensor.dtype(), tensor.shape()) != (dtype, shape) {
            return Err(ModelError::Shape {
                name: name.into(),
                got: format!("{:?} {:?}", tensor.dtype(), tensor.shape()),
                expected: format!("{dtype:?} {shape:?}"),
            });
        }
        Ok(tensor.data().as_chunks::<4>().0.to_vec())
    }

    fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
        let values: Vec<f32> =
            self.words(name, Dtype::F32, shape)?.into_iter().map(f32::from_le_bytes).collect();
        check_values(name, &values, "a finite number", |value| value.is_finite())?;
        Ok(values)
    }

    fn layers(&self, description: &Description) -> Result<Vec<Layer>, ModelError> {
        let settings = &description.settings;
        // The number of classes is in the file alone.
        let last = self.get(&hidden_name(settings.network.layers() - 1))?;
        let classes = last.shape().first().copied().unwrap_or(0);
        let plans = plan(settings, description.image, classes)
            .map_err(|error| ModelError::Description(error.to_string()))?;
        let mut layers = Vec::new();
        for (index, Plan { shape, inputs, outputs }) in plans.into_iter().enumerate() {
            let name = hidden_name(index);
            let hidden = self.floats(&name, &dimensions(&shape, inputs, outputs))?;
            if hidden.is_empty() {
                return Err(ModelError::Description(format!("the tensor {name:?} is empty")));
            }
            let hidden = match &shape {
                LayerShape::Dense => hidden,
                LayerShape::Convolution(convolution) => convolution.from_channels_first(&hidden),
            };
            let linear = Linear::new(inputs, &hidden, settings.network.precision == Precision::Binary);
            let state = self.norm(None, index, outputs)?;
            layers.push(Layer { shape, linear, norm: BatchNorm::with_state(state, &settings.norm) });
        }
        Ok(layers)
    }

    fn norm(&self, task: Option<usize>, layer: usize, features: usize) -> Result<NormState, ModelError> {
        let part = |part| self.floats(&norm_name(task, layer, part), &[features]);
        let variance = part("variance")?;
        check_values(&norm_name(task, layer, "variance"), &variance, "a number >= 0", |value| value >= 0.0)?;
        Ok(NormState { gamma: part("gamma")?, beta: part("beta")?, mean: part("mean")?, variance })
    }

    fn permutations(&self, description: &Description) -> Result<Vec<Option<Vec<u32>>>, ModelError> {
        let pixels = description.image.width();
        let read = |test: usize| {
            let name = permutation_name(test);
            if self.get(&name).is_err() {
                return Ok(None);
            }
            let words = self.words(&name, Dtype::U32, &[pixels])?;
            let order: Vec<u32> = words.into_iter().map(u32::from_le_bytes).collect();
            let mut seen = order.clone();
            seen.sort_unstable();
            match seen.iter().enumerate().all(|(i, &pixel)| i as u32 == pixel) {
                true => Ok(Some(order)),
                false => Err(ModelError::NoPermutation(name)),
            }
        };
        (0..description.tests.len()).map(read).collect()
    }
}
