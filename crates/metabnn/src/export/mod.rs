//! Trained networks in the formats of devices and other programs.
//!
//! | format | what |
//! |---|---|
//! | [`Packed`] | the bytes of a [packed model](metabnn_infer::packed), for the crate `metabnn-infer` on a device |
//! | [`c_header()`] | the same network as one header in C99, with a function that classifies |
//! | [`npz()`] | hidden and binary weights, batch norms and pixel orders as NumPy arrays; of any network |
//!
//! The first two say the same class as the network for every image: sums are whole numbers, the threshold of a hidden
//! unit is searched with the very expression of its batch norm, and the scores of the classes are computed as they are
//! here. [`Packed::check`] compares them. What that costs on a device, [`Costs`] says.
//!
//! ```
//! use metabnn::export::Packed;
//! use metabnn::recipe::settings::{Data, Network, Norm, Schedule, Settings, Statistics, Tasks};
//! use metabnn::{data, model::Model, tasks::TaskStream, train::train};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = Settings {
//!     data: Data { sets: vec!["glyphs".into()], train_images: 500, test_images: 100, ..Data::default() },
//!     tasks: Tasks { count: 2, ..Tasks::default() },
//!     network: Network { hidden: vec![32], ..Network::default() },
//!     norm: Norm { statistics: Statistics::Recalibrated, ..Norm::default() },
//!     schedule: Schedule { epochs: 1, ..Schedule::default() },
//!     ..Settings::default()
//! };
//! let glyphs = data::load("glyphs", None)?;
//! let stream = TaskStream::new(&settings, &[glyphs.clone()])?;
//! let outcome = train(&settings, &stream, |_| {})?;
//! let model = Model::new(outcome.knowledge, &settings, &stream);
//!
//! let packed = Packed::of(&model)?;
//! let images = glyphs.test.images().ok_or("glyphs are images")?;
//! packed.check(&model, images)?;
//! println!("{} bytes for {:?}", packed.bytes.len(), packed.states);
//! # Ok(())
//! # }
//! ```

mod c_header;
mod check;
mod costs;
mod error;
mod fold;
mod npz;

pub use c_header::{c_header, c_name};
pub use check::drawn;
pub use costs::{Costs, Flash, Operations, Ram, SynapticOperations};
pub use error::ExportError;
pub use fold::Packed;
pub use npz::npz;
