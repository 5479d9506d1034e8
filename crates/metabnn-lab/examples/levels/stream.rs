//! A stream of tasks for a learner on a device: pixels as they are stored, image after image.

use metabnn::metrics::MeanStd;
use metabnn::random::{Purpose, Stream};
use metabnn::stream::{Subset, TaskStream};
use metabnn_infer::learn::{LearnError, Learner, Level, Settings, Shape, Workspace};

/// Images of a task, in its order of pixels: (images, pixels) and labels.
pub struct Images {
    pixels: Vec<u8>,
    labels: Vec<u8>,
    width: usize,
}

impl Images {
    fn of(samples: &Subset) -> Self {
        let (mut pixels, mut labels, mut width) = (Vec::new(), Vec::new(), 0);
        for view in samples.views() {
            let Some(images) = view.samples.images() else { continue };
            width = images.width();
            let all: Vec<u32> = (0..images.len() as u32).collect();
            for &index in view.selection.as_deref().unwrap_or(&all) {
                let image = images.image(index as usize);
                match view.permutation.as_deref() {
                    Some(order) => pixels.extend(order.iter().map(|place| image[*place as usize])),
                    None => pixels.extend_from_slice(image),
                }
                labels.push(view.samples.label(index as usize));
            }
        }
        Self { pixels, labels, width }
    }

    fn image(&self, index: usize) -> &[u8] {
        &self.pixels[self.width * index..][..self.width]
    }

    /// Share of the images that `learner` classifies rightly.
    fn accuracy<L: Level>(&self, learner: &mut Learner<'_, L>) -> Result<f64, LearnError> {
        let mut right = 0;
        for (index, label) in self.labels.iter().enumerate() {
            right += usize::from(learner.classify(self.image(index))? == usize::from(*label));
        }
        Ok(right as f64 / self.labels.len() as f64)
    }
}

/// Tasks that are learned one after the other, an image at a time.
pub struct Tasks {
    train: Vec<Images>,
    tests: Vec<Images>,
}

impl Tasks {
    pub fn of(stream: &TaskStream) -> Self {
        let train = stream.experiences.iter().map(|experience| Images::of(&experience.samples)).collect();
        Self { train, tests: stream.tests.iter().map(|test| Images::of(&test.samples)).collect() }
    }

    /// Learns all tasks, each for `epochs`, and gives the accuracy on every test in the end. Nothing is told of tasks.
    pub fn learn<L: Level + Default>(
        &self,
        widths: &[usize],
        (epochs, batch): (usize, usize),
        seed: u64,
        settings: Settings,
    ) -> Result<Vec<f64>, LearnError> {
        let shape = Shape::new(widths);
        let (mut levels, mut numbers) =
            (vec![L::default(); shape.synapses()], vec![0.0; shape.numbers(batch)]);
        let workspace = Workspace { levels: &mut levels, numbers: &mut numbers };
        let mut learner = Learner::new(&shape, workspace, seed, settings)?;
        for (index, images) in self.train.iter().enumerate() {
            let mut shuffling = Stream::new(seed, Purpose::Shuffle, index as u32);
            for _ in 0..epochs {
                for chosen in shuffling.permutation(images.labels.len()).chunks(batch) {
                    let pixels: Vec<u8> =
                        chosen.iter().flat_map(|image| images.image(*image as usize)).copied().collect();
                    let labels: Vec<u8> = chosen.iter().map(|image| images.labels[*image as usize]).collect();
                    learner.learn(&pixels, &labels)?;
                }
            }
        }
        self.tests.iter().map(|test| test.accuracy(&mut learner)).collect()
    }
}

/// Mean of `values`.
pub fn mean(values: &[f64]) -> f64 {
    MeanStd::of(values).map_or(f64::NAN, |found| found.mean)
}
