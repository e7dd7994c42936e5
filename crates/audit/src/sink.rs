//! Where the record goes: a file, standard output, memory.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portcullis_domain::Timestamp;

use crate::chain::{Chain, Head, HeadFile, LONGEST_LINE, last_record};
use crate::line::Heading;
use crate::rotation::{Rotation, older_name};

/// Where the record itself goes: the one place in which its chain is kept.
#[derive(Clone, Debug, Default)]
pub enum SinkChoice {
    /// A file: appended to, mode 0600, with its head in a file beside it.
    File(PathBuf),
    /// Standard output, for a collector that reads it. A new chain with each start.
    #[default]
    Stdout,
    /// Memory, for tests.
    Memory(Memory),
}

/// An open sink.
#[derive(Debug)]
pub(crate) enum Sink {
    File(FileSink),
    Stdout,
    Memory(Memory),
}

/// What was found when a sink was opened.
#[derive(Debug, Default)]
pub(crate) struct Resumed {
    /// Where the chain goes on.
    pub(crate) chain: Chain,
    /// What is wrong with what was there.
    pub(crate) finding: Option<String>,
}

impl Sink {
    pub(crate) fn open(choice: &SinkChoice) -> io::Result<(Self, Resumed)> {
        match choice {
            SinkChoice::Stdout => Ok((Self::Stdout, Resumed::default())),
            SinkChoice::Memory(memory) => Ok((Self::Memory(memory.clone()), Resumed::default())),
            SinkChoice::File(path) => {
                let head_file = HeadFile::open(path)?;
                let head = Head::read(path);
                let (file, resumed) = resume(path, head)?;
                let begun = Begun::read(path)?;
                let length = file.metadata()?.len();
                Ok((Self::File(FileSink { path: path.clone(), file, head_file, length, begun }), resumed))
            }
        }
    }

    /// Writes some of `bytes` and says how many.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(sink) => sink.write(bytes),
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(bytes)?;
                stdout.flush()?;
                Ok(bytes.len())
            }
            Self::Memory(memory) => memory.write(bytes),
        }
    }

    /// Notes how far the record has come.
    pub(crate) fn keep_head(&self, head: &Head) -> io::Result<()> {
        match self {
            Self::File(sink) => sink.head_file.write(head),
            Self::Stdout | Self::Memory(_) => Ok(()),
        }
    }

    /// Opens the file anew, after it was moved away; what is open stays in use until [`Sink::replace`].
    pub(crate) fn open_anew(&self) -> io::Result<Option<File>> {
        match self {
            Self::File(sink) => open(&sink.path).map(Some),
            Self::Stdout | Self::Memory(_) => Ok(None),
        }
    }

    /// Goes on in `file`.
    pub(crate) fn replace(&mut self, file: File) {
        if let Self::File(sink) = self {
            (sink.file, sink.length, sink.begun) = (file, 0, None);
        }
    }

    /// Whether the file is large or old enough to end.
    pub(crate) fn is_due(&self, rotation: Rotation, now: Timestamp) -> bool {
        match self {
            Self::File(FileSink { length, begun: Some(begun), .. }) => {
                rotation.is_due(*length, begun.at, now)
            }
            Self::File(_) | Self::Stdout | Self::Memory(_) => false,
        }
    }

    /// Gives the file its older name and goes on in a new one.
    pub(crate) fn put_aside(&mut self) -> io::Result<()> {
        let Self::File(sink) = self else { return Ok(()) };
        let Some(begun) = sink.begun else { return Ok(()) };
        let older = older_name(&sink.path, begun.first);
        std::fs::rename(&sink.path, &older)?;
        match open(&sink.path) {
            Ok(file) => {
                (sink.file, sink.length, sink.begun) = (file, 0, None);
                Ok(())
            }
            // Back, so that what follows is found where it is looked for.
            Err(error) => std::fs::rename(older, &sink.path).and(Err(error)),
        }
    }

    /// Where it is, if it is a file.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(sink) => Some(&sink.path),
            Self::Stdout | Self::Memory(_) => None,
        }
    }

    /// Whether what is written to is still to be found under its name.
    pub(crate) fn is_in_place(&self) -> bool {
        match self {
            Self::File(sink) => match (sink.file.metadata(), std::fs::metadata(&sink.path)) {
                (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
                _ => false,
            },
            Self::Stdout | Self::Memory(_) => true,
        }
    }

    /// Makes what was written survive a power failure.
    pub(crate) fn sync(&self) -> io::Result<()> {
        match self {
            Self::File(sink) => sink.file.sync_data().and_then(|()| sink.head_file.sync()),
            Self::Stdout | Self::Memory(_) => Ok(()),
        }
    }
}

