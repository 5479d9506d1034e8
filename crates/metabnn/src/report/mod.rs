//! Results on disk and the report made from them.

pub mod summary;
