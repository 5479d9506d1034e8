//! The batches of a task's training.

use super::Place;
use crate::network::Batch;
use crate::random::{Purpose, Stream};
use crate::recipe::settings::Settings;
use crate::tasks::{Loader, Split};

/// The batches that are left of a task: one is gathered while the one before is trained on.
#[derive(Debug)]
pub(super) struct Batches<'a> {
    loader: Loader<'a>,
    pub(super) next: Option<Batch>,
    /// Batches after the next one.
    left: usize,
}

impl<'a> Batches<'a> {
    /// Those of `epochs` over `images` that are left at `place`. The task's random streams are drawn from the beginning,
    /// up to there.
    pub(super) fn of(images: &'a Split, settings: &Settings, place: Place, epochs: usize) -> Self {
        let random = |purpose| Stream::new(settings.seed, purpose, place.task as u32);
        let input = settings.network.input;
        let mut loader = Loader::new(images, settings.schedule.batch, input, random(Purpose::Shuffle))
            .augmented(settings.data.augment, random(Purpose::Augmentation));
        let done = place.epoch * loader.batches() + place.batch;
        loader.skip(done);
        let left = epochs * loader.batches() - done;
        let mut batches = Self { loader, next: None, left };
        batches.look_ahead();
        batches
    }

    /// Batches in an epoch.
    pub(super) fn per_epoch(&self) -> usize {
        self.loader.batches()
    }

    /// Shuffles and gathers the next one.
    pub(super) fn look_ahead(&mut self) {
        self.next = self.left.checked_sub(1).map(|left| {
            self.left = left;
            self.loader.next_batch()
        });
    }
}
