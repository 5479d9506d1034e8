//! Recipes: experiments as data.

pub mod settings;
