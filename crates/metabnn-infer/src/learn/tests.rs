//! Steps by hand, rounding, memory, and what is learned and kept.

extern crate std;

use std::string::ToString;
use std::vec;
use std::vec::Vec;

use super::level::{depth, round, step_row};
use super::random::Row;
use super::*;

/// 8 x 8 pixels: ten random prototypes, pixels of which are turned over at random.
struct Signs {
    prototypes: Vec<[bool; 64]>,
    order: Vec<usize>,
}

impl Signs {
    fn new(task: usize) -> Self {
        let row = Row::new(99, 0, 0, 0);
        let prototype = |class: usize| core::array::from_fn(|pixel| row.bits(64 * class + pixel) >> 31 == 1);
        // 29 and 64 have no divisor in common.
        let order = (0..64).map(|place| if task == 0 { place } else { (29 * place + 17 * task) % 64 });
        Self { prototypes: (0..10).map(prototype).collect(), order: order.collect() }
    }

    fn image(&self, index: usize) -> ([u8; 64], u8) {
        let (class, row) = (index % 10, Row::new(5, index as u64, 0, 0));
        let noisy = |pixel: usize| self.prototypes[class][pixel] ^ (row.bits(pixel) < u32::MAX / 5);
        (core::array::from_fn(|place| 255 * u8::from(noisy(self.order[place]))), class as u8)
    }

    /// Share of test images that are classified rightly.
    fn known<L: Level>(&self, learner: &mut Learner<'_, L>) -> f64 {
        let right = (5000..5300).filter(|index| {
            let (image, label) = self.image(*index);
            learner.classify(&image).unwrap() == usize::from(label)
        });
        right.count() as f64 / 300.0
    }

    fn learn<L: Level>(&self, learner: &mut Learner<'_, L>, images: usize) {
        for index in 0..images {
            let (image, label) = self.image(index);
            learner.learn(&image, &[label]).unwrap();
        }
    }
}

const SHAPE: Shape<'_> = Shape::new(&[64, 48, 10]);

/// What is known of two tasks after both were learned, and the hidden weights.
fn two_tasks<L: Level + Default>(settings: Settings, seed: u64) -> ([f64; 2], Vec<L>) {
    let (mut levels, mut numbers) = (vec![L::default(); SHAPE.synapses()], vec![0.0; SHAPE.numbers(1)]);
    let workspace = Workspace { levels: &mut levels, numbers: &mut numbers };
    let mut learner = Learner::new(&SHAPE, workspace, seed, settings).unwrap();
    let tasks = [0, 1].map(Signs::new);
    for task in &tasks {
        task.learn(&mut learner, 1500);
    }
    let known = [0, 1].map(|task| tasks[task].known(&mut learner));
    (known, levels)
}

#[test]
fn one_step_by_hand() {
    // Two pixels, two classes, no hidden layer; m = 0 and 8 bits: 128 levels on a side.
    let shape = Shape::new(&[2, 2]);
    let (mut levels, mut numbers) = ([5_i8, -3, -1, 0], [0.0; 4]);
    assert_eq!(shape.numbers(1), 4);
    let workspace = Workspace { levels: &mut levels, numbers: &mut numbers };
    let settings = Settings { gamma_classes: 1.0, ..Settings::new(8, 0.0, 0.5) };
    let mut learner = Learner::resume(&shape, workspace, 0, settings, 0).unwrap();
    // w = [+ -; - +], x = (255, 0): s = (255, -255), mean 0, variance 255^2, n = (1, -1) to 1e-5.
    assert_eq!(learner.classify(&[255, 0]), Ok(0));
    assert_eq!(learner.learn(&[255, 0], &[1]), Ok(0));
    // d = softmax(1, -1) - (0, 1) = (0.8808, -0.8808); mean(d) = 0, mean(d n) = 0.8808, so g = d - 0.8808 n = 0 but for
    // 0.8808 / (255^2 + 1): two classes, normed, are always one up and one down. Nothing moves.
    assert_eq!(learner.levels(), [5, -3, -1, 0]);
}

