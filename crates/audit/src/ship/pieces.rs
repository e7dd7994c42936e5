//! What waits for a collector: pieces of the record, in memory or on disk.
//!
//! A piece on disk is one file of whole lines, `NUMBER.lines` in the spool's folder, mode 0600. Numbers grow, so
//! that a process that starts finds what the one before could not deliver, in order.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

const ENDING: &str = "lines";

/// The first number: there is room for older pieces before it.
const MIDDLE: u64 = 1 << 32;

/// What every line of level INFO has, right behind its event's name.
const INFO: &[u8] = b",\"level\":\"INFO\",";

/// Some lines, oldest first.
#[derive(Debug)]
pub(super) enum Piece {
    Memory { lines: Vec<u8>, is_lean: bool },
    Disk { number: u64, bytes: u64, is_lean: bool },
}

impl Piece {
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Memory { lines, .. } => lines.len() as u64,
            Self::Disk { bytes, .. } => *bytes,
        }
    }

    /// Whether everything that may go first is gone already.
    pub(super) const fn is_lean(&self) -> bool {
        match self {
            Self::Memory { is_lean, .. } | Self::Disk { is_lean, .. } => *is_lean,
        }
    }
}

/// How many events `lines` holds.
pub(super) fn count(lines: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', lines).count() as u64
}

/// `lines` without those of level INFO.
pub(super) fn important(lines: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        // The level stands near the beginning; nobody else can write these bytes unescaped.
        let head = line.get(..line.len().min(160)).unwrap_or(line);
        if memchr::memmem::find(head, INFO).is_none() {
            kept.extend_from_slice(line);
        }
    }
    kept
}

/// The folder of a spool. Whoever holds it is the only one who writes there.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// The number of the oldest piece, and the one after the newest.
    first: u64,
    next: u64,
    /// The file that is being appended to: its number and length.
    open: Option<(u64, File)>,
}

impl Folder {
    /// Opens the folder, makes it if it is not there, and says what an earlier process left in it.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Vec<Piece>)> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let mut left = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let name = PathBuf::from(entry.file_name());
            let number = name.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
            if let (Some(number), Some(ENDING)) =
                (number, name.extension().and_then(|ending| ending.to_str()))
            {
                left.push((number, entry.metadata()?.len()));
            }
        }
        left.sort_unstable();
        let first = left.first().map_or(MIDDLE, |(number, _)| *number);
        let next = left.last().map_or(MIDDLE, |(number, _)| number + 1);
        let pieces = left.into_iter().map(|(number, bytes)| Piece::Disk { number, bytes, is_lean: false });
        Ok((Self { path: path.to_owned(), first, next, open: None }, pieces.collect()))
    }

    /// Appends lines to the newest file, if `last` is that one and `room` is left in it, else to a new one.
    pub(super) fn append(
        &mut self,
        last: Option<&mut Piece>,
        lines: &[u8],
        room: u64,
    ) -> io::Result<Option<Piece>> {
        if let (Some(Piece::Disk { number, bytes, is_lean }), Some((open, file))) = (last, &mut self.open)
            && number == open
            && *bytes + lines.len() as u64 <= room
        {
            file.write_all(lines)?;
            *bytes += lines.len() as u64;
            *is_lean = false;
            return Ok(None);
        }
        let number = self.next;
        let mut file =
            OpenOptions::new().append(true).create_new(true).mode(0o600).open(self.place(number))?;
        self.next += 1;
        if let Err(error) = file.write_all(lines) {
            // A piece that is not whole is none.
            let _ = fs::remove_file(self.place(number));
            return Err(error);
        }
        self.open = Some((number, file));
        Ok(Some(Piece::Disk { number, bytes: lines.len() as u64, is_lean: false }))
    }

    /// Keeps lines that are older than everything that is here.
    pub(super) fn prepend(&mut self, lines: &[u8]) -> io::Result<()> {
        self.first = self.first.saturating_sub(1);
        self.replace(self.first, lines)
    }

    /// The whole lines of a piece: a crash may have left half of one behind them.
    pub(super) fn read(&self, number: u64) -> io::Result<Vec<u8>> {
        let mut lines = fs::read(self.place(number))?;
        lines.truncate(lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
        Ok(lines)
    }

    /// Puts fewer lines in a piece's place.
    pub(super) fn replace(&mut self, number: u64, lines: &[u8]) -> io::Result<()> {
        self.leave(number);
        let fresh = self.path.join(format!("{number}.new"));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(lines)?;
        fs::rename(fresh, self.place(number))
    }

    pub(super) fn remove(&mut self, number: u64) {
        self.leave(number);
        // One that is gone already is removed.
        let _ = fs::remove_file(self.place(number));
    }

    /// Nothing is appended to this piece any more.
    pub(super) fn leave(&mut self, number: u64) {
        self.open.take_if(|(open, _)| *open == number);
    }

    fn place(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:012}.{ENDING}"))
    }
}
