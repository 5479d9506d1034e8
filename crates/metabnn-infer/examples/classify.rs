//! What a packed model says of raw images, one class a line: `classify model.packed images STATE COUNT`.
//!
//! The file of images has nothing but pixels, image after image. What classifies is what runs on a device; files,
//! arguments and printing are this example's.

use std::error::Error;
use std::{env, fs};

use metabnn_infer::packed::Model;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [model, images, state, count] = arguments.as_slice() else {
        return Err("usage: classify MODEL IMAGES STATE COUNT".into());
    };
    let (bytes, images) = (fs::read(model)?, fs::read(images)?);
    let model = Model::parse(&bytes)?;
    let mut scratch = vec![0; model.scratch_len()];
    for pixels in images.chunks_exact(model.inputs()).take(count.parse()?) {
        println!("{}", model.classify(pixels, state.parse()?, &mut scratch)?);
    }
    Ok(())
}
