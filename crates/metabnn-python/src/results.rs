//! Reports, exports and measurements.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::PathBuf;

use metabnn::export::{Exported, MODEL_FORMATS, ModelFormat};
use metabnn::metrics::AccuracyMatrix;
use metabnn::text;
use metabnn_lab::bench::{Options, measure};
use metabnn_lab::recipe::settings::{Precision, State};
use metabnn_lab::report as reports;
use metabnn_lab::report::export::{EVALUATION_FORMATS, EvaluationFormat};
use metabnn_lab::saved::{SavedError, SavedRun};
use pyo3::exceptions::{PyUserWarning, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde_json::json;

use crate::errors::{ModelError, OrRaise, Raise};
use crate::machine::machine;
use crate::words::in_python;

/// Makes the report of a folder of results anew; gives the path of the page.
#[pyfunction]
pub fn report(py: Python<'_>, folder: PathBuf) -> PyResult<PathBuf> {
    let paths = py.detach(|| reports::write_report(&folder)).or_raise()?;
    warn(py, &paths.left_out)?;
    Ok(paths.html)
}

/// One report of several results side by side into `out`; gives the path of the page.
#[pyfunction]
pub fn compare(py: Python<'_>, folders: Vec<PathBuf>, out: PathBuf) -> PyResult<PathBuf> {
    let paths = py.detach(|| reports::compare(&folders, &out)).or_raise()?;
    warn(py, &paths.left_out)?;
    Ok(paths.html)
}

/// Writes results in the format of another program; gives the paths of the files.
#[pyfunction]
pub fn export(py: Python<'_>, folder: PathBuf, to: &str, out: PathBuf) -> PyResult<Vec<PathBuf>> {
    let format = EvaluationFormat::find(to);
    let format = format.ok_or_else(|| unknown(to, EVALUATION_FORMATS.map(|format| format.name)))?;
    let mut left_out = Vec::new();
    let tell = |line: &str| left_out.push(line.to_owned());
    let files = py.detach(|| reports::export::export_telling(&folder, format, &out, tell)).or_raise()?;
    warn(py, &left_out)?;
    Ok(files)
}

/// Warns of each run that is damaged or there twice, and left out.
fn warn(py: Python<'_>, left_out: &[String]) -> PyResult<()> {
    for line in left_out {
        let text = CString::new(in_python(&text::message(line))).unwrap_or_default();
        PyErr::warn(py, &py.get_type::<PyUserWarning>(), &text, 2)?;
    }
    Ok(())
}

/// A model in the format of a device or of NumPy: the bytes of the file, and what is to be said of it, as JSON. `name` is
/// that of the functions of a C header.
#[pyfunction]
pub fn export_model(py: Python<'_>, model: &[u8], to: &str, name: &str) -> PyResult<(Py<PyBytes>, String)> {
    let format = ModelFormat::find(to).ok_or_else(|| unknown(to, MODEL_FORMATS.map(|format| format.name)))?;
    let SavedRun { model, .. } = SavedRun::from_bytes(model).or_raise()?;
    let Exported { bytes, device } = py.detach(|| format.export(&model, name)).or_raise()?;
    let said = device.map_or_else(|| json!({}), |device| json!(device));
    Ok((PyBytes::new(py, &bytes).unbind(), said.to_string()))
}

/// The formats of `export_model` and of `export`, each with what it is.
#[pyfunction]
pub fn export_formats() -> (BTreeMap<&'static str, &'static str>, BTreeMap<&'static str, &'static str>) {
    let models = MODEL_FORMATS.into_iter().map(|format| (format.name, format.help));
    let results = EVALUATION_FORMATS.into_iter().map(|format| (format.name, format.help));
    (models.collect(), results.collect())
}

fn unknown<const N: usize>(to: &str, names: [&str; N]) -> PyErr {
    PyValueError::new_err(format!("to: one of {}, not {to:?}", names.join(", ")))
}

/// Accuracy and loss of a model on each test of its run, as JSON.
#[pyfunction]
#[pyo3(signature = (model, data_set=None, folder=None, last_state=false))]
pub fn evaluate(
    py: Python<'_>,
    model: &[u8],
    data_set: Option<String>,
    folder: Option<PathBuf>,
    last_state: bool,
) -> PyResult<String> {
    let mut run = SavedRun::from_bytes(model).or_raise()?;
    run.model.trained.network.set_machine(&machine()?);
    let load = |name: &str| metabnn_data::load(name, folder.as_deref()).map_err(Raise::raise);
    let tests = match data_set {
        Some(name) => run.tests_on(&py.detach(|| load(&name))?).or_raise()?,
        None => py.detach(|| run.tests(|name| load(name).map_err(Refused::Data))).map_err(Refused::raise)?,
    };
    let mut rows = Vec::new();
    for mut test in tests {
        test.experience = test.experience.filter(|_| !last_state);
        let score = py.detach(|| run.evaluate(&test));
        rows.push(json!({"test": test.name, "images": test.samples.len(),
                         "accuracy": score.accuracy, "loss": score.loss}));
    }
    Ok(json!(rows).to_string())
}

/// What an accuracy matrix says, as JSON; each row trained the column of this number, counted from 0, if one.
#[pyfunction]
#[pyo3(signature = (untrained, rows, trained))]
pub fn matrix_metrics(
    untrained: Option<Vec<f64>>,
    rows: Vec<Vec<f64>>,
    trained: Vec<Option<usize>>,
) -> PyResult<String> {
    let tests = rows.first().map_or(0, Vec::len);
    let has_untrained = untrained.is_some();
    let untrained = untrained.unwrap_or_else(|| vec![0.0; tests]);
    if rows.iter().chain([&untrained]).any(|row| row.len() != tests) {
        return Err(PyValueError::new_err("the rows are of streams with different numbers of tests"));
    }
    if trained.len() != rows.len() || trained.iter().flatten().any(|&column| column >= tests) {
        return Err(PyValueError::new_err("a training is of a test that is not there"));
    }
    let matrix = AccuracyMatrix { untrained, rows, trained };
    let forward = matrix.forward_transfer().filter(|_| has_untrained);
    Ok(json!({"average_accuracy": matrix.average_accuracy(), "forgetting": matrix.forgetting(),
              "backward_transfer": matrix.backward_transfer(), "forward_transfer": forward})
    .to_string())
}

/// Why a model is not tested on the data of its run.
enum Refused {
    Data(PyErr),
    Model(SavedError),
}

impl From<SavedError> for Refused {
    fn from(error: SavedError) -> Self {
        Self::Model(error)
    }
}

impl Refused {
    fn raise(self) -> PyErr {
        match self {
            Self::Data(error) => error,
            Self::Model(
                error
                @ (SavedError::Arrays { .. } | SavedError::OtherData { .. } | SavedError::Unsure { .. }),
            ) => ModelError::new_err(format!("{error}; data_set=NAME tests it on a set all the same")),
            Self::Model(error) => error.raise(),
        }
    }
}

/// How long a training step takes on this machine, as JSON.
#[pyfunction]
#[pyo3(signature = (width, batch, steps, full_precision=false, bf16=false, folder=None))]
pub fn bench(
    py: Python<'_>,
    width: usize,
    batch: usize,
    steps: usize,
    full_precision: bool,
    bf16: bool,
    folder: Option<PathBuf>,
) -> PyResult<String> {
    let ranges = [("width", width, 1, 65_536), ("batch", batch, 2, 10_000), ("steps", steps, 1, 1_000_000)];
    for (name, value, least, most) in ranges {
        if !(least..=most).contains(&value) {
            return Err(PyValueError::new_err(format!("{name}: {least} to {most}, not {value}")));
        }
    }
    let precision = if full_precision { Precision::FullPrecision } else { Precision::Binary };
    let state = if bf16 { State::Bf16 } else { State::F32 };
    let options = Options { width, batch, steps, precision, epoch: false, state };
    let machine = machine()?;
    let report = py.detach(|| measure(&options, &machine, folder.as_deref())).or_raise()?;
    serde_json::to_string(&report).map_err(|error| PyValueError::new_err(error.to_string()))
}
