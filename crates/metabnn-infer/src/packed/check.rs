//! What is checked of the numbers inside a packed model, once its parts are found.

use super::layout::{AS_IT_IS, CLASS, Kind, STATE, field};
use super::model::{ClassNorm, Model};
use super::{PackedError, layout};

/// Every state names a norm and an order that are there, orders name pixels, numbers are finite, and what fills up bytes
/// and words is zero: so every byte of a file means something, and the same model has the same bytes.
pub(super) fn check(model: &Model<'_>, norms: u16, orders: u16) -> Result<(), PackedError> {
    for state in 0..model.states() {
        let (norm, order) = model.state(state).unwrap_or((0, None));
        let is_there = norm < usize::from(norms);
        field("norm of the state", state, norm as u64, "one of the norms, counted from 0", is_there)?;
        if let Some(order) = order {
            let is_there = order < usize::from(orders);
            let expected = "one of the orders, counted from 0, or 65535";
            field("order of the state", state, order as u64, expected, is_there)?;
        }
    }
    for (index, layer) in model.layers().enumerate() {
        let what = "bits beyond the weights of the layers";
        let (bits, per_row) = match layer.kind {
            Kind::Pixels => (layer.inputs % 8, layer.outputs),
            Kind::Signs => (layer.inputs % 32, 1),
        };
        let are_zero = match layer.kind {
            // The last byte of every output is in the last plane.
            Kind::Pixels if bits > 0 => {
                layer.weights.iter().rev().take(per_row).all(|byte| byte >> bits == 0)
            }
            Kind::Signs if bits > 0 => {
                let words = layer.weights.as_chunks::<4>().0.chunks_exact(layer.inputs.div_ceil(32));
                words.filter_map(<[_]>::last).all(|word| u32::from_le_bytes(*word) >> bits == 0)
            }
            _ => true,
        };
        if !are_zero || model.behind_weights(index).iter().any(|byte| *byte != 0) {
            return Err(PackedError::Value { what, index, expected: "zeros" });
        }
    }
    norms_are_finite(model)?;
    orders_name_pixels(model)
}

fn norms_are_finite(model: &Model<'_>) -> Result<(), PackedError> {
    let classes = CLASS * model.classes();
    for norm in model.norms() {
        let outputs = norm.len().checked_sub(classes).and_then(|start| norm.get(start..)).unwrap_or(&[]);
        for (index, class) in outputs.as_chunks().0.iter().enumerate() {
            let ClassNorm { mean, inverse, gamma, beta } = ClassNorm::from_bytes(class);
            if ![mean, inverse, gamma, beta].into_iter().all(f32::is_finite) {
                let (what, expected) = ("norms of the classes", "finite numbers");
                return Err(PackedError::Value { what, index, expected });
            }
        }
    }
    Ok(())
}

fn orders_name_pixels(model: &Model<'_>) -> Result<(), PackedError> {
    let inputs = model.inputs();
    for order in model.order_bytes() {
        for index in 0..inputs {
            if model.place(order, index) >= inputs {
                let (what, expected) = ("pixel orders", "the number of a pixel, counted from 0");
                return Err(PackedError::Value { what, index, expected });
            }
        }
        let used = layout::place_bytes(inputs) * inputs;
        if order.iter().skip(used).any(|byte| *byte != 0) {
            let (what, expected) = ("bytes beyond the pixel orders", "zeros");
            return Err(PackedError::Value { what, index: used, expected });
        }
    }
    Ok(())
}

// A state is a norm and an order, two bytes each; the number that stands for no order is none of an order.
const _: () = assert!(STATE == 4 && AS_IT_IS == u16::MAX);
