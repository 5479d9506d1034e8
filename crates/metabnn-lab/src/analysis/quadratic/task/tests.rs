//! The quadratic binary task against its definition, the published curve, and by hand.

use super::*;
use metabnn::kernels::Platform;

const LR: f64 = 0.01;

fn machine(threads: usize) -> Machine {
    Machine::new(threads, Platform::detect()).unwrap()
}

fn plane() -> Quadratic {
    Quadratic {
        dimensions: 2,
        hessian: vec![vec![2.4047, 0.2158], vec![0.2158, 0.7733]],
        optimum: Vector::Listed(vec![1.5, 0.5]),
        start: Vector::Listed(vec![0.01, 0.02]),
        ..Quadratic::default()
    }
}

fn drawn(dimensions: usize) -> Quadratic {
    Quadratic { dimensions, ..Quadratic::default() }
}

/// The oracle: the loss after a flip less the loss before, from the definition.
#[test]
fn a_flip_costs_what_the_formula_says() {
    for (settings, seed) in [(plane(), 0), (drawn(7), 1), (drawn(40), 2)] {
        let machine = machine(2);
        let (task, pool) = (QuadraticTask::new(&settings, seed, &machine), &machine.pool);
        let n = task.dimensions();
        let loss = |weights: &[f64]| {
            let mut sum = 0.0;
            for i in 0..n {
                for j in 0..n {
                    let (a, b) = (weights[i] - task.optimum[i], weights[j] - task.optimum[j]);
                    sum += 0.5 * a * task.hessian[i * n + j] * b;
                }
            }
            sum
        };
        let mut hidden = task.start(&settings, seed);
        for _ in 0..20 {
            task.step(&mut hidden, LR, pool);
        }
        let mut binary = signs(&hidden);
        let increases = task.loss_increases(&binary, pool);
        let before = loss(&binary);
        assert!((task.loss(&binary, pool) - before).abs() < 1e-12 * before);
        for i in 0..n {
            binary[i] = -binary[i];
            // Differences of losses of this size are exact to about n^2 roundings of it.
            let tolerance = 1e-14 * (n * n) as f64 * before;
            assert!((loss(&binary) - before - increases[i]).abs() < tolerance, "weight {i} of {n}");
            binary[i] = -binary[i];
        }
    }
}

#[test]
fn drawn_eigenvectors_are_orthonormal_with_the_drawn_spectrum() {
    let (n, seed) = (60, 3);
    let rows = orthogonal(n, &mut Stream::new(seed, Purpose::Eigenvectors, 0), &Stop::default());
    for (i, a) in rows.chunks_exact(n).enumerate() {
        for (j, b) in rows.chunks_exact(n).enumerate() {
            let expected = if i == j { 1.0 } else { 0.0 };
            assert!((dot(a, b) - expected).abs() < 1e-14, "{i}, {j}: {}", dot(a, b));
        }
    }
    let settings = drawn(n);
    let task = QuadraticTask::new(&settings, seed, &machine(1));
    let hessian = &task.hessian;
    assert!((0..n * n).all(|at| hessian[at] == hessian[at % n * n + at / n]), "symmetric to the bit");
    // H q = lambda q for every row q, with lambda in the range, and not all the same.
    let mut spectrum: Vec<f64> = Vec::new();
    for vector in rows.chunks_exact(n) {
        let image: Vec<f64> = task.hessian().map(|row| dot(row, vector)).collect();
        let eigenvalue = dot(&image, vector);
        assert!(image.iter().zip(vector).all(|(a, b)| (a - eigenvalue * b).abs() < 1e-12));
        spectrum.push(eigenvalue);
    }
    spectrum.sort_by(f64::total_cmp);
    assert!(spectrum[0] >= 10.5 && spectrum[n - 1] < 29.5, "{spectrum:?}");
    assert!(spectrum[0] < 13.0 && spectrum[n - 1] > 27.0, "uniform over the range: {spectrum:?}");
}

