//! Reading a record back and saying where it is broken.
//!
//! In: the lines of one file, or of several in order, the head if there is one, the key that signs heads and heads
//! that were kept elsewhere. Out: what was read, or the first place that does not fit. Called by `portcullis audit verify`. One pass, one line in memory.

use std::io::{self, BufRead, Read as _};

use serde::Deserialize;

use super::{Anchor, CHAIN, Hash, Head, PublicKey, SEQUENCE, link, read_hex};

/// Longer lines were not written by us.
pub(crate) const LONGEST_LINE: usize = 256 * 1024;

/// What the first line of a file says after its moment, before the hash it goes on from.
const OPENER: &[u8] = b"\"event\":\"audit_opened\",\"level\":\"INFO\",\"previous\":\"";
const CHECKPOINT: &[u8] = b"\"event\":\"audit_checkpoint\",";
const CLOSER: &[u8] = b"\"event\":\"audit_closed\"";
const LOSS: &[u8] = b"\"event\":\"audit_lost\",\"level\":\"CRITICAL\",\"events\":";
/// The length of `{"time":"2025-11-24T06:38:00.123Z",`.
const MOMENT: usize = 35;

/// A record without a break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How many lines there are.
    pub lines: u64,
    /// The number of the first line.
    pub first: u64,
    /// The number of the last line.
    pub last: u64,
    /// The hash that the record goes on from; zeros for the first record ever. Compare it with `hash` of
    /// the file before.
    pub previous: String,
    /// The hash of the last line.
    pub hash: String,
    /// Events that the record itself says are missing.
    pub lost: u64,
    /// The last line that a signature vouches for, if a key was given.
    pub signed: Option<u64>,
    /// How many heads from outside it agrees with.
    pub anchors: usize,
    /// How many of them are about lines before the first one.
    pub earlier_anchors: usize,
    /// How sure it is that the end is the end.
    pub ending: Ending,
}

/// How sure it is that nothing was cut off at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The head confirms the end.
    Confirmed,
    /// The last line says that the record ends here; there was no head to compare with.
    Closed,
    /// Neither: lines may be missing at the end.
    Unknown,
}

/// The first place where a record does not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {kind}")]
pub struct Break {
    /// The line, counted from one.
    pub line: u64,
    /// What is wrong there.
    pub kind: BreakKind,
}

/// What is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BreakKind {
    /// There is nothing.
    #[error("the record is empty")]
    Empty,
    /// The file does not begin like a record.
    #[error("the beginning is missing: a record begins with `audit_opened`")]
    BeginningMissing,
    /// The line is no record, or its end is missing.
    #[error("this is no complete record")]
    Malformed,
    /// The line's number is not the next one: lines were removed, added or moved.
    #[error("expected number {expected}, found {found}: lines were removed, added or moved")]
    OutOfOrder {
        /// What should stand here.
        expected: u64,
        /// What stands here.
        found: u64,
    },
    /// The line, or one of its hash's inputs, was changed.
    #[error("the line does not fit its hash: it was changed")]
    Changed,
    /// The head knows lines that are not there.
    #[error("the end is missing: a head says that the record goes on to number {last}")]
    EndMissing {
        /// The number of the last line that was written.
        last: u64,
    },
    /// The head knows this line with another hash.
    #[error("the head knows this line with another hash: the record or the head was replaced")]
    HeadDiffers,
    /// A checkpoint tells of another chain than the one it stands in.
    #[error("the checkpoint does not fit the lines before it: they were written anew")]
    CheckpointDiffers,
    /// A checkpoint without a signature, although there is a key.
    #[error("the checkpoint is not signed")]
    Unsigned,
    /// A signature that the key did not make.
    #[error(
        "the checkpoint is not signed by the given key, but as `{key}`: it was written anew, or the key is another"
    )]
    SignatureInvalid {
        /// The key that it names.
        key: String,
    },
    /// A head from outside knows this line with another hash.
    #[error("a head that was kept outside knows this line with another hash: the record was written anew")]
    AnchorDiffers,
    /// The file cannot be read.
    #[error("the record cannot be read: {0}")]
    Unreadable(io::ErrorKind),
}

/// What a record is compared with, beyond itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Against<'a> {
    /// The head beside the newest file.
    pub head: Option<&'a Head>,
    /// The key that signs heads: every checkpoint must be signed by it.
    pub key: Option<&'a PublicKey>,
    /// Heads that were kept outside, in order.
    pub anchors: &'a [Anchor],
}

