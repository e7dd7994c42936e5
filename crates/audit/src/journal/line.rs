//! One line of a segment.
//!
//! In: bytes that a crash may have cut off or somebody may have written by hand. Out: a [`Line`], or why it is none.

use portcullis_domain::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::decision::Decision;

/// Longer lines are not written, and not read.
pub const LONGEST_LINE: usize = 64 * 1024;

/// What stands on a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    /// The first of each segment: what is to be expected.
    Journal {
        /// The version of the format.
        format: u32,
        /// Of so many answers one is kept; none with zero.
        answers_one_in: u32,
    },
    /// A decision.
    Decision(Box<Decision>),
    /// Decisions that found no room in the queue.
    Lost {
        /// How many.
        decisions: u64,
        /// When the first of them was lost, in milliseconds since the epoch.
        since: u64,
        /// When this was noted.
        until: u64,
    },
}

/// Why a line is none of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// It is longer than any.
    #[error("a line is longer than {LONGEST_LINE} bytes")]
    TooLong,
    /// It is not in the form of one.
    #[error("a line is none of a journal")]
    Malformed,
    /// It is of another version.
    #[error("a segment is of version {0} of the format, and this reads version {known}", known = super::FORMAT)]
    Format(u32),
}

impl Line {
    /// Reads a line, with or without its end.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        if bytes.len() > LONGEST_LINE {
            return Err(Unreadable::TooLong);
        }
        match serde_json::from_slice(bytes) {
            Ok(Self::Journal { format, .. }) if format != super::FORMAT => Err(Unreadable::Format(format)),
            Ok(line) => Ok(line),
            Err(_) => Err(Unreadable::Malformed),
        }
    }

    /// Appends the line and its end; nothing if it is too long.
    pub(super) fn write(&self, buffer: &mut Vec<u8>) -> Result<(), Unreadable> {
        let start = buffer.len();
        // Into memory, of types that all have a form.
        let written = serde_json::to_writer(&mut *buffer, self);
        if written.is_err() || buffer.len() - start >= LONGEST_LINE {
            buffer.truncate(start);
            return Err(Unreadable::TooLong);
        }
        buffer.push(b'\n');
        Ok(())
    }

    /// When what it tells of happened, if it tells of something.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Journal { .. } => None,
            Self::Decision(decision) => Some(Timestamp::from_millis(decision.at)),
            Self::Lost { since, .. } => Some(Timestamp::from_millis(*since)),
        }
    }
}
