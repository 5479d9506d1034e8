//! Packed models against plain sums, and damaged ones.

extern crate std;

use alloc::vec;
use alloc::vec::Vec;
use std::string::{String, ToString};

use super::*;
use crate::{BitMatrix, unpack};

/// Random numbers, the same on every run (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// In [-1, 1).
    fn real(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    /// As many pixels, half of them black.
    fn pixels(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| if self.below(2) == 0 { 0 } else { self.next() as u8 }).collect()
    }

    fn order(&mut self, count: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count as u32).collect();
        (1..count).for_each(|i| order.swap(i, self.below(i + 1)));
        order
    }

    /// A network of these widths, with two norms, an order, and three states.
    fn content(&mut self, kind: Kind, widths: &[usize]) -> Content {
        let pairs = widths.windows(2).map(|pair| (pair[0], pair[1]));
        let weights = pairs.map(|(inputs, outputs)| {
            let values: Vec<f32> = (0..inputs * outputs).map(|_| self.real()).collect();
            BitMatrix::from_signs(outputs, inputs, &values)
        });
        let weights = weights.collect();
        let mut norm = || {
            let mut threshold = |layer: usize| {
                let reach = if layer == 0 && kind == Kind::Pixels { 600.0 } else { 5.0 };
                let t = (self.real() * reach) as i32;
                if self.below(2) == 0 { Threshold::at_least(t) } else { Threshold::at_most(t) }
            };
            let hidden = widths[1..widths.len() - 1].iter().enumerate();
            let thresholds =
                hidden.map(|(layer, units)| (0..*units).map(|_| threshold(layer)).collect()).collect();
            let mut class = || ClassNorm {
                mean: self.real(),
                inverse: self.real(),
                gamma: self.real(),
                beta: self.real(),
            };
            Norm { thresholds, classes: (0..widths[widths.len() - 1]).map(|_| class()).collect() }
        };
        let norms = vec![norm(), norm()];
        let orders = vec![self.order(widths[0])];
        Content { kind, weights, norms, orders, states: vec![(0, None), (1, Some(0)), (1, None)] }
    }
}

/// The scores of a sample, one weight at a time.
fn plain_scores(content: &Content, pixels: &[u8], state: usize) -> Vec<f32> {
    let (norm, order) = content.states[state];
    let (norm, kind) = (&content.norms[norm], content.kind);
    let ordered = (0..pixels.len()).map(|i| order.map_or(i, |order| content.orders[order][i] as usize));
    let value = |pixel: u8| match kind {
        Kind::Pixels => i32::from(pixel),
        Kind::Signs => 2 * i32::from(pixel > 0) - 1,
    };
    let mut x: Vec<i32> = ordered.map(|i| value(pixels[i])).collect();
    for (layer, weights) in content.weights.iter().enumerate() {
        let sums = (0..weights.rows()).map(|row| {
            let mut w = vec![0.0; weights.columns()];
            unpack(weights.row(row), &mut w);
            w.iter().zip(&x).map(|(w, x)| *w as i32 * x).sum()
        });
        let sums: Vec<i32> = sums.collect();
        let Some(thresholds) = norm.thresholds.get(layer) else {
            let kind = if layer == 0 { kind } else { Kind::Signs };
            return norm.classes.iter().zip(sums).map(|(class, s)| class.score(kind, s)).collect();
        };
        x = thresholds.iter().zip(sums).map(|(t, s)| 2 * i32::from(t.is_reached(s)) - 1).collect();
    }
    unreachable!("the last layer has no thresholds")
}

fn first_largest(scores: &[f32]) -> usize {
    (1..scores.len()).fold(0, |best, class| if scores[class] > scores[best] { class } else { best })
}

#[test]
fn scores_are_those_of_plain_sums() {
    let mut random = Random(1);
    let all: [&[usize]; 8] = [
        &[1, 1],
        &[7, 3],
        &[9, 33, 2],
        &[16, 64, 5],
        &[31, 32, 31, 4],
        &[65, 1, 70, 3],
        &[130, 100, 10],
        &[200, 65, 65, 65, 7],
    ];
    let mut fired = 0;
    for widths in all {
        for kind in [Kind::Pixels, Kind::Signs] {
            let content = random.content(kind, widths);
            let bytes = content.to_bytes().unwrap();
            let model = Model::parse(&bytes).unwrap();
            assert_eq!(Content::from(&model), content);
            assert_eq!((model.inputs(), model.states()), (widths[0], 3));
            let mut scratch = vec![0xa5a5_a5a5; model.scratch_len()];
            let mut scores = vec![0.0; model.classes()];
            for _ in 0..20 {
                let pixels = random.pixels(widths[0]);
                for state in 0..3 {
                    let expected = plain_scores(&content, &pixels, state);
                    model.scores(&pixels, state, &mut scratch, &mut scores).unwrap();
                    assert_eq!(scores, expected, "{kind:?} {widths:?}");
                    let class = model.classify(&pixels, state, &mut scratch).unwrap();
                    assert_eq!(class, first_largest(&expected));
                    fired += class;
                }
            }
        }
    }
    assert!(fired > 0, "not always the first class");
}

