//! Reading a journal: one decision by its receipt, or all of a time.
//!
//! In: the folder, which a gateway may be writing to. Out: decisions; or why one is not there. Reads segment by segment
//! and line by line, however large they are. A line that is none is passed over and counted: the last one may be
//! half written.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use portcullis_domain::{ReceiptId, Timestamp};
use thiserror::Error;

use super::decision::Decision;
use super::digest::JournalKey;
use super::folder::{self, Segment};
use super::keeps_answer;
use super::line::{LONGEST_LINE, Line, Unreadable};

/// A journal that is read.
#[derive(Debug)]
pub struct Journal {
    segments: Vec<Segment>,
    key: JournalKey,
    unreadable: u64,
}

/// Why a journal cannot be read.
#[derive(Debug, Error)]
pub enum JournalError {
    /// Nobody has written one.
    #[error("there is no journal in `{}`: a gateway that keeps one writes it there", .0.display())]
    Nothing(PathBuf),
    /// The system says so.
    #[error("cannot read the journal in `{}`: {source}", .folder.display())]
    System {
        /// Where.
        folder: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// It was written by another version.
    #[error("{0}")]
    Unreadable(Unreadable),
}

/// What is found by a receipt.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// The decision.
    Decision(Box<Decision>),
    /// Nothing, and this is why.
    Missing(Missing),
}

/// Why a decision is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The journal begins later.
    AgedOut {
        /// Its first moment.
        begins: Timestamp,
    },
    /// If it was answered, it was not among the answers that are kept; if it was refused, another gateway did that.
    NotKept {
        /// Of so many answers one is kept.
        one_in: u32,
    },
    /// Decisions were lost about then.
    Lost {
        /// How many.
        decisions: u64,
    },
    /// It would be there: another gateway made the receipt, or it is not written yet.
    Elsewhere,
}

impl Journal {
    /// Opens the journal of a folder.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open(folder: &Path) -> Result<Self, JournalError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => JournalError::Nothing(folder.to_owned()),
            _ => JournalError::System { folder: folder.to_owned(), source },
        };
        let segments = folder::segments(folder).map_err(failed)?;
        let key = JournalKey::read(folder).map_err(failed)?;
        Ok(Self { segments, key, unreadable: 0 })
    }

    /// The key of its digests.
    #[must_use]
    pub const fn key(&self) -> &JournalKey {
        &self.key
    }

    /// Lines that were passed over so far.
    #[must_use]
    pub const fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// The decision with this receipt.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn find(&mut self, receipt: ReceiptId) -> Result<Found, JournalError> {
        let at = made_at(receipt);
        let wanted = receipt.to_string();
        let (mut lost, mut one_in, mut found) = (0, 0, None);
        self.each_from(at, |line| match line {
            Line::Decision(decision) if decision.receipt == wanted => {
                found = Some(decision);
                Go::Stop
            }
            Line::Decision(_) => Go::On,
            Line::Journal { answers_one_in, .. } => {
                one_in = answers_one_in;
                Go::On
            }
            Line::Lost { decisions, since, until } => {
                if (since..=until).contains(&at.as_millis()) {
                    lost += decisions;
                }
                Go::On
            }
        })?;
        if let Some(decision) = found {
            return Ok(Found::Decision(decision));
        }
        Ok(Found::Missing(match self.segments.first() {
            Some(first) if at < first.began => Missing::AgedOut { begins: first.began },
            Some(_) | None if lost > 0 => Missing::Lost { decisions: lost },
            Some(_) if !keeps_answer(receipt, one_in) => Missing::NotKept { one_in },
            Some(_) | None => Missing::Elsewhere,
        }))
    }

    /// Hands every line since a moment to `each`, in the order in which they were written.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn each_since(&mut self, since: Timestamp, mut each: impl FnMut(Line)) -> Result<(), JournalError> {
        self.each_from(since, |line| {
            if line.at().is_none_or(|at| at >= since) {
                each(line);
            }
            Go::On
        })
    }

    fn each_from(&mut self, at: Timestamp, mut each: impl FnMut(Line) -> Go) -> Result<(), JournalError> {
        // A decision is written at its end: it stands in the segment of its beginning or in a later one.
        let first = self.segments.iter().rposition(|segment| segment.began <= at).unwrap_or(0);
        for segment in self.segments.iter().skip(first) {
            match read_segment(&segment.path, &mut self.unreadable, &mut each) {
                Ok(Go::On) => {}
                Ok(Go::Stop) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Go {
    On,
    Stop,
}

fn read_segment(
    path: &Path,
    unreadable: &mut u64,
    each: &mut impl FnMut(Line) -> Go,
) -> Result<Go, JournalError> {
    let failed = |source: io::Error| JournalError::System { folder: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        // Its time has come since we looked.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Go::On),
        Err(error) => return Err(failed(error)),
    };
    let mut reader = BufReader::new(file);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let longest = LONGEST_LINE as u64 + 1;
        if reader.by_ref().take(longest).read_until(b'\n', &mut bytes).map_err(failed)? == 0 {
            return Ok(Go::On);
        }
        match Line::read(&bytes) {
            Ok(line) => {
                if each(line) == Go::Stop {
                    return Ok(Go::Stop);
                }
            }
            Err(error @ Unreadable::Format(_)) => return Err(JournalError::Unreadable(error)),
            Err(Unreadable::Malformed | Unreadable::TooLong) => *unreadable += 1,
        }
    }
}

/// When a receipt was made: the first 48 bits of a UUID version 7 (RFC 9562 §5.7).
fn made_at(receipt: ReceiptId) -> Timestamp {
    let first = receipt.as_bytes().first_chunk::<8>().copied().unwrap_or_default();
    Timestamp::from_millis(u64::from_be_bytes(first) >> 16)
}
