//! The files that a configuration consists of: read once each, within bounds, and only from where they
//! may come from.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest;
use bytes::Bytes;
use portcullis_config::codes::file as codes;
use portcullis_config::{Diagnostic, Diagnostics, Document, Limits, Place};
use portcullis_contract::{References, Unresolved, path_below};

/// Largest file that is read; the parser's own bound, so that a larger one is refused by its name.
const LARGEST: u64 = 16 << 20;

/// Everything that was read for one policy.
pub(crate) struct Library {
    root: PathBuf,
    contents: RefCell<BTreeMap<PathBuf, Bytes>>,
    watched: Vec<PathBuf>,
}

impl Library {
    /// A library that holds `portcullis.yaml`.
    pub(crate) fn new(file: PathBuf, bytes: Bytes) -> Self {
        let root = file.parent().map(Path::to_path_buf).unwrap_or_default();
        Self { root, contents: RefCell::new(BTreeMap::from([(file, bytes)])), watched: Vec::new() }
    }

    /// Reads and parses a document that lies in the configuration's folder or below it.
    ///
    /// # Errors
    /// What cannot be read or parsed, as diagnostics without a place in another file.
    pub(crate) fn open(&self, path: &Path) -> Result<Arc<Document>, Diagnostics> {
        let path = self.root.join(path);
        let bytes = read_file(&path)?;
        let document = Document::parse(&path.display().to_string(), &bytes, &Limits::default())?;
        self.contents.borrow_mut().insert(path, bytes);
        Ok(document)
    }

    /// Reads a text that lies there and is no YAML or JSON.
    ///
    /// # Errors
    /// What cannot be read, as diagnostics without a place in another file.
    pub(crate) fn text(&self, path: &Path) -> Result<(String, Place), Diagnostics> {
        let path = self.root.join(path);
        let bytes = read_file(&path)?;
        let Ok(text) = std::str::from_utf8(&bytes) else {
            let mut diagnostics = Diagnostics::new();
            let message = format!("`{}` is no UTF-8", path.display());
            diagnostics.push(Diagnostic::error(codes::FILE_NOT_UTF8, message));
            return Err(diagnostics);
        };
        let (text, place) = (text.to_owned(), Place::whole_text(&path.display().to_string(), text));
        self.contents.borrow_mut().insert(path, bytes);
        Ok((text, place))
    }

    /// Also reload when one of these changes.
    pub(crate) fn watch_all(&mut self, files: impl IntoIterator<Item = PathBuf>) {
        self.watched.extend(files);
    }

    /// All files.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.contents.borrow().keys().chain(&self.watched).cloned().collect()
    }

    /// The beginning of the digest: short enough to be read out.
    pub(crate) fn revision(&self) -> String {
        self.digest().chars().take(12).collect()
    }

    /// A digest of everything that was read, in hexadecimal: the same files give the same one, wherever their folder lies.
    pub(crate) fn digest(&self) -> String {
        let mut context = digest::Context::new(&digest::SHA256);
        for (path, bytes) in self.contents.borrow().iter() {
            let within = path.strip_prefix(&self.root).unwrap_or(path);
            context.update(within.to_string_lossy().as_bytes());
            context.update(&[0]);
            context.update(bytes);
        }
        hexadecimal(context.finish().as_ref())
    }
}

/// References go to files below the configuration's folder and nowhere else: no fetch, no way up.
impl References for Library {
    fn load(&self, from: &str, reference: &str) -> Result<Arc<Document>, Unresolved> {
        let path = path_below(&self.root, from, reference)?;
        self.open(&path).map_err(Unresolved::Broken)
    }
}

/// The digest of one file, for whoever cannot compile it.
pub(crate) fn file_digest(path: &Path) -> String {
    std::fs::read(path)
        .map(|bytes| hexadecimal(digest::digest(&digest::SHA256, &bytes).as_ref()))
        .unwrap_or_default()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a file of at most [`LARGEST`] bytes.
pub(crate) fn read_file(path: &Path) -> Result<Bytes, Diagnostics> {
    let refuse = |error: std::io::Error| {
        let mut diagnostics = Diagnostics::new();
        diagnostics.push(
            Diagnostic::error(codes::FILE_UNREADABLE, format!("cannot read `{}`: {error}", path.display()))
                .help("check the path and its permissions; relative paths start at the folder of portcullis.yaml"),
        );
        diagnostics
    };
    let file = std::fs::File::open(path).map_err(refuse)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(refuse)?;
    Ok(Bytes::from(bytes))
}
