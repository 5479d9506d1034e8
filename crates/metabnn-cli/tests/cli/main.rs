//! The command `metabnn`, run as its users run it: the real program, end to end.
#![allow(clippy::unwrap_used)]

mod analysis;
mod bad_data;
mod bad_folder;
mod bad_model;
mod bad_recipe;
mod bench;
#[cfg(unix)]
mod beside;
#[cfg(unix)]
mod cluster;
mod damaged;
mod export;
mod export_model;
mod foreign_text;
mod grids;
mod kinds_of_data;
mod limits;
#[cfg(unix)]
mod not_ours;
mod phases;
mod results;
mod same_bits;
mod shown;
mod stopped;
mod streams;
mod support;
mod words;
