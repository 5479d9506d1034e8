//! Why bytes are no model.

use safetensors::tensor::SafeTensorError;

use crate::tasks::TaskError;

/// Why bytes are no model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Not a safetensors file, or a damaged one.
    #[error("expected a model.safetensors of a finished run, got another or a damaged file: {0}")]
    Format(#[from] SafeTensorError),
    /// A safetensors file that is not a model of this program.
    #[error("not a metabnn model: {0}")]
    Description(String),
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
    /// Images that the model cannot take.
    #[error("the images of {set} have {got}; the model takes {takes}")]
    Images {
        /// The data set.
        set: String,
        /// Its images.
        got: String,
        /// What fits.
        takes: String,
    },
    /// The model was trained on classes that the data set does not have.
    #[error(transparent)]
    Classes(#[from] TaskError),
    /// A permutation does not hold every pixel once.
    #[error("the tensor {0:?} is no permutation")]
    NoPermutation(String),
}
