//! The synapses of a layer and their products: y = x W^T, with W = sign(W^h) or, in the full-precision control, W = W^h.
//! Dense layers and convolutions have them alike.

use metabnn_infer::kernels::transpose_samples;
use metabnn_infer::{BitMatrix, WORD};

use super::{Input, Tiles};
use crate::kernels::{Kernels, LANES, Lanes, Left, Matrix, MatrixMut, Signs};
use crate::optim::Moments;
use crate::rule::{Start, Synapses};
use crate::tensor::Tiled;
use crate::tensor::{Columns, Rows};

/// Rows of a dense product that stay in the first-level cache while all of its depth goes by.
const ROWS: usize = 64;

/// A linear layer: hidden weights, what a rule keeps beside them and, where binarized, their signs.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    hidden: Tiled,
    /// (out, in numbers): the rule's numbers of each synapse one after the other; most rules have none.
    memory: Tiled,
    binary: Option<Binary>,
}

/// The signs of the hidden weights, ready for either direction.
#[derive(Clone, Debug, PartialEq)]
struct Binary {
    /// (out, in), for the way forward.
    rows: BitMatrix,
    /// (out / 64, in): of every input its next 64 outputs, for the way back.
    columns: Vec<u64>,
    /// The columns after the update in progress, while the way back still needs those before it.
    next: Vec<u64>,
}

/// The way back through a layer: what [`InputGradient::rows`] needs of it while its synapses are being updated.
#[derive(Clone, Copy, Debug)]
pub struct InputGradient<'a> {
    inputs: usize,
    outputs: usize,
    columns: &'a [u64],
}

impl Linear {
    /// A layer with the given `hidden` weights, (out, in) row-major.
    ///
    /// # Panics
    /// If `hidden` is no whole number of rows.
    pub fn new(inputs: usize, hidden: &[f32], binarized: bool) -> Self {
        assert!(inputs > 0 && hidden.len().is_multiple_of(inputs), "whole rows of {inputs} weights");
        let tiled =
            Tiled::from_fn(inputs, hidden.len() / inputs, |output, input| hidden[output * inputs + input]);
        Self::from_tiled(tiled, binarized)
    }

    /// A layer with the given hidden weights.
    pub fn from_tiled(hidden: Tiled, binarized: bool) -> Self {
        let binary = binarized.then(|| Binary::new(&hidden));
        let memory = Tiled::new(0, hidden.outputs());
        Self { hidden, memory, binary }
    }

    /// Width of the input.
    pub fn inputs(&self) -> usize {
        self.hidden.inputs()
    }

    /// Width of the output.
    pub fn outputs(&self) -> usize {
        self.hidden.outputs()
    }

    /// Hidden weights W^h.
    pub fn hidden(&self) -> &Tiled {
        &self.hidden
    }

    /// Binary weights W^b = sign(W^h), (out, in), one bit each; `None` in the full-precision control.
    pub fn binary(&self) -> Option<&BitMatrix> {
        self.binary.as_ref().map(|binary| &binary.rows)
    }

    /// What the rule keeps of each synapse beside the hidden weight, (out, in, numbers); see
    /// [`SynapticRule::state`](crate::rule::SynapticRule::state).
    pub fn memory(&self) -> &Tiled {
        &self.memory
    }

    /// The same layer with the memory that its rule had: (out, in numbers), as in [`Linear::memory`].
    pub(crate) fn with_memory(self, memory: Tiled) -> Self {
        Self { memory, ..self }
    }

    /// Makes room for a rule's memory, each number of a synapse as `starts` says. Nothing happens where there is room
    /// for as many: the memory outlives optimizers and tasks.
    pub fn make_memory(&mut self, starts: &[Start]) {
        if self.memory.inputs() == self.inputs() * starts.len() {
            return;
        }
        self.memory = Tiled::new(self.inputs() * starts.len(), self.outputs());
        for (hidden, memory) in self.synapses_mut() {
            for (number, start) in memory.iter_mut().zip(starts) {
                *number = match start {
                    Start::Zero => Lanes::default(),
                    Start::HiddenWeight => *hidden,
                };
            }
        }
    }

    /// Sixteen synapses at a time: their hidden weights, and the memory of them, (numbers) lane groups.
    pub fn synapses_mut(&mut self) -> impl Iterator<Item = (&Lanes, &mut [Lanes])> {
        let numbers = self.memory.inputs() / self.inputs();
        self.hidden.groups().iter().zip(self.memory.groups_mut().chunks_mut(numbers.max(1)))
    }

