//! Files that grow while a run goes on.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Context, Encoder, JsonLines, TensorBoard, whole};
use crate::report::error::ReportError;
use crate::report::folder::write_atomically;
use metabnn::metrics::Evaluation;

/// The files of some formats, open to be added to. It has to be gone before its folder is moved: some systems do not move
/// folders with open files.
pub struct Live {
    context: Context,
    files: Vec<Growing>,
}

/// A file that is added to.
struct Growing {
    encoder: Box<dyn Encoder>,
    path: PathBuf,
    file: File,
}

impl Live {
    /// Names of the files of all formats that a run may let grow.
    pub(crate) const FILES: [&'static str; 2] = [JsonLines::FILE, TensorBoard::FILE];

    /// Writes the files of `encoders` into `folder` anew, with the rows of `done`: where a run is resumed, what was written
    /// after its last checkpoint is gone. A reader sees the old file or the new one.
    ///
    /// # Errors
    /// [`ReportError::File`] if the file system refuses.
    pub fn open(
        folder: &Path,
        encoders: Vec<Box<dyn Encoder>>,
        context: Context,
        done: &[Evaluation],
    ) -> Result<Self, ReportError> {
        let open = |encoder: Box<dyn Encoder>| {
            let path = folder.join(encoder.file_name());
            write_atomically(&path, &whole(encoder.as_ref(), &context, done))?;
            let file = OpenOptions::new().append(true).open(&path);
            let file = file.map_err(ReportError::file(&path, "write"))?;
            Ok(Growing { encoder, path, file })
        };
        let files = encoders.into_iter().map(open).collect::<Result<_, ReportError>>()?;
        Ok(Self { context, files })
    }

    /// Adds `rows` to every file; they are whole moments of the run, see [`Encoder::encode`]. They are with the system when
    /// this returns: another program sees them, and they outlive this one.
    ///
    /// # Errors
    /// [`ReportError::File`] if the file system refuses.
    pub fn append(&mut self, rows: &[Evaluation]) -> Result<(), ReportError> {
        if rows.is_empty() {
            return Ok(());
        }
        for Growing { encoder, path, file } in &mut self.files {
            let bytes = encoder.encode(&self.context, rows);
            let written = file.write_all(&bytes).and_then(|()| file.flush());
            written.map_err(ReportError::file(path, "write"))?;
        }
        Ok(())
    }
}
