//! Whether a packed model is the network that it was made of.

use std::sync::Arc;

use metabnn_infer::packed as device;

use super::packed::{State, states};
use super::{ExportError, Packed};
use crate::data::Images;
use crate::model::Model;
use crate::network::predicted_class;
use crate::random::{Purpose, hash};
use crate::stream::{Subset, View, batches};

/// Images that go through the network together.
const BATCH: usize = 1000;

impl Packed {
    /// Images of noise that [`Packed::checked`] compares on.
    pub const CHECKED_IMAGES: usize = 256;

    /// Packs `model` and compares the result with it, on [`noise_images`].
    ///
    /// # Errors
    /// As [`Packed::new`] and [`Packed::check`].
    pub fn checked(model: &Model) -> Result<Self, ExportError> {
        let packed = Self::new(model)?;
        packed.check(model, &noise_images(model, Self::CHECKED_IMAGES))?;
        Ok(packed)
    }

    /// Compares the packed model with the network that it was made of on `images`, in every state.
    ///
    /// # Errors
    /// [`ExportError::Differs`] with the first image of which they say different classes; [`ExportError::Images`] if the
    /// images are of another size; [`ExportError::Packed`] if the bytes are no packed model.
    pub fn check(&self, model: &Model, images: &Images) -> Result<(), ExportError> {
        let packed = device::Model::parse(&self.bytes)?;
        let (got, expected) = (images.width(), packed.inputs());
        if got != expected {
            return Err(ExportError::Images { got, expected });
        }
        let images = Arc::new(images.clone());
        for (number, state) in states(model).iter().enumerate() {
            let mut scratch = vec![0; packed.scratch_len()];
            let classes = classes(model, state, &images);
            for (image, network) in classes.into_iter().enumerate() {
                let class = packed.classify(images.image(image), number, &mut scratch);
                // The model has been parsed, the image is as large as it takes, the memory as large as it says.
                let class = class.unwrap_or(usize::MAX);
                if class != network {
                    let state = state.name.clone();
                    return Err(ExportError::Differs { state, image, packed: class, network });
                }
            }
        }
        Ok(())
    }
}

/// What the network says of `images` in a state.
fn classes(model: &Model, state: &State, images: &Arc<Images>) -> Vec<usize> {
    let network = &model.trained.network;
    let permutation = state.order(model).map(Arc::from);
    let subset = Subset::new(vec![View { permutation, ..View::all(images.clone()) }]);
    let of_batch = |range| {
        let inputs = subset.gather(range, network.config().input).inputs;
        let logits = network.logits(&inputs, &state.norms, network.norm_config().statistics);
        let rows = logits.chunks_exact(logits.len() / inputs.batch().max(1));
        rows.map(predicted_class).collect::<Vec<_>>()
    };
    network.machine().pool.map(batches(images.len(), BATCH), of_batch).concat()
}

/// Images of noise that a network takes, from black ones to bright ones, the same ones always: something to check
/// with where there is no data.
pub fn noise_images(model: &Model, count: usize) -> Images {
    let shape = model.description.image;
    let pixel = |image: usize, pixel: usize| {
        let bits = hash(0, Purpose::ExportCheck, [image as u64, pixel as u64, 0]);
        let is_ink = (bits >> 32) as usize % count.max(1) < image;
        if is_ink { bits as u8 } else { 0 }
    };
    let pixels = (0..count).flat_map(|image| (0..shape.width()).map(move |place| pixel(image, place)));
    let images = Images::of_shape(shape, 1, pixels.collect(), vec![0; count]);
    images.expect("as many pixels and labels as images have")
}
