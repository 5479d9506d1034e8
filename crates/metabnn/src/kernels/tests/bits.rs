//! Signs and their products: exact.

use metabnn_infer::BitMatrix;
use metabnn_infer::kernels::{Pixels, Samples, transpose_samples};

use super::*;

/// Numbers among which are all whose sign is a question.
fn with_odd_ones(n: usize, index: u32) -> Vec<f32> {
    let odd = [-0.0, f32::NAN, -f32::NAN, 0.0, -1e-45, 1e-45, f32::INFINITY, f32::NEG_INFINITY];
    let mut values = random(n, index);
    let places = values.iter_mut().zip(odd.into_iter().cycle()).skip(1).step_by(3);
    places.for_each(|(value, odd)| *value = odd);
    values
}

/// What a bit says: both zeros are +1, no NaN is.
fn is_plus(value: f32) -> bool {
    !value.is_nan() && (value == 0.0 || value.is_sign_positive())
}

#[test]
fn signs_are_packed_into_words() {
    for count in BATCHES.into_iter().chain(WIDTHS) {
        let values = with_odd_ones(count + 1, 11);
        let values = &values[1..];
        let words = on_every_platform(&format!("{count} signs"), |kernels| {
            guarded_words(count.div_ceil(64), u64::MAX, |words| (kernels.norm_signs)(values, 1.0, 0.0, words))
        });
        for bit in 0..words.len() * 64 {
            let expected = values.get(bit).is_some_and(|&value| is_plus(value));
            assert_eq!(words[bit / 64] >> (bit % 64) & 1 == 1, expected, "bit {bit} of {count}");
        }
    }
}

#[test]
fn signs_of_sixteen_are_put_into_their_place_of_each_word() {
    for groups in [1, 2, 3, 8, 127, 128] {
        let values = with_odd_ones(16 * groups + 1, 13);
        let values = &values[1..];
        for (place, used) in
            [(0, 0xffff), (0, 0x0001), (16, 0xffff), (16, 0x7fff), (32, 0x03ff), (48, 0xffff)]
        {
            // What stood there before: nothing in the bits to be put.
            let before = if place == 0 { u64::MAX } else { !(0xffff_u64 << place) };
            let words = on_every_platform(&format!("{groups} groups at {place}"), |kernels| {
                guarded_words(groups, before, |words| (kernels.put_signs)(values, used, place, words))
            });
            for (group, word) in values.chunks_exact(16).zip(words) {
                let signs = group.iter().enumerate().map(|(lane, &value)| u64::from(is_plus(value)) << lane);
                let signs = (signs.sum::<u64>() & u64::from(used)) << place;
                assert_eq!(word, signs | if place == 0 { 0 } else { before }, "{place} {used:#x}");
            }
        }
    }
}

/// Every product of rows of `w`, from 1 on, and samples of `x`, each on every platform.
fn check_xnor(width: usize, batch: usize, outputs: usize) {
    let what = format!("xnor {width} wide, batch {batch}, {outputs} outputs");
    let w = BitMatrix::from_signs(outputs + 1, width, &random((outputs + 1) * width, 3));
    let x = BitMatrix::from_signs(width, batch, &random(width * batch, 2));
    let samples = Samples::from_features(&x);
    let bits = on_every_platform(&what, |kernels| {
        let mut y = Guarded::new(outputs, batch, 8, |_, _| f32::NAN);
        let stride = y.stride;
        (kernels.bits.xnor_product)(&w, 1, &samples, y.slice_mut(), stride);
        bits_of(&y.taken(batch))
    });
    let x = x.transposed();
    for (i, bits) in bits.into_iter().enumerate() {
        let expected = metabnn_infer::dot(w.row(1 + i / batch), x.row(i % batch), width);
        assert_eq!(f32::from_bits(bits), expected as f32, "{what}: entry {i}");
    }
}

#[test]
fn products_of_signs_are_exact() {
    for batch in BATCHES {
        for (width, outputs) in [(1, 3), (63, 9), (64, 8), (65, 7), (129, 17), (512, 1), (513, 16)] {
            check_xnor(width, batch, outputs);
        }
    }
    for width in WIDTHS {
        check_xnor(width, 33, 10);
    }
}

