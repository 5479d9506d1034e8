//! The update of synapses, its attenuation, and moments in 16 bits.

use super::*;

pub(super) const STEP: AdamStep =
    AdamStep { beta1: 0.9, beta2: 0.999, eps: 1e-8, size: 0.003, weight_decay: 1e-4 };
const EPSILON: f64 = f32::EPSILON as f64;

/// Gradient, hidden weight, mean, square.
pub(super) type Synapses = [Vec<f32>; 4];

pub(super) fn synapses(n: usize) -> Synapses {
    let mut hidden = random(n, 4);
    let mut mean = random(n, 5);
    hidden[0] = 0.0;
    mean[n / 2] = -0.0;
    [random(n, 7), hidden, mean, random(n, 6).iter().map(|v| v * v).collect()]
}

/// One step on every platform: hidden weight, mean and square after it.
fn stepped(step: &AdamStep, m: f32, [gradient, hidden, mean, square]: &Synapses) -> [Vec<f32>; 3] {
    let what = format!("{} synapses, m = {m}", hidden.len());
    let bits = on_every_platform(&what, |kernels| {
        let unaligned = [&[f32::NAN], &gradient[..]].concat();
        let (hidden, (mean, (square, ()))) = guarded(hidden, |hidden| {
            guarded(mean, |mean| {
                guarded(square, |square| (kernels.adam_tile)(step, m, &unaligned[1..], hidden, mean, square))
            })
        });
        [hidden, mean, square].map(|values| bits_of(&values))
    });
    bits.map(|bits| bits.into_iter().map(f32::from_bits).collect())
}

#[test]
fn the_update_is_metaplastic_adam() {
    for n in BATCHES.into_iter().chain(WIDTHS) {
        for m in [0.0, 1.35, 20.0] {
            let before = synapses(n);
            let [hidden, mean, square] = stepped(&STEP, m, &before);
            for i in 0..n {
                check_synapse(
                    m,
                    before.each_ref().map(|values| values[i].into()),
                    hidden[i],
                    mean[i],
                    square[i],
                );
            }
        }
    }
}

/// One synapse against the equations in double precision, each with what the kernel made of the one before.
fn check_synapse(m: f32, before: [f64; 4], hidden: f32, first: f32, second: f32) {
    check_moments(before, first, second);
    let [_, weight, ..] = before;
    let [eps, size] = [STEP.eps, STEP.size].map(f64::from);
    let [hidden, first, second] = [hidden, first, second].map(f64::from);
    let update = size * first / (second.sqrt() + eps);
    let shrinks = weight * first > 0.0;
    let x = f64::from(m) * weight.abs();
    let factor = if shrinks { x.cosh().powi(-2) } else { 1.0 };
    // Attenuation as below but for one more rounding of its argument, 7 roundings of the update, one of the new weight.
    let allowed = (3e-7 + 4e-7 * x + 3.5 * EPSILON) * (update * factor).abs()
        + EPSILON / 2.0 * (weight.abs() + update.abs());
    near(&format!("W of {weight}, m = {m}"), hidden, weight - update * factor, allowed);
}

/// The moments of one synapse, likewise.
pub(super) fn check_moments([gradient, weight, mean, square]: [f64; 4], first: f32, second: f32) {
    let [beta1, beta2, decay] = [STEP.beta1, STEP.beta2, STEP.weight_decay].map(f64::from);
    let (g, g_size) = (gradient + decay * weight, gradient.abs() + decay * weight.abs());
    // Roundings, half an epsilon each: 4 of g, 3 of each term of a moment, 2 of leaving out dust. The dust of a
    // gradient is below 2^-55, that of a moment below 2^-100.
    let (dust_g, dust) = (2f64.powi(-55), 2f64.powi(-100));
    let allowed = 5.0 * EPSILON * (beta1 * mean.abs() + (1.0 - beta1) * g_size) + dust_g + dust;
    near(&format!("M of {weight}"), first.into(), beta1 * mean + (1.0 - beta1) * g, allowed);
    let dust = dust + 2.0 * (1.0 - beta2) * g_size * dust_g;
    let allowed = 7.0 * EPSILON * (beta2 * square + (1.0 - beta2) * g_size.powi(2)) + dust;
    near(&format!("V of {weight}"), second.into(), beta2 * square + (1.0 - beta2) * g * g, allowed);
}

fn near(what: &str, value: f64, exact: f64, allowed: f64) {
    assert!((value - exact).abs() <= allowed, "{what}: {value:e}, not {exact:e}");
}

#[test]
fn without_metaplasticity_the_sign_of_a_weight_changes_no_update() {
    let step = AdamStep { weight_decay: 0.0, ..STEP };
    let [gradient, _, mean, square] = synapses(100);
    let at = |weight: f32| {
        stepped(&step, 0.0, &[gradient.clone(), vec![weight; 100], mean.clone(), square.clone()])
    };
    // Weights of one size, so that what is added to them is rounded alike.
    let (up, down) = (at(0.5), at(-0.5));
    assert_eq!((&up[1], &up[2]), (&down[1], &down[2]));
    for i in 0..100 {
        let (up, down) = (up[0][i] - 0.5, down[0][i] + 0.5);
        // Each sum is rounded to half a unit in the last place of 0.5.
        assert!((up - down).abs() <= f32::EPSILON / 2.0, "{up} {down}");
    }
}