/// A file and its head.
#[derive(Debug)]
pub(crate) struct FileSink {
    path: PathBuf,
    file: File,
    head_file: HeadFile,
    length: u64,
    /// Where the file begins, once it has.
    begun: Option<Begun>,
}

/// The first line of a file.
#[derive(Clone, Copy, Debug)]
struct Begun {
    first: u64,
    at: Timestamp,
}

impl Begun {
    fn read(path: &Path) -> io::Result<Option<Self>> {
        let mut line = Vec::new();
        BufReader::new(File::open(path)?).take(LONGEST_LINE as u64).read_until(b'\n', &mut line)?;
        Ok(Self::of(&line))
    }

    fn of(lines: &[u8]) -> Option<Self> {
        let line = lines.get(..=memchr::memchr(b'\n', lines)?)?;
        let heading = Heading::read(line);
        let at: jiff::Timestamp = heading.time.parse().ok()?;
        let at = Timestamp::from_millis(u64::try_from(at.as_millisecond()).ok()?);
        Some(Self { first: heading.sequence?, at })
    }
}

impl FileSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        if self.begun.is_none() {
            self.begun = Begun::of(bytes);
        }
        self.length += written as u64;
        Ok(written)
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

/// Opens the file and finds where its chain stands.
///
/// The head is believed over the file: if the file lacks what the head knows, the chain goes on from the
/// head, so that `verify` finds the gap. A file that is ahead of its head is what a crash leaves behind.
fn resume(path: &Path, head: io::Result<Option<Head>>) -> io::Result<(File, Resumed)> {
    let mut file = open(path)?;
    let (head, mut finding) = match head {
        Ok(head) => (head, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let (last, unfinished) = last_line(&mut file)?;
    if unfinished > 0 {
        let length = file.metadata()?.len();
        file.set_len(length.saturating_sub(unfinished))?;
        finding = Some(format!("an unfinished line of {unfinished} bytes was cut off"));
    }

    let chain = match (last.as_deref(), head) {
        (None, None) => Chain::default(),
        // The file was moved away while nobody wrote: the chain goes on in a new one.
        (None, Some(head)) => Chain::after(head),
        (Some(line), head) => match (last_record(line), head) {
            (Some(last), None) => {
                finding = finding.or_else(|| Some("the head file is missing".to_owned()));
                Chain::after(last)
            }
            (Some(last), Some(head)) if last == head || last.sequence() > head.sequence() => {
                Chain::after(last)
            }
            (Some(last), Some(head)) => {
                finding = Some(if last.sequence() == head.sequence() {
                    "the last line was changed".to_owned()
                } else {
                    format!(
                        "the end is missing: number {} is the last of {}",
                        last.sequence(),
                        head.sequence()
                    )
                });
                Chain::after(head)
            }
            (None, head) => {
                finding = Some("the last line is no record".to_owned());
                head.map_or_else(Chain::default, Chain::after)
            }
        },
    };
    Ok((file, Resumed { chain, finding }))
}

/// The last complete line, with its line break, and how many bytes stand behind it.
fn last_line(file: &mut File) -> io::Result<(Option<Vec<u8>>, u64)> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(2 * LONGEST_LINE as u64);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.take(length - from).read_to_end(&mut tail)?;

    let Some(end) = tail.iter().rposition(|byte| *byte == b'\n') else {
        return Ok((None, tail.len() as u64));
    };
    let (complete, unfinished) = tail.split_at_checked(end + 1).unwrap_or((&tail, &[]));
    let before = complete.strip_suffix(b"\n").unwrap_or(complete);
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    Ok((complete.get(start..).map(<[u8]>::to_vec), unfinished.len() as u64))
}

/// A record in memory, for tests; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    is_failing: bool,
    is_discarding: bool,
}

impl Memory {
    /// Keeps nothing, for measuring.
    #[must_use]
    pub fn discarding() -> Self {
        let memory = Self::default();
        memory.kept().is_discarding = true;
        memory
    }

    /// Everything that was written.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept().bytes).into_owned()
    }

    /// The lines that were written.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.text().lines().map(str::to_owned).collect()
    }

    /// From now on, writing fails, as on a full disk; or works again.
    pub fn fail(&self, is_failing: bool) {
        self.kept().is_failing = is_failing;
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.kept();
        if kept.is_failing {
            return Err(io::ErrorKind::StorageFull.into());
        }
        // Part of what is asked for, as a file may do.
        let part = bytes.get(..bytes.len().min(100_000)).unwrap_or(bytes);
        if !kept.is_discarding {
            kept.bytes.extend_from_slice(part);
        }
        Ok(part.len())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
