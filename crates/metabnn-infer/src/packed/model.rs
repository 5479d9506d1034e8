//! A packed model, read where it lies, and what it says of a sample.

use super::layout::{
    self, AS_IT_IS, CLASS, HEADER, Header, Kind, LAYER, Plan, STATE, Sizes, padded, place_bytes,
};
use super::sums::{TOGETHER, pixel_sums, sign_sums, signs};
use super::{InputError, PackedError, check};

/// A packed model: its bytes, checked, and where its parts are. It copies nothing.
#[derive(Clone, Copy, Debug)]
pub struct Model<'a> {
    inputs: usize,
    table: &'a [[u8; LAYER]],
    states: &'a [[u8; STATE]],
    weights: &'a [u8],
    norms: &'a [u8],
    orders: &'a [u8],
    plan: Plan,
}

/// A layer of a packed model.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// What it sees.
    pub kind: Kind,
    /// Width of its input.
    pub inputs: usize,
    /// Width of its output.
    pub outputs: usize,
    /// Its weights, without what fills up four bytes: see the [module](super).
    pub weights: &'a [u8],
}

/// What stands behind the sum of a class: z = gamma (y - mean) inverse + beta.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassNorm {
    /// Mean of y.
    pub mean: f32,
    /// 1 / sqrt(variance + eps).
    pub inverse: f32,
    /// Scale.
    pub gamma: f32,
    /// Shift.
    pub beta: f32,
}

/// What a pixel p is taken as: p / 255, as a factor.
pub const PIXEL_SCALE: f32 = 1.0 / 255.0;

impl ClassNorm {
    /// The score of a class with the whole-number sum `s` of a layer that sees `kind`. These operations in this order,
    /// none of them fused, are those of training; so the score is the same to the last bit.
    pub fn score(self, kind: Kind, s: i32) -> f32 {
        let y = match kind {
            Kind::Pixels => s as f32 * PIXEL_SCALE,
            Kind::Signs => s as f32,
        };
        let normed = (y - self.mean) * self.inverse;
        self.gamma * normed + self.beta
    }

    /// The numbers of these bytes.
    pub(super) fn from_bytes(bytes: &[u8; CLASS]) -> Self {
        let [[m0, m1, m2, m3], inverse, gamma, beta] = [0, 4, 8, 12].map(|at| {
            let mut four = [0; 4];
            four.iter_mut().zip(bytes.iter().skip(at)).for_each(|(to, from)| *to = *from);
            four
        });
        let [inverse, gamma, beta] = [inverse, gamma, beta].map(f32::from_le_bytes);
        Self { mean: f32::from_le_bytes([m0, m1, m2, m3]), inverse, gamma, beta }
    }
}