/// Pixels of which `value(pixel, sample)` is one.
fn pixels(width: usize, batch: usize, value: impl Fn(usize, usize) -> u8) -> Pixels {
    let mut pixels = Pixels::new(width, batch);
    let stride = pixels.stride();
    for pixel in 0..width {
        for sample in 0..batch {
            pixels.values_mut()[pixel * stride + sample] = value(pixel, sample);
        }
    }
    pixels
}

/// The product of `s`, from row 1 on, with pixels, on every platform, is the sum of whole numbers, scaled once.
fn check_pixels(what: &str, s: &BitMatrix, p: &Pixels) {
    let (batch, outputs, scale) = (p.batch(), s.rows() - 1, 1.0 / 255.0);
    let what = format!("{what} pixels {} wide, batch {batch}, {outputs} outputs", p.width());
    let bits = on_every_platform(&what, |kernels| {
        let mut y = Guarded::new(outputs, batch, 16, |_, _| f32::NAN);
        let stride = y.stride;
        (kernels.bits.pixel_product)(s, 1, p, scale, y.slice_mut(), stride);
        bits_of(&y.taken(batch))
    });
    let mut sums = vec![0; outputs * batch];
    for (output, sums) in sums.chunks_exact_mut(batch).enumerate() {
        for pixel in 0..p.width() {
            let plus = s.row(1 + output)[pixel / 64] >> (pixel % 64) & 1 == 1;
            let row = p.row(pixel).iter();
            sums.iter_mut()
                .zip(row)
                .for_each(|(sum, &p)| *sum += if plus { i32::from(p) } else { -i32::from(p) });
        }
    }
    let expected: Vec<f32> = sums.iter().map(|&sum| sum as f32 * scale).collect();
    assert_eq!(bits, bits_of(&expected), "{what}");
}

#[test]
fn products_of_signs_and_pixels_are_exact() {
    let random_pixels = |width: usize, batch: usize| {
        let values = random(width * batch, 4);
        pixels(width, batch, |pixel, sample| (values[pixel * batch + sample] * 255.0).max(0.0) as u8)
    };
    let signs = |outputs: usize, width: usize| {
        BitMatrix::from_signs(outputs + 1, width, &random((outputs + 1) * width, 5))
    };
    for batch in BATCHES {
        for (width, outputs) in [(1, 2), (16, 5), (65, 1), (128, 3), (129, 4), (257, 2)] {
            check_pixels("random", &signs(outputs, width), &random_pixels(width, batch));
        }
    }
    for width in WIDTHS.into_iter().chain([127, 784]) {
        check_pixels("random", &signs(3, width), &random_pixels(width, 17));
        // As far from zero as sums in 16 bits get: all white, all signs alike.
        let white = pixels(width, 33, |_, _| 255);
        for sign in [1.0, -1.0] {
            check_pixels("white", &BitMatrix::from_signs(2, width, &vec![sign; 2 * width]), &white);
        }
        check_pixels("white", &signs(3, width), &white);
    }
}

#[test]
fn signs_turn_from_features_to_samples_and_back() {
    for batch in BATCHES {
        for features in [1, 7, 8, 63, 64] {
            let x = BitMatrix::from_signs(features, batch, &random(features * batch, 6));
            let samples = on_every_platform(&format!("{features} features of {batch}"), |kernels| {
                guarded_words(batch.next_multiple_of(8), u64::MAX, |samples| {
                    (kernels.bits.transpose_features)(x.words(), x.stride(), samples);
                })
            });
            let turned = x.transposed();
            let expected =
                (0..samples.len()).map(|sample| if sample < batch { turned.row(sample)[0] } else { 0 });
            assert_eq!(samples, expected.collect::<Vec<_>>(), "{features} features of {batch}");
            let back = on_every_platform(&format!("{batch} samples of {features}"), |kernels| {
                guarded_words(x.words().len(), u64::MAX, |rows| {
                    (kernels.bits.transpose_samples)(&samples[..batch], rows, x.stride());
                })
            });
            assert_eq!(back, x.words());
            let mut plain = vec![u64::MAX; back.len()];
            transpose_samples(&samples[..batch], &mut plain, x.stride());
            assert_eq!(back, plain);
        }
    }
}
