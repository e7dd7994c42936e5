//! Reading a record that is being written, for those who may.
//!
//! In: the file, and what is wanted of it. Out: whole lines, bounded. Called by the gateway's admin listener, which
//! sees to it that only those ask who may, and that the record tells of it (AUD-23).

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use crate::chain::LONGEST_LINE;

/// Most bytes that are handed out at once.
const MOST: u64 = 1024 * 1024;

/// The newest whole lines, a megabyte of them at most.
///
/// # Errors
/// The file cannot be read.
pub fn newest_lines(record: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(record)?;
    let length = file.metadata()?.len();
    let from = length.saturating_sub(MOST);
    file.seek(SeekFrom::Start(from))?;
    let mut lines = Vec::new();
    file.take(length - from).read_to_end(&mut lines)?;
    lines.truncate(memchr::memrchr(b'\n', &lines).map_or(0, |end| end + 1));
    if from > 0 {
        let begun = memchr::memchr(b'\n', &lines).map_or(lines.len(), |end| end + 1);
        lines.drain(..begun);
    }
    Ok(lines)
}

/// The lines about one request, a megabyte of them at most.
///
/// # Errors
/// The file cannot be read.
pub fn lines_about(record: &Path, receipt: &str) -> io::Result<Vec<u8>> {
    // The receipt's own member: a text that holds these bytes has its quotes escaped.
    let wanted = format!("\"receipt\":\"{receipt}\"");
    let finder = memchr::memmem::Finder::new(wanted.as_bytes());
    let (mut found, mut line) = (Vec::new(), Vec::new());
    let mut reader = BufReader::new(File::open(record)?);
    while found.len() < MOST as usize {
        line.clear();
        if reader.by_ref().take(LONGEST_LINE as u64).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.ends_with(b"\n") && finder.find(&line).is_some() {
            found.extend_from_slice(&line);
        }
    }
    Ok(found)
}