impl<'a> Model<'a> {
    /// Reads a packed model from all its bytes, at any alignment. All of it is checked here; nothing that follows can
    /// fail but for what it is given.
    ///
    /// # Errors
    /// [`PackedError`] says what is wrong.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PackedError> {
        let header = Header::read(bytes)?;
        let (layers, states) = (LAYER * usize::from(header.layers), STATE * usize::from(header.states));
        let needs = (HEADER + layers + states + 4) as u64;
        let parts = PackedError::Parts { needs, has: header.length.into() };
        let (_, rest) = bytes.split_at_checked(HEADER).ok_or(parts)?;
        let (table, rest) = rest.split_at_checked(layers).ok_or(parts)?;
        let (states, rest) = rest.split_at_checked(states).ok_or(parts)?;
        let (table, states) = (table.as_chunks().0, states.as_chunks().0);
        let plan = Plan::of(&header, table)?;
        // All of these are less than the length, so they fit.
        let sizes = &plan.sizes;
        let (weights, rest) = rest.split_at_checked(sizes.weights as usize).ok_or(parts)?;
        let norms = (sizes.thresholds + sizes.outputs) as usize;
        let (norms, rest) = rest.split_at_checked(norms).ok_or(parts)?;
        let (orders, _) = rest.split_at_checked(sizes.orders as usize).ok_or(parts)?;
        let model = Self { inputs: header.inputs as usize, table, states, weights, norms, orders, plan };
        check::check(&model, header.norms, header.orders)?;
        Ok(model)
    }

    /// Pixels of a sample.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.layers().last().map_or(0, |layer| layer.outputs)
    }

    /// Number of states.
    pub fn states(&self) -> usize {
        self.states.len()
    }

    /// The norm and, where it has one, the pixel order of a state, by number; `None`: there is no such state.
    pub fn state(&self, state: usize) -> Option<(usize, Option<usize>)> {
        let [n0, n1, o0, o1] = *self.states.get(state)?;
        let order = u16::from_le_bytes([o0, o1]);
        let order = (order != AS_IT_IS).then_some(usize::from(order));
        Some((usize::from(u16::from_le_bytes([n0, n1])), order))
    }

    /// Bytes of its parts.
    pub fn sizes(&self) -> Sizes {
        self.plan.sizes
    }

    /// Words of scratch memory that [`Model::classify`] needs. Beside it, and beside the pixels, an inference takes
    /// some 1.2 KiB of stack on a 32-bit Arm processor, in a release build: 512 bytes of it are the table of sums.
    pub fn scratch_len(&self) -> usize {
        self.plan.sums + 2 * self.plan.signs
    }

    /// The layers in order; the last one is the output layer.
    pub fn layers(&self) -> impl Iterator<Item = Layer<'a>> + use<'a> {
        let (mut inputs, mut weights) = (self.inputs, self.weights);
        self.table.iter().enumerate().filter_map(move |(index, entry)| {
            let (kind, outputs) = layout::layer(index, entry).ok()?;
            let size = kind.weight_bytes(inputs, outputs);
            let (own, rest) = weights.split_at_checked(padded(size) as usize)?;
            let layer = Layer { kind, inputs, outputs, weights: own.get(..size as usize)? };
            (inputs, weights) = (outputs, rest);
            Some(layer)
        })
    }

    /// The norms: thresholds of all hidden units, then four numbers per class.
    pub(super) fn norms(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.norms.chunks_exact(self.plan.norm_bytes.max(1))
    }

    /// The pixel orders, as they are in the file, with what fills up four bytes.
    pub(super) fn order_bytes(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.orders.chunks_exact(self.plan.order_bytes.max(1))
    }

    /// What fills up four bytes behind the weights of layer `index`.
    pub(super) fn behind_weights(&self, index: usize) -> &'a [u8] {
        let before = self.layers().take(index);
        let start: u64 = before.map(|layer| padded(layer.weights.len() as u64)).sum();
        let size = self.layers().nth(index).map_or(0, |layer| layer.weights.len());
        let end = start as usize + padded(size as u64) as usize;
        self.weights.get(start as usize + size..end).unwrap_or(&[])
    }

    /// Pixel `i` of an order.
    pub(super) fn place(&self, order: &[u8], i: usize) -> usize {
        match place_bytes(self.inputs) {
            2 => order.as_chunks().0.get(i).map_or(0, |place| u16::from_le_bytes(*place).into()),
            _ => order.as_chunks().0.get(i).map_or(0, |place| u32::from_le_bytes(*place) as usize),
        }
    }

    /// The class of a sample of `pixels`, counted from 0, in `state`: the one with the largest score, the first among
    /// equals. `scratch` may hold anything before.
    ///
    /// # Errors
    /// [`InputError`] if there are more or fewer pixels than [`Model::inputs`], no such state, or fewer words of scratch
    /// than [`Model::scratch_len`].
    pub fn classify(&self, pixels: &[u8], state: usize, scratch: &mut [u32]) -> Result<usize, InputError> {
        let mut best = (0, None);
        self.each_score(pixels, state, scratch, |class, score| {
            // As the library does: a score that is no number is never larger, and nothing is larger than it.
            if best.1.is_none_or(|most| score > most) {
                best = (class, Some(score));
            }
        })?;
        Ok(best.0)
    }

    /// The score of every class, the output of the last batch norm, into `scores`, (classes).
    ///
    /// # Errors
    /// As [`Model::classify`]; and if `scores` has not one place per class.
    pub fn scores(
        &self,
        pixels: &[u8],
        state: usize,
        scratch: &mut [u32],
        scores: &mut [f32],
    ) -> Result<(), InputError> {
        let (classes, got) = (self.classes(), scores.len());
        if classes != got {
            return Err(InputError::Scores { classes, got });
        }
        self.each_score(pixels, state, scratch, |class, score| {
            scores.iter_mut().skip(class).take(1).for_each(|place| *place = score);
        })
    }

    /// Hands the score of every class to `take`, in order.
    fn each_score(
        &self,
        pixels: &[u8],
        state: usize,
        scratch: &mut [u32],
        take: impl FnMut(usize, f32),
    ) -> Result<(), InputError> {
        let (needs, got) = (self.scratch_len(), scratch.len());
        if pixels.len() != self.inputs {
            return Err(InputError::Pixels { expected: self.inputs, got: pixels.len() });
        }
        let unknown = InputError::State { states: self.states(), got: state };
        let (norm, order) = self.state(state).ok_or(unknown)?;
        let short = InputError::Scratch { needs, got };
        let (sums, rest) = scratch.split_at_mut_checked(self.plan.sums).ok_or(short)?;
        let (mut here, rest) = rest.split_at_mut_checked(self.plan.signs).ok_or(short)?;
        let (mut there, _) = rest.split_at_mut_checked(self.plan.signs).ok_or(short)?;
        // Every state has been checked to name a norm, and an order or none.
        let mut norm = self.norms().nth(norm).unwrap_or(&[]);
        let order = order.and_then(|order| self.order_bytes().nth(order));
        let eights = self.eights(pixels, order);

        let mut layers = self.layers();
        let Some(mut layer) = layers.next() else { return Ok(()) };
        match layer.kind {
            Kind::Pixels => pixel_sums(layer.weights, eights, sums),
            Kind::Signs => ink(eights, here),
        }
        for next in layers {
            let (thresholds, rest) = norm.split_at_checked(4 * layer.outputs).unwrap_or((norm, &[]));
            let handed = there.get_mut(..layer.outputs.div_ceil(32)).unwrap_or(&mut []);
            layer.hand_on(sums, here, thresholds.as_chunks().0, handed);
            (here, there) = (there, here);
            (layer, norm) = (next, rest);
        }
        layer.classes(sums, here, norm.as_chunks().0, take);
        Ok(())
    }

    /// The pixels in the order of the inputs, eight at a time, zeros behind the last one.
    fn eights<'b>(
        &self,
        pixels: &'b [u8],
        order: Option<&'b [u8]>,
    ) -> impl Iterator<Item = [u8; TOGETHER]> + use<'a, 'b> {
        let model = *self;
        let pixel = move |i: usize| match order {
            None => pixels.get(i),
            Some(order) if i < model.inputs => pixels.get(model.place(order, i)),
            Some(_) => None,
        };
        (0..self.inputs.div_ceil(TOGETHER))
            .map(move |few| core::array::from_fn(|i| pixel(TOGETHER * few + i).copied().unwrap_or(0)))
    }
}

