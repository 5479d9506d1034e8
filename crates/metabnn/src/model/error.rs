//! Why bytes are no model.

use crate::container::ContainerError;
use crate::tasks::TaskError;

/// Why bytes are no model, or a model does not take some images.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file is not one, or not whole.
    #[error(transparent)]
    Container(#[from] ContainerError),
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
