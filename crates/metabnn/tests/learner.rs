//! Learning in a loop of one's own gives the bits of a whole run, and goes on from bytes as if it had not stopped.

use std::ops::ControlFlow;

use metabnn::data::{Dataset, Shape, glyphs::glyphs};
use metabnn::machine::Machine;
use metabnn::model::Model;
use metabnn::plasticity::{Ewc, Rule};
use metabnn::recipe::settings::{Data, Network, Norm, Schedule, Settings, Statistics, Tasks};
use metabnn::tasks::{Split, TaskStream, View};
use metabnn::train::{Learner, Lesson, TrainError, train};

fn settings(rule: Rule, statistics: Statistics) -> Settings {
    Settings {
        data: Data { train_images: 150, test_images: 60, ..Data::default() },
        tasks: Tasks { count: 3, ..Tasks::default() },
        network: Network { hidden: vec![40, 30], ..Network::default() },
        norm: Norm { statistics, ..Norm::default() },
        schedule: Schedule { epochs: 2, batch: 32, ..Schedule::default() },
        rule,
        ..Settings::default()
    }
}

fn stream(settings: &Settings) -> TaskStream {
    TaskStream::new(settings, &[glyphs(150, 60)]).expect("three permutations")
}

fn learner(settings: &Settings, stream: &TaskStream) -> Learner {
    Learner::new(Machine::get(), settings.clone(), stream.image, stream.classes).expect("dense layers")
}

#[test]
fn lessons_in_order_are_a_run() {
    let rules = [Rule::default(), Rule::Ewc(Ewc { samples: 20, ..Ewc::default() })];
    for (rule, statistics) in rules.into_iter().zip([Statistics::Running, Statistics::Recalibrated]) {
        let settings = settings(rule, statistics);
        let stream = stream(&settings);
        let outcome = train(&settings, &stream, |_| {}).unwrap();
        let mut learner = learner(&settings, &stream);
        let mut flips = Vec::new();
        for task in &stream.phases {
            let observe = |learned: metabnn::train::Learned| {
                flips.extend(learned.flips.unwrap_or_default());
                ControlFlow::Continue(())
            };
            assert!(learner.learn_epochs(task, Lesson::task(2), 0..2, observe).unwrap().is_continue());
        }
        let scores: Vec<f64> =
            stream.tests.iter().map(|test| learner.evaluate(&test.images, test.phase).accuracy).collect();
        assert_eq!(&scores, outcome.matrix.rows.last().unwrap());
        assert_eq!(flips, outcome.flips);
        let knowledge = learner.state().knowledge.clone();
        let (run, own) =
            (Model::new(outcome.knowledge, &settings, &stream), Model::new(knowledge, &settings, &stream));
        assert!(run.to_bytes().unwrap() == own.to_bytes().unwrap());
    }
}

#[test]
fn a_learner_goes_on_from_its_bytes() {
    for rule in [Rule::default(), Rule::Ewc(Ewc { samples: 20, ..Ewc::default() })] {
        let settings = settings(rule, Statistics::Running);
        let stream = stream(&settings);
        let mut whole = learner(&settings, &stream);
        let mut halted = whole.clone();
        for part in &stream.phases {
            whole.learn(part, Lesson::part()).unwrap();
            halted = Learner::from_bytes(Machine::get(), &halted.to_bytes().unwrap()).unwrap();
            halted.learn(part, Lesson::part()).unwrap();
        }
        assert!(whole.to_bytes().unwrap() == halted.to_bytes().unwrap());
        let model = Model::from_bytes(&Model::of(&whole).to_bytes().unwrap()).unwrap();
        let Model { knowledge, description, .. } = model;
        let known = Learner::knowing(knowledge, description.settings, description.image);
        let test = &stream.tests[0].images;
        assert_eq!(known.logits(test, None), whole.logits(test, None));
    }
}

#[test]
fn epochs_one_after_the_other_are_the_lesson() {
    for rule in [Rule::default(), Rule::Ewc(Ewc { samples: 20, ..Ewc::default() })] {
        let settings = settings(rule, Statistics::Recalibrated);
        let stream = stream(&settings);
        let mut whole = learner(&settings, &stream);
        let mut parts = whole.clone();
        for task in &stream.phases {
            whole.learn(task, Lesson::task(3)).unwrap();
            for epoch in 0..3 {
                let go_on = |_| ControlFlow::Continue(());
                let done = parts.learn_epochs(task, Lesson::task(3), epoch..epoch + 1, go_on).unwrap();
                assert!(done.is_continue());
            }
        }
        assert!(whole.to_bytes().unwrap() == parts.to_bytes().unwrap());
    }
}

#[test]
fn a_lesson_that_is_stopped_does_not_count() {
    let settings = settings(Rule::default(), Statistics::Running);
    let stream = stream(&settings);
    let mut learner = learner(&settings, &stream);
    let stop_after_two = |learned: metabnn::train::Learned| match learned.steps {
        2 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let lesson = Lesson::task(2);
    assert!(learner.learn_epochs(&stream.phases[0], lesson, 0..2, stop_after_two).unwrap().is_break());
    let state = learner.state();
    assert_eq!((state.record.steps, state.place.task, state.knowledge.remembered.len()), (2, 0, 0));
    learner.learn(&stream.phases[0], Lesson::task(1)).unwrap();
    assert_eq!(learner.state().knowledge.remembered.len(), 1);
}

#[test]
fn samples_that_do_not_fit_are_refused() {
    let settings = settings(Rule::default(), Statistics::Running);
    let Dataset { train, .. } = glyphs(10, 2);
    let one = View { selection: Some([3].into()), ..View::all(train.clone()) };
    let error = |classes: usize, view: View| {
        let mut learner =
            Learner::new(Machine::get(), settings.clone(), Shape::grey(28, 28), classes).unwrap();
        match learner.learn(&Split::new(vec![view]), Lesson::part()) {
            Err(TrainError::Samples { problem }) => problem,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(error(10, one), "1 sample: batch norm needs at least 2 to learn from");
    assert_eq!(error(5, View::all(train)), "samples of 10 classes: the network has 5");
}
