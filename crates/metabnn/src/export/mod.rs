//! Trained networks in the formats of devices and other programs.
//!
//! [`MODEL_FORMATS`] lists them for the command and for Python, with the names and the help that people see:
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
//! use metabnn::layer::{NormConfig, Statistics};
//! use metabnn::network::Network;
//! use metabnn::rule::Metaplastic;
//! use metabnn::{stream, train::Trainer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let glyphs = metabnn_data::glyphs();
//! let stream = stream::permuted(&glyphs, 2).train_samples(500).build()?;
//! // Thresholds need statistics that do not depend on the test batch.
//! let norm = NormConfig { statistics: Statistics::Recalibrated, ..NormConfig::default() };
//! let network = Network::binary(stream.shape).dense(32).norm(norm).classes(stream.classes).build()?;
//! let mut trainer = Trainer::builder(network, Metaplastic::default()).epochs(1).build()?;
//! for experience in &stream {
//!     trainer.fit(experience)?;
//! }
//! let model = trainer.model(&stream);
//!
//! let packed = Packed::new(&model)?;
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
mod npz;
mod packed;

use serde::Serialize;

pub use c_header::{c_header, c_identifier};
pub use check::noise_images;
pub use costs::{Costs, Flash, Operations, Ram, SynapticOperations};
pub use error::{ExportError, Unpackable};
pub use npz::npz;
pub use packed::Packed;

use crate::model::Model;

/// Every format of trained networks, in the order in which help lists them.
pub static MODEL_FORMATS: [&ModelFormat; 3] = [&packed::FORMAT, &c_header::FORMAT, &npz::FORMAT];

/// A format of trained networks, as the command and Python offer it: one `FORMAT` in the file of each.
#[derive(Debug)]
#[non_exhaustive]
pub struct ModelFormat {
    /// Its name, such as `c-header`.
    pub name: &'static str,
    /// Ending of its files, without the dot.
    pub extension: &'static str,
    /// What it is, in a few words.
    pub help: &'static str,
    /// Whether it takes every network, those with real weights or convolutions too.
    pub takes_any_network: bool,
    /// Whether it is made for one choice of batch-norm statistics; if not, it holds all that training kept.
    pub takes_statistics: bool,
    /// The file of a model; the text is the name of the file without its ending.
    encode: fn(&Model, &str) -> Result<Exported, ExportError>,
}

/// A trained network in a format: what goes into the file, and what is to be said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// The bytes of the file.
    pub bytes: Vec<u8>,
    /// Of a format for devices: its states and its costs.
    pub device: Option<DeviceReport>,
}

/// What a device gets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceReport {
    /// What each state is for, in the order in which they are numbered.
    pub states: Vec<String>,
    /// Images on which the classes were compared with those of the network, in each state.
    pub images_checked: usize,
    /// What an inference takes.
    pub costs: Costs,
}

impl ModelFormat {
    /// The format of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        MODEL_FORMATS.into_iter().find(|format| format.name == name)
    }

    /// Encodes `model`. What is packed is compared with the network on drawn images first. `name` is that of the file,
    /// without its ending: a format of source text calls its functions by it.
    ///
    /// # Errors
    /// [`ExportError`] if the format does not take this network, or holds another one than it should.
    pub fn export(&self, model: &Model, name: &str) -> Result<Exported, ExportError> {
        (self.encode)(model, name)
    }
}

impl DeviceReport {
    fn new(packed: &Packed, costs: Costs) -> Self {
        Self { states: packed.states.clone(), images_checked: Packed::CHECKED_IMAGES, costs }
    }
}
