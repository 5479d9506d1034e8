//! Makes what the example for devices has in its program: glyphs of 14 x 14 pixels, and a packed model that knows them.
//!
//! ```sh
//! cargo run --release -p metabnn-lab --example device_files -- crates/metabnn-infer/examples/device
//! ```
//!
//! `glyphs.bin` holds 1,200 training images and 200 test images: their labels, a byte each, then their pixels, a bit each,
//! 25 bytes an image, lowest bit first. `model.packed` is a network of one hidden layer, trained on 6,000 such images, of
//! which the test images are none.

use std::error::Error;
use std::path::PathBuf;

use metabnn::data::{Dataset, Images, SampleError, Samples};
use metabnn::export::Packed;
use metabnn::model::Model;
use metabnn_data::load;
use metabnn_lab::recipe::settings::{Data, Network, Norm, Settings, Statistics, Stream, Tasks};
use metabnn_lab::setup::train;

const TRAINING: usize = 1200;
const TEST: usize = 200;
/// Rows and columns of a glyph, and of the small one.
const SIDE: usize = 28;
const HALF: usize = SIDE / 2;

/// Every four pixels become one: ink where their mean reaches a quarter of the brightest.
fn small(images: &Images) -> Result<Images, SampleError> {
    let shrink = |image: &[u8]| -> Vec<u8> {
        let mean = |place: usize| {
            let corner = 2 * (place / HALF * SIDE + place % HALF);
            let four = [corner, corner + 1, corner + SIDE, corner + SIDE + 1];
            let sum: u16 = four.into_iter().map(|pixel| u16::from(image[pixel])).sum();
            if sum >= 256 { 255 } else { 0 }
        };
        (0..HALF * HALF).map(mean).collect()
    };
    let pixels = (0..images.len()).flat_map(|index| shrink(images.image(index))).collect();
    let labels = (0..images.len()).map(|index| images.label(index)).collect();
    Images::new(HALF, HALF, images.classes(), pixels, labels)
}

/// The first images of both sets in a bit a pixel.
fn bytes(train: &Images, test: &Images) -> Vec<u8> {
    let images =
        || [(train, TRAINING), (test, TEST)].into_iter().flat_map(|(set, n)| (0..n).map(move |i| (set, i)));
    let mut bytes: Vec<u8> = images().map(|(set, i)| set.label(i)).collect();
    for (set, i) in images() {
        bytes.extend(
            set.image(i).chunks(8).map(|eight| eight.iter().rev().fold(0, |byte, p| byte << 1 | p & 1)),
        );
    }
    bytes
}

fn main() -> Result<(), Box<dyn Error>> {
    let out = std::env::args_os().nth(1).map(PathBuf::from).ok_or("takes a folder")?;
    let glyphs = load("glyphs", None)?;
    let images = |samples: &Samples| samples.images().map(|images| small(images)).ok_or("glyphs are images");
    let (train_images, test_images) = (images(&glyphs.train)??, images(&glyphs.test)??);
    std::fs::write(out.join("glyphs.bin"), bytes(&train_images, &test_images))?;

    let settings = Settings {
        data: Data { sets: vec!["glyphs".into()], ..Data::default() },
        tasks: Tasks { stream: Stream::Subsets, count: 1, ..Tasks::default() },
        network: Network { hidden: vec![64], ..Network::default() },
        norm: Norm { statistics: Statistics::Recalibrated, ..Norm::default() },
        ..Settings::default()
    };
    let small = Dataset { train: train_images.into(), test: test_images.into(), ..glyphs };
    let stream = settings.stream(&[small])?;
    let outcome = train(&settings, &stream, |_| {})?;
    let accuracy = outcome.matrix.average_accuracy();
    let packed = Packed::new(&Model::new(outcome.trained, settings.to_json(), &stream))?;
    std::fs::write(out.join("model.packed"), &packed.bytes)?;
    println!("{} bytes, test accuracy {accuracy:.3?}", packed.bytes.len());
    Ok(())
}