#[test]
fn a_very_metaplastic_weight_grows_but_never_shrinks() {
    let before = synapses(513);
    let [hidden, mean, _] = stepped(&STEP, 1e9, &before);
    let (mut grown, mut kept) = (0_usize, 0_usize);
    for ((weight, hidden), mean) in before[1].iter().zip(hidden).zip(mean) {
        if *weight * mean > 0.0 {
            assert_eq!(*weight, hidden);
            kept += 1;
        } else if *weight != 0.0 && mean != 0.0 {
            assert!(hidden.abs() >= weight.abs(), "{weight} {hidden}");
            grown += usize::from(hidden != *weight);
        }
    }
    assert!(grown > 100 && kept > 100, "{grown} {kept}");
}

/// Denormal numbers would make the update a hundred times slower.
#[test]
fn fading_moments_never_become_denormal() {
    let step = AdamStep { weight_decay: 1e-30, ..STEP };
    let kernels = Kernels::of(Platform::detect());
    let (mut hidden, mut mean, mut square) = (random(32, 4), random(32, 5), vec![1e-6; 32]);
    for _ in 0..60_000 {
        (kernels.adam_tile)(&step, 1.35, &[0.0; 32], &mut hidden, &mut mean, &mut square);
        let fine = |values: &[f32]| values.iter().all(|value| !value.is_subnormal());
        assert!(fine(&mean) && fine(&square), "{mean:?} {square:?}");
    }
    // Faded they are: to a few units of the dust.
    assert!(mean.iter().chain(&square).all(|value| value.abs() < 1e-26), "{mean:?} {square:?}");
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

/// `values` in 16 bits and back, on every platform.
fn narrowed(values: &[f32], key: u32) -> Vec<f32> {
    let bits = on_every_platform(&format!("{} numbers, key {key:#x}", values.len()), |kernels| {
        let mut bits = vec![0xabcd; values.len() + 2];
        (kernels.narrow)(values, key, &mut bits[1..=values.len()]);
        assert_eq!((bits[0], bits[values.len() + 1]), (0xabcd, 0xabcd), "guards");
        let (wide, ()) =
            guarded(&vec![f32::NAN; values.len()], |wide| (kernels.widen)(&bits[1..=values.len()], wide));
        bits_of(&wide)
    });
    bits.into_iter().map(f32::from_bits).collect()
}

/// The distance from the number in 16 bits below `value`, sign aside, to the one above.
fn unit(value: f32) -> f32 {
    let below = value.abs().to_bits() >> 16 << 16;
    f32::from_bits(below + (1 << 16)) - f32::from_bits(below)
}

#[test]
fn sixteen_bits_are_off_by_less_than_their_last_place() {
    for n in BATCHES {
        // Over many powers of ten: moments are small.
        let scale = |i: usize| 10f32.powi(3 - (i % 30) as i32);
        let values: Vec<f32> = random(n, 30).iter().enumerate().map(|(i, v)| v * scale(i)).collect();
        for key in [0, 1, 0x9e37_79b9] {
            let back = narrowed(&values, key);
            for (value, back) in values.iter().zip(&back) {
                assert!((value - back).abs() < unit(*value), "{value:e} became {back:e}");
            }
            assert_eq!(narrowed(&back, !key), back, "numbers of 16 bits stay what they are");
        }
    }
    let whole = [0.0, -0.0, 1.0, -2.0, 0.5, 1.0078125, f32::INFINITY, f32::MIN_POSITIVE];
    assert_eq!(bits_of(&narrowed(&whole, 7)), bits_of(&whole));
    assert!(narrowed(&[f32::NAN], 7)[0].is_nan());
}

/// Over many keys, and over many places with one key, the mean of the roundings is the number itself: within five
/// standard deviations of what rounding with the right probability gives.
#[test]
fn rounding_to_sixteen_bits_is_right_on_average() {
    const DRAWS: usize = 20_000;
    let check = |what: &str, value: f32, drawn: &mut dyn Iterator<Item = f32>| {
        let share = f64::from(value.to_bits() & 0xffff) / 65_536.0;
        let sum: f64 = drawn.map(|drawn| f64::from(drawn) - f64::from(value)).sum();
        let deviation = f64::from(unit(value)) * (share * (1.0 - share) / DRAWS as f64).sqrt();
        let off = sum / DRAWS as f64;
        assert!(
            off.abs() <= 5.0 * deviation,
            "{what}, {value:e}: off by {off:e}, standard deviation {deviation:e}"
        );
    };
    let kernels = Kernels::of(Platform::Portable);
    let draw = |values: &[f32], key: u32| {
        let (mut bits, mut wide) = (vec![0; values.len()], vec![0.0; values.len()]);
        (kernels.narrow)(values, key, &mut bits);
        (kernels.widen)(&bits, &mut wide);
        wide
    };
    let values = [1.000_001, 1.003_9, -0.777_77, 3.3e-12, 0.999_99, 0.1];
    let of_keys: Vec<Vec<f32>> =
        (0..DRAWS as u32).map(|key| draw(&values, key.wrapping_mul(0x9e37_79b9))).collect();
    for (place, value) in values.into_iter().enumerate() {
        check("keys", value, &mut of_keys.iter().map(|drawn| drawn[place]));
        check("places", value, &mut draw(&vec![value; DRAWS], 5).into_iter());
    }
}