#[test]
fn another_step_by_hand() {
    let shape = Shape::new(&[1, 3]);
    let (mut levels, mut numbers) = ([10_i16, 20, -30], [0.0; 6]);
    let workspace = Workspace { levels: &mut levels, numbers: &mut numbers };
    let settings = Settings { gamma_classes: 1.0, ..Settings::new(16, 0.0, 0.1) };
    let mut learner = Learner::resume(&shape, workspace, 0, settings, 0).unwrap();
    learner.learn(&[255], &[1]).unwrap();
    // s = (255, 255, -255): mean 85, variance 28900 * 2 = 240.42^2, n = (a, a, -2a) with a = 0.70710.
    let a = 170.0 / f64::sqrt(57_801.0);
    let (up, down) = (a.exp(), (-2.0 * a).exp());
    let p = [up, up, down].map(|e| e / (2.0 * up + down));
    let d = [p[0], p[1] - 1.0, p[2]];
    let slope = (d[0] * a + d[1] * a - 2.0 * d[2] * a) / 3.0;
    let g = [d[0] - a * slope, d[1] - a * slope, d[2] + 2.0 * a * slope];
    for (place, (old, g)) in [10.0, 20.0, -30.0].into_iter().zip(g).enumerate() {
        let exact = old - 0.1 * 32_768.0 * g;
        let off = f64::from(learner.levels()[place]) - exact;
        // Rounded up or down; 0.01 of a level for 32-bit floats.
        assert!(off.abs() < 1.01, "{place}: {off} off {exact}");
    }
}

#[test]
fn a_hidden_layer_learns_what_a_layer_alone_cannot() {
    // Exclusive or, with a bias pixel.
    let shape = Shape::new(&[3, 24, 2]);
    let (mut levels, mut numbers) = (vec![0_i8; shape.synapses()], vec![0.0; shape.numbers(4)]);
    let workspace = Workspace { levels: &mut levels, numbers: &mut numbers };
    let mut learner = Learner::new(&shape, workspace, 3, Settings::new(8, 0.0, 0.05)).unwrap();
    assert_eq!(learner.most_images(), 4);
    let images = [[0, 0, 128], [0, 255, 128], [255, 0, 128], [255, 255, 128]];
    let labels = [0, 1, 1, 0];
    for _ in 0..400 {
        learner.learn(images.as_flattened(), &labels).unwrap();
    }
    let said = images.map(|image| learner.classify(&image).unwrap());
    assert_eq!(said, [0, 1, 1, 0]);
}

#[test]
fn levels_stay_in_their_range() {
    for bits in 2..=8 {
        // Steps of several times the range.
        let (_, levels) = two_tasks::<i8>(Settings::new(bits, 1.0, 50.0), 1);
        let half = 1 << (bits - 1);
        assert!(levels.iter().all(|level| (-half..half).contains(&i32::from(*level))), "{bits} bits");
        for end in [-half, half - 1] {
            assert!(levels.iter().any(|level| i32::from(*level) == end), "{bits} bits: none at {end}");
        }
    }
    let mut ends = [i16::MIN, i16::MAX];
    let row = Row::new(0, 0, 0, 0);
    step_row(&mut ends, &[f32::INFINITY, f32::NEG_INFINITY], &Plasticity::metaplastic(16, 0.0), row);
    assert_eq!(ends, [i16::MIN, i16::MAX]);
    step_row(&mut ends, &[f32::NAN; 2], &Plasticity::metaplastic(16, 0.0), row);
    assert_eq!(ends, [i16::MIN, i16::MAX]);
}

#[test]
fn rounding_is_right_on_the_average() {
    // Exactly: over all random bits the sum is the number itself.
    for exact in [-70_000, -65_536, -1, 0, 1, 12_345, 65_536, 70_001] {
        let sum: i64 = (0..1_u32 << 16).map(|r| i64::from(round(exact, 16, r << 16))).sum();
        assert_eq!(sum, i64::from(exact));
    }
    // As drawn: 200,000 steps of 0.3 of a level, within five standard deviations, sqrt(0.3 * 0.7 / n) each.
    let steps = [0.3; 1000];
    let mut moved = 0;
    for step in 0..200 {
        let mut levels = [0_i8; 1000];
        step_row(&mut levels, &steps, &Plasticity::metaplastic(8, 0.0), Row::new(4, step, 1, 2));
        moved += levels.iter().map(|level| i64::from(*level)).sum::<i64>();
    }
    let (mean, deviation) = (moved as f64 / 2e5, (0.3 * 0.7 / 2e5_f64).sqrt());
    assert!((mean + 0.3).abs() < 5.0 * deviation, "mean {mean}");
}

