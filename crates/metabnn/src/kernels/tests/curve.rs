//! The update with measured curves.

use super::optimizer::{STEP, Synapses, check_moments, synapses};
use super::*;

/// Factors of lowering and raising on an equal grid from -0.75 to 0.5: some weights are beyond it.
const GRID: [[f32; 2]; 6] = [[0.25, 2.0], [1.0, 0.0], [0.0, 0.5], [0.75, 0.5], [3.0, 1.0], [0.125, 0.25]];
const ENDS: [f32; 2] = [-0.75, 0.5];

fn table() -> CurveTable {
    CurveTable::new(ENDS[0], ENDS[1], &GRID)
}

/// One step on every platform: hidden weight, mean and square after it.
fn stepped(table: &CurveTable, [gradient, hidden, mean, square]: &Synapses) -> [Vec<f32>; 3] {
    let bits = on_every_platform(&format!("curves, {} synapses", hidden.len()), |kernels| {
        let unaligned = [&[f32::NAN], &gradient[..]].concat();
        let (hidden, (mean, (square, ()))) = guarded(hidden, |hidden| {
            guarded(mean, |mean| {
                guarded(square, |square| {
                    (kernels.adam_curve_tile)(&STEP, table, &unaligned[1..], hidden, mean, square);
                })
            })
        });
        [hidden, mean, square].map(|values| bits_of(&values))
    });
    bits.map(|bits| bits.into_iter().map(f32::from_bits).collect())
}

/// Both factors at a weight, and how steep they are there at most.
fn factors(weight: f64) -> [(f64, f64); 2] {
    let [low, high] = ENDS.map(f64::from);
    let position = ((weight - low) / (high - low)).clamp(0.0, 1.0) * 5.0;
    let place = (position as usize).min(4);
    [0, 1].map(|way| {
        let [here, next] = [place, place + 1].map(|place| f64::from(GRID[place][way]));
        (here + (position - place as f64) * (next - here), 3.0 / 0.25)
    })
}

#[test]
fn each_update_is_multiplied_by_what_its_curve_says() {
    for n in BATCHES.into_iter().chain(WIDTHS) {
        let mut before = synapses(n);
        // Where pieces meet, and the ends.
        for (i, weight) in [-0.75, -0.5, 0.25, 0.5, -100.0, 100.0].into_iter().enumerate() {
            if let Some(to) = before[1].get_mut(3 * i + 1) {
                *to = weight;
            }
        }
        let [hidden, mean, square] = stepped(&table(), &before);
        for i in 0..n {
            let [gradient, weight, first, second] = before.each_ref().map(|values| f64::from(values[i]));
            check_moments([gradient, weight, first, second], mean[i], square[i]);
            let [mean, square] = [mean[i], square[i]].map(f64::from);
            let update = f64::from(STEP.size) * mean / (square.sqrt() + f64::from(STEP.eps));
            let (factor, slope) = factors(weight)[usize::from(mean < 0.0)];
            let (epsilon, exact) = (f64::from(f32::EPSILON), weight - update * factor);
            // The place on the grid is rounded a few times, half an epsilon of up to 5 intervals of 1/4 each; the update
            // as in the plain kernel; the new weight once.
            let off_place = 3.0 * epsilon * 1.25 * slope;
            let allowed = update.abs() * (off_place + 5.0 * epsilon * factor)
                + epsilon / 2.0 * (weight.abs() + (update * factor).abs());
            let off = (f64::from(hidden[i]) - exact).abs();
            assert!(off <= allowed, "{weight} became {}, not {exact}: off by {off:e}", hidden[i]);
        }
    }
}

/// Level curves at 1 are plain Adam to the bit.
#[test]
fn without_plasticity_to_measure_the_update_is_that_of_adam() {
    let level = CurveTable::new(-1.5, 0.25, &[[1.0; 2]; 8]);
    for n in WIDTHS {
        let before = synapses(n);
        let [gradient, mut hidden, mut mean, mut square] = before.clone();
        let kernels = Kernels::of(Platform::detect());
        (kernels.adam_tile)(&STEP, 0.0, &gradient, &mut hidden, &mut mean, &mut square);
        let after = stepped(&level, &before);
        assert_eq!(
            after.each_ref().map(|values| bits_of(values)),
            [hidden, mean, square].map(|v| bits_of(&v))
        );
    }
}

#[test]
fn weights_that_are_not_numbers_are_looked_up_nowhere_else() {
    let [gradient, _, mean, square] = synapses(100);
    let hidden: Vec<f32> = (0..100_u32).map(|i| f32::from_bits(0x7fc0_0000 | (i & 1) << 31 | i)).collect();
    let kernels = Platform::ALL.into_iter().filter(|platform| platform.is_available()).map(Kernels::of);
    for kernels in kernels {
        // The narrowest and the widest of grids as well: places on them are infinite, or not numbers.
        for ends in [ENDS, [0.0, f32::MIN_POSITIVE], [f32::MIN, f32::MAX], [1.0, 1.0], [f32::NAN, 1.0]] {
            let table = CurveTable::new(ends[0], ends[1], &GRID);
            let finite: Vec<f32> = random(100, 8).iter().map(|value| value * 1e38).collect();
            for start in [&hidden, &finite, &vec![ends[0]; 100], &vec![ends[1]; 100]] {
                let (mut after, mut mean, mut square) = (start.clone(), mean.clone(), square.clone());
                (kernels.adam_curve_tile)(&STEP, &table, &gradient, &mut after, &mut mean, &mut square);
                assert!(start.iter().zip(after).all(|(start, after)| start.is_nan() == after.is_nan()));
            }
        }
    }
}
