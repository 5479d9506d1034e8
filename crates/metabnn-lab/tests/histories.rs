//! What a network knows of what it learned, after histories of every kind: experiences in any order, again and again or
//! left out, samples of one's own, parts of a stream, models read back and trained on. The network, its file, the packed
//! model and the header in C say the same class of every image in every state, and that is the one of a list that this
//! test keeps by itself.

// Helpers outside of test functions may unwrap, too: a panic is how a test fails.
#![allow(clippy::unwrap_used)]

#[path = "support/exported.rs"]
mod exported;
#[path = "../../metabnn-data/tests/support/mod.rs"]
mod support;

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::process::Command;
use std::sync::Arc;

use metabnn::data::{Dataset, Images, Samples, Shape};
use metabnn::export::{Packed, c_header};
use metabnn::layer::{NormConfig, Statistics};
use metabnn::model::Model;
use metabnn::network::{Network, NormState, predicted_class};
use metabnn::random::{Purpose, Stream};
use metabnn::rule::Metaplastic;
use metabnn::stream::{ExperienceId, Subset, TaskStream, View, permuted};
use metabnn::train::{FitOptions, Scenario, TrainConfig, Trainer};
use metabnn_infer::packed;

const HISTORIES: u32 = 500;
/// Headers that are compiled at once.
const TOGETHER: usize = 50;
const SHAPE: Shape = Shape::grey(5, 6);
const CLASSES: usize = 4;

fn noise(seed: u32, count: usize) -> Images {
    let mut random = Stream::new(9, Purpose::Glyphs, seed);
    let pixels = (0..count * SHAPE.width()).map(|_| random.below(256) as u8).collect();
    let labels = (0..count).map(|index| (index % CLASSES) as u8).collect();
    Images::of_shape(SHAPE, CLASSES, pixels, labels).unwrap()
}

/// What is expected of an experience: the norm states at the end of its last training, and its pixel order.
type Expected = (Option<Vec<NormState>>, Option<Arc<[u32]>>);

/// A network with its history, and what the test itself keeps of it.
struct History {
    trainer: Trainer<Metaplastic>,
    /// In the order in which each experience was learned first.
    order: Vec<ExperienceId>,
    known: HashMap<ExperienceId, Expected>,
    trainings: usize,
}

impl History {
    fn new(scenario: Scenario, seed: u64) -> Self {
        let norm = NormConfig { statistics: Statistics::Recalibrated, ..NormConfig::default() };
        let network = Network::binary(SHAPE).dense(9).classes(CLASSES).norm(norm).seed(seed).build().unwrap();
        let config = TrainConfig { scenario, seed, ..TrainConfig::default() };
        let builder = Trainer::builder(network, Metaplastic::default()).config(config);
        let trainer = builder.epochs(1).batch(8).build().unwrap();
        Self { trainer, order: Vec::new(), known: HashMap::new(), trainings: 0 }
    }

    /// Learns the experience at `index` of the stream, a part of it, or samples of nobody's; or goes through a file.
    fn go_on(&mut self, stream: &TaskStream, random: &mut Stream) {
        let index = random.below(stream.experiences.len() as u32) as usize;
        let experience = &stream.experiences[index];
        match random.below(8) {
            0 => self.trainer.partial_fit(&experience.samples).unwrap(),
            1 => {
                let samples = Subset::new(vec![View::all(noise(100 + random.below(3), 16))]);
                self.trainer.fit_with(&samples, FitOptions::experience(1)).unwrap();
                self.learned(&samples);
            }
            2 => self.through_a_file(stream, random.below(2) == 0),
            _ => {
                self.trainer.fit(experience).unwrap();
                self.learned(&experience.samples);
            }
        }
    }

    fn learned(&mut self, samples: &Subset) {
        let id = ExperienceId::new(samples);
        let keeps = self.trainer.config().scenario == Scenario::Task;
        let norms = keeps.then(|| self.trainer.network().norm_states());
        if self.known.insert(id.clone(), (norms, samples.views()[0].permutation.clone())).is_none() {
            self.order.push(id);
        }
        self.trainings += 1;
    }

    /// Written, read and written again; then it goes on from what was read.
    fn through_a_file(&mut self, stream: &TaskStream, has_stream: bool) {
        let model = match has_stream {
            true => self.trainer.model(stream),
            false => self.trainer.model_without_stream(),
        };
        let bytes = model.to_bytes().unwrap();
        let read = Model::from_bytes(&bytes).unwrap();
        assert!(read.to_bytes().unwrap() == bytes);
        self.trainer.resume_from(read.trained);
    }

    /// The classes of `images` by the list of this test, state after state of the model without a stream.
    fn expected(&self, images: &Images) -> Vec<Vec<usize>> {
        let network = self.trainer.network();
        let of_state = |(norms, order): &Expected| {
            let view = View { samples: images.clone().into(), selection: None, permutation: order.clone() };
            let inputs = Subset::new(vec![view]).gather(0..images.len(), network.config().input).inputs;
            let norms = norms.clone().unwrap_or_else(|| network.norm_states());
            let logits = network.logits(&inputs, &norms, Statistics::Recalibrated);
            logits.chunks_exact(CLASSES).map(predicted_class).collect()
        };
        let is_test = |(norms, order): &&Expected| norms.is_some() || order.is_some();
        let tests: Vec<_> = self.order.iter().map(|id| &self.known[id]).filter(is_test).collect();
        match tests.is_empty() {
            true => vec![of_state(&(None, None))],
            false => tests.into_iter().map(of_state).collect(),
        }
    }
}