#[test]
fn orders_of_many_pixels_take_four_bytes() {
    let mut random = Random(2);
    let content = random.content(Kind::Signs, &[65_537, 2]);
    let bytes = content.to_bytes().unwrap();
    let model = Model::parse(&bytes).unwrap();
    assert_eq!((model.sizes().orders, Content::from(&model)), (4 * 65_537, content.clone()));
    let (pixels, mut scratch) = (random.pixels(65_537), vec![0; model.scratch_len()]);
    let mut scores = [0.0; 2];
    model.scores(&pixels, 1, &mut scratch, &mut scores).unwrap();
    assert_eq!(scores.to_vec(), plain_scores(&content, &pixels, 1));
}

#[test]
fn sums_of_the_most_pixels_do_not_wrap() {
    let weights = vec![BitMatrix::from_signs(1, MOST_PIXELS, &vec![1.0; MOST_PIXELS])];
    let class = ClassNorm { mean: 0.0, inverse: 1.0, gamma: 1.0, beta: 0.0 };
    let norm = Norm { thresholds: vec![], classes: vec![class] };
    let content =
        Content { kind: Kind::Pixels, weights, norms: vec![norm], orders: vec![], states: vec![(0, None)] };
    let bytes = content.to_bytes().unwrap();
    let (model, mut score) = (Model::parse(&bytes).unwrap(), [0.0]);
    model.scores(&vec![255; MOST_PIXELS], 0, &mut [0; 1], &mut score).unwrap();
    assert_eq!(score, [(255 * MOST_PIXELS) as f32 * PIXEL_SCALE]);
    let wider = MOST_PIXELS + 1;
    let content = Content { weights: vec![BitMatrix::new(1, wider)], ..content };
    let error = content.to_bytes().unwrap_err().to_string();
    assert_eq!(
        error,
        "the number of inputs at 0 is 65794, expected at most 65793 where they are taken as numbers"
    );
}

#[test]
fn a_file_may_lie_anywhere() {
    let content = Random(3).content(Kind::Pixels, &[20, 12, 3]);
    let bytes = content.to_bytes().unwrap();
    for shift in 0..8 {
        let shifted = [&vec![0; shift][..], &bytes].concat();
        let model = Model::parse(&shifted[shift..]).unwrap();
        assert_eq!(Content::from(&model), content);
    }
}

#[test]
fn the_sizes_are_those_of_the_table() {
    let content = Random(4).content(Kind::Pixels, &[13, 9, 40, 3]);
    let bytes = content.to_bytes().unwrap();
    let sizes = Model::parse(&bytes).unwrap().sizes();
    assert_eq!(sizes.header, 24 + 3 * 8 + 3 * 4 + 4);
    assert_eq!(sizes.weights, (2 * 9 + 2) + 40 * 4 + 3 * 8);
    assert_eq!((sizes.thresholds, sizes.outputs), (2 * 4 * 49, 2 * 16 * 3));
    assert_eq!(sizes.orders, 28);
    assert_eq!(sizes.total(), bytes.len() as u64);
}

fn refusal(bytes: &[u8]) -> String {
    Model::parse(bytes).map(|_| ()).expect_err("it is damaged").to_string()
}

/// The bytes with the length and the checksum that they ought to have.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    if let (Ok(length), true) = (u32::try_from(bytes.len()), bytes.len() > 12) {
        bytes[8..12].copy_from_slice(&length.to_le_bytes());
        let content = bytes.len() - 4;
        let sum = checksum(&bytes[..content]).to_le_bytes();
        bytes[content..].copy_from_slice(&sum);
    }
    bytes
}

