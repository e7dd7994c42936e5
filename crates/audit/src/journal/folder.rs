//! The segments of a journal: files named by the moment in which they begin, oldest first.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use portcullis_domain::Timestamp;

const ENDING: &str = ".journal";
/// Digits of a moment in milliseconds: enough for thousands of years, so that names sort as moments do.
const DIGITS: usize = 15;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Segment {
    pub(super) began: Timestamp,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

/// Makes the folder, for its owner only.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() { Ok(()) } else { DirBuilder::new().recursive(true).mode(0o700).create(folder) }
}

/// Where a segment lies that begins now.
pub(super) fn path_of(folder: &Path, began: Timestamp) -> PathBuf {
    folder.join(format!("{:0DIGITS$}{ENDING}", began.as_millis()))
}

/// All segments, oldest first. What else lies there is left alone.
pub(super) fn segments(folder: &Path) -> io::Result<Vec<Segment>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let began =
            name.to_str().and_then(|name| name.strip_suffix(ENDING)).filter(|name| name.len() == DIGITS);
        let Some(began) = began.and_then(|digits| digits.parse().ok()) else { continue };
        let metadata = entry.metadata()?;
        if metadata.is_file() {
            let path = entry.path();
            found.push(Segment { began: Timestamp::from_millis(began), path, bytes: metadata.len() });
        }
    }
    found.sort();
    Ok(found)
}