/// The classes that a packed model says, for its first states.
fn packed_classes(bytes: &[u8], states: usize, images: &Images) -> Vec<Vec<usize>> {
    let model = packed::Model::parse(bytes).unwrap();
    let mut scratch = vec![0; model.scratch_len()];
    let mut class = |state, image| model.classify(images.image(image), state, &mut scratch).unwrap();
    (0..states).map(|state| (0..images.len()).map(|image| class(state, image)).collect()).collect()
}

/// A program that prints what `nets` headers say of all images, and its output.
fn compiled(headers: &[(String, usize)], images: &Images) -> Option<String> {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let runs = Command::new(&compiler).arg("--version").output().is_ok_and(|output| output.status.success());
    if !runs {
        assert!(!support::is_ci(std::env::var_os("CI").as_deref()), "no C compiler {compiler:?}");
        println!("SKIPPED, no C compiler {compiler:?}");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| fs::write(folder.path().join(name), content).unwrap();
    let (mut includes, mut calls) = (String::new(), String::new());
    for (number, (header, states)) in headers.iter().enumerate() {
        write(&format!("n{number}.h"), header.as_bytes());
        writeln!(includes, "#include \"n{number}.h\"").unwrap();
        writeln!(
            calls,
            "for (int s = 0; s < {states}; s++) for (int i = 0; i < {}; i++) printf(\"%d \", \
             n{number}_classify(pixels + {} * i, s));",
            images.len(),
            SHAPE.width()
        )
        .unwrap();
    }
    let size = images.pixels().len();
    let main = format!(
        "#include <stdio.h>\n{includes}static uint8_t pixels[{size}];\nint main(void) {{\n\
         if (fread(pixels, 1, {size}, stdin) != {size}) return 1;\n{calls}return 0; }}\n"
    );
    write("main.c", main.as_bytes());
    write("images", images.pixels());
    let run = |command: &mut Command| {
        let output = command.current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(Command::new(&compiler).args(["-std=c99", "-O1", "main.c", "-o", "main"]));
    let images = fs::File::open(folder.path().join("images")).unwrap();
    Some(run(Command::new(folder.path().join("main")).stdin(images)))
}

#[test]
fn every_history_is_told_by_what_was_learned() {
    let (train, test): (Samples, Samples) = (noise(1, 32).into(), noise(2, 20).into());
    let set = Dataset { name: "noise".into(), train, test };
    let stream = permuted(&set, 4).build().unwrap();
    let images = noise(3, 12);
    let (mut headers, mut said): (Vec<(String, usize)>, Vec<usize>) = (Vec::new(), Vec::new());
    let (mut repeated, mut left_out) = (0, 0);
    for seed in 0..HISTORIES {
        let mut random = Stream::new(4, Purpose::Init, seed);
        let scenario = if random.below(3) == 0 { Scenario::Domain } else { Scenario::Task };
        let mut history = History::new(scenario, u64::from(seed));
        for _ in 0..1 + random.below(7) {
            history.go_on(&stream, &mut random);
        }
        repeated += u32::from(history.trainings > history.order.len());
        left_out += u32::from(stream.experiences.iter().any(|one| !history.order.contains(&one.id())));
        let expected = history.expected(&images);
        check_tests(&history, &stream);
        let model = history.trainer.model_without_stream();
        let read = Model::from_bytes(&model.to_bytes().unwrap()).unwrap();
        assert_eq!(read.trained.learned, history.trainer.learned(), "history {seed}");
        let packed = Packed::new(&read).unwrap();
        assert_eq!(packed_classes(&packed.bytes, expected.len(), &images), expected, "history {seed}");
        headers.push((c_header(&packed, &format!("n{}", headers.len())).unwrap().0, expected.len()));
        said.extend(expected.into_iter().flatten());
        if headers.len() == TOGETHER {
            let Some(printed) = compiled(&headers, &images) else { return };
            let in_c: Vec<usize> = printed.split_whitespace().map(|class| class.parse().unwrap()).collect();
            assert_eq!(in_c, said, "up to history {seed}");
            (headers, said) = (Vec::new(), Vec::new());
        }
    }
    assert!(
        repeated > 100 && left_out > 100,
        "{repeated} with repetition, {left_out} with something left out"
    );
}

/// The trainer tests a stream, and its model with the tests of the stream, by what the list of this test says.
fn check_tests(history: &History, stream: &TaskStream) {
    let (trainer, network) = (&history.trainer, history.trainer.network());
    let accuracies = trainer.evaluate(stream).unwrap();
    let saved = Model::from_bytes(&trainer.model(stream).to_bytes().unwrap()).unwrap();
    for (test, accuracy) in stream.tests.iter().zip(accuracies) {
        let id = test.experience.as_ref().unwrap();
        let norms = history.known.get(id).and_then(|(norms, _)| norms.clone());
        let norms = norms.unwrap_or_else(|| network.norm_states());
        let batch = test.samples.gather(0..test.samples.len(), network.config().input);
        let logits = network.logits(&batch.inputs, &norms, Statistics::Recalibrated);
        let classes = logits.chunks_exact(CLASSES).map(predicted_class);
        let right =
            classes.zip(&batch.labels).filter(|(class, label)| *class == usize::from(**label)).count();
        let expected = right as f64 / batch.labels.len() as f64;
        assert_eq!(accuracy, expected);
        let size = trainer.config().schedule.test_batch;
        assert_eq!(saved.trained.evaluate(&test.samples, Some(id), size).accuracy, expected);
    }
}
