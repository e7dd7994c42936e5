//! When a file of the record ends, how it is called afterwards, and how long it is kept (AUD-13).
//!
//! In: the path of a record, the moment. Out: the names of its older files. `audit.log` goes on under the same
//! name; what was in it becomes `audit.log.000000000042`, after the number of its first line, so that the order of
//! files is the order of names. Called by the writer of the record.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use portcullis_domain::Timestamp;

/// When the record goes on in a new file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// From so many bytes on.
    pub bytes: Option<u64>,
    /// After so long.
    pub every: Option<Duration>,
}

/// What is kept of older files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// So long.
    pub age: Option<Duration>,
    /// So many bytes together; the newest are kept.
    pub bytes: Option<u64>,
}

/// A file that the record does not grow in any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OlderFile {
    /// The number of its first line.
    pub first: u64,
    /// Where it is.
    pub path: PathBuf,
    bytes: u64,
    /// When its last line was written.
    modified: Timestamp,
}

impl Rotation {
    pub(crate) fn is_due(self, bytes: u64, since: Timestamp, now: Timestamp) -> bool {
        self.bytes.is_some_and(|most| bytes >= most)
            || self.every.is_some_and(|every| now.since(since) >= every)
    }
}

impl Retention {
    /// Which of `files`, oldest first, are not to be kept.
    pub(crate) fn overdue(self, files: Vec<OlderFile>, now: Timestamp) -> Vec<OlderFile> {
        let mut together: u64 = files.iter().map(|file| file.bytes).sum();
        let mut overdue = Vec::new();
        for file in files {
            let is_old = self.age.is_some_and(|age| now.since(file.modified) > age);
            let is_too_much = self.bytes.is_some_and(|most| together > most);
            if !is_old && !is_too_much {
                break;
            }
            together = together.saturating_sub(file.bytes);
            overdue.push(file);
        }
        overdue
    }
}

/// The name of a file whose first line is number `first`, once the record has gone on.
pub(crate) fn older_name(record: &Path, first: u64) -> PathBuf {
    let mut name = record.as_os_str().to_owned();
    name.push(format!(".{first:012}"));
    PathBuf::from(name)
}

/// The older files of the record at `record`, oldest first.
///
/// # Errors
/// The folder cannot be read.
pub fn older_files(record: &Path) -> io::Result<Vec<OlderFile>> {
    let folder = match record.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    let Some(name) = record.file_name().and_then(|name| name.to_str()) else { return Ok(Vec::new()) };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let first = entry.file_name().to_str().and_then(|found| {
            let digits = found.strip_prefix(name)?.strip_prefix('.')?;
            (digits.len() >= 12 && digits.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| digits.parse().ok())?
        });
        let Some(first) = first else { continue };
        let metadata = entry.metadata()?;
        let modified = metadata.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        files.push(OlderFile {
            first,
            path: folder.join(entry.file_name()),
            bytes: metadata.len(),
            modified: Timestamp::from_seconds(modified.as_secs()),
        });
    }
    files.sort_by_key(|file| file.first);
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(first: u64, bytes: u64, modified: u64) -> OlderFile {
        OlderFile { first, path: PathBuf::new(), bytes, modified: Timestamp::from_seconds(modified) }
    }

    #[test]
    fn a_file_ends_by_size_or_age_whichever_comes_first() {
        let (since, day) = (Timestamp::from_seconds(1_000_000), Duration::from_secs(86_400));
        let rotation = Rotation { bytes: Some(100), every: Some(day) };
        assert!(!rotation.is_due(99, since, since));
        assert!(rotation.is_due(100, since, since));
        assert!(rotation.is_due(1, since, Timestamp::from_seconds(1_086_400)));
        assert!(!Rotation::default().is_due(u64::MAX, since, Timestamp::from_seconds(9_000_000)));
    }

    #[test]
    fn the_oldest_files_go_and_the_newest_stay() {
        let now = Timestamp::from_seconds(1_000_000);
        let files = || vec![file(1, 50, 100_000), file(10, 50, 500_000), file(20, 50, 900_000)];
        let firsts = |retention: Retention| -> Vec<u64> {
            retention.overdue(files(), now).iter().map(|file| file.first).collect()
        };
        assert_eq!(firsts(Retention::default()), [0; 0]);
        assert_eq!(firsts(Retention { age: Some(Duration::from_secs(600_000)), bytes: None }), [1]);
        assert_eq!(firsts(Retention { age: None, bytes: Some(60) }), [1, 10]);
        assert_eq!(firsts(Retention { age: Some(Duration::from_secs(1)), bytes: None }), [1, 10, 20]);
    }

    #[test]
    fn only_files_of_this_record_are_its_older_ones() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "a.log",
            "a.log.head",
            "a.log.000000000020",
            "a.log.000000000003",
            "a.log.1",
            "b.log.000000000001",
        ] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let found = older_files(&folder.path().join("a.log")).unwrap();
        assert_eq!(found.iter().map(|file| file.first).collect::<Vec<_>>(), [3, 20]);
        assert_eq!(older_name(&folder.path().join("a.log"), 3), found[0].path);
    }
}
