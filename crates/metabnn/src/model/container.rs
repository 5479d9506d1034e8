//! The container that models (`mod.rs`) and checkpoints (`checkpoint.rs`) are written in and read from: named tensors in the safetensors format, and one description in JSON.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Key of the description in the metadata. One key: several would come out of a hash map in another order each time.
const KEY: &str = "metabnn";
/// Tensor of a sealed container: CRC-32C of the whole file, its own bytes taken as 0.
const CHECKSUM: &str = "checksum";

/// Why bytes are not the container that they should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContainerError {
    /// Not a safetensors file, or a damaged one.
    #[error("expected {expected}, got another or a damaged file: {source}")]
    Format {
        /// "a model.safetensors of a finished run" or "the checkpoint.safetensors of a run".
        expected: &'static str,
        /// What the library says that reads the format.
        source: SafeTensorError,
    },
    /// A safetensors file whose description is missing or does not hold together.
    #[error("not a metabnn {what}: {problem}")]
    Description {
        /// "model" or "checkpoint".
        what: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A tensor is missing.
    #[error("the tensor {0:?} is missing")]
    Missing(String),
    /// A tensor has another type or shape than it must have.
    #[error("the tensor {name:?} is {got}, not {expected}")]
    Shape {
        /// The tensor.
        name: String,
        /// Its type and shape.
        got: String,
        /// What it must be.
        expected: String,
    },
    /// The content is not what was written.
    #[error(
        "the {what} is damaged: its content has the checksum {got:08x}, {expected:08x} was written with it"
    )]
    Checksum {
        /// "checkpoint".
        what: &'static str,
        /// CRC-32C that was written.
        expected: u32,
        /// CRC-32C of what is there.
        got: u32,
    },
    /// A tensor holds NaN, infinity or a negative variance.
    #[error("the tensor {name:?} holds {value} at position {index}, expected {expected}")]
    Value {
        /// The tensor.
        name: String,
        /// The value.
        value: f32,
        /// Its position, row-major.
        index: usize,
        /// What would be right.
        expected: &'static str,
    },
}

/// What a container holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `model.safetensors`
    Model,
    /// `checkpoint.safetensors`
    Checkpoint,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Checkpoint => "checkpoint",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Model => "a model.safetensors of a finished run",
            Self::Checkpoint => "the checkpoint.safetensors of a run",
        }
    }

    /// An error about the description.
    pub(crate) fn problem(self, problem: impl ToString) -> ContainerError {
        ContainerError::Description { what: self.name(), problem: problem.to_string() }
    }

    fn damaged(self) -> impl Fn(SafeTensorError) -> ContainerError {
        move |source| ContainerError::Format { expected: self.file(), source }
    }
}

/// Tensors to be written.
#[derive(Default)]
pub(crate) struct Writer(Vec<(String, Dtype, Vec<usize>, Vec<u8>)>);

impl Writer {
    /// Real numbers, row-major.
    pub(crate) fn floats(&mut self, name: String, shape: &[usize], values: &[f32]) {
        self.0.push((name, Dtype::F32, shape.to_vec(), bytes(values, f32::to_le_bytes)));
    }

    /// Whole numbers in one row.
    pub(crate) fn whole(&mut self, name: String, values: &[u32]) {
        self.0.push((name, Dtype::U32, vec![values.len()], bytes(values, u32::to_le_bytes)));
    }

    /// Words of 64 bits, row-major.
    pub(crate) fn words(&mut self, name: String, shape: &[usize], values: &[u64]) {
        self.0.push((name, Dtype::U64, shape.to_vec(), bytes(values, u64::to_le_bytes)));
    }

    /// [`Writer::finish`], with a checksum over all of it, header included.
    pub(crate) fn finish_sealed(
        mut self,
        kind: Kind,
        description: &impl Serialize,
    ) -> Result<Vec<u8>, ContainerError> {
        self.whole(CHECKSUM.into(), &[0]);
        let mut bytes = self.finish(kind, description)?;
        let seal = Seal::find(kind, &bytes)?;
        if let Some(place) = bytes.get_mut(seal.start..seal.start + Seal::LENGTH) {
            place.copy_from_slice(&seal.computed.to_le_bytes());
        }
        Ok(bytes)
    }

    /// The container's bytes: the same for the same content.
    pub(crate) fn finish(self, kind: Kind, description: &impl Serialize) -> Result<Vec<u8>, ContainerError> {
        let views: Result<Vec<_>, _> = self
            .0
            .iter()
            .map(|(name, dtype, shape, bytes)| Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?)))
            .collect();
        let text = serde_json::to_string(description).map_err(|error| kind.problem(error))?;
        let metadata = HashMap::from([(KEY.to_string(), text)]);
        safetensors::serialize(views.map_err(kind.damaged())?, Some(metadata)).map_err(kind.damaged())
    }
}

/// The bytes of numbers of `EACH` bytes. Put where they belong, not collected one by one: at the paper's size a checkpoint
/// is a quarter of a gigabyte.
fn bytes<T: Copy, const EACH: usize>(values: &[T], of_one: impl Fn(T) -> [u8; EACH]) -> Vec<u8> {
    let mut bytes = vec![0; EACH * values.len()];
    bytes.as_chunks_mut().0.iter_mut().zip(values).for_each(|(bytes, value)| *bytes = of_one(*value));
    bytes
}

/// The checksum of a sealed container.
struct Seal {
    /// Where it stands in the file.
    start: usize,
    written: u32,
    computed: u32,
}

impl Seal {
    const LENGTH: usize = size_of::<u32>();

