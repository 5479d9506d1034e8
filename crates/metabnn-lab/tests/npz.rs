//! Networks as NumPy arrays, read by the crate ndarray-npy.

// Helpers outside of test functions may unwrap, too: a panic is how a test fails.
#![allow(clippy::unwrap_used)]

#[path = "support/exported.rs"]
mod exported;
#[path = "../../metabnn-data/tests/support/mod.rs"]
mod support;

use std::io::Cursor;

use exported::{network, unsettled};
use metabnn::data::Shape;
use metabnn::export::npz;
use metabnn_lab::recipe::settings::{Precision, Settings};
use ndarray::{Array1, Array2, Array4};
use ndarray_npy::NpzReader;

fn settings(hidden: &[usize]) -> Settings {
    let mut settings = Settings::default();
    settings.network.hidden = hidden.into();
    settings.tasks.count = 2;
    settings
}

/// All of a network, whatever its statistics: weights, their signs, the norms of every task, the orders.
#[test]
fn arrays_are_the_network_s() {
    let mut model = unsettled(&settings(&[11, 7]), Shape::grey(6, 5), 4, 1);
    model.trained.network.layers[0].linear.switch(&[3]);
    let bytes = npz(&model).unwrap();
    assert!(bytes == npz(&model).unwrap(), "the same bytes for the same model");
    let mut archive = NpzReader::new(Cursor::new(bytes)).unwrap();
    // Three layers: two arrays of weights each, four parts of three norms; and two orders.
    assert_eq!(archive.len(), 3 * (2 + 4 * 3) + 2);
    for (index, (inputs, outputs)) in [(30, 11), (11, 7), (7, 4)].into_iter().enumerate() {
        let layer = &model.trained.network.layers[index];
        let name = |what: &str| format!("layer{}.{what}.npy", index + 1);
        let hidden: Array2<f32> = archive.by_name(&name("hidden_weight")).unwrap();
        let binary: Array2<i8> = archive.by_name(&name("binary_weight")).unwrap();
        assert_eq!((hidden.dim(), binary.dim()), ((outputs, inputs), (outputs, inputs)));
        assert_eq!(hidden.iter().copied().collect::<Vec<_>>(), layer.linear.hidden().to_rows());
        let bits = layer.linear.binary().unwrap();
        for ((output, input), sign) in binary.indexed_iter() {
            let bit = bits.row(output)[input / 64] >> (input % 64) & 1;
            assert_eq!(i64::from(*sign), 2 * bit as i64 - 1);
        }
        let states = [("", &layer.norm.state)].into_iter().chain([
            ("task1.", &model.trained.learned[0].norms.as_ref().unwrap()[index]),
            ("task2.", &model.trained.learned[1].norms.as_ref().unwrap()[index]),
        ]);
        for (task, state) in states {
            let parts = [
                ("gamma", &state.gamma),
                ("beta", &state.beta),
                ("mean", &state.mean),
                ("variance", &state.variance),
            ];
            for (part, values) in parts {
                let array: Array1<f32> = archive.by_name(&format!("{task}{}", name(part))).unwrap();
                assert_eq!(array.to_vec(), *values);
            }
        }
    }
    for (test, order) in model.permutations.iter().enumerate() {
        let array: Array1<u32> = archive.by_name(&format!("test{}.permutation.npy", test + 1)).unwrap();
        assert_eq!(Some(array.to_vec()), order.as_ref().map(|order| order.to_vec()));
    }
}

#[test]
fn convolutions_and_real_weights_are_arrays_as_well() {
    let mut settings = settings(&[5]);
    (settings.network.channels, settings.network.kernel) = (vec![3, 2], 2);
    let (model, _) = network(&settings, Shape::grey(8, 8), 3);
    let mut archive = NpzReader::new(Cursor::new(npz(&model).unwrap())).unwrap();
    let kernels: Array4<f32> = archive.by_name("layer2.hidden_weight.npy").unwrap();
    let signs: Array4<i8> = archive.by_name("layer2.binary_weight.npy").unwrap();
    assert_eq!((kernels.dim(), signs.dim()), ((2, 3, 2, 2), (2, 3, 2, 2)));
    assert!(kernels.iter().zip(&signs).all(|(kernel, sign)| (*kernel >= 0.0) == (*sign > 0)));
    let mut settings = self::settings(&[5]);
    settings.network.precision = Precision::FullPrecision;
    let (model, _) = network(&settings, Shape::grey(8, 8), 3);
    let mut archive = NpzReader::new(Cursor::new(npz(&model).unwrap())).unwrap();
    let names = archive.names().unwrap();
    assert!(names.iter().all(|name| !name.contains("binary")), "{names:?}");
}