/// Reads a record from its first line to its end.
///
/// # Errors
/// The first break.
pub fn verify(reader: impl BufRead, head: Option<&Head>) -> Result<Summary, Break> {
    let mut walk = Verification::new(Against { head, ..Against::default() });
    walk.read(reader)?;
    walk.finish()
}

/// The number and hash of a line, if it is a record.
pub(crate) fn last_record(line: &[u8]) -> Option<Head> {
    let record = Record::parse(line)?;
    Some(Head { sequence: record.sequence, hash: record.hash })
}

/// The number of a line, if it is a record.
pub(crate) fn sequence_of(line: &[u8]) -> Option<u64> {
    let body = line.strip_suffix(b"\n").unwrap_or(line);
    Record::of(body).map(|record| record.sequence).filter(|sequence| *sequence > 0)
}

/// Reads one line with its line break, bounded. `false` at the end.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut bounded = reader.take(LONGEST_LINE as u64);
    Ok(bounded.read_until(b'\n', line)? > 0)
}

/// A walk over the files of a record, oldest first.
#[derive(Debug)]
pub struct Verification<'a> {
    against: Against<'a>,
    /// Of all files, and of this one.
    lines: u64,
    line: u64,
    first: u64,
    previous: Hash,
    sequence: u64,
    hash: Hash,
    lost: u64,
    signed: Option<u64>,
    anchored: usize,
    is_closed: bool,
    scratch: Vec<u8>,
}

impl<'a> Verification<'a> {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(against: Against<'a>) -> Self {
        Self {
            against,
            lines: 0,
            line: 0,
            first: 0,
            previous: Hash::default(),
            sequence: 0,
            hash: Hash::default(),
            lost: 0,
            signed: None,
            anchored: 0,
            is_closed: false,
            scratch: Vec::new(),
        }
    }

    /// Reads the next file, whole.
    ///
    /// # Errors
    /// The first break, with its line in this file.
    pub fn read(&mut self, mut reader: impl BufRead) -> Result<(), Break> {
        self.line = 0;
        let mut line = Vec::new();
        while read_line(&mut reader, &mut line)
            .map_err(|error| self.broken(BreakKind::Unreadable(error.kind())))?
        {
            self.step(&line)?;
        }
        Ok(())
    }

    fn step(&mut self, line: &[u8]) -> Result<(), Break> {
        self.lines += 1;
        self.line += 1;
        let record = Record::parse(line).ok_or_else(|| self.broken(BreakKind::Malformed))?;
        if self.line == 1 {
            let previous = previous(line).ok_or_else(|| self.broken(BreakKind::BeginningMissing))?;
            if self.lines == 1 {
                self.previous = previous;
                self.first = record.sequence;
                self.sequence = record.sequence.wrapping_sub(1);
                self.hash = previous;
            }
        }
        let expected = self.sequence.wrapping_add(1);
        if record.sequence != expected {
            return Err(self.broken(BreakKind::OutOfOrder { expected, found: record.sequence }));
        }
        if link(&self.hash, record.body, &mut self.scratch) != record.hash {
            return Err(self.broken(BreakKind::Changed));
        }
        let head = self.against.head;
        if head.is_some_and(|head| head.sequence == record.sequence && head.hash != record.hash) {
            return Err(self.broken(BreakKind::HeadDiffers));
        }
        let rest = line.get(MOMENT..).unwrap_or_default();
        if rest.starts_with(CHECKPOINT) {
            self.check_signature(line)?;
        }
        self.sequence = record.sequence;
        self.hash = record.hash;
        self.check_anchors()?;
        self.is_closed = rest.starts_with(CLOSER);
        self.lost += rest.strip_prefix(LOSS).map_or(0, number);
        Ok(())
    }

    /// A checkpoint must name where the chain stood before it, and be signed by the key, if there is one.
    fn check_signature(&mut self, line: &[u8]) -> Result<(), Break> {
        let checkpoint = Checkpoint::read(line);
        let here = Head { sequence: self.sequence, hash: self.hash };
        match (checkpoint, self.against.key) {
            (Some(checkpoint), _) if checkpoint.head != here => {
                Err(self.broken(BreakKind::CheckpointDiffers))
            }
            (Some(checkpoint), Some(key)) if !checkpoint.is_signed_by(key) => {
                Err(self.broken(BreakKind::SignatureInvalid { key: checkpoint.signed_by }))
            }
            (Some(_), Some(_)) => {
                self.signed = Some(self.sequence);
                Ok(())
            }
            (None, Some(_)) => Err(self.broken(BreakKind::Unsigned)),
            (_, None) => Ok(()),
        }
    }