    fn find(kind: Kind, bytes: &[u8]) -> Result<Self, ContainerError> {
        let tensors = SafeTensors::deserialize(bytes).map_err(kind.damaged())?;
        let missing = || ContainerError::Missing(CHECKSUM.into());
        let tensor = tensors.tensor(CHECKSUM).map_err(|_| missing())?;
        let written = u32::from_le_bytes(tensor.data().try_into().map_err(|_| missing())?);
        let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(kind.damaged())?;
        let offset = metadata.info(CHECKSUM).ok_or_else(missing)?.data_offsets.0;
        // The length of the header stands before it, in eight bytes.
        let start = size_of::<u64>() + header + offset;
        let computed = crc32c::crc32c(&bytes[..start]);
        let computed = crc32c::crc32c_append(computed, &[0; Self::LENGTH]);
        let computed = crc32c::crc32c_append(computed, &bytes[start + Self::LENGTH..]);
        Ok(Self { start, written, computed })
    }
}

/// An opened container, with checks on what comes out of it.
pub(crate) struct Reader<'a> {
    kind: Kind,
    tensors: SafeTensors<'a>,
}

impl<'a> Reader<'a> {
    /// Opens a container with its description.
    pub(crate) fn open<D: DeserializeOwned>(
        kind: Kind,
        bytes: &'a [u8],
    ) -> Result<(Self, D), ContainerError> {
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(kind.damaged())?;
        let text = metadata.metadata().as_ref().and_then(|map| map.get(KEY));
        let text = text.ok_or_else(|| kind.problem(format!("its metadata have no key {KEY:?}")))?;
        let description = serde_json::from_str(text).map_err(|error| kind.problem(error))?;
        let tensors = SafeTensors::deserialize(bytes).map_err(kind.damaged())?;
        Ok((Self { kind, tensors }, description))
    }

    /// Opens a container whose checksum is right, or that has none, as in an earlier layout; and says whether it has one.
    pub(crate) fn open_sealed<D: DeserializeOwned>(
        kind: Kind,
        bytes: &'a [u8],
    ) -> Result<(Self, D, bool), ContainerError> {
        let is_sealed = match Seal::find(kind, bytes) {
            Ok(Seal { written, computed, .. }) if written == computed => true,
            Ok(Seal { written: expected, computed: got, .. }) => {
                return Err(ContainerError::Checksum { what: kind.name(), expected, got });
            }
            Err(ContainerError::Missing(_)) => false,
            Err(error) => return Err(error),
        };
        let (file, description) = Self::open(kind, bytes)?;
        Ok((file, description, is_sealed))
    }

    /// An error about the description.
    pub(crate) fn problem(&self, problem: impl ToString) -> ContainerError {
        self.kind.problem(problem)
    }

    /// A tensor, if it is there.
    pub(crate) fn get(&self, name: &str) -> Result<TensorView<'_>, ContainerError> {
        self.tensors.tensor(name).map_err(|_| ContainerError::Missing(name.into()))
    }

    /// The bytes of a tensor of the given type and shape.
    fn bytes(&self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<&[u8], ContainerError> {
        let tensor = self.get(name)?;
        if (tensor.dtype(), tensor.shape()) != (dtype, shape) {
            return Err(ContainerError::Shape {
                name: name.into(),
                got: format!("{:?} {:?}", tensor.dtype(), tensor.shape()),
                expected: format!("{dtype:?} {shape:?}"),
            });
        }
        Ok(tensor.data())
    }

    /// Whether there are real numbers of this shape; none is read.
    pub(crate) fn check_floats(&self, name: &str, shape: &[usize]) -> Result<(), ContainerError> {
        self.bytes(name, Dtype::F32, shape).map(|_| ())
    }

    /// Real numbers, all of them finite.
    pub(crate) fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ContainerError> {
        self.reals(name, shape, "a finite number", f32::is_finite)
    }

    /// Averages of squares, which may have grown beyond the largest number.
    pub(crate) fn squares(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ContainerError> {
        self.reals(name, shape, "a number >= 0", |value| value >= 0.0)
    }

    fn reals(
        &self,
        name: &str,
        shape: &[usize],
        expected: &'static str,
        right: impl Fn(f32) -> bool,
    ) -> Result<Vec<f32>, ContainerError> {
        let words = self.bytes(name, Dtype::F32, shape)?.as_chunks().0;
        let values: Vec<f32> = words.iter().copied().map(f32::from_le_bytes).collect();
        check_values(name, &values, expected, right)?;
        Ok(values)
    }

    /// Whole numbers in one row.
    pub(crate) fn whole(&self, name: &str, count: usize) -> Result<Vec<u32>, ContainerError> {
        let words = self.bytes(name, Dtype::U32, &[count])?.as_chunks().0;
        Ok(words.iter().copied().map(u32::from_le_bytes).collect())
    }

    /// Words of 64 bits.
    pub(crate) fn words(&self, name: &str, shape: &[usize]) -> Result<Vec<u64>, ContainerError> {
        let words = self.bytes(name, Dtype::U64, shape)?.as_chunks().0;
        Ok(words.iter().copied().map(u64::from_le_bytes).collect())
    }
}

/// Refuses the first of `values` that is not right.
pub(crate) fn check_values(
    name: &str,
    values: &[f32],
    expected: &'static str,
    right: impl Fn(f32) -> bool,
) -> Result<(), ContainerError> {
    match values.iter().position(|&value| !right(value)) {
        Some(index) => {
            Err(ContainerError::Value { name: name.into(), value: values[index], index, expected })
        }
        None => Ok(()),
    }
}
