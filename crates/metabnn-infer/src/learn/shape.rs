//! The widths of a learner, and the memory that they need.

use super::LearnError;

/// The most inputs and units of a layer: sums of as many pixels are exact in 32-bit floats.
pub const MOST_INPUTS: usize = 65_793;
/// The most layers.
pub const MOST_LAYERS: usize = 8;

/// Widths of a multi-layer perceptron: its pixels, its hidden layers, its classes.
///
/// What memory it needs is known when the program is compiled, and can be the size of an array.
///
/// ```
/// use metabnn_infer::learn::Shape;
/// const SHAPE: Shape<'_> = Shape::new(&[784, 128, 10]);
/// static LEVELS: [i8; SHAPE.synapses()] = [0; SHAPE.synapses()];
/// assert_eq!(LEVELS.len(), 784 * 128 + 128 * 10);
/// assert_eq!(SHAPE.bytes::<i8>(1), 101_632 + 4 * 394);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape<'s> {
    widths: &'s [usize],
}

impl<'s> Shape<'s> {
    /// A network of these widths, from the pixels to the classes. What is no network is refused when a learner is made.
    pub const fn new(widths: &'s [usize]) -> Self {
        Self { widths }
    }

    /// The widths, from the pixels to the classes.
    pub const fn widths(self) -> &'s [usize] {
        self.widths
    }

    /// Synapses, and so levels: sum over the layers of inputs x outputs.
    pub const fn synapses(self) -> usize {
        let (mut sum, mut layer) = (0_usize, 1);
        while layer < self.widths.len() {
            sum = sum.saturating_add(self.widths[layer - 1].saturating_mul(self.widths[layer]));
            layer += 1;
        }
        sum
    }

    /// 32-bit floats to work in, for batches of at most `batch` images:
    /// batch x (units of all layers + widest hidden layer) + widest layer.
    pub const fn numbers(self, batch: usize) -> usize {
        batch.saturating_mul(self.units().saturating_add(self.widest_hidden())).saturating_add(self.widest())
    }

    /// Bytes of all memory that a learner is given: its levels and its numbers.
    pub const fn bytes<L>(self, batch: usize) -> usize {
        self.synapses().saturating_mul(size_of::<L>()).saturating_add(self.numbers(batch).saturating_mul(4))
    }

    /// Pixels of an image.
    pub const fn inputs(self) -> usize {
        if self.widths.is_empty() { 0 } else { self.widths[0] }
    }

    /// Classes.
    pub const fn classes(self) -> usize {
        if self.widths.is_empty() { 0 } else { self.widths[self.widths.len() - 1] }
    }

    /// Units of all layers, those that show the pixels not among them.
    pub(super) const fn units(self) -> usize {
        let (mut sum, mut layer) = (0_usize, 1);
        while layer < self.widths.len() {
            sum = sum.saturating_add(self.widths[layer]);
            layer += 1;
        }
        sum
    }

    /// Units of the widest layer.
    pub(super) const fn widest(self) -> usize {
        let hidden = self.widest_hidden();
        if self.classes() > hidden { self.classes() } else { hidden }
    }

    /// Units of the widest hidden layer, 0 where there is none.
    pub(super) const fn widest_hidden(self) -> usize {
        let (mut most, mut layer) = (0, 1);
        while layer + 1 < self.widths.len() {
            if self.widths[layer] > most {
                most = self.widths[layer];
            }
            layer += 1;
        }
        most
    }

    /// # Errors
    /// [`LearnError::Layers`] and [`LearnError::Width`].
    pub(super) fn check(self) -> Result<(), LearnError> {
        let got = self.widths.len();
        if !(2..=MOST_LAYERS + 1).contains(&got) {
            return Err(LearnError::Layers { got });
        }
        for (index, &got) in self.widths.iter().enumerate() {
            let is_last = index + 1 == self.widths.len();
            let (least, most) = if is_last { (2, 256) } else { (1, MOST_INPUTS) };
            if !(least..=most).contains(&got) {
                return Err(LearnError::Width { index, got });
            }
        }
        Ok(())
    }
}
