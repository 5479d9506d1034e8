//! What a run makes of its settings where they ask for more than there is: no error, but not a silent surprise either. Each
//! is a line for whoever starts the run, and stands in `summary.json`.

use std::collections::HashSet;

use crate::recipe::settings::Settings;
use metabnn::data::Dataset;
use metabnn::stream::{Experience, TaskStream, View};
use metabnn_data::catalogue;

/// Most classes that are named one by one.
const MOST_NAMED: usize = 10;

impl Settings {
    /// What is to be said of a run with these settings on `stream`, made of `sets`.
    pub fn notes(&self, sets: &[Dataset], stream: &TaskStream) -> Vec<String> {
        let mut notes = Vec::new();
        for Dataset { name, train, test } in sets {
            notes.extend(self.too_few(name, train.len(), test.len()));
        }
        let sizes = stream.experiences.iter().map(|experience| experience.samples.len());
        notes.extend(self.small_tasks(sizes));
        notes.extend(unused_outputs(&seen(&stream.experiences), stream.classes));
        notes.dedup();
        notes
    }

    /// What can be said of it without the data, from what the catalogue knows of them.
    pub fn expected_notes(&self) -> Vec<String> {
        if !self.analysis.trains() {
            return Vec::new();
        }
        let (mut notes, traits) = (Vec::new(), self.tasks.stream.traits());
        let sets: Vec<_> = self.data.sets.iter().filter_map(|name| catalogue::find(name).ok()).collect();
        for set in &sets {
            notes.extend(self.too_few(&set.name, set.train, set.test));
        }
        // Groups of classes, and a mixture of tasks, have as many samples as their data say.
        if !traits.groups_classes && (traits.has_boundaries || traits.divides) {
            let parts = if traits.divides { self.tasks.count.max(1) } else { 1 };
            let taken = |train: usize| match self.data.train_images {
                0 => train,
                images => images.min(train),
            };
            notes.extend(self.small_tasks(sets.iter().map(|set| taken(set.train) / parts)));
        }
        if let (Some(set), false) = (sets.first(), self.tasks.classes.is_empty()) {
            let mut seen = [false; 256];
            self.tasks.classes.iter().flatten().for_each(|class| seen[usize::from(*class)] = true);
            notes.extend(unused_outputs(&seen, set.classes));
        }
        notes.dedup();
        notes
    }

    /// A data set with fewer samples than are to be taken of it.
    fn too_few(&self, set: &str, train: usize, test: usize) -> impl Iterator<Item = String> {
        let counts = [("train", self.data.train_images, train), ("test", self.data.test_images, test)];
        counts.into_iter().filter(|(_, asked, there)| asked > there).map(move |(split, asked, there)| {
            format!("data.{split}_images = {asked}: {set} has {there}; all of them are taken")
        })
    }

    /// Tasks with fewer samples than a batch.
    fn small_tasks(&self, sizes: impl Iterator<Item = usize>) -> Option<String> {
        let batch = self.schedule.batch;
        let small: Vec<usize> = sizes.filter(|size| *size < batch).collect();
        let least = small.iter().min()?;
        let tasks = if small.len() == 1 { "task has".into() } else { format!("{} tasks have", small.len()) };
        Some(format!(
            "schedule.batch = {batch}: {tasks} fewer training images (down to {least}); each step there is on all of them"
        ))
    }
}

/// Whether each class has a training sample.
fn seen(experiences: &[Experience]) -> [bool; 256] {
    let mut seen = [false; 256];
    // Tasks share their samples, in other orders of pixels.
    let mut done = HashSet::new();
    let which = |View { samples, selection, .. }: &View| {
        let images = samples.images().map(|images| std::sync::Arc::as_ptr(images) as usize);
        let features = || samples.features().map(|features| std::sync::Arc::as_ptr(features) as usize);
        (images.or_else(features), selection.as_ref().map(|places| places.as_ptr() as usize))
    };
    let views = experiences.iter().flat_map(|experience| experience.samples.views());
    for view in views.filter(|view| done.insert(which(view))) {
        let mut see = |index: usize| seen[usize::from(view.samples.label(index))] = true;
        match &view.selection {
            Some(places) => places.iter().for_each(|place| see(*place as usize)),
            None => (0..view.samples.len()).for_each(&mut see),
        }
    }
    seen
}

/// Outputs of a network of so many classes that no training sample is of.
fn unused_outputs(seen: &[bool; 256], classes: usize) -> Option<String> {
    let unused: Vec<String> =
        (0..classes.min(256)).filter(|class| !seen[*class]).map(|class| class.to_string()).collect();
    let more = if unused.len() > MOST_NAMED { ", ..." } else { "" };
    let named = unused[..unused.len().min(MOST_NAMED)].join(", ");
    (!unused.is_empty()).then(|| {
        let count = unused.len();
        format!("{count} of {classes} outputs are unused: no training image is of class {named}{more}")
    })
}