    fn check_anchors(&mut self) -> Result<(), Break> {
        while let Some(anchor) = self.against.anchors.get(self.anchored)
            && anchor.sequence() <= self.sequence
        {
            if anchor.sequence() == self.sequence && *anchor.hash() != self.hash {
                return Err(self.broken(BreakKind::AnchorDiffers));
            }
            self.anchored += 1;
        }
        Ok(())
    }

    /// Everything was read.
    ///
    /// # Errors
    /// The end is missing.
    pub fn finish(self) -> Result<Summary, Break> {
        if self.lines == 0 {
            return Err(Break { line: 0, kind: BreakKind::Empty });
        }
        let known = self.against.head.map(|head| head.sequence);
        let anchored = self.against.anchors.last().map(Anchor::sequence);
        if let Some(last) = known.max(anchored).filter(|last| *last > self.sequence) {
            return Err(Break { line: self.line + 1, kind: BreakKind::EndMissing { last } });
        }
        let ending = match known {
            Some(_) => Ending::Confirmed,
            None if self.is_closed => Ending::Closed,
            None => Ending::Unknown,
        };
        let (anchors, first) = (self.against.anchors, self.first);
        Ok(Summary {
            lines: self.lines,
            first,
            last: self.sequence,
            previous: hex::encode(self.previous),
            hash: hex::encode(self.hash),
            lost: self.lost,
            signed: self.signed,
            anchors: anchors.iter().filter(|anchor| anchor.sequence() >= first).count(),
            earlier_anchors: anchors.iter().filter(|anchor| anchor.sequence() < first).count(),
            ending,
        })
    }

    fn broken(&self, kind: BreakKind) -> Break {
        Break { line: self.line.max(1), kind }
    }
}

/// A signed head, as its line has it.
#[derive(Deserialize)]
struct CheckpointLine {
    of: u64,
    head: String,
    signed_by: String,
    signature: String,
}

/// A signed head.
pub(super) struct Checkpoint {
    pub(super) head: Head,
    signed_by: String,
    signature: String,
}

impl Checkpoint {
    /// Reads the line of a checkpoint that is signed.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        if !line.get(MOMENT..)?.starts_with(CHECKPOINT) {
            return None;
        }
        let read: CheckpointLine = serde_json::from_slice(line).ok()?;
        let head = Head { sequence: read.of, hash: read_hex(read.head.as_bytes())? };
        Some(Self { head, signed_by: read.signed_by, signature: read.signature })
    }

    pub(super) fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.has_signed(&self.head, &self.signature)
    }
}

/// A sealed line, taken apart.
struct Record<'l> {
    /// What was hashed, up to and with the number.
    body: &'l [u8],
    sequence: u64,
    hash: Hash,
}

impl<'l> Record<'l> {
    fn parse(line: &'l [u8]) -> Option<Self> {
        Self::of(line.strip_suffix(b"\n")?)
    }

    fn of(line: &'l [u8]) -> Option<Self> {
        let line = line.strip_suffix(b"\"}")?;
        let (rest, hash) = line.split_at_checked(line.len().checked_sub(64)?)?;
        let body = rest.strip_suffix(CHAIN)?;
        let digits = body.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let (before, digits) = body.split_at_checked(body.len().checked_sub(digits)?)?;
        before.strip_suffix(SEQUENCE)?;
        let sequence = std::str::from_utf8(digits).ok()?.parse().ok()?;
        Some(Self { body, sequence, hash: read_hex(hash)? })
    }
}

/// The hash that a file's first line goes on from.
fn previous(line: &[u8]) -> Option<Hash> {
    read_hex(line.get(MOMENT..)?.strip_prefix(OPENER)?.get(..64)?)
}

