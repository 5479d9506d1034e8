//! The words of recipes for what the library says in its own: which key of a recipe an error is about, and what usually
//! helps.

use metabnn::network::{LayerError, NetworkError};
use metabnn::stream::StreamError;
use metabnn::train::TrainError;
use metabnn_data::DataError;

/// Why data and settings make no task stream, with the key of the setting to blame.
pub fn of_stream_error(error: &StreamError) -> String {
    let key = match error {
        StreamError::NotForSamples { what: "normalize", .. } => {
            return error.to_string().replacen("normalize", "data.normalise", 1);
        }
        StreamError::NotForSamples { .. } => return format!("data.{error}"),
        StreamError::TooFewSamples { .. } | StreamError::TooFewClasses { .. } | StreamError::NoTask => {
            "tasks.count"
        }
        StreamError::UnknownClass { .. }
        | StreamError::ClassTwice { .. }
        | StreamError::EmptyGroup { .. } => "tasks.classes",
        StreamError::Sets { .. } => "data.sets",
        _ => return error.to_string(),
    };
    format!("{key}: {error}")
}

/// The command that downloads a data set that is not here.
pub fn download_command(error: &DataError) -> Option<String> {
    let DataError::NotFetched { set, folder, .. } = error else { return None };
    let flag = folder.as_ref().map(|folder| format!(" --data {}", folder.display()));
    Some(format!("metabnn data fetch {set}{}", flag.unwrap_or_default()))
}

/// Why a training stopped, with what usually helps.
pub fn of_train_error(error: &TrainError) -> String {
    match error {
        TrainError::NotFinite { .. } => {
            format!("{error}; a smaller optimizer.lr or network.init_width usually helps")
        }
        TrainError::Network(error) => of_network_error(error),
        _ => error.to_string(),
    }
}

/// Why the settings make no network for these samples, with what would.
pub fn of_network_error(error: &NetworkError) -> String {
    match error {
        NetworkError::Layer { layer, error: problem } => match problem {
            LayerError::Kernel { .. } => format!(
                "{error}; a smaller network.kernel, a larger network.padding, or fewer network.channels would"
            ),
            LayerError::Pool { .. } => format!(
                "{error}; a smaller network.pool_size, fewer network.pool_after, or a larger network.padding would"
            ),
            LayerError::OneValue { kind, of } => format!(
                "layer {layer}: norm.kind = {:?} over a single {of} of each sample gives 0 whatever it is; at least 2 \
                 are needed",
                kind.name()
            ),
            _ => error.to_string(),
        },
        NetworkError::Size(problem) if problem.field != "classes" => format!("network.{error}"),
        NetworkError::Real { .. } | NetworkError::PoolAfter { .. } => format!("network.{error}"),
        NetworkError::Norm(error) => format!("norm.{error}"),
        _ => error.to_string(),
    }
}