#[test]
fn metaplasticity_attenuates_steps_back_alone() {
    for (bits, m) in [(2, 1.0), (4, 3.0), (8, 2.0), (16, 4.0)] {
        let (plasticity, half) = (Plasticity::metaplastic(bits, m), f64::from(1 << (bits - 1)));
        for level in [-(1 << (bits - 1)), -2, -1, 0, 1, (1 << (bits - 1)) - 1] {
            let w = (f64::from(depth(level)) + 0.5) / half;
            let expected = 1.0 - (f64::from(m) * w).tanh().powi(2);
            let got = f64::from(plasticity.of(depth(level)).times(1 << 30)) / f64::from(1 << 30);
            // Beyond 8 bits an entry is the middle of 2^(bits - 8) levels: half an entry off, at a slope of 0.77 m.
            let bound = if bits > 8 { 0.77 * f64::from(m) / 256.0 } else { 1e-6 };
            assert!((got - expected).abs() < bound, "{bits} bits, level {level}: {got}, not {expected}");
        }
    }
    let none = Plasticity::of_share(8, |_| 0.0);
    let mut levels = [3_i8, -3, 3, -3];
    step_row(&mut levels, &[2.0, -2.0, -2.0, 2.0], &none, Row::new(0, 0, 0, 0));
    assert_eq!(levels, [3, -3, 5, -5]);
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let settings = Settings::new(6, 2.0, 0.02);
    let (one, other) = (two_tasks::<i8>(settings, 1), two_tasks::<i8>(settings, 1));
    assert_eq!(one, other);
    assert_ne!(one.1, two_tasks::<i8>(settings, 2).1);
    // And the same as on every other platform.
    let sum = one.1.iter().fold(0_u32, |sum, level| sum.rotate_left(5) ^ u32::from(level.unsigned_abs()));
    assert_eq!(sum, SAME_EVERYWHERE, "{sum:#010x}");
}

const SAME_EVERYWHERE: u32 = 0xfd13_d646;

#[test]
fn a_learner_that_is_resumed_goes_on_as_if_it_had_not_stopped() {
    let settings = Settings::new(8, 2.0, 0.02);
    let task = Signs::new(0);
    let (mut levels, mut numbers) = (vec![0_i8; SHAPE.synapses()], vec![0.0; SHAPE.numbers(1)]);
    let mut stopped = levels.clone();
    let workspace = Workspace { levels: &mut levels, numbers: &mut numbers };
    let mut learner = Learner::new(&SHAPE, workspace, 1, settings).unwrap();
    task.learn(&mut learner, 50);
    stopped.copy_from_slice(learner.levels());
    let steps = learner.steps();
    task.learn(&mut learner, 50);
    let mut other_numbers = vec![7.0; SHAPE.numbers(1)];
    let workspace = Workspace { levels: &mut stopped, numbers: &mut other_numbers };
    let mut resumed = Learner::resume(&SHAPE, workspace, 1, settings, steps).unwrap();
    task.learn(&mut resumed, 50);
    assert_eq!(resumed.levels(), learner.levels());
}

#[test]
fn memory_is_what_the_shape_says() {
    // Known when this is compiled.
    const LEVELS: usize = SHAPE.synapses();
    const NUMBERS: usize = SHAPE.numbers(3);
    assert_eq!((LEVELS, NUMBERS), (64 * 48 + 48 * 10, 3 * (58 + 48) + 48));
    assert_eq!(SHAPE.bytes::<i16>(3), 2 * LEVELS + 4 * NUMBERS);
    let learner = |levels: &mut [i8], numbers: &mut [f32]| {
        let workspace = Workspace { levels, numbers };
        let mut learner = Learner::new(&SHAPE, workspace, 1, Settings::new(8, 0.0, 0.01))?;
        learner.learn(&[9; 3 * 64], &[1, 2, 3])
    };
    let (mut levels, mut numbers) = ([0_i8; LEVELS + 1], [0.5; NUMBERS + 1]);
    levels[LEVELS] = 77;
    let short = learner(&mut levels[..LEVELS - 1], &mut numbers);
    assert_eq!(short, Err(LearnError::Levels { needs: LEVELS, got: LEVELS - 1 }));
    assert_eq!(
        short.map_err(|error| error.to_string()),
        Err("the learner needs 3552 levels, got 3551".into())
    );
    let needs = SHAPE.numbers(1);
    let short = learner(&mut levels, &mut numbers[..needs - 1]);
    assert_eq!(short, Err(LearnError::Numbers { needs, got: needs - 1 }));
    let short = learner(&mut levels, &mut numbers[..NUMBERS - 1]);
    assert_eq!(short, Err(LearnError::Batch { most: 2, got: 3 }));
    // All that it is given is used, and nothing beyond.
    learner(&mut levels, &mut numbers[..NUMBERS]).unwrap();
    assert_eq!((levels[LEVELS], numbers[NUMBERS]), (77, 0.5));
    assert!(numbers[..NUMBERS].iter().all(|number| *number != 0.5));
}

