//! Reports, exports and measurements.

use std::path::PathBuf;

use metabnn::bench::{Options, measure};
use metabnn::data;
use metabnn::evaluate::evaluate as score;
use metabnn::export::{Packed, c_header, c_name, npz};
use metabnn::model::Model;
use metabnn::recipe::settings::{Precision, State};
use metabnn::report as reports;
use metabnn::report::export::Kind;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde_json::{Value as Json, json};

use crate::errors::OrRaise;
use crate::machine::machine;

/// Makes the report of a folder of results anew; gives the path of the page.
#[pyfunction]
pub fn report(py: Python<'_>, folder: PathBuf) -> PyResult<PathBuf> {
    Ok(py.detach(|| reports::write_report(&folder)).or_raise()?.html)
}

/// One report of several results side by side into `out`; gives the path of the page.
#[pyfunction]
pub fn compare(py: Python<'_>, folders: Vec<PathBuf>, out: PathBuf) -> PyResult<PathBuf> {
    Ok(py.detach(|| reports::compare(&folders, &out)).or_raise()?.html)
}

/// Writes results in the format of another program; gives the paths of the files.
#[pyfunction]
pub fn export(py: Python<'_>, folder: PathBuf, to: &str, out: PathBuf) -> PyResult<Vec<PathBuf>> {
    let kind = match to {
        "tensorboard" => Kind::TensorBoard,
        "csv" => Kind::AuthorsCsv,
        "jsonl" => Kind::JsonLines,
        _ => return Err(PyValueError::new_err(format!("to: tensorboard, csv or jsonl, not {to:?}"))),
    };
    py.detach(|| reports::export::export(&folder, kind, &out)).or_raise()
}

/// A model in the format of a device or of NumPy: the bytes of the file, and what is to be said of it, as JSON. `name` is
/// that of the functions of a C header.
#[pyfunction]
pub fn export_model(py: Python<'_>, model: &[u8], to: &str, name: &str) -> PyResult<(Py<PyBytes>, String)> {
    let model = Model::from_bytes(model).or_raise()?;
    let (bytes, said) = py.detach(|| exported(&model, to, name))?;
    Ok((PyBytes::new(py, &bytes).unbind(), said.to_string()))
}

fn exported(model: &Model, to: &str, name: &str) -> PyResult<(Vec<u8>, Json)> {
    Ok(match to {
        "npz" => (npz(model).or_raise()?, json!({})),
        "packed" => {
            let Packed { bytes, states, costs } = Packed::checked(model).or_raise()?;
            (bytes, json!({"states": states, "costs": costs}))
        }
        "c-header" => {
            let packed = Packed::checked(model).or_raise()?;
            let (text, costs) = c_header(&packed, &c_name(name)).or_raise()?;
            (text.into_bytes(), json!({"states": packed.states, "costs": costs}))
        }
        _ => return Err(PyValueError::new_err(format!("to: packed, c-header or npz, not {to:?}"))),
    })
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
    let mut model = Model::from_bytes(model).or_raise()?;
    model.knowledge.network.set_machine(&machine()?);
    let settings = &model.description.settings;
    let sets = data_set.map_or(settings.data.sets.clone(), |name| vec![name]);
    let mut rows = Vec::new();
    for name in &sets {
        let set = py.detach(|| data::load(name, folder.as_deref())).or_raise()?;
        for test in model.tests_on(&set).or_raise()? {
            let phase = test.phase.filter(|_| !last_state);
            let score = py.detach(|| score(&model.knowledge, &test.images, phase, settings));
            rows.push(json!({"test": test.name, "images": test.images.len(),
                             "accuracy": score.accuracy, "loss": score.loss}));
        }
    }
    Ok(json!(rows).to_string())
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
    let report = py.detach(|| measure(&options, &machine, folder.as_deref()));
    serde_json::to_string(&report).map_err(|error| PyValueError::new_err(error.to_string()))
}
