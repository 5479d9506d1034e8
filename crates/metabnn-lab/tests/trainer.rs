//! Learning in a loop of one's own gives the bits of a whole run, and goes on from bytes as if it had not stopped.

use std::ops::ControlFlow;

use metabnn::data::{Dataset, Shape};
use metabnn::machine::Machine;
use metabnn::model::Model;
use metabnn::rule::{Ewc, Rule};
use metabnn::stream::{Subset, TaskStream, View};
use metabnn::train::{FitOptions, StepReport, TrainError, Trainer};
use metabnn_data::glyphs::glyphs;
use metabnn_lab::recipe::settings::{Data, Network, Norm, Schedule, Settings, Statistics, Tasks};
use metabnn_lab::saved::SavedRun;
use metabnn_lab::setup::train;

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
    settings.stream(&[glyphs(150, 60)]).expect("three permutations")
}

fn trainer(settings: &Settings, stream: &TaskStream) -> Trainer {
    settings.trainer(Machine::get(), stream.shape, stream.classes).expect("dense layers")
}

#[test]
fn experiences_in_order_are_a_run() {
    let rules = [Rule::default(), Rule::Ewc(Ewc { samples: 20, ..Ewc::default() })];
    for (rule, statistics) in rules.into_iter().zip([Statistics::Running, Statistics::Recalibrated]) {
        let settings = settings(rule, statistics);
        let stream = stream(&settings);
        let outcome = train(&settings, &stream, |_| {}).unwrap();
        let mut trainer = trainer(&settings, &stream);
        let mut flips = Vec::new();
        for task in &stream.experiences {
            let observe = |report: StepReport| {
                flips.extend(report.flips.unwrap_or_default());
                ControlFlow::Continue(())
            };
            assert!(
                trainer.fit_epochs(task, FitOptions::experience(2), 0..2, observe).unwrap().is_continue()
            );
        }
        assert_eq!(&trainer.evaluate(&stream).unwrap(), outcome.matrix.rows.last().unwrap());
        assert_eq!(flips, outcome.flips);
        let run = Model::new(outcome.trained, settings.to_json(), &stream);
        let own = trainer.model(&stream);
        assert!(run.to_bytes().unwrap() == own.to_bytes().unwrap());
    }
}

#[test]
fn a_trainer_goes_on_from_its_bytes() {
    for rule in [Rule::default(), Rule::Ewc(Ewc { samples: 20, ..Ewc::default() })] {
        let settings = settings(rule, Statistics::Running);
        let stream = stream(&settings);
        let mut whole = trainer(&settings, &stream);
        let mut halted = whole.clone();
        for part in &stream.experiences {
            whole.fit_with(part, FitOptions::part()).unwrap();
            halted = Trainer::from_bytes(Machine::get(), settings.rule.clone(), &halted.to_bytes().unwrap())
                .unwrap();
            halted.fit_with(part, FitOptions::part()).unwrap();
        }
        assert!(whole.to_bytes().unwrap() == halted.to_bytes().unwrap());
        let bytes = whole.model_without_stream().to_bytes().unwrap();
        let SavedRun { model, settings: saved } = SavedRun::from_bytes(&bytes).unwrap();
        let mut known = trainer(&saved, &stream);
        known.resume_from(model.trained);
        let test = &stream.tests[0].samples;
        assert_eq!(known.logits(test, None).unwrap(), whole.logits(test, None).unwrap());
    }
}

#[test]
fn epochs_one_after_the_other_are_the_experience() {
    for rule in [Rule::default(), Rule::Ewc(Ewc { samples: 20, ..Ewc::default() })] {
        let settings = settings(rule, Statistics::Recalibrated);
        let stream = stream(&settings);
        let mut whole = trainer(&settings, &stream);
        let mut parts = whole.clone();
        for task in &stream.experiences {
            whole.fit_with(task, FitOptions::experience(3)).unwrap();
            for epoch in 0..3 {
                let go_on = |_| ControlFlow::Continue(());
                let done =
                    parts.fit_epochs(task, FitOptions::experience(3), epoch..epoch + 1, go_on).unwrap();
                assert!(done.is_continue());
            }
        }
        assert!(whole.to_bytes().unwrap() == parts.to_bytes().unwrap());
    }
}

#[test]
fn an_experience_that_is_stopped_does_not_count() {
    let settings = settings(Rule::default(), Statistics::Running);
    let stream = stream(&settings);
    let mut trainer = trainer(&settings, &stream);
    let stop_after_two = |report: StepReport| match report.steps {
        2 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let options = FitOptions::experience(2);
    assert!(trainer.fit_epochs(&stream.experiences[0], options, 0..2, stop_after_two).unwrap().is_break());
    let (steps, experience) = (trainer.history().steps, trainer.position().experience);
    assert_eq!((steps, experience, trainer.learned().len()), (2, 0, 0));
    trainer.fit_with(&stream.experiences[0], FitOptions::experience(1)).unwrap();
    assert_eq!(trainer.learned().len(), 1);
}

#[test]
fn samples_that_do_not_fit_are_refused() {
    let settings = settings(Rule::default(), Statistics::Running);
    let Dataset { train, .. } = glyphs(10, 2);
    let one = View { selection: Some([3].into()), ..View::all(train.clone()) };
    let error = |classes: usize, view: View| {
        let mut trainer = settings.trainer(Machine::get(), Shape::grey(28, 28), classes).unwrap();
        match trainer.fit_with(Subset::new(vec![view]), FitOptions::part()) {
            Err(TrainError::Samples { problem }) => problem,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(error(10, one), "1 sample: batch norm needs at least 2 to learn from");
    assert_eq!(error(5, View::all(train)), "samples of 10 classes: the network has 5");
}
