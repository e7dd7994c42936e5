//! Sinks on this machine: another file, standard output.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use portcullis_domain::{Clock, Timestamp};

use super::{Carrier, CarryError};
use crate::format::Format;
use crate::line::Heading;
use crate::rotation::{Retention, Rotation, older_files, older_name};

/// Standard output, one event to a line.
#[derive(Debug)]
pub struct ToStdout {
    /// In which words.
    pub format: Format,
}

impl Carrier for ToStdout {
    fn carry(&mut self, lines: &[u8]) -> Result<(), CarryError> {
        let words = worded(lines, self.format);
        let mut stdout = io::stdout().lock();
        stdout.write_all(&words).and_then(|()| stdout.flush()).map_err(|error| unreachable(&error))
    }
}

/// A file, one event to a line, mode 0600. It has no chain of its own: in the record's own words each line brings the
/// number and hash that it has there.
#[derive(Debug)]
pub struct ToFile {
    path: PathBuf,
    format: Format,
    rotation: Rotation,
    retention: Retention,
    clock: Clock,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    length: u64,
    /// The number of its first line and when that was written; of a file that was there already, of the first line
    /// that was added.
    begun: Option<(u64, Timestamp)>,
}

impl ToFile {
    /// Appends to the file at `path`.
    #[must_use]
    pub const fn new(
        path: PathBuf,
        format: Format,
        rotation: Rotation,
        retention: Retention,
        clock: Clock,
    ) -> Self {
        Self { path, format, rotation, retention, clock, open: None }
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let now = self.clock.now().wall;
        self.rotate(now)?;
        let words = worded(lines, self.format);
        let Open { file, length, begun } = match self.open.take().filter(|open| self.is_in_place(open)) {
            Some(open) => self.open.insert(open),
            None => self.open.insert(open(&self.path)?),
        };
        if let Err(error) = file.write_all(&words) {
            // Half of it may be there. It is brought again whole, so the half must not stay.
            let _ = file.set_len(*length);
            return Err(error);
        }
        *length += words.len() as u64;
        begun.get_or_insert((Heading::read(lines).sequence.unwrap_or(0), now));
        Ok(())
    }

    fn rotate(&mut self, now: Timestamp) -> io::Result<()> {
        let Some(Open { length, begun: Some((first, since)), .. }) = self.open else { return Ok(()) };
        if !self.rotation.is_due(length, since, now) {
            return Ok(());
        }
        std::fs::rename(&self.path, older_name(&self.path, first))?;
        self.open = None;
        for file in self.retention.overdue(older_files(&self.path)?, now) {
            std::fs::remove_file(file.path)?;
        }
        Ok(())
    }

    fn is_in_place(&self, open: &Open) -> bool {
        match (open.file.metadata(), std::fs::metadata(&self.path)) {
            (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
            _ => false,
        }
    }
}

impl Carrier for ToFile {
    fn carry(&mut self, lines: &[u8]) -> Result<(), CarryError> {
        self.write(lines).map_err(|error| unreachable(&error))
    }
}

fn open(path: &std::path::Path) -> io::Result<Open> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let length = file.metadata()?.len();
    Ok(Open { file, length, begun: None })
}

fn worded(lines: &[u8], format: Format) -> Vec<u8> {
    let mut words = Vec::with_capacity(lines.len());
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        words.extend_from_slice(&format.word(line));
        words.push(b'\n');
    }
    words
}

fn unreachable(error: &io::Error) -> CarryError {
    CarryError::Unreachable(error.to_string())
}
