//! Results on disk and the report made from them.

pub mod error;
pub mod folder;
mod plots;
pub mod summary;
mod tables;
mod view;

pub use error::ReportError;
