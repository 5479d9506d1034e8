//! What a packed model is made of, and its bytes.

use alloc::vec;
use alloc::vec::Vec;

use super::checksum::checksum;
use super::layout::{AS_IT_IS, CLASS, HEADER, Header, LAYER, STATE, VERSION, padded, place_bytes};
use super::model::ClassNorm;
use super::{Kind, Model, PackedError, Threshold};
use crate::BitMatrix;

/// The parts of a packed model, to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// What the first layer sees.
    pub kind: Kind,
    /// Binary weights of all layers, (out, in) each; at least one.
    pub weights: Vec<BitMatrix>,
    /// What is made of the sums; at least one.
    pub norms: Vec<Norm>,
    /// Pixel orders, (pixels) each: input i is pixel `order[i]` of the sample.
    pub orders: Vec<Vec<u32>>,
    /// Norm and order of each state, by number; at least one.
    pub states: Vec<(usize, Option<usize>)>,
}

/// What is made of the sums of all layers, in some of the states.
#[derive(Clone, Debug, PartialEq)]
pub struct Norm {
    /// Thresholds of each hidden layer, (units).
    pub thresholds: Vec<Vec<Threshold>>,
    /// What stands behind the sums of the classes, (classes).
    pub classes: Vec<ClassNorm>,
}

impl Content {
    /// The bytes of the file: the same for the same content.
    ///
    /// # Errors
    /// [`PackedError`] if there is more or less of something than the format holds, a number is not finite, or a state
    /// names what is not there: whatever is written can be read.
    ///
    /// # Panics
    /// If the widths of layers, norms and orders do not fit each other.
    pub fn to_bytes(&self) -> Result<Vec<u8>, PackedError> {
        self.assert_fits();
        let inputs = self.weights.first().map_or(0, BitMatrix::columns);
        // A number too large for its field becomes one that is refused.
        let count = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
        let mut header = Header {
            length: 0,
            inputs: u32::try_from(inputs).unwrap_or(u32::MAX),
            layers: count(self.weights.len()),
            states: count(self.states.len()),
            norms: count(self.norms.len()),
            orders: count(self.orders.len()),
        };
        let mut bytes = vec![0; HEADER];
        for (index, weights) in self.weights.iter().enumerate() {
            let mut entry = [0; LAYER];
            let outputs = u32::try_from(weights.rows()).unwrap_or(u32::MAX).to_le_bytes();
            entry.iter_mut().zip(outputs).for_each(|(to, from)| *to = from);
            entry[4] = self.kind_of(index) as u8;
            bytes.extend(entry);
        }
        for (norm, order) in &self.states {
            let order = order.map_or(AS_IT_IS, count);
            bytes.extend([count(*norm).to_le_bytes(), order.to_le_bytes()].as_flattened());
        }
        for (index, weights) in self.weights.iter().enumerate() {
            match self.kind_of(index) {
                Kind::Pixels => write_planes(weights, &mut bytes),
                Kind::Signs => write_rows(weights, &mut bytes),
            }
        }
        for Norm { thresholds, classes } in &self.norms {
            let words = thresholds.iter().flatten().map(|threshold| threshold.word().to_le_bytes());
            bytes.extend(words.flatten());
            for ClassNorm { mean, inverse, gamma, beta } in classes {
                bytes.extend([mean, inverse, gamma, beta].into_iter().flat_map(|value| value.to_le_bytes()));
            }
        }
        for order in &self.orders {
            let places = order.iter().map(|place| place.to_le_bytes());
            bytes.extend(places.flat_map(|place| place.into_iter().take(place_bytes(inputs))));
            fill_up(&mut bytes);
        }
        let length = bytes.len() as u64 + 4;
        header.length = u32::try_from(length).map_err(|_| {
            let (what, expected) = ("length", "at most 4294967295 bytes");
            PackedError::Field { what, index: 0, found: length, expected }
        })?;
        bytes[..HEADER].copy_from_slice(&header.to_bytes());
        bytes.extend(checksum(&bytes).to_le_bytes());
        Model::parse(&bytes)?;
        Ok(bytes)
    }

