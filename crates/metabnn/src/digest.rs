//! Short names for contents: the first digits of a SHA-256.

use sha2::{Digest as _, Sha256};

/// Takes in bytes, and names them.
#[derive(Default)]
pub(crate) struct Digest(Sha256);

impl Digest {
    /// With more bytes.
    pub(crate) fn add(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.update(bytes);
        self
    }

    /// The first `digits` hexadecimal digits, at most 64.
    pub(crate) fn digits(self, digits: usize) -> String {
        let mut text: String = self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        text.truncate(digits);
        text
    }
}
