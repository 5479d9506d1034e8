//! What a training over a stream looks at: tests and training samples, as rows of `metrics.csv`.

use super::{EvaluateTrain, Trainer};
use crate::engine::Engine;
use crate::metrics::{Evaluation, Split};
use crate::rule::SynapticRule;
use crate::stream::{ExperienceId, Subset, TaskStream};

impl<R: SynapticRule, E: Engine> Trainer<R, E> {
    /// Every test of `stream`, now; `at` is (experience in training, epoch of it), both counted from 1.
    /// Of no meaning if the machine is asked to stop, as the others here.
    pub(super) fn evaluate_tests(&self, stream: &TaskStream, at: (usize, usize)) -> Vec<Evaluation> {
        let tests = (1..).zip(&stream.tests);
        tests
            .map(|(number, test)| {
                self.evaluation(&test.samples, test.experience.as_ref(), at, Split::Test, number)
            })
            .collect()
    }

    /// The training samples of the experience in training, and, if the schedule asks for the stream's, those of the first
    /// experience and of all together; `at` as in [`Trainer::evaluate_tests`]. Before any training there is none in
    /// training.
    pub(super) fn evaluate_training(&self, stream: &TaskStream, at: (usize, usize)) -> Vec<Evaluation> {
        let (task, _) = at;
        let mut evaluations = Vec::new();
        if let Some(experience) = task.checked_sub(1).and_then(|index| stream.experiences.get(index)) {
            evaluations.push(self.evaluation(&experience.samples, None, at, Split::Train, task));
        }
        if self.config.schedule.evaluate_train == EvaluateTrain::Stream {
            if let Some(first) = stream.experiences.first().filter(|_| task != 1) {
                evaluations.push(self.evaluation(&first.samples, Some(&first.id()), at, Split::Train, 1));
            }
            evaluations.push(self.evaluation(&stream.all_training(), None, at, Split::All, 0));
        }
        evaluations
    }

    /// Accuracy on every test of `stream` with the present norm states: how well the network does if nobody says which
    /// task a sample belongs to. Empty where that is how it is tested anyway.
    pub(super) fn evaluate_unlabelled(&self, stream: &TaskStream) -> Vec<f64> {
        let keeps_norms = self.learned.iter().any(|experience| experience.norms.is_some());
        if !keeps_norms || stream.tests.iter().all(|test| test.experience.is_none()) {
            return Vec::new();
        }
        let (norms, batch) = (self.network().norm_states(), self.config.schedule.test_batch);
        stream.tests.iter().map(|test| self.engine.score(&test.samples, &norms, batch).accuracy).collect()
    }

    fn evaluation(
        &self,
        samples: &Subset,
        experience: Option<&ExperienceId>,
        at: (usize, usize),
        split: Split,
        task_evaluated: usize,
    ) -> Evaluation {
        let score = self.engine.score(samples, &self.norms(experience), self.config.schedule.test_batch);
        let (task_trained, epoch) = at;
        let (accuracy, loss) = (score.accuracy, score.loss);
        Evaluation { task_trained, epoch, split, task_evaluated, accuracy, loss }
    }
}