    fn kind_of(&self, layer: usize) -> Kind {
        if layer == 0 { self.kind } else { Kind::Signs }
    }

    fn assert_fits(&self) {
        let outputs: Vec<usize> = self.weights.iter().map(BitMatrix::rows).collect();
        let inputs: Vec<usize> = self.weights.iter().map(BitMatrix::columns).collect();
        let (Some((classes, hidden)), Some(pixels)) = (outputs.split_last(), inputs.first()) else {
            panic!("a network has a layer");
        };
        assert_eq!(hidden, &inputs[1..], "each layer is as wide as the next one takes");
        for Norm { thresholds, classes: norms } in &self.norms {
            assert!(
                thresholds.iter().map(Vec::len).eq(hidden.iter().copied()),
                "a threshold per hidden unit"
            );
            assert_eq!(norms.len(), *classes, "a norm per class");
        }
        assert!(self.orders.iter().all(|order| order.len() == *pixels), "orders of all pixels");
    }
}

impl From<&Model<'_>> for Content {
    fn from(model: &Model<'_>) -> Self {
        let layers: Vec<_> = model.layers().collect();
        let of_norm = |mut bytes: &[u8]| {
            let mut thresholds = Vec::new();
            for layer in &layers[..layers.len() - 1] {
                let (own, rest) = bytes.split_at(4 * layer.outputs);
                let words = own.as_chunks().0.iter();
                thresholds.push(words.map(|word| Threshold::from_word(i32::from_le_bytes(*word))).collect());
                bytes = rest;
            }
            Norm { thresholds, classes: bytes.as_chunks().0.iter().map(ClassNorm::from_bytes).collect() }
        };
        let of_order = |order: &[u8]| (0..model.inputs()).map(|i| model.place(order, i) as u32).collect();
        Self {
            kind: layers[0].kind,
            weights: layers.iter().map(read_weights).collect(),
            norms: model.norms().map(of_norm).collect(),
            orders: model.order_bytes().map(of_order).collect(),
            states: (0..model.states()).filter_map(|state| model.state(state)).collect(),
        }
    }
}

/// For every eight inputs one byte per output.
fn write_planes(weights: &BitMatrix, bytes: &mut Vec<u8>) {
    for plane in 0..weights.columns().div_ceil(8) {
        bytes.extend((0..weights.rows()).map(|row| weights.window(row, 8 * plane) as u8));
    }
    fill_up(bytes);
}

/// Rows of words of 32.
fn write_rows(weights: &BitMatrix, bytes: &mut Vec<u8>) {
    for row in 0..weights.rows() {
        let words = (0..weights.columns()).step_by(32).map(|start| weights.window(row, start) as u32);
        bytes.extend(words.flat_map(u32::to_le_bytes));
    }
}

fn read_weights(layer: &super::Layer<'_>) -> BitMatrix {
    let mut weights = BitMatrix::new(layer.outputs, layer.inputs);
    let row_bytes = match layer.kind {
        Kind::Pixels => layer.inputs.div_ceil(8),
        Kind::Signs => 4 * layer.inputs.div_ceil(32),
    };
    for row in 0..layer.outputs {
        for byte in 0..row_bytes {
            let at = match layer.kind {
                Kind::Pixels => byte * layer.outputs + row,
                Kind::Signs => row * row_bytes + byte,
            };
            if let Some(word) = weights.row_mut(row).get_mut(byte / 8) {
                *word |= u64::from(layer.weights[at]) << (8 * (byte % 8));
            }
        }
    }
    weights
}

fn fill_up(bytes: &mut Vec<u8>) {
    bytes.resize(padded(bytes.len() as u64) as usize, 0);
}

// The entries written above are those that are read.
const _: () = assert!(LAYER == 8 && STATE == 4 && CLASS == 16 && VERSION == 1);