/// The number that `text` begins with.
fn number(text: &[u8]) -> u64 {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = text.get(..digits).and_then(|digits| std::str::from_utf8(digits).ok());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use portcullis_domain::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::chain::Chain;
    use crate::line::Calendar;
    use crate::system::System;

    /// A record of an opener and `more` checkpoints.
    fn record(chain: &mut Chain, more: usize) -> Vec<Vec<u8>> {
        let previous = chain.head().hash();
        let opener = System::Opened { previous: &previous, cause: "start", finding: None };
        let others = (0..more).map(|_| System::Checkpoint(None));
        std::iter::once(opener)
            .chain(others)
            .map(|system| {
                let (mut line, mut sealed) = (Vec::new(), Vec::new());
                system.write(&mut line, Timestamp::from_seconds(1_763_966_280), &mut Calendar::default());
                chain.seal(&line, &mut sealed);
                sealed
            })
            .collect()
    }

    #[track_caller]
    fn breaks(lines: &[Vec<u8>], head: Option<&Head>) -> (u64, BreakKind) {
        let found = verify(&*lines.concat(), head).unwrap_err();
        (found.line, found.kind)
    }

    #[test]
    fn an_untouched_record_is_whole() {
        let mut chain = Chain::default();
        let lines = record(&mut chain, 9);
        let head = chain.head();
        let summary = verify(&*lines.concat(), Some(&head)).unwrap();
        assert_eq!((summary.lines, summary.first, summary.last), (10, 1, 10));
        assert_eq!((summary.previous, summary.hash), ("0".repeat(64), head.hash()));
        assert_eq!(summary.ending, Ending::Confirmed);
        assert_eq!(verify(&*lines.concat(), None).unwrap().ending, Ending::Unknown);
    }

    // proves: AUD-10
    #[test]
    fn edits_deletions_swaps_and_cuts_name_their_spot() {
        let mut chain = Chain::default();
        let lines = record(&mut chain, 9);
        let head = chain.head();

        let mut edited = lines.clone();
        edited[4][20] ^= 1;
        assert_eq!(breaks(&edited, Some(&head)), (5, BreakKind::Changed));

        let mut shorter = lines.clone();
        shorter.remove(4);
        assert_eq!(breaks(&shorter, Some(&head)), (5, BreakKind::OutOfOrder { expected: 5, found: 6 }));

        let mut swapped = lines.clone();
        swapped.swap(4, 5);
        assert_eq!(breaks(&swapped, Some(&head)), (5, BreakKind::OutOfOrder { expected: 5, found: 6 }));

        let mut doubled = lines.clone();
        doubled.insert(5, lines[4].clone());
        assert_eq!(breaks(&doubled, Some(&head)), (6, BreakKind::OutOfOrder { expected: 6, found: 5 }));

        assert_eq!(breaks(&lines[..7], Some(&head)), (8, BreakKind::EndMissing { last: 10 }));
        assert_eq!(breaks(&lines[3..], Some(&head)), (1, BreakKind::BeginningMissing));
        let mut torn = lines.clone();
        torn[9].truncate(50);
        assert_eq!(breaks(&torn, Some(&head)), (10, BreakKind::Malformed));
        assert_eq!(breaks(&[], Some(&head)), (0, BreakKind::Empty));
    }

    #[test]
    fn a_record_made_anew_does_not_fit_its_head() {
        let mut chain = Chain::default();
        record(&mut chain, 9);
        let forged = record(&mut Chain::default(), 9)
            .into_iter()
            .map(|line| String::from_utf8(line).unwrap().replace("06:38:00", "06:38:01").into_bytes());
        let mut remade = Chain::default();
        let forged: Vec<Vec<u8>> = forged
            .map(|line| {
                let mut sealed = Vec::new();
                let body = Record::parse(&line).unwrap().body.to_vec();
                let cut = body.windows(SEQUENCE.len()).rposition(|window| window == SEQUENCE).unwrap();
                remade.seal(&[&body[..cut], b"}\n"].concat(), &mut sealed);
                sealed
            })
            .collect();
        assert!(verify(&*forged.concat(), None).is_ok());
        assert_eq!(breaks(&forged, Some(&chain.head())), (10, BreakKind::HeadDiffers));
    }

    #[test]
    fn files_follow_each_other() {
        let mut chain = Chain::default();
        let (first, second) = (record(&mut chain, 3), record(&mut chain, 3));
        let before = verify(&*first.concat(), None).unwrap();
        let after = verify(&*second.concat(), Some(&chain.head())).unwrap();
        assert_eq!((before.last + 1, &before.hash), (after.first, &after.previous));
        assert!(verify(&*[first, second].concat().concat(), None).is_ok());
    }

    proptest! {
        // proves-part: AUD-10 (deletions and cuts are shown above)
        #[test]
        fn no_flipped_byte_goes_unseen(line in 0usize..6, place in any::<prop::sample::Index>(), flip in 1u8..) {
            let mut chain = Chain::default();
            let mut lines = record(&mut chain, 5);
            let place = place.index(lines[line].len());
            lines[line][place] ^= flip;
            let found = verify(&*lines.concat(), Some(&chain.head())).unwrap_err();
            // A flipped line break joins two lines; a byte that becomes one splits a line.
            prop_assert!(found.line == line as u64 + 1, "{found}");
        }

        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(verify(&*bytes, None).is_err());
        }
    }
}