impl Layer<'_> {
    /// The signs that a hidden layer hands on, from its sums of pixels or from the signs that it sees.
    fn hand_on(&self, sums: &[u32], seen: &[u32], thresholds: &[[u8; 4]], handed: &mut [u32]) {
        match self.kind {
            Kind::Pixels => signs(sums.iter().map(|sum| *sum as i32), thresholds, handed),
            Kind::Signs => signs(self.sign_sums(seen), thresholds, handed),
        }
    }

    /// The scores of the output layer, likewise.
    fn classes(&self, sums: &[u32], seen: &[u32], norms: &[[u8; CLASS]], mut take: impl FnMut(usize, f32)) {
        let norms = norms.iter().map(ClassNorm::from_bytes).enumerate();
        let mut score =
            |((class, norm), sum): ((usize, ClassNorm), i32)| take(class, norm.score(self.kind, sum));
        match self.kind {
            Kind::Pixels => norms.zip(sums.iter().map(|sum| *sum as i32)).for_each(&mut score),
            Kind::Signs => norms.zip(self.sign_sums(seen)).for_each(&mut score),
        }
    }

    fn sign_sums<'a>(&'a self, seen: &'a [u32]) -> impl Iterator<Item = i32> + 'a {
        sign_sums(self.weights, seen.get(..self.inputs.div_ceil(32)).unwrap_or(&[]), self.inputs)
    }
}

/// +1 where a pixel has ink, as signs.
fn ink(eights: impl Iterator<Item = [u8; TOGETHER]>, signs: &mut [u32]) {
    signs.fill(0);
    for (few, eight) in eights.enumerate() {
        let byte = eight.iter().enumerate().fold(0, |byte, (bit, pixel)| byte | u32::from(*pixel > 0) << bit);
        if let Some(word) = signs.get_mut(few / 4) {
            *word |= byte << (8 * (few % 4));
        }
    }
}
