//! Batch norm against its formulas in double precision.

use super::*;

/// A rounding to f32 changes a number by up to this share of it.
const ROUNDING: f64 = f32::EPSILON as f64 / 2.0;

/// Roundings that a term of a sum over `n` goes through: additions in its lane, then of sixteen lanes by halves.
fn roundings(n: usize) -> f64 {
    (n.div_ceil(LANES) + 4) as f64
}

fn assert_near(what: &str, value: f32, expected: f64, allowed: f64) {
    let off = (f64::from(value) - expected).abs();
    assert!(off <= allowed, "{what}: {value} is {off:e} from {expected}, allowed are {allowed:e}");
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

#[test]
fn mean_and_variance_of_a_row() {
    for n in BATCHES {
        for (offset, spread) in [(0.0, 1.0), (5.0, 1.0), (-1000.0, 0.1), (3.0, 0.0)] {
            let what = format!("{n} around {offset}");
            let y: Vec<f32> = random(n + 1, 20).iter().map(|v| offset + spread * v).collect();
            let y = &y[1..];
            let [mean, variance] = on_every_platform(&what, |kernels| {
                let (mean, variance) = (kernels.statistics)(y);
                [mean.to_bits(), variance.to_bits()]
            });
            let (n, numbers) = (n as f64, wide(y));
            let exact = numbers.iter().sum::<f64>() / n;
            let magnitude = numbers.iter().map(|y| y.abs()).sum::<f64>() / n;
            // The sum and its quotient.
            let off_mean = (roundings(y.len()) + 1.0) * ROUNDING * magnitude;
            assert_near(&what, f32::from_bits(mean), exact, off_mean);
            let exact = numbers.iter().map(|y| (y - exact).powi(2)).sum::<f64>() / n;
            // Twice that of a difference, once for each of square and quotient, and the sum's; with another mean, the
            // square of how far it is off comes on top, 1 % for products of all these.
            let allowed = 1.01
                * ((roundings(y.len()) + 4.0) * ROUNDING * (exact + off_mean.powi(2)) + off_mean.powi(2));
            assert_near(&what, f32::from_bits(variance), exact, allowed);
        }
    }
}

/// Sums of signs are whole numbers. Where their mean is one of them, that one is normalised to 0, whose sign is +1.
#[test]
fn a_whole_mean_of_whole_numbers_is_exact() {
    for n in 1..=300 {
        for mean in [1.0, -3.0, 7.0, 61.0] {
            let y: Vec<f32> = (0..n).map(|i| mean + (2 * i + 1 - n) as f32).collect();
            let seen = on_every_platform(&format!("{n} around {mean}"), |kernels| (kernels.statistics)(&y).0);
            assert_eq!(seen, mean, "of {n} numbers");
        }
    }
}

#[test]
fn a_row_is_normalised_number_by_number() {
    for n in BATCHES {
        let (y, mean, inverse) = (random(n, 21), 0.3_f32, 1.7_f32);
        let normed = on_every_platform(&format!("{n} numbers"), |kernels| {
            bits_of(&guarded(&y, |y| (kernels.normalise)(y, mean, inverse)).0)
        });
        for (y, normed) in y.iter().zip(normed) {
            let exact = (f64::from(*y) - f64::from(mean)) * f64::from(inverse);
            // A difference and a product, each rounded once.
            assert_near("normed", f32::from_bits(normed), exact, 2.01 * ROUNDING * exact.abs());
        }
    }
}

#[test]
fn signs_behind_a_batch_norm() {
    for n in BATCHES {
        for (gamma, beta) in [(0.7_f32, 0.1_f32), (-1.3, 0.0), (0.0, 0.0), (0.0, -0.1)] {
            let mut normed = random(n + 1, 22);
            normed[n / 2 + 1] = [0.0, -0.0, f32::NAN][n % 3];
            let normed = &normed[1..];
            let words = on_every_platform(&format!("{n} signs, gamma {gamma}"), |kernels| {
                let row = guarded(normed, |normed| {
                    guarded_words(n.div_ceil(64), u64::MAX, |words| {
                        (kernels.norm_signs)(normed, gamma, beta, words)
                    })
                });
                row.1
            });
            for bit in 0..words.len() * 64 {
                let is_plus = words[bit / 64] >> (bit % 64) & 1 == 1;
                let Some(&normed) = normed.get(bit) else {
                    assert!(!is_plus, "padding of {n}");
                    continue;
                };
                assert_eq!(is_plus, gamma * normed + beta >= 0.0, "{gamma} {normed} + {beta}");
                let product = f64::from(gamma) * f64::from(normed);
                let z = product + f64::from(beta);
                // Only a z within the rounding of its product can have another sign.
                assert!(z.is_nan() || is_plus == (z >= 0.0) || z.abs() <= ROUNDING * product.abs(), "{z}");
            }
        }
    }
}

/// dL/dy, dL/dgamma and dL/dbeta, and how far each may be off: in double precision, by the formula.
fn exact_backward(passes: &[bool], row: NormRow, normed: &[f32], d: &[f32]) -> [Vec<(f64, f64)>; 3] {
    let (n, steps) = (d.len() as f64, roundings(d.len()));
    let dz: Vec<f64> = wide(d).iter().zip(passes).map(|(d, passes)| if *passes { *d } else { 0.0 }).collect();
    let normed = wide(normed);
    let sums = |term: &dyn Fn(usize) -> f64| {
        (0..dz.len()).map(term).fold((0.0, 0.0), |(a, b), t| (a + t, b + t.abs()))
    };
    let (of_beta, size_beta) = sums(&|i| dz[i]);
    let (of_gamma, size_gamma) = sums(&|i| dz[i] * normed[i]);
    let scale = f64::from(row.gamma) * f64::from(row.inverse);
    let dy = (0..dz.len()).map(|i| {
        let exact = scale * (dz[i] - of_beta / n - normed[i] * of_gamma / n);
        let magnitude = dz[i].abs() + size_beta / n + (normed[i] * size_gamma / n).abs();
        // The sum and a product in it; 1/n, two products and two differences; scale and its product.
        (exact, 1.01 * (steps + 1.0 + 5.0 + 2.0) * ROUNDING * scale.abs() * magnitude)
    });
    let dy = dy.collect();
    let sum = |(exact, size): (f64, f64)| vec![(exact, 1.01 * (steps + 1.0) * ROUNDING * size)];
    [dy, sum((of_gamma, size_gamma)), sum((of_beta, size_beta))]
}

#[test]
fn the_way_back_through_batch_norm_and_each_gate() {
    for n in BATCHES {
        for gate in [Gate::Open, Gate::Sign, Gate::Relu] {
            let what = format!("{gate:?}, {n}");
            let row = NormRow { gamma: 0.8, beta: -0.2, inverse: 1.3 };
            let normed: Vec<f32> = random(n, 23).iter().map(|v| 2.0 * v).collect();
            let d = random(n, 24);
            let [dy, gamma, beta] = on_every_platform(&what, |kernels| {
                // Longer than the batch, as rows are in memory.
                let longer = [&normed[..], &[f32::NAN; 5]].concat();
                let (d, (gamma, beta)) = guarded(&d, |d| (kernels.norm_backward)(gate, row, &longer[..], d));
                [bits_of(&d), vec![gamma.to_bits()], vec![beta.to_bits()]]
            });
            let z = normed.iter().map(|normed| row.gamma * normed + row.beta);
            let passes: Vec<bool> = z
                .map(|z| match gate {
                    Gate::Open => true,
                    Gate::Sign => (-1.0..=1.0).contains(&z),
                    Gate::Relu => z > 0.0,
                })
                .collect();
            let expected = exact_backward(&passes, row, &normed, &d);
            for (values, expected) in [dy, gamma, beta].iter().zip(&expected) {
                assert_eq!(values.len(), expected.len());
                for (value, (expected, allowed)) in values.iter().zip(expected) {
                    assert_near(&what, f32::from_bits(*value), *expected, *allowed);
                }
            }
        }
    }
}