#[test]
fn damaged_files_are_refused_and_say_why() {
    let bytes = Random(5).content(Kind::Pixels, &[20, 12, 3]).to_bytes().unwrap();
    let length = bytes.len();
    for short in 4..length {
        let needs = if short < 24 { 28 } else { length };
        assert_eq!(refusal(&bytes[..short]), std::format!("too short: needs {needs} bytes, has {short}"));
    }
    assert_eq!(refusal(b"mb"), "too short: needs 28 bytes, has 2");
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(refusal(&longer), std::format!("too long: needs {length} bytes, has {}", length + 1));
    assert!(
        refusal(b"\x7fELF").starts_with("not a packed model: it begins with the bytes [7f, 45, 4c, 46], ")
    );
    let with = |at: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        bytes
    };
    assert_eq!(refusal(&with(4, 2)), "a packed model of version 2, this reads 1");
    for bit in 8 * 12..8 * length {
        let flipped = with(bit / 8, bytes[bit / 8] ^ 1 << (bit % 8));
        assert!(refusal(&flipped).starts_with("damaged: its checksum is "), "bit {bit}");
    }
    // With the checksum made right again, what is wrong inside is named.
    for (at, byte, says) in [
        (6, 0, "the number of layers at 0 is 0, expected 1 to 255"),
        (12, 0, "the number of inputs at 0 is 0, expected 1 to 2^24"),
        (16, 0, "the number of states at 0 is 0, expected at least 1"),
        (22, 1, "the reserved field at 0 is 1, expected 0"),
        (28, 2, "the kind of the layer at 0 is 2, expected 0 (pixels; the first layer alone) or 1 (signs)"),
        (36, 0, "the kind of the layer at 1 is 0, expected 0 (pixels; the first layer alone) or 1 (signs)"),
        (44, 9, "the norm of the state at 1 is 9, expected one of the norms, counted from 0"),
        (46, 9, "the order of the state at 1 is 9, expected one of the orders, counted from 0, or 65535"),
        (18, 9, "its parts have "),
        (
            length - 5,
            1,
            "the pixel orders hold at 19 something else than the number of a pixel, counted from 0",
        ),
        (52 + 35, 0xff, "the bits beyond the weights of the layers hold at 0 something else than zeros"),
    ] {
        let error = refusal(&sealed(with(at, byte)));
        assert!(error.starts_with(says), "byte {at}: {error}");
    }
    let mut infinite = bytes.clone();
    let at = length - 4 - 40 - 4;
    infinite[at..at + 4].copy_from_slice(&f32::INFINITY.to_le_bytes());
    assert_eq!(
        refusal(&sealed(infinite)),
        "the norms of the classes hold at 2 something else than finite numbers"
    );
}

/// Whatever is changed: refused, or, where the checksum is made right again, taken without a panic.
#[test]
fn a_hundred_thousand_damaged_files() {
    let mut random = Random(6);
    let seeds = [(Kind::Pixels, &[20, 12, 3][..]), (Kind::Signs, &[9, 2]), (Kind::Signs, &[33, 5, 40, 2])];
    let seeds = seeds.map(|(kind, widths)| random.content(kind, widths).to_bytes().unwrap());
    let mut accepted = 0;
    for round in 0..100_000 {
        let seed = &seeds[round % seeds.len()];
        let mut bytes = seed.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            match random.below(6) {
                0 => bytes.truncate(at.max(1)),
                1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
                // Most of what can be wrong is in the header and its tables.
                2 => bytes[at % 60 % seed.len().min(at + 1)] ^= 1 << random.below(8),
                3 => bytes.insert(at, random.next() as u8),
                _ => bytes[at] ^= 1 << random.below(8),
            }
        }
        assert!(bytes == *seed || Model::parse(&bytes).is_err());
        let bytes = sealed(bytes);
        let Ok(model) = Model::parse(&bytes) else { continue };
        accepted += 1;
        assert_eq!(Content::from(&model).to_bytes().as_deref(), Ok(&bytes[..]));
        let (pixels, mut scratch) = (random.pixels(model.inputs()), vec![0; model.scratch_len()]);
        for state in 0..model.states() {
            assert!(model.classify(&pixels, state, &mut scratch).unwrap() < model.classes());
        }
    }
    assert!((5_000..90_000).contains(&accepted), "{accepted} were accepted");
}

#[test]
fn what_a_model_is_asked_has_to_fit() {
    let bytes = Random(7).content(Kind::Signs, &[20, 40, 3]).to_bytes().unwrap();
    let model = Model::parse(&bytes).unwrap();
    let mut scratch = [0; 4];
    assert_eq!(model.scratch_len(), 4);
    let mut of = |pixels: usize, state: usize, words: usize| {
        model.classify(&vec![1; pixels], state, &mut scratch[..words]).map_err(|error| error.to_string())
    };
    assert!(of(20, 2, 4).is_ok());
    assert_eq!(of(19, 2, 4).unwrap_err(), "the model takes 20 pixels, got 19");
    assert_eq!(of(20, 3, 4).unwrap_err(), "the model has 3 states, there is no state 3");
    assert_eq!(of(20, 2, 3).unwrap_err(), "the model needs 4 words of scratch, got 3");
    let error = model.scores(&[0; 20], 0, &mut scratch, &mut [0.0; 2]).unwrap_err();
    assert_eq!(error.to_string(), "the model has 3 classes, got room for 2");
}
