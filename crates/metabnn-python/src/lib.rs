//! The compiled half of the Python package: the library's types with NumPy arrays at the edges. What users see is in
//! `python/metabnn`, which turns what they bring into what this takes; that half holds no numerics, this one no manners.

mod arrays;
mod errors;
mod experiment;
mod known_tests;
mod learner;
mod machine;
mod recipe;
mod results;
mod samples;
mod shared;
mod stream;
mod trainer;
mod words;

use pyo3::prelude::*;

#[pymodule(name = "_metabnn")]
mod module {
    #[pymodule_export]
    use super::errors::{DataError, ExperimentError, ModelError, RecipeError, TrainingError};
    #[pymodule_export]
    use super::experiment::{claim, run};
    #[pymodule_export]
    use super::machine::{set_threads, threads};
    #[pymodule_export]
    use super::recipe::{Recipe, check_settings, curve_error, recipes};
    #[pymodule_export]
    use super::results::{
        bench, compare, evaluate, export, export_formats, export_model, matrix_metrics, report,
    };
    #[pymodule_export]
    use super::samples::{Dataset, Split, catalogue, fetch, load, verify};
    #[pymodule_export]
    use super::stream::Stream;
    #[pymodule_export]
    use super::trainer::Trainer;

    use super::*;

    #[pymodule_init]
    fn version(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
