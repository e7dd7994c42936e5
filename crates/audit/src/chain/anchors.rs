//! Signed heads outside of the record: written as they are made, read when the record is verified.
//!
//! An anchor is the recorded line of a checkpoint, in a file that whoever can write the record cannot change: on
//! another machine, in a store that is written once. Whatever a collector kept will do, for it got the same line.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use super::verify::Checkpoint;
use super::{Hash, Head, PublicKey};

/// Appends heads to a file elsewhere.
#[derive(Debug)]
pub(crate) struct Anchors {
    path: PathBuf,
    is_failing: bool,
}

impl Anchors {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path, is_failing: false }
    }

    /// Appends one recorded line. The file is opened for each, once a minute at most: what lies elsewhere may come and
    /// go. A head that cannot be anchored is still in the record, and the next one vouches for it too.
    pub(crate) fn add(&mut self, line: &[u8]) {
        let added = self.open().and_then(|mut file| file.write_all(line).and_then(|()| file.sync_data()));
        match added {
            Ok(()) => self.is_failing = false,
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::error!(%error, "the head of the audit record cannot be anchored");
                }
            }
        }
    }

    fn open(&self) -> io::Result<File> {
        OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)
    }
}

/// A head that was kept outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    pub(super) head: Head,
}

impl Anchor {
    /// The number of the line that it vouches for.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.head.sequence
    }

    pub(super) const fn hash(&self) -> &Hash {
        &self.head.hash
    }
}

/// Reads the anchors among `lines`; whatever else stands there is passed over, also what a collector wrote before
/// a line. With a key, only heads that it signed count. Says how many checkpoints did not.
///
/// # Errors
/// The lines cannot be read.
pub fn read_anchors(lines: impl BufRead, key: Option<&PublicKey>) -> io::Result<(Vec<Anchor>, usize)> {
    let (mut anchors, mut unsigned) = (Vec::new(), 0);
    for line in lines.split(b'\n') {
        let line = line?;
        let Some(start) = memchr::memmem::find(&line, b"{\"time\":\"") else { continue };
        let Some(checkpoint) = Checkpoint::read(line.get(start..).unwrap_or_default()) else { continue };
        if key.is_none_or(|key| checkpoint.is_signed_by(key)) {
            anchors.push(Anchor { head: checkpoint.head });
        } else {
            unsigned += 1;
        }
    }
    anchors.sort_by_key(|anchor| anchor.head.sequence);
    anchors.dedup();
    Ok((anchors, unsigned))
}
