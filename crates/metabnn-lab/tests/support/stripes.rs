//! A small data set drawn by the tests, and settings for it.

use metabnn::data::{Dataset, Images, Samples};
use metabnn::random::{Purpose, Stream};
use metabnn_lab::recipe::settings::{self, Precision, Settings, Statistics};

/// Blurred class prototypes with noise: enough to learn something, small enough for a test.
pub fn dataset() -> Dataset {
    let images = |count: usize, index: u32| {
        let mut stream = Stream::new(5, Purpose::Glyphs, index);
        let labels: Vec<u8> = (0..count).map(|i| (i % 4) as u8).collect();
        let pixel = |label: u8, i: usize, noise: u32| {
            let bright = (i / 3 + usize::from(label) * 2) % 8 < 3;
            // Six dark pixels of ten have no ink at all: signs show the stripes as well.
            (if bright { 150 + noise } else { noise.saturating_sub(60) }) as u8
        };
        let pixels = labels.iter().flat_map(|&label| (0..49).map(move |i| (label, i)));
        let pixels = pixels.map(|(label, i)| pixel(label, i, stream.below(100))).collect();
        Samples::from(Images::new(7, 7, 4, pixels, labels).unwrap())
    };
    Dataset { name: "stripes".into(), train: images(300, 0), test: images(120, 1) }
}

/// Hidden widths and a batch that are multiples of nothing.
pub fn settings(precision: Precision, statistics: Statistics) -> Settings {
    Settings {
        seed: 3,
        tasks: settings::Tasks { count: 2, ..Default::default() },
        network: settings::Network { hidden: vec![70, 33], precision, ..Default::default() },
        norm: settings::Norm { statistics, ..Default::default() },
        schedule: settings::Schedule { epochs: 2, batch: 33, test_batch: 50, ..Default::default() },
        ..Settings::default()
    }
}
