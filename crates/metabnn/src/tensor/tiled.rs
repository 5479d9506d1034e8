//! One number per synapse, sixteen outputs side by side.

use crate::kernels::{LANES, Lanes};

/// One number per synapse of a layer, in tiles of sixteen outputs: (outputs / 16, inputs, 16). What is computed for a
/// synapse is computed for the sixteen at once, and whole tiles are read and written in one sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Tiled {
    inputs: usize,
    outputs: usize,
    groups: Vec<Lanes>,
}

impl Tiled {
    /// Zeros.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self { inputs, outputs, groups: Lanes::zeros(outputs.div_ceil(LANES) * inputs) }
    }

    /// From one row per output: `values(o, i)`, called row after row.
    pub fn from_fn(inputs: usize, outputs: usize, mut value: impl FnMut(usize, usize) -> f32) -> Self {
        let mut tiled = Self::new(inputs, outputs);
        for output in 0..outputs {
            let tile = &mut tiled.groups[output / LANES * inputs..][..inputs];
            for (input, group) in tile.iter_mut().enumerate() {
                group.0[output % LANES] = value(output, input);
            }
        }
        tiled
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// One row per output, (outputs, inputs).
    pub fn to_rows(&self) -> Vec<f32> {
        let mut rows = vec![0.0; self.outputs * self.inputs];
        for (output, row) in rows.chunks_exact_mut(self.inputs.max(1)).enumerate() {
            row.iter_mut().zip(self.row(output)).for_each(|(value, number)| *value = number);
        }
        rows
    }

    /// The numbers of one output, (inputs).
    pub fn row(&self, output: usize) -> impl Iterator<Item = f32> {
        let tile = &self.groups[output / LANES * self.inputs..][..self.inputs];
        tile.iter().map(move |group| group.0[output % LANES])
    }

    /// All numbers, in the order they lie in memory.
    pub fn values(&self) -> impl Iterator<Item = f32> {
        let tiles = self.groups.chunks(self.inputs.max(1)).enumerate();
        tiles.flat_map(|(tile, groups)| {
            let lanes = (self.outputs - tile * LANES).min(LANES);
            groups.iter().flat_map(move |group| group.0[..lanes].iter().copied())
        })
    }

    /// The lane groups, (outputs / 16, inputs).
    pub fn groups(&self) -> &[Lanes] {
        &self.groups
    }

    /// The lane groups, (outputs / 16, inputs).
    pub(crate) fn into_groups(self) -> Vec<Lanes> {
        self.groups
    }

    /// The lane groups, (outputs / 16, inputs).
    pub fn groups_mut(&mut self) -> &mut [Lanes] {
        &mut self.groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_in_and_come_out() {
        for (inputs, outputs) in [(1, 1), (3, 15), (5, 16), (2, 17), (7, 33), (64, 130)] {
            let rows: Vec<f32> = (0..inputs * outputs).map(|i| i as f32 + 0.5).collect();
            let mut calls = 0;
            let tiled = Tiled::from_fn(inputs, outputs, |output, input| {
                assert_eq!(calls, output * inputs + input, "called row after row");
                calls += 1;
                rows[output * inputs + input]
            });
            assert_eq!((tiled.inputs(), tiled.outputs()), (inputs, outputs));
            assert_eq!(tiled.to_rows(), rows);
            for (output, row) in rows.chunks_exact(inputs).enumerate() {
                assert!(tiled.row(output).eq(row.iter().copied()));
            }
            // Sixteen outputs of an input side by side, nothing beyond the last one.
            let groups = tiled.groups();
            assert_eq!(groups.len(), outputs.div_ceil(LANES) * inputs);
            for (place, group) in groups.iter().enumerate() {
                for (lane, &value) in group.0.iter().enumerate() {
                    let (output, input) = (place / inputs * LANES + lane, place % inputs);
                    assert_eq!(value, if output < outputs { rows[output * inputs + input] } else { 0.0 });
                }
            }
            let mut values: Vec<f32> = tiled.values().collect();
            values.sort_by(f32::total_cmp);
            assert_eq!(values, rows, "each number once");
        }
    }
}
