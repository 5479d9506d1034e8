//! Data sets that are missing, damaged or do not fit: exit status 1, the file and the offset, nothing left behind.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::{Workplace, run};

const IMAGES: &str = "data/mnist/train-images-idx3-ubyte";
const LABELS: &str = "data/mnist/train-labels-idx1-ubyte";

fn refuses(place: &Workplace, says: &[&str]) {
    place.refuses(&run("pmnist", &[], "out"), 1, says);
}

#[test]
fn a_data_set_that_is_not_there_says_where_it_was_looked_for() {
    let place = Workplace::new();
    let mut arguments = run("pmnist", &[], "out");
    arguments.extend(["--data", "nowhere"]);
    let command = "`metabnn data fetch mnist --data nowhere` downloads it";
    place.refuses(&arguments, 1, &["data set `mnist` is not here: looked in nowhere/mnist, nowhere/MNIST/raw for train-images-idx3-ubyte, ", command]);
    let unknown = run("pmnist", &["data.sets=mnits"], "out");
    place.refuses(&unknown, 1, &["no data set `mnits` (did you mean `mnist`?); there are: mnist, "]);
    place.refuses(&["data", "fetch", "mnits"], 1, &["no data set `mnits` (did you mean `mnist`?)"]);
    std::fs::remove_file(place.path(LABELS)).unwrap();
    refuses(&place, &["found neither ", "train-labels-idx1-ubyte nor "]);
}

#[test]
fn a_broken_gzip_file_says_how_far_it_could_be_read() {
    let place = Workplace::new();
    let plain = place.bytes(IMAGES);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&plain).unwrap();
    let zipped = encoder.finish().unwrap();
    std::fs::remove_file(place.path(IMAGES)).unwrap();
    let name = format!("{IMAGES}.gz");
    place.write(&name, &zipped);
    place.run("pmnist", &[], "whole");
    let (half, mut changed) = (zipped.len() / 2, zipped.clone());
    let checksum = zipped.len() - 8;
    changed[checksum] ^= 1;
    for damaged in [&zipped[..half], &zipped[..zipped.len() - 3], &changed] {
        place.write(&name, damaged);
        refuses(&place, &["train-images-idx3-ubyte.gz: broken gzip file, after ", " unzipped bytes: "]);
    }
}

#[test]
fn a_wrong_idx_file_says_what_is_wrong_at_which_byte() {
    let place = Workplace::new();
    let (images, labels) = (place.bytes(IMAGES), place.bytes(LABELS));
    let with = |bytes: &[u8], at: usize, new: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[at..at + new.len()].copy_from_slice(new);
        bytes
    };
    let longer = [&images[..], &[0]].concat();
    for (bytes, says) in [
        (with(&images, 0, &[9]), "magic number at byte 0: expected 00 00, got 09 00 (not an IDX file)"),
        (
            with(&images, 2, &[0x0d]),
            "element type at byte 2: expected 0x08 (unsigned bytes), got 0x0d (32-bit floats)",
        ),
        (with(&images, 3, &[1]), "number of dimensions at byte 3: expected 3 (images), got 1 (labels)"),
        (with(&images, 4, &[0; 4]), "number of images at byte 4: expected at least 1, got 0"),
        (
            with(&images, 4, &[0, 0, 0, 241]),
            "images at byte 16: expected 188944 bytes, as the header says, got 188160",
        ),
        (
            with(&images, 4, &[255; 12]),
            "sizes at byte 4: expected images that fit in memory, got 4294967295 x ",
        ),
        (
            longer,
            "surplus at byte 188176: expected the end of the file after 188160 bytes of images, got more bytes",
        ),
        (images[..1000].to_vec(), "images at byte 16: expected 188160 bytes, as the header says, got 984"),
        (images[..7].to_vec(), "header at byte 0: expected 16 bytes (images), got 7 bytes"),
        (Vec::new(), "header at byte 0: expected 16 bytes (images), got 0 bytes"),
    ] {
        place.write(IMAGES, bytes);
        refuses(&place, &["train-images-idx3-ubyte: ", says]);
    }
    place.write(IMAGES, &images);
    let one_less = [&[0, 0, 8, 1, 0, 0, 0, 239], &labels[8..247]].concat();
    for (bytes, says) in [
        (with(&labels, 11, &[10]), "label at byte 11: expected a class from 0 to 9, got 10"),
        (with(&labels, 3, &[3]), "number of dimensions at byte 3: expected 1 (labels), got 3 (images)"),
        (one_less, "holds 239 labels"),
    ] {
        place.write(LABELS, bytes);
        refuses(&place, &["train-labels-idx1-ubyte", says]);
    }
}

#[test]
fn images_of_another_size_are_refused() {
    let place = Workplace::new();
    place.write_set("mnist", 30, 1);
    refuses(&place, &["images of data set `mnist` are 28 x 28 pixels, got 30 x 30"]);
}

#[test]
fn too_few_images_for_the_tasks_are_refused() {
    let place = Workplace::new();
    let set = ["tasks.stream=subsets", "tasks.count=121", "data.train_images=0"];
    let says = "tasks.count: 121 subsets need at least 242 training images of mnist, which has 240";
    place.refuses(&run("pmnist", &set, "out"), 1, &[says]);
}

#[test]
fn a_convolution_without_output_is_refused() {
    let place = Workplace::new();
    for (set, says) in [
        (
            &["network.channels=[4, 4]", "network.kernel=15"][..],
            "layer 2: a kernel of 15x15 on maps of 14x14 with padding 0 gives no output; a smaller network.kernel",
        ),
        (
            &["network.channels=[4]", "network.kernel=27", "network.pool=max", "network.pool_size=3"],
            "layer 1: pooling 3x3 of the 2x2 sums of a kernel of 27x27 leaves nothing; a smaller network.pool_size",
        ),
        (
            &["network.channels=[4]", "network.kernel=28", "norm.kind=instance"],
            "layer 1: norm.kind = \"instance\" over a single position of each sample gives 0 whatever it is",
        ),
    ] {
        place.refuses(&run("pmnist", set, "out"), 1, &["seed=0: ", says]);
    }
}