#[test]
fn in_the_plane_one_weight_drifts_and_the_other_oscillates() {
    let (settings, machine) = (plane(), machine(1));
    let (task, pool) = (QuadraticTask::new(&settings, 0, &machine), &machine.pool);
    let mut hidden = task.start(&settings, 0);
    assert_eq!(hidden, [0.01, 0.02]);
    let mut path = vec![hidden.clone()];
    for _ in 0..1000 {
        task.step(&mut hidden, 0.35, pool);
        path.push(hidden.clone());
    }
    // The first step by hand: W^h - lr H ((1, 1) - (1.5, 0.5)).
    let expected = [0.01 + 0.35 * (2.4047 - 0.2158) / 2.0, 0.02 - 0.35 * (0.7733 - 0.2158) / 2.0];
    assert!(path[1].iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{:?}", path[1]);
    assert!(path.windows(2).all(|pair| pair[1][0] > pair[0][0]), "W_x grows in every step");
    assert!(path[1000][0] > 1.9 * path[500][0], "and does not slow down: {:?}", path[1000]);
    // W_y is never further away than one step, and its sign keeps changing.
    let step = 0.35 * (0.7733 * 1.5 + 0.2158 * 0.5);
    assert!(path.iter().all(|weights| weights[1].abs() <= step));
    let changes = path.windows(2).filter(|pair| pair[0][1] * pair[1][1] < 0.0).count();
    assert!(changes > 300, "{changes} changes of sign");
}

/// The published curve of Fig. 5b, read off the plot, within 15 %; and the derived line through it.
#[test]
fn in_500_dimensions_hidden_weights_say_what_binary_weights_are_worth() {
    let (settings, machine) = (Quadratic::default(), machine(2));
    let seeds: Vec<Solved> = (0..3).map(|seed| solve(&settings, LR, seed, &machine, |_| {})).collect();
    for (bin, published) in [(0, 22.0), (1, 55.0), (7, 116.0), (14, 190.0)] {
        let ours = seeds.iter().map(|solved| solved.loss_increase[bin].mean).sum::<f64>() / 3.0;
        assert!((ours / published - 1.0).abs() < 0.15, "bin {bin}: {ours}, published {published}");
    }
    for Solved { loss_increase, correlation: of_all, .. } in &seeds {
        assert_eq!(loss_increase.iter().map(|row| row.weights).sum::<usize>(), 500);
        // The line holds for weights that drift: for all bins but the first, where weights oscillate.
        for row in &loss_increase[1..] {
            let derived = row.derived.unwrap();
            assert!((row.mean / derived - 1.0).abs() < 0.05, "{row:?}");
        }
        let (magnitudes, means): (Vec<f64>, Vec<f64>) =
            loss_increase[1..].iter().map(|row| (row.magnitude(), row.mean)).unzip();
        assert!(correlation(&magnitudes, &means).unwrap() > 0.99);
        assert!(of_all.unwrap() > 0.95, "{of_all:?}");
    }
}

#[test]
fn definite_matrices_are_told_from_others() {
    let of = |rows: &[&[f64]]| is_positive_definite(&rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>());
    assert!(of(&[&[2.4047, 0.2158], &[0.2158, 0.7733]]));
    assert!(of(&[&[2.0, -1.0, 0.0], &[-1.0, 2.0, -1.0], &[0.0, -1.0, 2.0]]));
    assert!(!of(&[&[1.0, 2.0], &[2.0, 1.0]]), "eigenvalues 3 and -1");
    assert!(!of(&[&[1.0, 1.0], &[1.0, 1.0]]), "eigenvalues 2 and 0");
    assert!(!of(&[&[0.0]]));
}

#[test]
fn threads_change_nothing() {
    let settings = drawn(70);
    let of = |threads| {
        let machine = machine(threads);
        let (task, pool) = (QuadraticTask::new(&settings, 5, &machine), &machine.pool);
        let mut hidden = task.start(&settings, 5);
        (0..30).for_each(|_| task.step(&mut hidden, LR, pool));
        (task, hidden)
    };
    assert_eq!(of(1), of(3));
}
