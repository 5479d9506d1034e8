//! Runs that take no time: their models and checkpoints are small.

use metabnn::data::{Dataset, Images, Shape};
use metabnn::export::Packed;
use metabnn::kernels::Platform;
use metabnn::machine::Machine;
use metabnn::model::Model;
use metabnn::model::checkpoint::{Checkpoint, CheckpointError, Digests};
use metabnn::stream::TaskStream;
use metabnn::train::Training;
use metabnn_lab::recipe::Recipe;
use metabnn_lab::recipe::settings::Settings;

/// Name and settings of runs that differ in what their files hold.
pub(crate) const KINDS: [(&str, &str); 5] = [
    ("dense", "network.hidden = [3]\ntasks.count = 2"),
    (
        "one-norm-state",
        "network.hidden = [2]\ntasks.count = 2\ntasks.scenario = 'domain'\nnetwork.precision = 'full-precision'",
    ),
    ("convolution", "network.channels = [2]\nnetwork.kernel = 2\nnetwork.hidden = []\ntasks.count = 1"),
    (
        "no-permutation",
        "network.hidden = [2]\ntasks.stream = 'classes'\ntasks.classes = [[0, 1], [2]]\nrule.m = [0, 1]",
    ),
    ("beakers", "network.hidden = [2]\ntasks.count = 2\nrule.name = 'beakers'\noptimizer.state = 'bf16'"),
];

/// Packed models, of pixels, of signs, and of one layer.
pub(crate) fn packed() -> Vec<(&'static str, Vec<u8>)> {
    let kinds = [
        ("pixels", "network.hidden = [3, 5]\ntasks.count = 2"),
        (
            "signs",
            "network.hidden = [35]\ntasks.count = 2\nnetwork.input = 'sign'\ntasks.scenario = 'domain'",
        ),
        ("one-layer", "network.hidden = []\ntasks.stream = 'classes'\ntasks.classes = [[0, 1], [2]]"),
    ];
    let packed = |settings: &str| {
        let model = Run::of(&format!("norm.statistics = 'recalibrated'\n{settings}")).model();
        let model = Model::from_bytes(&model).expect("a model that was written");
        Packed::new(&model).expect("a network that can be packed").bytes
    };
    kinds.map(|(name, settings)| (name, packed(settings))).into()
}

/// A run on twelve images of 4 x 4 pixels in three classes.
pub(crate) struct Run {
    settings: Settings,
    stream: TaskStream,
    digests: Digests,
    machine: Machine,
}

impl Run {
    pub(crate) fn of(settings: &str) -> Self {
        let text = format!("name = 'tiny'\nschedule.epochs = 2\nschedule.batch = 4\n{settings}");
        let recipe = Recipe::from_toml(&text, "tiny.toml", &[], None);
        let settings = recipe.unwrap_or_else(|errors| panic!("{errors}")).base;
        let pixels = (0..12 * 16).map(|index: usize| (index * index % 251) as u8).collect();
        let labels = (0..12).map(|index| index % 3).collect();
        let images = Images::of_shape(Shape::grey(4, 4), 3, pixels, labels).expect("whole images");
        let set = Dataset { name: "mnist".into(), train: images.clone().into(), test: images.into() };
        let digests = Digests::from([(set.name.clone(), set.digest())]);
        let stream = settings.stream(&[set]).expect("settings that fit the images");
        let machine = Machine::new(1, Platform::detect()).expect("a machine of one thread");
        Self { settings, stream, digests, machine }
    }

    fn start(&self) -> Training<'_> {
        self.settings.training(&self.machine, &self.stream).expect("settings that fit the images")
    }

    /// The model at the end.
    pub(crate) fn model(&self) -> Vec<u8> {
        let mut training = self.start();
        while training.advance().expect("numbers that stay finite").is_some() {}
        let model = training.trainer().model(&self.stream);
        model.to_bytes().expect("a model that can be written")
    }

    /// The checkpoint after some steps.
    pub(crate) fn checkpoint(&self, steps: usize) -> Vec<u8> {
        let mut training = self.start();
        for _ in 0..steps {
            training.advance().expect("numbers that stay finite");
        }
        Checkpoint::write(&training, &self.digests).expect("a checkpoint that can be written")
    }

    /// The run goes on from a checkpoint, if it is one of its own: its checkpoint now, and after two steps more.
    pub(crate) fn go_on(&self, from: Checkpoint) -> Result<[Option<Vec<u8>>; 2], CheckpointError> {
        let mut training = self.settings.resume(from, &self.machine, &self.stream, &self.digests)?;
        let now = Checkpoint::write(&training, &self.digests).ok();
        // Numbers at the edge of what is finite may go beyond it: an error, as in any run.
        let goes_on = (0..2).all(|_| training.advance().is_ok());
        let later = if goes_on { Checkpoint::write(&training, &self.digests).ok() } else { None };
        Ok([now, later])
    }
}
