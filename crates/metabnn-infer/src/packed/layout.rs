//! The parts of a packed model and where they are: what reader and writer have to agree about.

use super::PackedError;
use super::checksum::checksum;

/// What a packed model begins with.
pub(super) const MAGIC: [u8; 4] = *b"mbnn";
/// Version of the format.
pub const VERSION: u16 = 1;
/// Bytes before the table of layers.
pub(super) const HEADER: usize = 24;
/// Bytes of a layer in the table.
pub(super) const LAYER: usize = 8;
/// Bytes of a state.
pub(super) const STATE: usize = 4;
/// Bytes of what a class has in a norm: mean, inverse, gamma, beta.
pub(super) const CLASS: usize = 16;
/// The order of a state that takes pixels as they are.
pub(super) const AS_IT_IS: u16 = u16::MAX;
/// Most inputs or outputs of a layer: sums of as many signs are exact in 32-bit floats.
pub const MOST_UNITS: usize = 1 << 24;
/// Most pixels that are taken as numbers: sums of as many are exact in 32-bit floats.
pub const MOST_PIXELS: usize = (1 << 24) / 255;

/// What a layer sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Pixels p of 8 bits, taken as p / 255; the first layer alone.
    Pixels = 0,
    /// Signs, one bit each; of the first layer's pixels +1 where p > 0.
    Signs = 1,
}

impl Kind {
    /// Bytes of the weights of a layer: (inputs / 8, out) where it sees pixels, (out, inputs / 32) words where it sees
    /// signs.
    pub(super) fn weight_bytes(self, inputs: usize, outputs: usize) -> u64 {
        let row = match self {
            Self::Pixels => inputs.div_ceil(8),
            Self::Signs => 4 * inputs.div_ceil(32),
        };
        row as u64 * outputs as u64
    }
}

/// Bytes of the parts of a packed model, each with the zeros behind it that fill up four bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Header, table of layers, states and checksum.
    pub header: u64,
    /// Weights of all layers.
    pub weights: u64,
    /// Thresholds of the hidden units, of all norms.
    pub thresholds: u64,
    /// What the output layer multiplies and adds, of all norms.
    pub outputs: u64,
    /// Pixel orders.
    pub orders: u64,
}

impl Sizes {
    /// Bytes of the file.
    pub fn total(&self) -> u64 {
        self.header + self.weights + self.thresholds + self.outputs + self.orders
    }
}

/// The numbers of a header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub length: u32,
    pub inputs: u32,
    pub layers: u16,
    pub states: u16,
    pub norms: u16,
    pub orders: u16,
}

impl Header {
    /// Reads the header of a file that is whole: of the right magic, version, length and checksum.
    pub fn read(bytes: &[u8]) -> Result<Self, PackedError> {
        if let Some(found) = bytes.first_chunk().filter(|found| **found != MAGIC) {
            return Err(PackedError::Magic { found: *found });
        }
        let Some((header, _)) = bytes.split_first_chunk::<HEADER>() else {
            return Err(PackedError::TooShort { needs: HEADER as u64 + 4, has: bytes.len() });
        };
        let [_, _, _, _, v0, v1, l0, l1, length @ .., s0, s1, n0, n1, o0, o1, z0, z1] = *header;
        let [b0, b1, b2, b3, i0, i1, i2, i3] = length;
        let found = u16::from_le_bytes([v0, v1]);
        if found != VERSION {
            return Err(PackedError::Version { found });
        }
        let length = u32::from_le_bytes([b0, b1, b2, b3]);
        let (needs, has) = (u64::from(length), bytes.len());
        if needs > has as u64 {
            return Err(PackedError::TooShort { needs, has });
        }
        if needs < has as u64 {
            return Err(PackedError::TooLong { needs, has });
        }
        let (content, stored) = bytes.split_last_chunk().unwrap_or((&[], &[0; 4]));
        let (stored, computed) = (u32::from_le_bytes(*stored), checksum(content));
        if stored != computed {
            return Err(PackedError::Checksum { stored, computed });
        }
        let reserved = u16::from_le_bytes([z0, z1]);
        field("reserved field", 0, reserved.into(), "0", reserved == 0)?;
        let header = Self {
            length,
            inputs: u32::from_le_bytes([i0, i1, i2, i3]),
            layers: u16::from_le_bytes([l0, l1]),
            states: u16::from_le_bytes([s0, s1]),
            norms: u16::from_le_bytes([n0, n1]),
            orders: u16::from_le_bytes([o0, o1]),
        };
        header.check()?;
        Ok(header)
    }

