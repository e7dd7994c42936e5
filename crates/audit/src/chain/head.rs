//! The head of a chain: the last number and hash, kept beside the record.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{Hash, read_hex};

/// Every head has this length, so that one write replaces the one before whole.
const LENGTH: usize = 112;

/// Where a chain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub(super) sequence: u64,
    pub(super) hash: Hash,
}

impl Head {
    /// The file in which the head of the record at `record` is kept.
    #[must_use]
    pub fn path(record: &Path) -> PathBuf {
        let mut name = record.as_os_str().to_owned();
        name.push(".head");
        PathBuf::from(name)
    }

    /// Reads the head that is kept beside the record at `record`; `None` if there is none. To verify a
    /// record that is being written, read the head first: the record may run ahead of it, never behind.
    ///
    /// # Errors
    /// The file cannot be read, or is not a head.
    pub fn read(record: &Path) -> io::Result<Option<Self>> {
        match std::fs::read(Self::path(record)) {
            Ok(bytes) if bytes.is_empty() => Ok(None),
            Ok(bytes) => Self::parse(&bytes)
                .map(Some)
                .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the head file is not a head")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The number of the last line.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The hash of the last line, in hexadecimal.
    #[must_use]
    pub fn hash(&self) -> String {
        hex::encode(self.hash)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?.trim_end();
        let (sequence, rest) = text.strip_prefix("{\"seq\":")?.split_once(',')?;
        let hash = rest.strip_prefix("\"chain\":\"")?.strip_suffix("\"}")?;
        Some(Self { sequence: sequence.parse().ok()?, hash: read_hex(hash.as_bytes())? })
    }

    fn text(&self) -> String {
        let text = format!("{{\"seq\":{},\"chain\":\"{}\"}}", self.sequence, self.hash());
        format!("{text:<width$}\n", width = LENGTH - 1)
    }
}

/// The head file of a record that is being written. Whoever holds it is the only writer.
#[derive(Debug)]
pub(crate) struct HeadFile(File);

impl HeadFile {
    /// Opens the head file beside `record` and locks it: two writers would tear the chain apart.
    pub(crate) fn open(record: &Path) -> io::Result<Self> {
        let path = Head::path(record);
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(std::fs::TryLockError::WouldBlock) => {
                Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process is writing this record"))
            }
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        }
    }

    pub(crate) fn write(&self, head: &Head) -> io::Result<()> {
        self.0.write_all_at(head.text().as_bytes(), 0)
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_reads_back_and_always_has_the_same_length() {
        for sequence in [0, 1, u64::MAX] {
            let head = Head { sequence, hash: [0xab; 32] };
            assert_eq!(head.text().len(), LENGTH);
            assert_eq!(Head::parse(head.text().as_bytes()), Some(head));
        }
        assert_eq!(Head::parse(b"{\"seq\":1}"), None);
    }

    #[test]
    fn a_record_has_one_writer_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let record = folder.path().join("audit.log");
        let first = HeadFile::open(&record).unwrap();
        assert_eq!(HeadFile::open(&record).unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        first.write(&Head { sequence: 7, hash: [1; 32] }).unwrap();
        drop(first);
        assert!(HeadFile::open(&record).is_ok());
        assert_eq!(Head::read(&record).unwrap().unwrap().sequence(), 7);
    }
}
