//! Short names for contents: the first digits of a SHA-256.

use std::sync::OnceLock;

use sha2::{Digest as _, Sha256};

/// Takes in bytes, and names them.
#[derive(Default)]
pub struct Digest(Sha256);

impl Digest {
    /// With more bytes.
    #[must_use]
    pub fn with(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.update(bytes);
        self
    }

    /// The first `digits` hexadecimal digits, at most 64.
    pub fn digits(self, digits: usize) -> String {
        let mut text: String = self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        text.truncate(digits);
        text
    }
}

/// The digest of what it stands beside, computed when it is first asked for. It makes no difference to equality.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cached(OnceLock<String>);

impl Cached {
    pub fn get_or(&self, compute: impl FnOnce() -> String) -> &str {
        self.0.get_or_init(compute)
    }
}

impl PartialEq for Cached {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Cached {}
