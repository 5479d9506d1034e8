//! Experiments with metaplastic binarized neural networks, from a recipe to a report.
//!
//! | module | what |
//! |---|---|
//! | [`recipe`] | TOML to checked settings and runs |
//! | [`setup`] | from settings to streams, networks and trainers |
//! | [`experiment`] | all runs of a recipe, into one folder |
//! | [`needs`], [`notes`] | what a run takes of memory; what it makes of settings that ask for more than there is |
//! | [`analysis`] | what is looked at beside the accuracies |
//! | [`report`] | tables, figures and `report.html`, from the folder alone |
//! | [`saved`] | models of runs, with their settings |
//! | [`words`] | the keys of recipes for the library's errors |
//! | [`mod@bench`] | how long a training step takes |

pub mod analysis;
pub mod bench;
pub mod experiment;
pub mod needs;
pub mod notes;
pub mod recipe;
pub mod report;
pub mod saved;
pub mod setup;
pub mod words;
