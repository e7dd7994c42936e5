//! Values that nobody is to read: a keyed digest in place of each.
//!
//! In: a text. Out: HMAC-SHA-256, cut to 64 bits. Whoever has the journal without its key can neither read a value
//! nor try all that it could be; with the key, two values can be told to be the same, which is what rules compare.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use aws_lc_rs::{hmac, rand};
use serde::{Deserialize, Serialize};

/// The name of the key's file.
const FILE: &str = "key";
/// Its size.
const BYTES: usize = 32;

/// A value that was said: its digest as 16 hexadecimal digits, and how long it was in bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Digest {
    /// The digest.
    #[serde(rename = "h")]
    pub hex: String,
    /// Bytes of what was said.
    #[serde(rename = "n")]
    pub length: usize,
}

/// The key of a journal's digests.
pub struct JournalKey(hmac::Key);

impl std::fmt::Debug for JournalKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JournalKey")
    }
}

impl JournalKey {
    /// The key of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; BYTES]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// Reads the key of a folder.
    ///
    /// # Errors
    /// If it is not there, or has another size.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut bytes = [0u8; BYTES];
        let mut file = fs::File::open(folder.join(FILE))?;
        if file.metadata()?.len() != BYTES as u64 {
            return Err(io::Error::other(format!("the key in `{}` is no key", folder.display())));
        }
        file.read_exact(&mut bytes)?;
        Ok(Self::from_bytes(&bytes))
    }

    /// Reads the key of a folder, or makes it: for its owner only, and never in half.
    ///
    /// # Errors
    /// As [`Self::read`], and if it cannot be made.
    pub fn read_or_make(folder: &Path) -> io::Result<Self> {
        match Self::read(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            read => return read,
        }
        let mut bytes = [0u8; BYTES];
        rand::fill(&mut bytes).map_err(|_| io::Error::other("no randomness"))?;
        let draft = folder.join(format!("{FILE}.{}", std::process::id()));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        // Whoever links first wins, and all read the same.
        let linked = fs::hard_link(&draft, folder.join(FILE));
        fs::remove_file(&draft)?;
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            Ok(()) | Err(_) => Self::read(folder),
        }
    }

    /// The digest of a text.
    #[must_use]
    pub fn digest(&self, text: &str) -> Digest {
        let tag = hmac::sign(&self.0, text.as_bytes());
        let cut = tag.as_ref().get(..8).unwrap_or_default();
        Digest { hex: hex::encode(cut), length: text.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_key_and_only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let first = JournalKey::read_or_make(folder.path()).unwrap();
        let again = JournalKey::read_or_make(folder.path()).unwrap();
        assert_eq!(first.digest("alice"), again.digest("alice"));
        assert_ne!(first.digest("alice"), first.digest("bob"));
        assert_ne!(first.digest("alice").hex, JournalKey::from_bytes(&[7; 32]).digest("alice").hex);
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(folder.path().join(FILE), "short").unwrap();
        assert!(JournalKey::read_or_make(folder.path()).is_err(), "a broken key is not replaced");
    }
}
