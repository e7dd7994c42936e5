//! Writing a journal: appended to, cut into segments, the oldest of which are forgotten.
//!
//! In: decisions, one at a time, on a thread that may wait. Out: files. After a restart a new segment is begun, so that
//! what a crash left half written stays what it is: the last line of an older one, which readers pass over.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use portcullis_domain::Timestamp;

use super::FORMAT;
use super::decision::Decision;
use super::digest::JournalKey;
use super::folder::{self, Segment};
use super::line::Line;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of all segments.
    pub size: u64,
    /// How old a decision may get before it is forgotten, a sixteenth more at most.
    pub age: Duration,
    /// Of so many answers one is kept; none with zero. Written down for readers.
    pub answers_one_in: u32,
}

/// A journal holds so many segments when it is full: this share of it is forgotten at once.
const SEGMENTS: u64 = 16;
/// And at least so many when it is as old as it gets.
const SPANS: u32 = 16;
/// Buffered before it is written.
const CHUNK: usize = 64 * 1024;

/// An open journal.
#[derive(Debug)]
pub struct Writer {
    folder: PathBuf,
    key: JournalKey,
    bounds: Bounds,
    current: Option<Current>,
    /// Segments that are not written any more, oldest first.
    older: Vec<Segment>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Current {
    file: File,
    segment: Segment,
}

impl Writer {
    /// Opens the journal of a folder, made if it is not there, and begins a segment: what came before it was not kept.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(folder: &Path, bounds: Bounds, now: Timestamp) -> io::Result<Self> {
        folder::make(folder)?;
        let key = JournalKey::read_or_make(folder)?;
        let older = folder::segments(folder)?;
        let mut writer =
            Self { folder: folder.to_owned(), key, bounds, current: None, older, buffer: Vec::new() };
        writer.begin(now)?;
        writer.flush(now)?;
        Ok(writer)
    }

    /// The key of its digests.
    #[must_use]
    pub const fn key(&self) -> &JournalKey {
        &self.key
    }

    /// Adds a decision. It is written with [`Self::flush`] at the latest.
    ///
    /// # Errors
    /// What the system says; the decision is lost then.
    pub fn add(&mut self, decision: Decision, now: Timestamp) -> io::Result<()> {
        self.push(&Line::Decision(Box::new(decision)), now)
    }

    /// Notes that decisions were lost.
    ///
    /// # Errors
    /// What the system says.
    pub fn add_loss(&mut self, decisions: u64, since: Timestamp, now: Timestamp) -> io::Result<()> {
        let lost = Line::Lost { decisions, since: since.as_millis(), until: now.as_millis() };
        self.push(&lost, now)
    }

    /// Writes what is buffered, and forgets what is too old or too much.
    ///
    /// # Errors
    /// What the system says; what was buffered is lost then.
    pub fn flush(&mut self, now: Timestamp) -> io::Result<()> {
        self.put()?;
        self.retire(now);
        self.forget(now)
    }

    fn push(&mut self, line: &Line, now: Timestamp) -> io::Result<()> {
        if self.buffer.len() >= CHUNK {
            self.put()?;
        }
        self.retire(now);
        if self.current.is_none() {
            self.put()?;
            self.begin(now)?;
            self.forget(now)?;
        }
        line.write(&mut self.buffer).map_err(io::Error::other)
    }

    /// Goes on in another segment, if this one is full or old enough.
    fn retire(&mut self, now: Timestamp) {
        let is_done = self.current.as_ref().is_some_and(|Current { segment, .. }| {
            segment.bytes + self.buffer.len() as u64 >= self.bounds.size / SEGMENTS
                || now.since(segment.began) > self.bounds.age / SPANS
        });
        if is_done && self.put().is_ok() {
            self.older.extend(self.current.take().map(|current| current.segment));
        }
    }

    fn begin(&mut self, now: Timestamp) -> io::Result<()> {
        // Two in one millisecond, or a clock that went back: names go up all the same.
        let after = self.older.last().map(|last| Timestamp::from_millis(last.began.as_millis() + 1));
        let began = after.map_or(now, |after| now.max(after));
        let path = folder::path_of(&self.folder, began);
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path)?;
        self.current = Some(Current { file, segment: Segment { began, path, bytes: 0 } });
        let head = Line::Journal { format: FORMAT, answers_one_in: self.bounds.answers_one_in };
        head.write(&mut self.buffer).map_err(io::Error::other)
    }

    fn put(&mut self) -> io::Result<()> {
        let Some(current) = self.current.as_mut().filter(|_| !self.buffer.is_empty()) else { return Ok(()) };
        // Somebody may have taken the file away: nobody would find what is written to it.
        let is_there = std::fs::metadata(&current.segment.path).map(drop);
        let written = is_there.and_then(|()| current.file.write_all(&self.buffer));
        current.segment.bytes += self.buffer.len() as u64;
        self.buffer.clear();
        if written.is_err() {
            // Another try begins a segment of its own: this one may end in the middle of a line.
            self.older.extend(self.current.take().map(|current| current.segment));
        }
        written
    }

    fn forget(&mut self, now: Timestamp) -> io::Result<()> {
        let current = self.current.as_ref().map_or(0, |current| current.segment.bytes);
        let mut kept = current + self.older.iter().map(|segment| segment.bytes).sum::<u64>();
        // All that is in a segment came in this share of the age after it began.
        let old = self.bounds.age.saturating_add(self.bounds.age / SPANS);
        while let Some(oldest) = self.older.first() {
            if now.since(oldest.began) <= old && kept <= self.bounds.size {
                break;
            }
            match std::fs::remove_file(&oldest.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            kept = kept.saturating_sub(oldest.bytes);
            self.older.remove(0);
        }
        Ok(())
    }
}
