//! A network as NumPy arrays, in one archive: `numpy.load("model.npz")`.
//!
//! The arrays are the tensors of `model.safetensors` under the same names, see [`crate::model`], and beside each
//! `layerL.hidden_weight` of a binary network its signs, `layerL.binary_weight`, of type int8.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{ExportError, Exported, ModelFormat};
use crate::model::Model;
use crate::model::tensors::{Tensors, hidden_name, write};
use crate::network::Precision;

/// The format on the command line and in Python.
pub(super) static FORMAT: ModelFormat = ModelFormat {
    name: "npz",
    extension: "npz",
    help: "NumPy arrays",
    takes_any_network: true,
    takes_statistics: false,
    encode: |model, _| Ok(Exported { bytes: npz(model)?, device: None }),
};

/// Arrays as `.npy` files, by name.
struct Arrays<'a> {
    files: Vec<(String, Vec<u8>)>,
    /// Names of the hidden weights whose signs are wanted.
    binarized: &'a [String],
}

/// The network of `model` as an `.npz` archive: weights, batch norms of every task, pixel orders. The same bytes for the
/// same model.
///
/// # Errors
/// [`ExportError::Archive`] if it is larger than an archive can be.
pub fn npz(model: &Model) -> Result<Vec<u8>, ExportError> {
    let network = &model.trained.network;
    let is_binary = network.config().precision == Precision::Binary;
    let layers = if is_binary { network.layers.len() } else { 0 };
    let binarized: Vec<String> = (0..layers).map(hidden_name).collect();
    let mut arrays = Arrays { files: Vec::new(), binarized: &binarized };
    write(&mut arrays, network, &model.trained.learned);
    for (name, order) in model.orders() {
        let values: Vec<u8> = order.iter().flat_map(|place| place.to_le_bytes()).collect();
        arrays.files.push((name, npy("<u4", &[order.len()], &values)));
    }
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in arrays.files {
        archive.start_file(format!("{name}.npy"), options.large_file(bytes.len() > u32::MAX as usize))?;
        archive.write_all(&bytes).map_err(zip::result::ZipError::Io)?;
    }
    Ok(archive.finish()?.into_inner())
}

impl Tensors for Arrays<'_> {
    fn floats(&mut self, name: String, shape: &[usize], values: &[f32]) {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        if self.binarized.contains(&name) {
            // sign(0) = +1
            let signs: Vec<u8> =
                values.iter().map(|value| if *value >= 0.0 { 1 } else { -1_i8 as u8 }).collect();
            self.files.push((name.replace("hidden", "binary"), npy("|i1", shape, &signs)));
        }
        self.files.push((name, npy("<f4", shape, &bytes)));
    }
}

/// An array of numbers of type `kind`, row-major, as a file in NumPy's format, version 1.0.
fn npy(kind: &str, shape: &[usize], values: &[u8]) -> Vec<u8> {
    const BEFORE: usize = 10;
    let sizes: String = shape.iter().map(|size| format!("{size},")).collect();
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({sizes}), }}");
    // Values begin at a multiple of 64 bytes, after a line feed.
    let length = (BEFORE + header.len() + 1).next_multiple_of(64) - BEFORE;
    header.push_str(&" ".repeat(length - 1 - header.len()));
    header.push('\n');
    [b"\x93NUMPY\x01\x00", &(length as u16).to_le_bytes()[..], header.as_bytes(), values].concat()
}
