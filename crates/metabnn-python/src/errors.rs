//! What goes wrong, as exceptions.

use std::io;

use metabnn::data::SampleError;
use metabnn::export::ExportError;
use metabnn::model::checkpoint::CheckpointError;
use metabnn::model::{ContainerError, ModelError as Model};
use metabnn::network::NetworkError;
use metabnn::stream::StreamError;
use metabnn::text;
use metabnn::train::TrainError;
use metabnn_data::DataError as Data;
use metabnn_lab::experiment::ExperimentError as Experiment;
use metabnn_lab::recipe::{RecipeError as OneOfRecipe, RecipeErrors};
use metabnn_lab::report::ReportError;
use metabnn_lab::saved::SavedError;
use metabnn_lab::words;
use pyo3::create_exception;
use pyo3::exceptions::{
    PyFileNotFoundError, PyKeyboardInterrupt, PyMemoryError, PyOSError, PyRuntimeError, PyValueError,
};
use pyo3::prelude::*;

use crate::words::in_python;

create_exception!(metabnn, RecipeError, PyValueError, "A recipe or a setting is wrong.");
create_exception!(metabnn, DataError, PyValueError, "Samples are not what they must be.");
create_exception!(metabnn, ModelError, PyValueError, "Bytes are no model, or samples are not what it takes.");
create_exception!(
    metabnn,
    TrainingError,
    PyRuntimeError,
    "The loss or a weight is no longer a finite number."
);
create_exception!(
    metabnn,
    ExperimentError,
    PyRuntimeError,
    "An experiment failed; what was computed is kept."
);

/// An error with its causes, as a message.
pub fn message(error: &(dyn std::error::Error + 'static)) -> String {
    in_python(&text::of_error(error))
}

/// Turned into an exception by what it is.
pub trait Raise {
    /// The exception.
    fn raise(self) -> PyErr;
}

/// Shorthand for results.
pub trait OrRaise<T> {
    /// The value, or the exception.
    fn or_raise(self) -> PyResult<T>;
}

impl<T, E: Raise> OrRaise<T> for Result<T, E> {
    fn or_raise(self) -> PyResult<T> {
        self.map_err(Raise::raise)
    }
}

/// Errors that are one exception, whatever they say.
macro_rules! raise {
    ($exception:ident: $($error:ty),+) => {
        $(impl Raise for $error {
            fn raise(self) -> PyErr {
                $exception::new_err(message(&self))
            }
        })+
    };
}

raise!(DataError: SampleError);
raise!(ModelError: Model, ContainerError, CheckpointError);

impl Raise for StreamError {
    fn raise(self) -> PyErr {
        match self {
            Self::Memory(_) => PyMemoryError::new_err(message(&self)),
            _ => DataError::new_err(message(&self)),
        }
    }
}

impl Raise for SavedError {
    fn raise(self) -> PyErr {
        match self {
            Self::Memory(_) => PyMemoryError::new_err(message(&self)),
            _ => ModelError::new_err(message(&self)),
        }
    }
}

impl Raise for ExportError {
    fn raise(self) -> PyErr {
        let remedy = match &self {
            Self::Unpackable { .. } => " (to=\"npz\" takes any network)",
            Self::BatchStatistics => {
                "; train with {\"norm.statistics\": \"recalibrated\"}, for exact statistics of the training samples"
            }
            _ => "",
        };
        ModelError::new_err(message(&self) + remedy)
    }
}

impl Raise for RecipeErrors {
    fn raise(self) -> PyErr {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        RecipeError::new_err(in_python(&text::message(&lines.join("\n"))))
    }
}

impl Raise for OneOfRecipe {
    fn raise(self) -> PyErr {
        match self {
            Self::Unreadable { .. } => PyFileNotFoundError::new_err(message(&self)),
            _ => RecipeError::new_err(message(&self)),
        }
    }
}

impl Raise for Data {
    fn raise(self) -> PyErr {
        let text = message(&self) + &download(&self).unwrap_or_default();
        match self {
            Self::NotFetched { .. } | Self::ByHand { .. } | Self::NoFeatures { .. } => {
                PyFileNotFoundError::new_err(text)
            }
            Self::Memory(_) => PyMemoryError::new_err(text),
            _ => DataError::new_err(text),
        }
    }
}

/// What downloads a data set that is not here.
fn download(error: &Data) -> Option<String> {
    let Data::NotFetched { set, folder, .. } = error else { return None };
    let folder = folder.as_ref().map(|folder| format!(", {:?}", folder.display().to_string()));
    Some(format!("; metabnn.data.fetch({set:?}{}) downloads it", folder.unwrap_or_default()))
}

/// Whether there is not enough memory.
fn is_of_memory(error: &TrainError) -> bool {
    matches!(error, TrainError::Network(NetworkError::Memory(_) | NetworkError::TooLarge { .. }))
}

impl Raise for TrainError {
    fn raise(self) -> PyErr {
        let text = message(&self);
        match self {
            Self::Samples { .. } => DataError::new_err(text),
            Self::Network(NetworkError::Memory(_) | NetworkError::TooLarge { .. }) => {
                PyMemoryError::new_err(text)
            }
            Self::Network(_) => {
                RecipeError::new_err(in_python(&text::message(&words::of_train_error(&self))))
            }
            Self::Config(_) => RecipeError::new_err(text),
            Self::NotFinite { .. } => TrainingError::new_err(format!(
                "{text}; a smaller lr (optimizer.lr) or network.init_width usually helps"
            )),
            // Python asked, and raises what made it ask.
            Self::Stopped => PyKeyboardInterrupt::new_err(text),
            Self::Diverged => TrainingError::new_err(format!(
                "{text}; a new one, with a smaller lr or network.init_width, usually does not, and a copy or file of before \
                 goes on from there"
            )),
            _ => TrainingError::new_err(text),
        }
    }
}

impl Raise for ReportError {
    fn raise(self) -> PyErr {
        let text = message(&self);
        match self {
            Self::File { .. } => PyOSError::new_err(text),
            _ => ExperimentError::new_err(text),
        }
    }
}

impl Raise for Experiment {
    fn raise(self) -> PyErr {
        match self {
            Self::Recipe(errors) => errors.raise(),
            Self::Memory(_) => PyMemoryError::new_err(message(&self)),
            Self::Data(error) => error.raise(),
            Self::Report(error) => error.raise(),
            // Both say their causes in the words of recipes.
            Self::Tasks { .. } => DataError::new_err(message(&self)),
            Self::Train { ref problem, .. } if is_of_memory(problem) => {
                PyMemoryError::new_err(message(&self))
            }
            Self::Train { .. } => TrainingError::new_err(message(&self)),
            Self::NoSuchRun { .. } => PyValueError::new_err(message(&self)),
            _ => ExperimentError::new_err(message(&self)),
        }
    }
}

impl Raise for io::Error {
    fn raise(self) -> PyErr {
        PyOSError::new_err(message(&self))
    }
}