#[test]
fn what_cannot_be_is_refused() {
    let settings = Settings::new(8, 0.0, 0.01);
    let made = |widths: &[usize], settings| {
        let (mut levels, mut numbers) = ([0_i8; 64], [0.0; 64]);
        let workspace = Workspace { levels: &mut levels, numbers: &mut numbers };
        let mut learner = Learner::new(&Shape::new(widths), workspace, 1, settings)?;
        learner.learn(&[1, 2], &[5])
    };
    assert_eq!(made(&[], settings), Err(LearnError::Layers { got: 0 }));
    assert_eq!(made(&[2], settings), Err(LearnError::Layers { got: 1 }));
    assert_eq!(made(&[2; 10], settings), Err(LearnError::Layers { got: 10 }));
    assert_eq!(made(&[2, 0, 2], settings), Err(LearnError::Width { index: 1, got: 0 }));
    assert_eq!(made(&[2, 1], settings), Err(LearnError::Width { index: 1, got: 1 }));
    assert_eq!(made(&[usize::MAX, 2], settings), Err(LearnError::Width { index: 0, got: usize::MAX }));
    assert_eq!(made(&[2, 3], Settings::new(9, 0.0, 0.01)), Err(LearnError::Bits { most: 8, got: 9 }));
    let nan = made(&[2, 3], Settings { lr: f32::NAN, ..settings });
    assert!(matches!(nan, Err(LearnError::Setting { what: "lr", .. })));
    assert_eq!(made(&[3, 3], settings), Err(LearnError::Pixels { expected: 3, got: 2 }));
    assert_eq!(made(&[2, 3], settings), Err(LearnError::Label { classes: 3, got: 5 }));
    assert_eq!(made(&[2, 6], settings), Ok(0));
}

#[test]
fn metaplastic_weights_keep_the_first_task() {
    let ([plain, _], _) = two_tasks::<i8>(Settings::new(8, 0.0, 0.03), 1);
    let ([kept, new], _) = two_tasks::<i8>(Settings::new(8, 3.0, 0.03), 1);
    // Chance is 0.1. Measured: see the message.
    assert!(new > 0.6, "the second task: {new}");
    assert!(kept > plain + 0.1, "the first task: {kept} kept, {plain} without metaplasticity");
}

/// The error of a learner with these settings, in levels of this kind.
fn refused<L: Level + Default>(settings: Settings) -> Option<LearnError> {
    let (mut levels, mut numbers) = (vec![L::default(); SHAPE.synapses()], vec![0.0; SHAPE.numbers(1)]);
    let workspace = Workspace { levels: &mut levels, numbers: &mut numbers };
    Learner::new(&SHAPE, workspace, 0, settings).err()
}

#[test]
fn bits_that_no_level_has_are_refused_as_they_were_given() {
    for got in [0, 1, 9, 16, 17, 32, 33, 64, u32::MAX] {
        assert_eq!(Plasticity::metaplastic(got, 1.0).bits(), got);
        assert_eq!(refused::<i8>(Settings::new(got, 1.0, 0.1)), Some(LearnError::Bits { most: 8, got }));
        let error = refused::<i16>(Settings::new(got, 1.0, 0.1));
        assert_eq!(error, (!(2..=16).contains(&got)).then_some(LearnError::Bits { most: 16, got }));
    }
    for bits in 2..=8 {
        assert_eq!(refused::<i8>(Settings::new(bits, 1.0, 0.1)), None);
    }
}

#[test]
fn numbers_out_of_their_range_are_refused_by_name() {
    const WRONG: [f32; 5] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0, -f32::MIN_POSITIVE];
    let names = |settings: Settings, name: &str, value: f32| match refused::<i8>(settings) {
        Some(error @ LearnError::Setting { what, got, .. }) => {
            assert!(what == name && got.to_bits() == value.to_bits(), "{error}");
            assert!(error.to_string().starts_with(name), "{error}");
        }
        other => panic!("{name} = {value}: {other:?}"),
    };
    let fine = Settings::new(8, 1.0, 0.1);
    for wrong in WRONG {
        names(Settings::new(8, wrong, 0.1), "m", wrong);
        names(Settings { lr: wrong, ..fine }, "lr", wrong);
        names(Settings { gamma_hidden: wrong, ..fine }, "gamma_hidden", wrong);
        names(Settings { gamma_classes: wrong, ..fine }, "gamma_classes", wrong);
        let own = Plasticity::of_share(8, |share| if share > 0.5 { wrong } else { 1.0 });
        names(Settings { plasticity: own, ..fine }, "what part of a step goes through", wrong);
    }
    names(
        Settings { plasticity: Plasticity::of_share(8, |_| 1.5), ..fine },
        "what part of a step goes through",
        1.5,
    );
    for m in [0.0, -0.0, f32::MIN_POSITIVE, 1.0, 1e3, f32::MAX] {
        assert_eq!(refused::<i8>(Settings::new(8, m, 0.1)), None, "{m}");
    }
    // A learner keeps the settings that it had.
    let (mut levels, mut numbers) = (vec![0_i8; SHAPE.synapses()], vec![0.0; SHAPE.numbers(1)]);
    let workspace = Workspace { levels: &mut levels, numbers: &mut numbers };
    let mut learner = Learner::new(&SHAPE, workspace, 0, fine).unwrap();
    assert!(learner.set(Settings::new(8, f32::NAN, 0.1)).is_err());
    assert_eq!(learner.settings(), &fine);
}
