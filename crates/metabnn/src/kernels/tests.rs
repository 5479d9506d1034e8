//! Every platform against the portable one, bit for bit, over ragged shapes; portable against plain formulas.

use super::*;
use crate::random::{Purpose, Stream};

fn random(n: usize, index: u32) -> Vec<f32> {
    let mut stream = Stream::new(1, Purpose::Init, index);
    (0..n).map(|_| stream.uniform(-1.0, 1.0)).collect()
}

const WIDTHS: [usize; 9] = [1, 15, 16, 31, 32, 33, 64, 127, 513];

#[test]
fn products_agree_with_a_double_precision_sum_on_every_platform() {
    for platform in Platform::available() {
        for (width, batch) in WIDTHS.into_iter().flat_map(|width| [(width, 1), (width, 7)]) {
            let (x, m) = (random(batch * 37, 0), random(37 * width, 1));
            let mut y = vec![0.5; batch * width + 2]; // with a guard value on either side
            let last = batch * width + 1;
            (Kernels::of(platform).product)(&x, &m, 37, &mut y[1..last]);
            assert_eq!((y[0], y[last]), (0.5, 0.5), "guards at {width}");
            let mut portable = vec![0.5; batch * width];
            product::product::<8>(&x, &m, 37, &mut portable);
            assert_eq!(y[1..last], portable, "{platform:?} {width}");
            for (i, &value) in portable.iter().enumerate() {
                let (b, j) = (i / width, i % width);
                let term = |k: usize| f64::from(x[b * 37 + k]) * f64::from(m[k * width + j]);
                let exact = 0.5 + (0..37).map(term).sum::<f64>();
                assert!((f64::from(value) - exact).abs() < 1e-5, "{width} {b} {j}: {value} {exact}");
            }
        }
    }
}

#[test]
fn products_with_signs_and_with_zeros_agree_with_the_dense_one() {
    for platform in Platform::available() {
        let kernels = Kernels::of(platform);
        for (depth, n) in WIDTHS.into_iter().flat_map(|width| [(width, 37), (100, width), (10, width)]) {
            let (rows, first) = (6, 2);
            let m = random(depth * n, 8);
            let signs: Vec<f32> = random((first + rows) * depth, 9).iter().map(|v| v.signum()).collect();
            let bits = BitMatrix::from_signs(first + rows, depth, &signs);
            let mut expected = vec![0.0; rows * n];
            (kernels.product)(&signs[first * depth..], &m, depth, &mut expected);
            let mut y = vec![f32::NAN; rows * n + 2]; // with a guard value on either side
            let last = rows * n + 1;
            (kernels.signed_product)(&bits, first, &m, n, &mut y[1..last]);
            assert!(y[0].is_nan() && y[last].is_nan(), "guards at {depth} {n}");
            for (y, expected) in y[1..last].iter().zip(&expected) {
                // Another order of `depth` additions, each rounding a sum of a few units.
                assert!(
                    (y - expected).abs() < 1e-6 + 1e-7 * depth as f32,
                    "{platform:?} {depth} {n}: {y} {expected}"
                );
            }
            let mut portable = vec![0.0; rows * n];
            signed::signed_product::<32>(&bits, first, &m, n, &mut portable);
            assert_eq!(y[1..last], portable, "{platform:?} {depth} {n}");

            let x: Vec<f32> = random(depth * (first + rows), 10).iter().map(|v| f32::max(*v, 0.0)).collect();
            expected.fill(0.0);
            (kernels.product)(&x[first * depth..], &m, depth, &mut expected);
            let sparse = SparseRows::new(&x, depth);
            assert_eq!(sparse.rows(), first + rows);
            (kernels.sparse_product)(&sparse, first, &m, n, &mut y[1..last]);
            assert_eq!(y[1..last], expected, "zeros left out change no bit: {platform:?} {depth} {n}");
        }
    }
}

#[test]
fn signs_are_packed_alike_on_every_platform() {
    for platform in Platform::available() {
        for width in WIDTHS {
            let mut values = random(width, 11);
            values[0] = -0.0;
            let mut words = vec![u64::MAX; width.div_ceil(64)];
            (Kernels::of(platform).pack)(&values, &mut words);
            for (bit, value) in values.iter().enumerate() {
                assert_eq!(
                    words[bit / 64] >> (bit % 64) & 1 == 1,
                    *value >= 0.0,
                    "{platform:?} {width} {bit}"
                );
            }
            if width % 64 > 0 {
                assert_eq!(words[width / 64] >> (width % 64), 0, "padding at {width}");
            }
        }
    }
}

#[test]
fn products_of_signs_agree_exactly_on_every_platform() {
    for platform in Platform::available() {
        for width in WIDTHS {
            let input = BitMatrix::from_signs(3, width, &random(3 * width, 2));
            let weights = BitMatrix::from_signs(5, width, &random(5 * width, 3));
            let (mut output, mut expected) = ([0.0; 5], [0.0; 5]);
            for row in 0..3 {
                (Kernels::of(platform).xnor_product)(&input, row, &weights, &mut output);
                metabnn_infer::xnor_product(&input, row, &weights, &mut expected);
                assert_eq!(output, expected, "{platform:?} {width}");
            }
        }
    }
}

#[test]
fn the_update_gives_the_same_bits_on_every_platform() {
    let step = AdamStep { beta1: 0.9, beta2: 0.999, eps: 1e-8, size: 0.003, weight_decay: 1e-4 };
    for platform in Platform::available() {
        for width in WIDTHS {
            let run = |kernels: Kernels| {
                let (mut hidden, mut mean) = (random(width, 4), random(width, 5));
                let mut square: Vec<f32> = random(width, 6).iter().map(|v| v * v).collect();
                (kernels.adam_tile)(&step, 1.35, &random(width, 7), &mut hidden, &mut mean, &mut square);
                (hidden, mean, square)
            };
            assert_eq!(
                run(Kernels::of(platform)),
                run(Kernels::of(Platform::Portable)),
                "{platform:?} {width}"
            );
        }
    }
}

#[test]
fn attenuation_is_one_minus_tanh_squared() {
    assert_eq!(attenuation(0.0), 1.0);
    for i in 0..4_000 {
        let x = i as f32 * 0.01;
        let exact = 1.0 / f64::from(x).cosh().powi(2);
        let error = (f64::from(attenuation(x)) - exact).abs() / exact;
        // exp(-2x) magnifies the rounding of its argument: half a unit in the last place of 2 x log2(e).
        assert!(error < 3e-7 + 2e-7 * f64::from(x), "{x}: {error:e}");
    }
    assert!(attenuation(1e30) > 0.0 && attenuation(1e30) < 1e-36);
}

#[test]
fn a_forced_platform_is_the_one_used() {
    assert_eq!(Kernels::of(Platform::Portable).platform, Platform::Portable);
    assert!(Platform::available().contains(&Platform::detect()));
    for platform in Platform::available() {
        assert_eq!(Kernels::of(platform).platform, platform);
        assert!(!platform.name().is_empty());
    }
}
