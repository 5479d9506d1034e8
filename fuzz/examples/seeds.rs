//! Writes the seeds that the project's own code makes into `corpus/`: `cargo run -p metabnn-fuzz --example seeds`.

use std::error::Error;
use std::fs;
use std::path::Path;

use metabnn::data::{Dataset, Images, Shape};
use metabnn::evaluate::Knowledge;
use metabnn::model::Model;
use metabnn::recipe::Recipe;
use metabnn::tasks::TaskStream;
use metabnn::train::train;

/// Models that differ in what their files hold.
const MODELS: [(&str, &str); 4] = [
    ("dense", "network.hidden = [3]"),
    (
        "one-norm-state",
        "network.hidden = [2]\ntasks.scenario = 'domain'\nnetwork.precision = 'full-precision'",
    ),
    ("convolution", "network.channels = [2]\nnetwork.kernel = 2\nnetwork.hidden = []\ntasks.count = 1"),
    (
        "no-permutation",
        "network.hidden = [2]\ntasks.stream = 'classes'\ntasks.classes = [[0, 1], [2]]\nrule.m = [0, 1]",
    ),
];

/// Images of 4 x 4 pixels in three classes.
fn images() -> Result<Images, Box<dyn Error>> {
    let pixels = (0..12 * 16).map(|index: usize| (index * index % 251) as u8).collect();
    Ok(Images::of_shape(Shape::grey(4, 4), 3, pixels, (0..12).map(|index| index % 3).collect())?)
}

fn model(settings: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let text = format!("name = 'seed'\ntasks.count = 2\nschedule.epochs = 1\nschedule.batch = 4\n{settings}");
    // A key may be given twice here: the last one holds.
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines() {
        let key = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
        lines.retain(|earlier| key(earlier) != key(line));
        lines.push(line);
    }
    let recipe = Recipe::from_toml(&lines.join("\n"), "seed.toml", &[], None)?;
    let set = Dataset { name: "mnist".into(), train: images()?.into(), test: images()?.into() };
    let stream = TaskStream::new(&recipe.base, &[set])?;
    let knowledge: Knowledge = train(&recipe.base, &stream, |_| {})?.knowledge;
    Ok(Model::new(knowledge, &recipe.base, &stream).to_bytes()?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let write = |target: &str, name: &str, bytes: &[u8]| -> Result<(), Box<dyn Error>> {
        fs::create_dir_all(corpus.join(target))?;
        Ok(fs::write(corpus.join(target).join(name), bytes)?)
    };
    for (name, settings) in MODELS {
        write("model", name, &model(settings)?)?;
    }
    for (target, name, bytes) in metabnn_fuzz::seeds::made() {
        write(target, name, &bytes)?;
    }
    Ok(())
}
