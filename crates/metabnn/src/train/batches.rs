//! The batches of an experience.

use super::{Position, TrainConfig};
use crate::random::{Purpose, Stream};
use crate::stream::{Loader, Request, Subset};

/// The batches that are left of an experience: the present one, and the one that is gathered while it is learned.
#[derive(Debug)]
pub(super) struct Batches<'a> {
    loader: Loader<'a>,
    pub(super) present: Option<Request>,
    pub(super) next: Option<Request>,
    /// Batches after the next one.
    left: usize,
}

impl<'a> Batches<'a> {
    /// Those of `epochs` over `samples` that are left at `position`. The experience's random streams are drawn from the
    /// beginning, up to there.
    pub(super) fn new(
        samples: &'a Subset,
        config: &TrainConfig,
        encoding: crate::network::Encoding,
        position: Position,
        epochs: usize,
    ) -> Self {
        let random = |purpose| Stream::new(config.seed, purpose, position.experience as u32);
        let mut loader = Loader::new(samples, config.schedule.batch, encoding, random(Purpose::Shuffle))
            .augmented(config.augment, random(Purpose::Augmentation));
        let done = position.epoch * loader.batches() + position.batch;
        loader.skip(done);
        let left = epochs * loader.batches() - done;
        let mut batches = Self { loader, present: None, next: None, left };
        batches.advance();
        batches.advance();
        batches
    }

    /// Batches in an epoch.
    pub(super) fn per_epoch(&self) -> usize {
        self.loader.batches()
    }

    /// The next one becomes the present one.
    pub(super) fn advance(&mut self) {
        self.present = self.next.take();
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            self.next = Some(self.loader.next_request());
        }
    }
}