    /// The synapses with room for what a rule of this state keeps of them.
    pub(crate) fn synapses_with(&mut self, state: &[Start]) -> Synapses<'_> {
        self.make_memory(state);
        Synapses { binarized: self.binary.is_some(), hidden: &self.hidden, state: &mut self.memory }
    }

    /// Switches binary weights, and the signs of their hidden weights with them: W^h <- -W^h for each of `synapses`, in
    /// rows, (out, in). A hidden weight of zero, whose sign is +1, becomes the nearest negative number.
    pub fn switch(&mut self, synapses: &[usize]) {
        let inputs = self.inputs();
        for (output, input) in synapses.iter().map(|synapse| (synapse / inputs, synapse % inputs)) {
            let weight = &mut self.hidden.groups_mut()[output / LANES * inputs + input].0[output % LANES];
            *weight = if *weight == 0.0 { -f32::MIN_POSITIVE } else { -*weight };
            if let Some(Binary { rows, columns, .. }) = &mut self.binary {
                rows.row_mut(output)[input / WORD] ^= 1 << (input % WORD);
                columns[output / WORD * inputs + input] ^= 1 << (output % WORD);
            }
        }
    }

    /// `y[o, b] = sum_i W[o, i] x[i, b]` for the outputs from `first` on, a multiple of 16. Shapes: x (in, batch),
    /// y (outputs, batch), its rows `columns.stride` apart.
    pub fn forward(&self, kernels: Kernels, x: Input<'_>, first: usize, y: &mut [f32], columns: Columns) {
        match (x, &self.binary) {
            (Input::Signs(x), Some(binary)) => {
                (kernels.bits.xnor_product)(&binary.rows, first, x, y, columns.stride);
            }
            (Input::Pixels(x), Some(binary)) => {
                (kernels.bits.pixel_product)(&binary.rows, first, x, 1.0 / 255.0, y, columns.stride);
            }
            (Input::Real(x), Some(Binary { rows, .. })) => {
                let words = &rows.words()[first * rows.stride()..];
                let signs = Signs { words, row: rows.stride(), word: 1, depth: rows.columns() };
                let y = MatrixMut { values: y, stride: columns.stride };
                (kernels.signed_product)(signs, x.matrix(0), y, columns.count);
            }
            (Input::Real(x), None) => self.forward_real(kernels, x, first, y, columns),
            // The network hands a layer of real weights real numbers.
            (Input::Signs(_) | Input::Pixels(_), None) => unreachable!("real weights take real inputs"),
        }
    }

    fn forward_real(&self, kernels: Kernels, x: &Rows, first: usize, y: &mut [f32], columns: Columns) {
        y.fill(0.0);
        let (inputs, stride) = (self.inputs(), columns.stride);
        for (block, y) in y.chunks_mut(ROWS * stride).enumerate() {
            for start in (0..inputs).step_by(ROWS) {
                let depth = ROWS.min(inputs - start);
                for (tile, y) in y.chunks_mut(LANES * stride).enumerate() {
                    let tile = (first + block * ROWS) / LANES + tile;
                    let values = Lanes::flat(&self.hidden.groups()[tile * inputs + start..][..depth]);
                    let weights = Left { values, row: 1, step: LANES, depth };
                    let y = MatrixMut { values: y, stride };
                    (kernels.product)(weights, x.matrix(start), y, columns.count);
                }
            }
        }
    }

    /// `dx[i, b] = sum_o W[o, i] dy[o, b]` for the inputs from `first` on, with real weights. Shapes: dy (out, batch),
    /// dx (inputs, batch), its rows as far apart as those of dy.
    pub fn real_input_gradient(&self, kernels: Kernels, dy: &Rows, first: usize, dx: &mut [f32]) {
        dx.fill(0.0);
        let (inputs, columns) = (self.inputs(), dy.columns());
        for (block, dx) in dx.chunks_mut(ROWS * columns.stride).enumerate() {
            for (tile, tile_of_dy) in dy.flat().chunks(LANES * columns.stride).enumerate() {
                let values = Lanes::flat(&self.hidden.groups()[tile * inputs + first + block * ROWS..]);
                let depth = tile_of_dy.len() / columns.stride;
                let weights = Left { values, row: LANES, step: 1, depth };
                let tile_of_dy = Matrix { values: tile_of_dy, stride: columns.stride };
                let dx = MatrixMut { values: &mut *dx, stride: columns.stride };
                (kernels.product)(weights, tile_of_dy, dx, columns.count);
            }
        }
    }

    /// The same with the weights in use, binary or real.
    pub fn input_gradient(&self, kernels: Kernels, dy: &Rows, first: usize, dx: &mut [f32]) {
        match &self.binary {
            Some(Binary { columns, .. }) => {
                let (inputs, outputs) = (self.inputs(), self.outputs());
                InputGradient { inputs, outputs, columns }.rows(kernels, dy, first, dx);
            }
            None => self.real_input_gradient(kernels, dy, first, dx),
        }
    }

    /// The way back through the binary weights as they are now, and the synapses, in groups that threads can update
    /// meanwhile. [`Linear::finish`] has to follow.
    pub fn split<'a>(
        &'a mut self,
        kernels: Kernels,
        moments: &'a mut Moments,
    ) -> (InputGradient<'a>, Vec<Tiles<'a>>) {
        let (inputs, outputs) = (self.inputs(), self.outputs());
        let (mut columns, mut rows, mut next) = (&[][..], &mut [][..], &mut [][..]);
        if let Some(binary) = &mut self.binary {
            (columns, rows, next) = (&binary.columns[..], binary.rows.words_mut(), &mut binary.next[..]);
        }
        let below = InputGradient { inputs, outputs, columns };
        let synapses = (self.hidden.groups_mut(), self.memory.groups_mut());
        (below, Tiles::for_layer(kernels, synapses, (inputs, outputs), moments, rows, next))
    }

    /// Makes the signs after an update the present ones.
    pub fn finish(&mut self) {
        if let Some(binary) = &mut self.binary {
            std::mem::swap(&mut binary.columns, &mut binary.next);
        }
    }
}