    fn check(&self) -> Result<(), PackedError> {
        let Self { inputs, layers, states, norms, orders, .. } = *self;
        let inputs_fit = (1..=MOST_UNITS as u32).contains(&inputs);
        field("number of inputs", 0, inputs.into(), "1 to 2^24", inputs_fit)?;
        field("number of layers", 0, layers.into(), "1 to 255", (1..=255).contains(&layers))?;
        field("number of states", 0, states.into(), "at least 1", states > 0)?;
        field("number of norms", 0, norms.into(), "at least 1", norms > 0)?;
        field("number of orders", 0, orders.into(), "at most 65534", orders < AS_IT_IS)
    }

    /// The header's bytes.
    #[cfg(feature = "alloc")]
    pub fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let parts: [&[u8]; 8] = [
            &MAGIC,
            &VERSION.to_le_bytes(),
            &self.layers.to_le_bytes(),
            &self.length.to_le_bytes(),
            &self.inputs.to_le_bytes(),
            &self.states.to_le_bytes(),
            &self.norms.to_le_bytes(),
            &self.orders.to_le_bytes(),
        ];
        bytes.iter_mut().zip(parts.into_iter().flatten()).for_each(|(to, from)| *to = *from);
        bytes
    }
}

/// How large everything is, from the header and the table of layers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Plan {
    pub sizes: Sizes,
    /// Bytes of a norm.
    pub norm_bytes: usize,
    /// Bytes of an order.
    pub order_bytes: usize,
    /// Words of memory for the sums of a first layer that sees pixels.
    pub sums: usize,
    /// Words of memory for the signs of the widest vector; there are two of them.
    pub signs: usize,
}

impl Plan {
    /// What `header` and `table` say; fails unless it adds up to the file's length.
    pub fn of(header: &Header, table: &[[u8; LAYER]]) -> Result<Self, PackedError> {
        let inputs = header.inputs as usize;
        let (mut plan, mut width, mut weights, mut thresholds, mut classes) =
            (Self::default(), inputs, 0, 0, 0);
        for (index, entry) in table.iter().enumerate() {
            let (kind, outputs) = layer(index, entry)?;
            weights += padded(kind.weight_bytes(width, outputs));
            if index + 1 == table.len() {
                classes = (CLASS * outputs) as u64;
            } else {
                thresholds += 4 * outputs as u64;
                plan.signs = plan.signs.max(outputs.div_ceil(32));
            }
            match kind {
                Kind::Pixels => {
                    let expected = "at most 65793 where they are taken as numbers";
                    field("number of inputs", 0, width as u64, expected, width <= MOST_PIXELS)?;
                    plan.sums = outputs;
                }
                Kind::Signs => plan.signs = plan.signs.max(width.div_ceil(32)),
            }
            width = outputs;
        }
        let (norms, orders) = (u64::from(header.norms), u64::from(header.orders));
        let order = padded((place_bytes(inputs) * inputs) as u64);
        plan.sizes = Sizes {
            header: (HEADER + LAYER * table.len() + STATE * usize::from(header.states) + 4) as u64,
            weights,
            thresholds: norms * thresholds,
            outputs: norms * classes,
            orders: orders * order,
        };
        let (needs, has) = (plan.sizes.total(), u64::from(header.length));
        if needs != has {
            return Err(PackedError::Parts { needs, has });
        }
        // A norm is part of the file, and so is an order, if there is any.
        (plan.norm_bytes, plan.order_bytes) = ((thresholds + classes) as usize, order as usize);
        Ok(plan)
    }
}

/// Fails with a field's error unless it `is_right`.
pub(super) fn field(
    what: &'static str,
    index: usize,
    found: u64,
    expected: &'static str,
    is_right: bool,
) -> Result<(), PackedError> {
    if is_right { Ok(()) } else { Err(PackedError::Field { what, index, found, expected }) }
}

/// The kind and the outputs of layer `index` of the table.
pub(super) fn layer(index: usize, entry: &[u8; LAYER]) -> Result<(Kind, usize), PackedError> {
    let [o0, o1, o2, o3, kind, zeros @ ..] = *entry;
    let outputs = u32::from_le_bytes([o0, o1, o2, o3]);
    let outputs_fit = (1..=MOST_UNITS as u32).contains(&outputs);
    field("number of outputs of the layer", index, outputs.into(), "1 to 2^24", outputs_fit)?;
    field("reserved bytes of the layer", index, zeros[0].into(), "0", zeros == [0; 3])?;
    let kind = match kind {
        0 if index == 0 => Kind::Pixels,
        1 => Kind::Signs,
        _ => {
            let expected = "0 (pixels; the first layer alone) or 1 (signs)";
            return Err(PackedError::Field {
                what: "kind of the layer",
                index,
                found: kind.into(),
                expected,
            });
        }
    };
    Ok((kind, outputs as usize))
}

/// Bytes of a number in an order of so many pixels.
pub(super) fn place_bytes(inputs: usize) -> usize {
    if inputs <= 1 << 16 { 2 } else { 4 }
}

/// `size` with what fills up four bytes.
pub(super) fn padded(size: u64) -> u64 {
    size.next_multiple_of(4)
}
