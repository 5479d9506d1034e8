//! What golden vectors cannot show: exact ties, boundaries, and the rule taken by itself.

use metabnn_reference::{
    Network, Parameter, Settings, accuracy, batch_norm, batch_norm_backward, batch_statistics, cross_entropy,
    f_meta, metaplastic_adam, sign_activation, straight_through,
};

#[test]
fn sign_of_zero_is_plus_one() {
    assert_eq!(sign_activation(&[0.0, -0.0, -1e-30, 1e-30]), [1.0, 1.0, -1.0, 1.0]);
}

#[test]
fn straight_through_includes_its_boundary() {
    let outside = 1.0 + f32::EPSILON;
    assert_eq!(straight_through(&[3.0; 5], &[1.0, -1.0, outside, -outside, 0.0]), [3.0, 3.0, 0.0, 0.0, 3.0]);
}

#[test]
fn metaplasticity_attenuates_only_what_shrinks() {
    let moved = |w: f32, gradient: f32, m: f32| {
        let mut parameter = Parameter::new(vec![w]);
        parameter.gradient = vec![gradient];
        metaplastic_adam(&mut parameter, 1, 0.005, 0.0, m);
        w - parameter.value[0]
    };
    for w in [0.7, -0.7] {
        // The first step of Adam is lr times the sign of the gradient.
        let (towards_zero, away) = (moved(w, w, 1.35), moved(w, -w, 1.35));
        assert!((away + 0.005 * w.signum()).abs() < 1e-6, "{away}");
        assert!((towards_zero - 0.005 * w.signum() * f_meta(1.35, w)).abs() < 1e-6, "{towards_zero}");
        assert!((moved(w, w, 0.0) - 0.005 * w.signum()).abs() < 1e-6);
    }
    assert!((f_meta(1.35, -0.7) - 0.456_077).abs() < 1e-6, "{}", f_meta(1.35, -0.7));
}

#[test]
fn momentum_and_not_the_gradient_decides() {
    let mut parameter = Parameter::new(vec![0.7]);
    // M stays positive (0.9 - 0.1) although the gradient is negative: the step still shrinks the weight.
    (parameter.first[0], parameter.second[0], parameter.gradient[0]) = (1.0, 1.0, -1.0);
    let mut plain = parameter.clone();
    metaplastic_adam(&mut parameter, 10, 0.005, 0.0, 1.35);
    metaplastic_adam(&mut plain, 10, 0.005, 0.0, 0.0);
    let (attenuated, full) = (0.7 - parameter.value[0], 0.7 - plain.value[0]);
    assert!(full > 0.0);
    assert!((attenuated / full - f_meta(1.35, 0.7)).abs() < 1e-3, "{attenuated} of {full}");
}

/// Central differences of the cross-entropy of a batch norm against the two backward passes.
#[test]
fn gradients_of_the_smooth_parts_match_finite_differences() {
    let (gamma, beta, labels) = ([0.8, 1.3, -0.5], [0.1, -0.2, 0.3], [2, 0, 1, 1]);
    let a = [0.5, -1.0, 2.0, 1.5, 0.25, -0.75, -2.0, 1.0, 0.0, 3.0, -0.5, 0.8];
    let loss = |a: &[f32]| cross_entropy(&batch_norm(a, &batch_statistics(a, 3), &gamma, &beta), &labels);
    let [da, ..] = batch_norm_backward(&loss(&a).1, &a, &batch_statistics(&a, 3), &gamma);
    for i in 0..a.len() {
        let at = |shift: f32| {
            let mut a = a;
            a[i] += shift;
            loss(&a).0
        };
        let numeric = (at(0.01) - at(-0.01)) / 0.02;
        assert!((numeric - da[i]).abs() < 1e-4, "a[{i}]: {numeric} by differences, {} by the formula", da[i]);
    }
}

#[test]
fn a_large_logit_overflows_nothing() {
    let (loss, gradient) = cross_entropy(&[1000.0, 0.0], &[1]);
    assert_eq!((loss, gradient), (1000.0, vec![1.0, -1.0]));
}

#[test]
fn accuracy_wants_the_label_alone_on_top() {
    assert_eq!(accuracy(&[1.0, 2.0, 3.0, 0.0, 5.0, 5.0, 2.0, 1.0], &[1, 0, 0, 1]), 0.5);
}

#[test]
#[should_panic(expected = "hidden weights of layer 1")]
fn weights_of_the_wrong_shape_are_refused() {
    let settings = Settings { binarized: true, lr: 0.005, weight_decay: 0.0, m: vec![0.0; 2] };
    Network::new(&[2, 3, 2], vec![vec![0.1; 6], vec![0.1; 5]], settings);
}