impl Binary {
    fn new(hidden: &Tiled) -> Self {
        let (inputs, outputs) = (hidden.inputs(), hidden.outputs());
        let mut columns = vec![0; outputs.div_ceil(WORD) * inputs];
        for output in 0..outputs {
            let words = &mut columns[output / WORD * inputs..][..inputs];
            for (word, weight) in words.iter_mut().zip(hidden.row(output)) {
                *word |= u64::from(weight >= 0.0) << (output % WORD);
            }
        }
        let mut rows = BitMatrix::new(outputs, inputs);
        let stride = rows.stride();
        for (columns, rows) in columns.chunks(inputs).zip(rows.words_mut().chunks_mut(WORD * stride)) {
            transpose_samples(columns, rows, stride);
        }
        Self { rows, next: columns.clone(), columns }
    }
}

impl InputGradient<'_> {
    /// `dx[i, b] = sum_o W^b[o, i] dy[o, b]` for the inputs from `first` on. Shapes: dy (out, batch), dx (inputs,
    /// batch), its rows as far apart as those of dy.
    pub fn rows(&self, kernels: Kernels, dy: &Rows, first: usize, dx: &mut [f32]) {
        let signs = Signs { words: &self.columns[first..], row: 1, word: self.inputs, depth: self.outputs };
        let dx = MatrixMut { values: dx, stride: dy.columns().stride };
        (kernels.signed_product)(signs, dy.matrix(0), dx, dy.batch());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switched_synapses_are_those_of_a_layer_with_the_other_sign() {
        let (inputs, outputs) = (70, 67);
        let mut hidden: Vec<f32> = (0..inputs * outputs).map(|i| (i % 7) as f32 - 3.0 + 0.25).collect();
        hidden[71] = 0.0;
        let mut layer = Linear::new(inputs, &hidden, true);
        let synapses = [0, 71, 66 * 70 + 69, 64 * 70, 3 * 70 + 65];
        layer.switch(&synapses);
        for synapse in synapses {
            hidden[synapse] = if hidden[synapse] == 0.0 { -f32::MIN_POSITIVE } else { -hidden[synapse] };
        }
        let expected = Linear::new(inputs, &hidden, true);
        assert_eq!(layer.hidden, expected.hidden);
        let [binary, expected] = [&layer, &expected].map(|layer| layer.binary.as_ref().unwrap());
        assert_eq!((&binary.rows, &binary.columns), (&expected.rows, &expected.columns));
    }
}
