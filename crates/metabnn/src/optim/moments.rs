//! Adam's moments of a layer's synapses, in 32 or 16 bits.

use super::MomentFormat;
use crate::kernels::{Kernels, LANES, Lanes};
use crate::tensor::Tiled;

/// First and second moment of every synapse of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    inputs: usize,
    outputs: usize,
    /// M: exponential average of the gradient.
    mean: Store,
    /// V: exponential average of its square.
    square: Store,
    /// Updates so far: they tell the roundings of one from those of the next.
    updates: u32,
}

/// One number per synapse, in the order of [`Tiled`].
#[derive(Clone, Debug, PartialEq)]
enum Store {
    F32(Vec<Lanes>),
    Bf16(Vec<[u16; LANES]>),
}

/// The moments of some tiles, for one thread.
#[derive(Debug)]
pub struct TileMoments<'a> {
    mean: StoreTiles<'a>,
    square: StoreTiles<'a>,
    kernels: Kernels,
    /// Stands for update and place in the noise of roundings.
    key: u32,
}

#[derive(Debug)]
enum StoreTiles<'a> {
    F32(&'a mut [Lanes]),
    Bf16(&'a mut [[u16; LANES]]),
}

impl Moments {
    /// Zero moments for the synapses of a layer.
    pub fn new(inputs: usize, outputs: usize, format: MomentFormat) -> Self {
        let groups = outputs.div_ceil(LANES) * inputs;
        let store = || match format {
            MomentFormat::F32 => Store::F32(Lanes::zeros(groups)),
            MomentFormat::Bf16 => Store::Bf16(vec![[0; LANES]; groups]),
        };
        Self { inputs, outputs, mean: store(), square: store(), updates: 0 }
    }

    /// Moments as they were after so many updates, from the rows that [`Moments::mean`] and [`Moments::square`] gave.
    pub(crate) fn restored(self, mean: &[f32], square: &[f32], updates: u32) -> Self {
        let store = |like: &Store, rows: &[f32]| {
            let value = |output: usize, input: usize| rows[output * self.inputs + input];
            let tiled = Tiled::from_fn(self.inputs, self.outputs, value);
            match like {
                Store::F32(_) => Store::F32(tiled.into_groups()),
                // The upper half: the lower one is zero in numbers that were 16 bits wide.
                Store::Bf16(_) => {
                    let narrow = |group: &Lanes| group.0.map(|value| (value.to_bits() >> 16) as u16);
                    Store::Bf16(tiled.groups().iter().map(narrow).collect())
                }
            }
        };
        let (mean, square) = (store(&self.mean, mean), store(&self.square, square));
        Self { mean, square, updates, ..self }
    }

    /// Updates so far.
    pub(crate) fn updates(&self) -> u32 {
        self.updates
    }

    /// First moments, one row per output: (outputs, inputs).
    pub fn mean(&self) -> Vec<f32> {
        self.rows(&self.mean)
    }

    /// Second moments, likewise.
    pub fn square(&self) -> Vec<f32> {
        self.rows(&self.square)
    }

    fn rows(&self, store: &Store) -> Vec<f32> {
        let value = |output: usize, input: usize| {
            let (group, lane) = (output / LANES * self.inputs + input, output % LANES);
            match store {
                Store::F32(groups) => groups[group].0[lane],
                Store::Bf16(groups) => f32::from_bits(u32::from(groups[group][lane]) << 16),
            }
        };
        Tiled::from_fn(self.inputs, self.outputs, value).to_rows()
    }

    /// Pieces of `groups` lane groups each, for one update.
    pub(crate) fn tiles(&mut self, kernels: Kernels, groups: usize) -> impl Iterator<Item = TileMoments<'_>> {
        self.updates = self.updates.wrapping_add(1);
        let update = self.updates.wrapping_mul(0x9e37_79b9);
        let pieces = self.mean.tiles(groups).zip(self.square.tiles(groups)).enumerate();
        pieces.map(move |(index, (mean, square))| {
            let key = update ^ (index as u32).wrapping_mul(0x85eb_ca6b);
            TileMoments { mean, square, kernels, key }
        })
    }
}

impl Store {
    fn tiles(&mut self, groups: usize) -> Box<dyn Iterator<Item = StoreTiles<'_>> + '_> {
        match self {
            Self::F32(all) => Box::new(all.chunks_mut(groups).map(StoreTiles::F32)),
            Self::Bf16(all) => Box::new(all.chunks_mut(groups).map(StoreTiles::Bf16)),
        }
    }
}

impl TileMoments<'_> {
    /// Hands the moments of `count` lane groups from `first` on to `update`, as (mean, square), 16 `count` numbers each.
    /// In 16 bits these are copies, made wide: ask for few, so that they stay in the first-level cache.
    pub fn with(&mut self, first: usize, count: usize, update: impl FnOnce(&mut [f32], &mut [f32])) {
        let key = self.key ^ (first as u32).wrapping_mul(0xc2b2_ae35);
        match (&mut self.mean, &mut self.square) {
            (StoreTiles::F32(mean), StoreTiles::F32(square)) => {
                let range = first..first + count;
                update(Lanes::flat_mut(&mut mean[range.clone()]), Lanes::flat_mut(&mut square[range]));
            }
            (StoreTiles::Bf16(mean), StoreTiles::Bf16(square)) => {
                let (mean, square) = (&mut mean[first..first + count], &mut square[first..first + count]);
                let (mean, square) = (mean.as_flattened_mut(), square.as_flattened_mut());
                let mut wide = [vec![0.0; mean.len()], vec![0.0; square.len()]];
                let [wide_mean, wide_square] = &mut wide;
                (self.kernels.widen)(mean, wide_mean);
                (self.kernels.widen)(square, wide_square);
                update(wide_mean, wide_square);
                (self.kernels.narrow)(wide_mean, key, mean);
                (self.kernels.narrow)(wide_square, !key, square);
            }
            // Both are made alike in `Moments::new`.
            _ => unreachable!("both moments have one width"),
        }
    }
}
